/// What commits together with whatever is written on behalf of one request, though whoever writes does not know of it.
///
/// Every write body that is handed in while `body` of ``with(_:_:)`` runs, also in its child tasks, is followed by the
/// companion in the same transaction; when the companion throws, the body is undone. As a body, it may run more than once.
package enum WriteCompanion {
    package typealias Action = @Sendable (borrowing Transaction) throws -> Void

    @TaskLocal private static var current: Action?

    package static func with<Value>(
        _ action: @escaping Action, _ body: () async throws -> Value
    ) async throws -> Value {
        try await $current.withValue(action, operation: body)
    }

    /// `body`, followed by what accompanies it.
    static func accompanied<Value>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) -> @Sendable (borrowing Transaction) throws -> Value {
        guard let current else { return body }
        return { tx in
            let value = try body(tx)
            try current(tx)
            return value
        }
    }
}
