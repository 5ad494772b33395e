package import CognitionCore
package import CognitionIdentity

package struct AuditEntryShape: AnswerBody {
    let entry: AuditEntry

    package init(entry: AuditEntry) { self.entry = entry }

    package var json: JSONValue { entry.json }

    package static let schemaName = "AuditEntry"
    package static let schema: JSONValue = .record([
        "id": .whole(1...(.max)), "time": .moment, "workspace_id": .nullable(.text()), "actor": .text("e.g. `user:…`"),
        "action": .choice(AuditAction.allCases.map(\.rawValue)), "target": .nullable(.text()),
        "outcome": .choice(AuditOutcome.allCases.map(\.rawValue)), "ip": .nullable(.text()),
        "user_agent": .nullable(.text()), "details": .anything("What else there is to say."),
    ])
    package static let sample: JSONValue = [
        "id": 4711, "time": "2026-11-21T08:00:00.000000Z", "workspace_id": "u-2f4b5a6d7e8f",
        "actor": "user:0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "action": "auth.login.success",
        "target": "session:0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "outcome": "success", "ip": "127.0.0.1",
        "user_agent": "curl/8.5.0", "details": [:],
    ]
}
