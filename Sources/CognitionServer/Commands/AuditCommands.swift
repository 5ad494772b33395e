import ArgumentParser
import CognitionCore
import CognitionHTTP
import CognitionIdentity

struct AuditCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Shows who did what.", subcommands: [List.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists entries of the audit trail, newest first.",
            discussion: "Entries that were archived lie as JSON lines in DATA_DIR/audit.")

        @Option(help: "Only entries of this kind, e.g. auth.login.failure.") var action: AuditAction?
        @Option(help: "Only what this actor did, e.g. user:ID.") var actor: String?
        @Option(help: "Only what concerns this, e.g. user:ID.") var target: String?
        @Option(help: "Only with this outcome: success or failure.") var outcome: AuditOutcome?
        @Option(help: "Only of this workspace.") var workspace: String?
        @Option(help: "Only entries of this moment (RFC 3339) or later.") var since: String?
        @Option(help: "Only entries before this moment.") var until: String?
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
            for (name, text) in [("--since", since), ("--until", until)] {
                guard text.map({ Timestamp($0) != nil }) ?? true else {
                    throw ValidationError("\(name) is a moment such as 2026-11-21T08:00:00Z.")
                }
            }
        }

        func run() async throws {
            try await reporting {
                ListOutput(try await entries(ServerConfiguration()), json: json, empty: "no entries").write { item in
                    func text(_ member: String) -> String { item[member]?.stringValue ?? "-" }
                    let details = item["details"]?.objectValue?.isEmpty == false ? item["details"]?.jsonText ?? "" : ""
                    return "\(text("time"))  \(text("action").padding(to: 24))  \(text("outcome"))  \(text("actor"))  "
                        + "\(text("target"))  \(text("ip"))  \(details)"
                }
            }
        }

        /// `{items, next_cursor}`, of the server that holds the folder, else of the database.
        private func entries(_ configuration: ServerConfiguration) async throws -> JSONValue {
            try await RemoteServer.withServer(configuration) { server in
                if let server {
                    return try await server.call(
                        "GET", "auth", "audit",
                        query: [
                            ("action", action?.rawValue), ("actor", actor), ("target", target),
                            ("outcome", outcome?.rawValue), ("workspace_id", workspace), ("since", since),
                            ("until", until), ("limit", String(limit)), ("cursor", cursor),
                        ])
                }
                return try await Node.withNode(configuration, .any) { node in
                    try await entries(of: try node.identity(mayCreateKeys: node.isOwner))
                }
            }
        }

        private func entries(of identity: Identity) async throws -> JSONValue {
            let filter = AuditFilter(
                workspace: workspace.map(WorkspaceID.init), action: action, actor: actor, target: target,
                outcome: outcome, since: since.flatMap { Timestamp($0) }, until: until.flatMap { Timestamp($0) })
            let page = PageRequest(after: try cursor.map { try Cursor($0, of: "audit").key }, limit: limit)
            let found = try await identity.auditEntries(filter, page, as: .localOperator)
            return Page(found.items.map(AuditEntryShape.init), next: found.next.map { Cursor("audit", after: $0) }).json
        }
    }
}

extension AuditAction: ExpressibleByArgument {}
extension AuditOutcome: ExpressibleByArgument {}
