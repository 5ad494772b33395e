package import CognitionCore

extension JobTarget {
    /// What somebody needs, besides ``Permission/manageJobs``, who has it run; `nil` for nothing.
    package var permission: Permission? {
        switch kind {
        case "workflow": .execute
        case "emit": .appendEvents
        case "http": nil
        default: .operate
        }
    }
}

extension JobNames {
    /// What ``isID(_:)`` takes.
    package static let idPattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,159}$"
    /// The form of the ids that users give, and of names of queues.
    package static let pattern = "^[a-z0-9][a-z0-9_-]{0,62}$"
}
