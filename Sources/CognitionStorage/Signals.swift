import Synchronization

/// What can change; a module names its own, e.g. `log`.
package struct SignalTopic: Sendable, Hashable, ExpressibleByStringLiteral {
    package let name: String
    package init(stringLiteral name: String) { self.name = name }
    package init(name: String) { self.name = name }
}

/// Wakes those who wait for changes. A wake-up says *look again*; it carries nothing, and several may become one.
package final class Signals: Sendable {
    private struct State {
        var waiting: [SignalTopic: [Int: AsyncStream<Void>.Continuation]] = [:]
        var nextID = 0
        var relays: [@Sendable (Set<SignalTopic>) -> Void]
    }

    private let state: Mutex<State>

    /// - Parameter relay: As that of ``relay(by:)``.
    package init(relay: (@Sendable (Set<SignalTopic>) -> Void)? = nil) {
        state = Mutex(State(relays: relay.map { [$0] } ?? []))
    }

    /// Passes each wake-up that begins in this process from now on to `relay` as well, which takes it to others; it must be brief.
    package func relay(by relay: @escaping @Sendable (Set<SignalTopic>) -> Void) {
        state.withLock { $0.relays.append(relay) }
    }

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

    /// Wakes those who wait for `topics`, here and in other processes.
    package func wake(_ topics: Set<SignalTopic>) {
        wakeHere(topics)
        tellOthers(topics)
    }

    /// Wakes those of other processes only.
    package func tellOthers(_ topics: Set<SignalTopic>) {
        for relay in state.withLock({ $0.relays }) { relay(topics) }
    }

    /// Wakes everybody who waits for anything, as what others have said may have been missed.
    package func wakeAllHere() { wakeHere(Set(state.withLock { $0.waiting.keys })) }

    /// Wakes those of this process only.
    package func wakeHere(_ topics: Set<SignalTopic>) {
        let continuations = state.withLock { state in topics.flatMap { state.waiting[$0]?.values.map(\.self) ?? [] } }
        for continuation in continuations { continuation.yield() }
    }
}
