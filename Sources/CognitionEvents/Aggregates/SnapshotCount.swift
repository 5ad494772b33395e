package import CognitionCore
import Synchronization

/// How many states of aggregates are kept. Their table may be large and whoever watches over a server asks often, so they
/// are counted anew only after ``ageMax``.
package final class SnapshotCount: Sendable {
    package static let ageMax: Duration = .seconds(10)

    private let log: EventLog
    private let clock: any WallClock
    private let last = Mutex<(count: Int64, time: Timestamp)?>(nil)

    package init(_ log: EventLog, clock: any WallClock) {
        self.log = log
        self.clock = clock
    }

    package var value: Int64 {
        get async throws {
            let now = clock.now
            // A clock that was set back makes nothing last longer.
            if let last = last.withLock({ $0 }), now >= last.time, now < last.time + Self.ageMax { return last.count }
            let count = try await log.snapshotCount()
            last.withLock { $0 = (count, now) }
            return count
        }
    }
}
