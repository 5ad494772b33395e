import CognitionCore
import DequeModule
import Synchronization

/// At most so many exchanges at a time with one origin; the others wait in the order they came.
final class RequestGate: Sendable {
    private typealias Waiter = (id: UInt64, continuation: CheckedContinuation<Void, any Error>)

    private struct Line: Sendable {
        var running = 0
        var waiters: Deque<Waiter> = []
    }

    private struct State: Sendable {
        var lines: [Origin: Line] = [:]
        var waiting = 0
        var lastID: UInt64 = 0
    }

    private let runningMax: Int
    private let waitingMax: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - runningMax: Per origin.
    ///   - waitingMax: In all lines together; more are refused at once.
    init(runningMax: Int, waitingMax: Int) {
        self.runningMax = runningMax
        self.waitingMax = waitingMax
    }

    /// Runs `body` when a place is free; cancellation leaves the line at once.
    func withPlace<Result: Sendable>(
        at origin: Origin, _ body: () async throws -> Result
    ) async throws -> Result {
        try await enter(origin)
        defer { leave(origin) }
        return try await body()
    }

    private func enter(_ origin: Origin) async throws {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                line(up: id, at: origin, continuation)
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.lines[origin]?.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                state.waiting -= 1
                return state.lines[origin]?.waiters.remove(at: index)
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    private func line(up id: UInt64, at origin: Origin, _ continuation: CheckedContinuation<Void, any Error>) {
        // A cancellation before this lock is seen here; one after it finds the waiter in the line.
        let answer = state.withLock { state -> Result<Void, any Error>? in
            if Task.isCancelled { return .failure(CancellationError()) }
            var line = state.lines[origin] ?? Line()
            if line.running < runningMax {
                line.running += 1
                state.lines[origin] = line
                return .success(())
            }
            guard state.waiting < waitingMax else {
                return .failure(
                    OutboundHTTPError(OutboundHTTPError.overloaded, "Too many requests wait for a connection."))
            }
            state.waiting += 1
            line.waiters.append((id, continuation))
            state.lines[origin] = line
            return nil
        }
        if let answer { continuation.resume(with: answer) }
    }

    private func leave(_ origin: Origin) {
        let next = state.withLock { state -> Waiter? in
            guard var line = state.lines[origin] else { return nil }
            let next = line.waiters.popFirst()  // it takes over the place
            if next == nil { line.running -= 1 } else { state.waiting -= 1 }
            state.lines[origin] = line.running == 0 ? nil : line
            return next
        }
        next?.continuation.resume()
    }
}
