package import CognitionCore

/// A room that the platform itself talks in: its messages are events of the log, with the log's epoch and positions.
///
/// `execution:ID`, `workflow:NAME`, `job:ID` (of a schedule all of its runs), `queue:NAME`, and `jobs:WORKSPACE` for all queues
/// of the workspace.
package enum LogRoom: Sendable, Hashable {
    case execution(String)
    case workflow(String)
    case job(String)
    case queue(String)
    case jobs(String)

    /// Also those that nothing is told in yet.
    static let scopes: Set<String> = ["execution", "workflow", "job", "jobs", "queue", "search"]

    /// `nil` for what names no such room.
    package init?(_ text: String) {
        guard text.utf8.count <= 160, let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let id = String(text[text.utf8.index(after: colon)...])
        guard !id.isEmpty, !id.utf8.contains(0) else { return nil }
        switch text[..<colon] {
        case "execution": self = .execution(id)
        case "workflow": self = .workflow(id)
        case "job": self = .job(id)
        case "queue": self = .queue(id)
        case "jobs": self = .jobs(id)
        default: return nil
        }
    }

    /// - Parameter workflow: The one spelling of a workflow's name.
    /// - Returns: `nil` for what is of another workspace.
    func topic(in workspace: WorkspaceID, workflow: (String) -> String) -> Topic? {
        switch self {
        // Ids are one whatever the case of their digits; what is no id is nobody's.
        case .execution(let id): .execution(workspace, UUIDv7(id)?.description ?? id)
        case .workflow(let id): .workflow(workspace, workflow(id))
        case .job(let id): .job(workspace, UUIDv7(id)?.description ?? id)
        case .queue(let name): .queue(workspace, name)
        case .jobs(let name): name == workspace.name ? .jobs(workspace) : nil
        }
    }
}

/// A piece of what the log tells in a room.
package struct LogRoomPage: Sendable {
    /// The room's name.
    package let room: String
    /// Of the log.
    package let epoch: String
    /// Rising.
    package let messages: [LogMessage]
    /// The log was looked through up to here; the next page begins behind it.
    package let position: Int64
    /// The log's last position when it was read.
    package let head: Int64
}
