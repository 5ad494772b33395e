import Synchronization

/// What can change; a module names its own, e.g. `log`.
package struct SignalTopic: Sendable, Hashable, ExpressibleByStringLiteral {
    package let name: String
    package init(stringLiteral name: String) { self.name = name }
}

/// Wakes those who wait for changes. A wake-up says *look again*; it carries nothing, and several may become one.
package final class Signals: Sendable {
    private struct State {
        var waiting: [SignalTopic: [Int: AsyncStream<Void>.Continuation]] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Wake-ups of `topic` from now on; at most one is kept for a listener that is busy.
    package func wakeUps(for topic: SignalTopic) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextID += 1
            state.waiting[topic, default: [:]][state.nextID] = continuation
            return state.nextID
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.waiting[topic]?[id] = nil }
        }
        return stream
    }

    package func wake(_ topics: some Sequence<SignalTopic>) {
        let continuations = state.withLock { state in topics.flatMap { state.waiting[$0]?.values.map(\.self) ?? [] } }
        for continuation in continuations { continuation.yield() }
    }
}
