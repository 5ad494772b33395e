package import CognitionCore
import Synchronization

/// What became of one append.
package final class AppendReceipt: Sendable {
    /// The ids of the events, in the order in which they were given.
    package let eventIDs: [UUIDv7]
    /// These very events were in the log already, so nothing was written.
    package let isRepeat: Bool

    private struct Places {
        var versions: [Int64]
        var positions: [Int64]
    }

    private let places: Mutex<Places>

    init(eventIDs: [UUIDv7], versions: [Int64] = [], positions: [Int64] = [], isRepeat: Bool = false) {
        self.eventIDs = eventIDs
        self.isRepeat = isRepeat
        places = Mutex(Places(versions: versions, positions: positions))
    }

    /// Their places in the stream, in the order of the ids: known once `write` has returned; inside of its body
    /// ``CognitionStorage/Transaction/versions(of:)`` tells them.
    package var versions: [Int64] {
        let versions = places.withLock { $0.versions }
        precondition(versions.count == eventIDs.count, "in the body of a write, the transaction tells the versions")
        return versions
    }

    /// Their places in the log, in the same order: known once `write` has returned, never inside of its body.
    package var positions: [Int64] {
        let positions = places.withLock { $0.positions }
        precondition(positions.count == eventIDs.count, "positions are given last before the commit")
        return positions
    }

    /// The stream's version after the append.
    package var lastVersion: Int64 { versions.last ?? 0 }

    func assign(versions: [Int64]) { places.withLock { $0.versions = versions } }
    func assign(positions: [Int64]) { places.withLock { $0.positions = positions } }
}
