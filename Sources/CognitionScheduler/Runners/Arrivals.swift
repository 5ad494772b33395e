import CognitionStorage
import Synchronization

/// A job that is ready since its commit, and is nobody's yet.
struct Arrival: Sendable {
    let key: Int64
    let queue: Int64
}

/// Tells the runners of this process of the jobs that it has enqueued itself, so that they claim those by their keys, without
/// looking through what is ready: there, a database may have many dead entries in front of the first one that lives.
///
/// Other nodes are told as ever that they had better look. What is told here is told besides; whoever looks finds it as well.
final class Arrivals: Sendable {
    typealias Listener = @Sendable ([Arrival]) -> Void

    private struct State {
        var listeners: [Int: Listener] = [:]
        var next = 0
    }

    private let signals: Signals
    private let state = Mutex(State())

    init(_ signals: Signals) { self.signals = signals }

    /// - Parameter listener: Called on the driver's thread; it must be brief.
    /// - Returns: What ends it.
    func listen(_ listener: @escaping Listener) -> @Sendable () -> Void {
        let number = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = listener
            return state.next
        }
        return { [self] in state.withLock { $0.listeners[number] = nil } }
    }

    /// Tells of jobs once `tx` is committed.
    func tell(_ arrivals: [Arrival], in tx: borrowing Transaction) {
        tx.afterCommit { [self] in
            let listeners = state.withLock { Array($0.listeners.values) }
            for listener in listeners { listener(arrivals) }
            if listeners.isEmpty { signals.wake([.jobs]) } else { signals.tellOthers([.jobs]) }
        }
    }
}
