import CognitionStorage

/// Where a job stands. The numbers are stored, and stand as literals in partial indexes.
package enum JobState: Int64, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    /// Its moment has not come: it is delayed, snoozed, or waits for its next attempt.
    case scheduled = 0
    /// It could run now, and waits for a slot.
    case ready = 1
    case running = 2
    case completed = 3
    /// Its attempts are used up, or it took processes down with it; a dead letter, until somebody redrives it.
    case dead = 4
    case cancelled = 5
    /// Jobs that it depends on have not ended.
    case blocked = 6
    /// Its key has no room; it is shown as blocked.
    case limited = 7
    /// Somebody has paused it.
    case paused = 8
    /// It has ended without success and is not tried again: it was discarded, or what it depends on has failed.
    case failed = 9

    package static let ended: [JobState] = [.completed, .failed, .dead, .cancelled]

    package var hasEnded: Bool { Self.ended.contains(self) }

    /// As it is written on the wire.
    package var name: String {
        switch self {
        case .scheduled: "scheduled"
        case .ready: "ready"
        case .running: "running"
        case .completed: "completed"
        case .dead: "dead"
        case .cancelled: "cancelled"
        case .blocked, .limited: "blocked"
        case .paused: "paused"
        case .failed: "failed"
        }
    }

    /// The states that go by a name on the wire.
    package static func named(_ name: String) -> [JobState] { allCases.filter { $0.name == name } }

    /// A set of states as bits, for the index of unique keys.
    static func mask(of states: some Sequence<JobState>) -> Int64 {
        states.reduce(0) { $0 | 1 << $1.rawValue }
    }
}

/// What goes first when slots are few.
package enum JobPriority: Int64, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    case critical = 0
    case high = 1
    case normal = 2
    case low = 3
    case background = 4

    package var name: String { "\(self)" }

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// When a job follows from the end of another.
package enum JobCondition: String, Sendable, Hashable, CaseIterable, SQLEncodable, SQLDecodable {
    case success
    /// It has failed, is dead, or was cancelled.
    case failure
    case completion

    func isMet(by state: JobState) -> Bool {
        switch self {
        case .success: state == .completed
        case .failure: state.hasEnded && state != .completed
        case .completion: state.hasEnded
        }
    }
}

/// What becomes of a job when one that it depends on has not ended as it needs.
package enum CascadePolicy: String, Sendable, Hashable, CaseIterable {
    case cancel
    case fail
    /// It runs all the same, once everything that it depends on has ended.
    case run
}
