package import CognitionCore
import CognitionStorage

/// Names the type of an execution's identifier.
package enum ExecutionEntity {}
package typealias ExecutionID = Identifier<ExecutionEntity>

/// Status phases of the DSL; stored by number, shown by name.
package enum ExecutionStatus: Int, Sendable, CaseIterable, SQLEncodable, SQLDecodable {
    /// May become running or cancelled.
    case pending = 0
    /// May become waiting, suspended or ended.
    case running = 1
    /// Nothing to do before a moment or a message comes.
    case waiting = 2
    /// Set aside until somebody resumes it.
    case suspended = 3
    case completed = 10
    case faulted = 11
    case cancelled = 12

    package var hasEnded: Bool { rawValue >= 10 }

    /// Spelled out, since `String(describing:)` looks it up each time, which the most frequent reads would feel.
    package var name: String {
        switch self {
        case .pending: "pending"
        case .running: "running"
        case .waiting: "waiting"
        case .suspended: "suspended"
        case .completed: "completed"
        case .faulted: "faulted"
        case .cancelled: "cancelled"
        }
    }

    package init?(name: String) {
        guard let status = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = status
    }
}

/// A task has the same phases as its execution.
package typealias TaskStatus = ExecutionStatus

/// Why an execution or task waits or is suspended, or how it ended, beyond what its status says.
package enum StatusReason: String, Sendable, SQLEncodable, SQLDecodable {
    /// A crash has hidden whether an effect of class `once` happened.
    case needsReconcile = "needs_reconcile"
    /// A person is asked.
    case approval
    /// It was claimed again and again without getting anywhere, or its rows cannot be read.
    case quarantined
    /// It has failed or was cancelled, and what it has done is being undone.
    case compensating
    /// It has ended, and everything it had done was undone.
    case compensated
    /// It has ended, and something that it had done could not be undone.
    case compensationFailed = "compensation_failed"

    /// Only a person can make it go on.
    package var needsPerson: Bool {
        switch self {
        case .needsReconcile, .approval, .quarantined: true
        case .compensating, .compensated, .compensationFailed: false
        }
    }
}
