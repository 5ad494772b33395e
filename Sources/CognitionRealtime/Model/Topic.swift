package import CognitionCore

/// What can be subscribed to: something of one workspace that the log tells about, or a room of its own.
package enum Topic: Sendable, Hashable {
    /// One execution, by its id in lower case.
    case execution(WorkspaceID, String)
    /// All executions of a workflow, by its canonical name.
    case workflow(WorkspaceID, String)
    /// A room, by its name.
    case room(WorkspaceID, String)

    package var workspace: WorkspaceID {
        switch self {
        case .execution(let workspace, _), .workflow(let workspace, _), .room(let workspace, _): workspace
        }
    }

    package var isRoom: Bool { if case .room = self { true } else { false } }

    /// How messages name it.
    var member: (name: String, value: JSONValue) {
        switch self {
        case .execution(_, let id): ("execution_id", .string(id))
        case .workflow(_, let id): ("workflow_id", .string(id))
        case .room(_, let id): ("room", .string(id))
        }
    }
}

/// A place in what a topic has to tell: which log, and the position up to which everything is told. Rooms have an epoch and
/// positions of their own.
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
