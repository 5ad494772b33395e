import CognitionCore

/// Runs `body` for at most `limit`, then cancels it and waits for its end.
///
/// An answer that came in the moment of the timeout is kept: it has been paid for. So is one that came while the caller
/// was cancelled, and the error of a body that was cancelled, since it may tell what was used.
/// - Parameter timeoutError: Made of what the cancelled body threw in the end.
/// - Throws: What `body` throws, also when the caller is cancelled; `timeoutError`.
func withTimeout<Value: Sendable>(
    _ limit: Duration, on clock: any Clock<Duration>, _ body: @escaping @Sendable () async throws -> Value,
    timeoutError: (any Error) -> any Error
) async throws -> Value {
    let result: Result<Value, any Error> = await withTaskGroup(of: TimedEnd<Value>.self) { group in
        group.addTask {
            do { return .body(.success(try await body())) } catch { return .body(.failure(error)) }
        }
        group.addTask {
            // A sleep that fails was cancelled: by the end of the body, or with the caller, and then the body ends too.
            do { try await clock.sleep(for: max(limit, .zero)) } catch { return .timer(isOver: false) }
            return .timer(isOver: true)
        }
        defer { group.cancelAll() }
        var isOver = false
        while let end = await group.next() {
            switch end {
            case .timer(let hasPassed):
                isOver = hasPassed
                group.cancelAll()
            case .body(let result):
                return isOver && !Task.isCancelled ? result.mapError(timeoutError) : result
            }
        }
        preconditionFailure("the body ends before its group")
    }
    return try result.get()
}

private enum TimedEnd<Value: Sendable>: Sendable {
    case body(Result<Value, any Error>)
    case timer(isOver: Bool)
}
