package import CognitionCore

/// What can be subscribed to: something of one workspace that the log tells about.
package enum Topic: Sendable, Hashable {
    /// One execution, by its id in lower case.
    case execution(WorkspaceID, String)
    /// All executions of a workflow, by its canonical name.
    case workflow(WorkspaceID, String)

    package var workspace: WorkspaceID {
        switch self {
        case .execution(let workspace, _), .workflow(let workspace, _): workspace
        }
    }

    /// How messages name it.
    var member: (name: String, value: JSONValue) {
        switch self {
        case .execution(_, let id): ("execution_id", .string(id))
        case .workflow(_, let id): ("workflow_id", .string(id))
        }
    }
}

/// A place in what a topic has to tell: which log, and the position up to which everything is told.
///
/// Offsets of two epochs have nothing to do with each other: a restored backup has another epoch, so that a client that
/// saw more than the backup knows it.
package struct FeedPlace: Sendable, Hashable {
    package let epoch: String
    package let offset: Int64

    package init(epoch: String, offset: Int64) {
        self.epoch = epoch
        self.offset = offset
    }
}
