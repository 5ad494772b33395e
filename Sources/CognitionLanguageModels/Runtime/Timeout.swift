import CognitionCore

/// Runs `body` for at most `limit`, then cancels it and waits for its end.
///
/// An answer that came in the moment of the timeout is kept: it has been paid for.
/// - Parameter timeoutError: Made of what the cancelled body threw in the end.
/// - Throws: What `body` throws, `timeoutError`, or `CancellationError` when the caller is cancelled.
func withTimeout<Value: Sendable>(
    _ limit: Duration, on clock: any Clock<Duration>, _ body: @escaping @Sendable () async throws -> Value,
    timeoutError: ((any Error)?) -> any Error
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await clock.sleep(for: max(limit, .zero))
            return nil
        }
        defer { group.cancelAll() }
        if case .some(.some(let value)) = try await group.next() { return value }
        group.cancelAll()
        let end = await group.nextResult()
        if case .success(.some(let late))? = end { return late }
        try Task.checkCancellation()
        if case .failure(let error)? = end { throw timeoutError(error) }
        throw timeoutError(nil)
    }
}
