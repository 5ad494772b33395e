package import CognitionCore
import Synchronization

/// What became of one append.
package final class AppendReceipt: Sendable {
    /// The ids of the events, in the order in which they were given.
    package let eventIDs: [UUIDv7]
    /// Their places in the stream, in the same order; known at once.
    package let versions: [Int64]
    /// These very events were in the log already, so nothing was written.
    package let isRepeat: Bool

    private let assigned: Mutex<[Int64]>

    init(eventIDs: [UUIDv7], versions: [Int64], positions: [Int64] = [], isRepeat: Bool = false) {
        self.eventIDs = eventIDs
        self.versions = versions
        self.isRepeat = isRepeat
        assigned = Mutex(positions)
    }

    /// Their places in the log, in the same order: known once `write` has returned, never inside of its body.
    package var positions: [Int64] {
        let positions = assigned.withLock { $0 }
        precondition(positions.count == eventIDs.count, "positions are given last before the commit")
        return positions
    }

    /// The stream's version after the append.
    package var lastVersion: Int64 { versions.last ?? 0 }

    func assign(_ positions: [Int64]) { assigned.withLock { $0 = positions } }
}
