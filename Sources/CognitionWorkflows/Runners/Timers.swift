import CognitionCore
import Synchronization

/// The next moment of each execution in memory.
final class Timers: Sendable {
    private struct State {
        var moments: [Int64: Timestamp] = [:]
        /// Moments in the order they come; an entry that `moments` does not confirm is out of date.
        var order: [(moment: Timestamp, key: Int64)] = []

        mutating func dropStale() {
            while let last = order.last, moments[last.key] != last.moment { order.removeLast() }
        }
    }

    private let state = Mutex(State())

    var next: Timestamp? {
        state.withLock { state in
            state.dropStale()
            return state.order.last?.moment
        }
    }

    /// - Returns: Whether the moment is now the next of all.
    @discardableResult
    func set(_ key: Int64, to moment: Timestamp?) -> Bool {
        state.withLock { state in
            guard state.moments[key] != moment else { return false }
            state.moments[key] = moment
            guard let moment else { return false }
            // Latest first, so that the next one is taken from the end.
            var low = 0
            var high = state.order.count
            while low < high {
                let middle = (low + high) / 2
                if state.order[middle].moment > moment { low = middle + 1 } else { high = middle }
            }
            state.order.insert((moment, key), at: low)
            return low == state.order.count - 1
        }
    }

    func remove(_ key: Int64) { set(key, to: nil) }

    func takeDue(now: Timestamp) -> [Int64] {
        state.withLock { state in
            var due: [Int64] = []
            state.dropStale()
            while let last = state.order.last, last.moment <= now {
                due.append(last.key)
                state.moments[last.key] = nil
                state.dropStale()
            }
            return due
        }
    }
}
