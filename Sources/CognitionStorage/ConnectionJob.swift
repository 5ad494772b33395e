import Synchronization

/// Work that needs a connection for itself, and the caller who waits for it.
struct ConnectionJob: Sendable {
    private let work: @Sendable (any StorageConnection) -> Void
    private let refusal: @Sendable (any Error) -> Void
    private let cancellation: Cancellation

    /// Hands `body` as a job to `submit`, and returns what comes of it.
    static func perform<Value: Sendable>(
        _ body: @escaping @Sendable (any StorageConnection) throws -> Value, submit: (ConnectionJob) -> Void
    ) async throws -> Value {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                submit(
                    ConnectionJob(
                        work: { connection in continuation.resume(with: Result { try body(connection) }) },
                        refusal: { error in continuation.resume(throwing: error) },
                        cancellation: cancellation))
            }
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// Runs the work, unless its caller has gone away.
    func run(on connection: any StorageConnection) {
        guard !cancellation.isCancelled else { return refuse(CancellationError()) }
        connection.watch(cancellation)
        work(connection)
        connection.watch(nil)
    }

    func refuse(_ error: any Error) { refusal(error) }
}

/// Whether the caller has gone away, as far as the worker looks.
package final class Cancellation: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isCancelled: Bool { flag.load(ordering: .relaxed) }
    package func cancel() { flag.store(true, ordering: .relaxed) }
}
