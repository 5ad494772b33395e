/// Carries short messages between the nodes of an installation at once, or loses them.
///
/// It is never the truth: whoever relies on a message also looks by itself now and then, and a message that did not come costs
/// time and nothing else.
package protocol NodeMessages: Sendable {
    /// Hands a message to whoever listens to `channel` just now, on any node, this one included.
    ///
    /// It fails at once where there is no way to the others, and waits for none.
    /// - Throws: A `CodedError` of category `unavailable` when it may not have gone out.
    func publish(_ message: [UInt8], to channel: String) async throws

    /// Listens from now on, also after the way to the others was lost and found again.
    ///
    /// - Parameters:
    ///   - onStart: Called each time it begins to listen: what was said before may have been missed.
    ///   - onMessage: Called with each message, in the order of their coming. Neither may block.
    func listen(
        to channel: String, onStart: @escaping @Sendable () -> Void,
        onMessage: @escaping @Sendable ([UInt8]) -> Void)
}
