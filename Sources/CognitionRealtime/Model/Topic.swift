package import CognitionCore

/// What can be subscribed to: something of one workspace that the log tells about, or a room of its own.
package enum Topic: Sendable, Hashable {
    /// One execution, by its id in lower case.
    case execution(WorkspaceID, String)
    /// All executions of a workflow, by its canonical name.
    case workflow(WorkspaceID, String)
    /// One job, or the runs of a schedule, by its id.
    case job(WorkspaceID, String)
    /// All jobs of a queue, by its name.
    case queue(WorkspaceID, String)
    /// All jobs of a workspace.
    case jobs(WorkspaceID)
    /// A room that has messages of its own, by its name.
    case room(WorkspaceID, String)

    package var workspace: WorkspaceID {
        switch self {
        case .execution(let workspace, _), .workflow(let workspace, _), .job(let workspace, _),
            .queue(let workspace, _), .jobs(let workspace), .room(let workspace, _):
            workspace
        }
    }

    package var isRoom: Bool { if case .room = self { true } else { false } }

    /// Devices are in it without asking.
    var isHome: Bool { if case .room(_, let id) = self { RoomName(id)?.isHome ?? false } else { false } }

    /// What whoever watches it needs.
    package var permission: Permission {
        switch self {
        case .execution, .workflow: .readWorkflows
        case .job, .queue, .jobs: .readJobs
        case .room: .readRooms
        }
    }

    /// Its name as a room.
    package var room: String {
        switch self {
        case .execution(_, let id): "execution:" + id
        case .workflow(_, let id): "workflow:" + id
        case .job(_, let id): "job:" + id
        case .queue(_, let name): "queue:" + name
        case .jobs(let workspace): "jobs:" + workspace.name
        case .room(_, let id): id
        }
    }

    /// How messages about the subscription to it name it.
    var members: JSONObject {
        var members: JSONObject = ["room": .string(room)]
        switch self {
        case .execution(_, let id): members["execution_id"] = .string(id)
        case .workflow(_, let id): members["workflow_id"] = .string(id)
        case .job, .queue, .jobs, .room: break
        }
        return members
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
