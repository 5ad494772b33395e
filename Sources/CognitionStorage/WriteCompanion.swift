import Synchronization

/// What commits together with whatever is written on behalf of one request, though whoever writes does not know of it.
///
/// Every write body that is handed in while `body` of ``with(_:_:)`` runs, also in its child tasks, is followed by the
/// companion in the same transaction; when the companion throws, the body is undone. As a body, it may run more than once.
///
/// An unstructured task that outlives `body` goes on without the companion.
package enum WriteCompanion {
    package typealias Action = @Sendable (borrowing Transaction) throws -> Void

    @TaskLocal private static var current: Scope?

    package static func with<Value>(
        _ action: @escaping Action, _ body: () async throws -> Value
    ) async throws -> Value {
        let scope = Scope(action)
        defer { scope.close() }
        return try await $current.withValue(scope, operation: body)
    }

    /// `body`, followed by what accompanies it.
    static func accompanied<Value>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) -> @Sendable (borrowing Transaction) throws -> Value {
        guard let current, current.isOpen else { return body }
        return { tx in
            let value = try body(tx)
            if current.isOpen { try current.action(tx) }
            return value
        }
    }

    /// Tasks inherit it, also those that nobody waits for; so it knows when it is over.
    private final class Scope: Sendable {
        let action: Action
        private let isClosed = Atomic(false)

        init(_ action: @escaping Action) { self.action = action }

        var isOpen: Bool { !isClosed.load(ordering: .acquiring) }

        func close() { isClosed.store(true, ordering: .releasing) }
    }
}
