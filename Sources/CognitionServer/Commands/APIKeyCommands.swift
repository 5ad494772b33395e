import ArgumentParser
import CognitionCore
import CognitionIdentity

struct APIKeyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apikey", abstract: "Makes, lists and revokes API keys of users.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an API key for a user, and prints it, once.",
            discussion: """
                A program sends it in place of an access token: Authorization: Bearer KEY. It acts in one workspace, and \
                permits its scopes as far as the user's role there gives them.
                """)

        @OptionGroup var owner: APIKeyOwner
        @Option(help: "What it is for.") var name: String
        @Option(help: "The workspace in which it acts; the one that came with the user unless given.")
        var workspace: String?
        @Option(help: "What it permits, e.g. workflows:execute; may be repeated. Without it all that the role gives.")
        var scope: [Permission] = []
        @Option(help: "How long it is good for, from 1m to 3650d; until it is revoked unless given.")
        var life: APIKeyLife?
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let command = CreateAPIKeyCommand(
                    name: name, scopes: scope.isEmpty ? nil : Set(scope),
                    expiresAt: life.map { SystemWallClock().now + $0.duration }, user: owner.user,
                    workspace: workspace.map(WorkspaceID.init))
                let key = try await APIKeyDesks.withDesk(ServerConfiguration()) { try await $0.create(command) }
                if json { return Terminal.write(key.jsonText) }
                for (label, member) in [
                    ("id", "id"), ("workspace", "workspace_id"), ("expires", "expires_at"), ("key", "key"),
                ] {
                    if let text = key[member]?.stringValue { Terminal.write(label.padding(to: 11) + text) }
                }
                Terminal.note("keep the key; it is not shown again")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists a user's API keys, by their first characters.")

        @OptionGroup var owner: APIKeyOwner
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let page = PageWish(cursor: cursor, limit: limit)
                let answer = try await APIKeyDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.list(of: owner.user, page)
                }
                ListOutput(answer, json: json, empty: "no API keys").write { item in
                    func text(_ member: String) -> String { item[member]?.stringValue ?? "-" }
                    return "\(text("id"))  \(text("prefix"))  \(text("workspace_id").padding(to: 20))  "
                        + "\(text("name").padding(to: 24))  used \(text("last_used_at"))  expires \(text("expires_at"))"
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revokes an API key, which is refused from then on.")

        @Argument(help: "The key's id, as apikey list shows it.") var id: String

        func validate() throws {
            guard APIKeyID(id) != nil else { throw ValidationError("'\(id)' is no id of an API key.") }
        }

        func run() async throws {
            try await reporting {
                guard let key = APIKeyID(id) else { return }
                try await APIKeyDesks.withDesk(ServerConfiguration()) { try await $0.revoke(key) }
                Terminal.write("API key \(id) is revoked")
            }
        }
    }
}

struct APIKeyOwner: ParsableArguments {
    @Argument(help: "Whose, by e-mail address or id.") var owner: String

    func validate() throws {
        guard UserReference(owner) != nil else {
            throw ValidationError("'\(owner)' is neither an e-mail address nor the id of a user.")
        }
    }

    /// The form was checked before.
    var user: UserReference { UserReference(owner) ?? .email(owner) }
}

extension Permission: ExpressibleByArgument {}

/// A time that a key is good for, as it is written on the command line.
struct APIKeyLife: ExpressibleByArgument {
    private static let range = Duration.seconds(60)...Duration.seconds(3_650 * 86_400)

    let duration: Duration

    /// `nil` for a text that is no duration within the range.
    init?(argument: String) {
        // Why it is none, ArgumentParser has no way to tell.
        guard let duration = try? Duration(configurationText: argument, bareUnit: .seconds),
            Self.range.contains(duration)
        else { return nil }
        self.duration = duration
    }
}
