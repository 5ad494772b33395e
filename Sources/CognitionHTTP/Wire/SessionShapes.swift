package import CognitionCore
package import CognitionIdentity

package struct SessionShape: AnswerBody {
    let session: SessionDetails
    let isCurrent: Bool

    package init(session: SessionDetails, isCurrent: Bool) {
        self.session = session
        self.isCurrent = isCurrent
    }

    package var json: JSONValue {
        [
            "id": .string(session.id.description), "current": .bool(isCurrent),
            "device": session.device.map(JSONValue.string) ?? .null,
            "user_agent": session.client.userAgent.map(JSONValue.string) ?? .null,
            "ip": session.client.address.map(JSONValue.string) ?? .null,
            "workspace_id": .string(session.workspace.name), "created_at": .string(session.createdAt.description),
            "last_seen_at": .string(session.lastSeenAt.description),
            "expires_at": .string(session.expiresAt.description),
        ]
    }

    package static let schemaName = "Session"
    package static let schema: JSONValue = .record([
        "id": .uuid, "current": .flag("The session of the token that asks."),
        "device": .nullable(.text("Program and system, as far as the client tells.")),
        "user_agent": .nullable(.text()), "ip": .nullable(.text("From where it was last refreshed, or begun.")),
        "workspace_id": .text(), "created_at": .moment, "last_seen_at": .moment, "expires_at": .moment,
    ])
    package static let sample: JSONValue = [
        "id": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "current": true, "device": "Firefox on Linux",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "ip": "127.0.0.1",
        "workspace_id": "u-2f4b5a6d7e8f", "created_at": "2026-11-21T08:00:00.000000Z",
        "last_seen_at": "2026-11-21T08:10:00.000000Z", "expires_at": "2026-11-28T08:10:00.000000Z",
    ]
}

package struct EndedSessionsShape: AnswerBody {
    let count: Int

    package init(count: Int) { self.count = count }

    package var json: JSONValue { ["ended": .integer(Int64(count))] }

    package static let schemaName = "EndedSessions"
    package static let schema: JSONValue = .record(["ended": .whole(0...(.max), "How many sessions there were.")])
    package static let sample: JSONValue = ["ended": 2]
}
