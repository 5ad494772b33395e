import CognitionCore
import Synchronization

/// One value that arrives once, and one who waits for it; cancellation does not end the wait.
final class Signal<Value: Sendable>: Sendable {
    private enum State {
        /// May become waited for or arrived.
        case nothing
        /// May become arrived.
        case waitedFor(CheckedContinuation<Value, any Error>)
        case arrived(Result<Value, any Error>)
    }

    private let state = Mutex(State.nothing)

    /// Only the first value counts.
    func succeed(_ value: Value) { arrive(.success(value)) }
    func fail(_ error: any Error) { arrive(.failure(error)) }

    private func arrive(_ value: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .nothing: state = .arrived(value)
            case .waitedFor(let continuation):
                state = .arrived(value)
                return continuation
            case .arrived: break
            }
            return nil
        }
        continuation?.resume(with: value)
    }

    func wait() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let value: Result<Value, any Error>? = state.withLock { state in
                if case .arrived(let value) = state { return value }
                state = .waitedFor(continuation)
                return nil
            }
            if let value { continuation.resume(with: value) }
        }
    }
}

extension Signal<Void> {
    func succeed() { succeed(()) }
}

/// So many at a time; the others wait in the order they came, and leave the line when they are cancelled.
final class Places: Sendable {
    private struct State {
        var free: Int
        var next = 0
        var waiting: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        /// Tickets that were cancelled before they stood in line.
        var cancelled: Set<Int> = []
    }

    private let waitingMax: Int
    private let state: Mutex<State>

    init(count: Int, waitingMax: Int) {
        self.waitingMax = waitingMax
        state = Mutex(State(free: count))
    }

    /// - Throws: `SandboxError`, code `sandbox.overloaded`, when too many wait.
    func withPlace<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await take()
        defer { giveBack() }
        return try await body()
    }

    private func take() async throws {
        let ticket = state.withLock { state in
            state.next += 1
            return state.next
        }
        defer { state.withLock { _ = $0.cancelled.remove(ticket) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(ticket) != nil { return .failure(CancellationError()) }
                    if state.free > 0 {
                        state.free -= 1
                        return .success(())
                    }
                    guard state.waiting.count < waitingMax else {
                        return .failure(
                            SandboxError(
                                SandboxError.overloaded, "\(waitingMax) programs wait for their turn already."))
                    }
                    state.waiting.append((ticket, continuation))
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            leave(ticket)
        }
    }

    private func leave(_ ticket: Int) {
        let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard let place = state.waiting.firstIndex(where: { $0.ticket == ticket }) else {
                state.cancelled.insert(ticket)
                return nil
            }
            return state.waiting.remove(at: place).continuation
        }
        continuation?.resume(throwing: CancellationError())
    }

    private func giveBack() {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume()
    }
}
