import CognitionCore
import CognitionEvents
import CognitionStorage

/// Who does something, from where and when: what each entry of the audit trail and each event of it have in common.
struct Act: Sendable {
    /// As `Principal.actor`.
    let actor: String
    let client: ClientInfo
    let time: Timestamp
    let ids: UUIDGenerator
    /// With which the actor came; the audit trail says so.
    var apiKey: APIKeyID?

    static let anonymous = "anonymous"
    /// What the server does by itself.
    static let server = "server"

    func record(_ event: IdentityEvent, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws {
        let context = EventContext(Principal(actor: actor, workspace: workspace), time: time, ids: ids)
        try tx.append([event.event], to: event.stream(in: workspace), context: context)
    }

    /// Writes to the audit trail. When that fails, what it tells about fails with it.
    func audit(
        _ action: AuditAction, _ outcome: AuditOutcome = .success, target: AuditTarget? = nil,
        in workspace: WorkspaceID?,
        details: JSONObject = [:], _ tx: borrowing Transaction
    ) throws {
        var details = details
        if let apiKey { details["api_key"] = .string(apiKey.description) }
        try tx.execute(
            """
            INSERT INTO audit_entries (workspace_id, time, actor, action, target, outcome, address, user_agent, details)
            VALUES (\(workspace), \(time), \(actor), \(action), \(target?.text), \(outcome), \(client.address),
                \(client.userAgent), \(JSONValue.object(details).jsonBytes))
            """)
    }
}

/// What an entry of the audit trail is about.
enum AuditTarget {
    case user(UserID)
    case session(SessionID)
    case workspace(WorkspaceID)
    case apiKey(APIKeyID)
    case invitation(InvitationID)
    /// One of those that sign tokens.
    case signingKey(String)
    /// Of the workspace of the entry.
    case secret(String)

    var text: String {
        switch self {
        case .user(let id): "user:\(id)"
        case .session(let id): "session:\(id)"
        case .workspace(let id): "workspace:\(id)"
        case .apiKey(let id): "apikey:\(id)"
        case .invitation(let id): "invitation:\(id)"
        case .signingKey(let id): "key:\(id)"
        case .secret(let name): "secret:\(name)"
        }
    }
}
