import Synchronization

/// One caller's write: its body, and the caller who waits for the commit.
protocol WriteRequest: AnyObject, Sendable {
    var isCancelled: Bool { get }
    var requestedAt: ContinuousClock.Instant { get }
    /// The caller has a thread of its own, and is not to wait for those of the pool.
    var hasOwnThread: Bool { get }
    /// Runs the body and keeps its value; may be called again after a rollback.
    func run(in tx: borrowing Transaction) throws
    /// Hands the value of the last run to the caller.
    func succeed()
    func fail(_ error: any Error)
}

final class TypedWriteRequest<Value: Sendable>: WriteRequest {
    let requestedAt = ContinuousClock.now
    let hasOwnThread = withUnsafeCurrentTask { $0?.unownedTaskExecutor != nil }
    private let body: @Sendable (borrowing Transaction) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private let cancellation: Cancellation
    private let log: StatementLog?
    private let value = Mutex<Value?>(nil)

    /// - Parameter log: Notes the statements of the body.
    init(
        body: @escaping @Sendable (borrowing Transaction) throws -> Value,
        continuation: CheckedContinuation<Value, any Error>,
        cancellation: Cancellation, log: StatementLog?
    ) {
        self.body = body
        self.continuation = continuation
        self.cancellation = cancellation
        self.log = log
    }

    var isCancelled: Bool { cancellation.isCancelled }

    func run(in tx: borrowing Transaction) throws {
        let result = if let log { try body(tx.noting(in: log)) } else { try body(tx) }
        value.withLock { $0 = result }
    }

    func succeed() {
        guard let value = value.withLock({ $0 }) else { preconditionFailure("a request succeeds after it has run") }
        continuation.resume(returning: value)
    }

    func fail(_ error: any Error) { continuation.resume(throwing: error) }
}
