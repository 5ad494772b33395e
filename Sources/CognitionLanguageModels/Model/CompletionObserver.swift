/// Hears an answer while it comes. Called in order, from any thread; it must not block.
package struct CompletionObserver: Sendable {
    package enum Event: Sendable, Hashable {
        /// The next piece of the answer's text; never empty.
        case text(String)
        /// What was heard so far is void: the answer begins again, e.g. at another provider.
        case reset(reason: String)
    }

    package let hear: @Sendable (Event) -> Void

    package init(hear: @escaping @Sendable (Event) -> Void) { self.hear = hear }

    /// Nobody listens.
    package static let none = CompletionObserver { _ in }
}
