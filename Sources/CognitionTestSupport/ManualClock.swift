package import CognitionCore
import Synchronization

/// A clock that stands still until a test moves it.
package final class ManualClock: WallClock {
    private let moment: Mutex<Timestamp>

    /// Starts at 2026-01-01T00:00:00Z unless told otherwise.
    package init(_ start: Timestamp = Timestamp(microseconds: 1_767_225_600_000_000)) { moment = Mutex(start) }

    package var now: Timestamp { moment.withLock { $0 } }

    package func set(_ moment: Timestamp) { self.moment.withLock { $0 = moment } }

    package func advance(by duration: Duration) { moment.withLock { $0 = $0 + duration } }
}
