import ArgumentParser
import CognitionCore
import CognitionHTTP
import CognitionIdentity

struct KeyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Shows and exchanges the keys that sign access tokens.",
        subcommands: [List.self, Rotate.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the keys that sign and check access tokens, without what is secret.")

        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let configuration = try ServerConfiguration()
                let keys = try await RemoteServer.withServer(configuration) { server in
                    if let server { return try await server.call("GET", "auth", "signing-keys") }
                    return SigningKeysShape(ring: try KeyRingFile(configuration: configuration).read()).json
                }
                KeyOutput.write(keys, json: json)
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Has access tokens signed with a new key, of SECURITY_ALGORITHM.",
            discussion: """
                Tokens of earlier keys are good until they expire. Nobody has to log in again. With --drop-previous they are \
                refused at once: sessions go on with a refresh, tokens of cognitionos token have to be made again.
                """)

        @Flag(help: "Refuses at once what earlier keys have signed; for when one has become known.")
        var dropPrevious = false
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let keys = try await keys(ServerConfiguration())
                KeyOutput.write(keys, json: json)
            }
        }

        private func keys(_ configuration: ServerConfiguration) async throws -> JSONValue {
            try await RemoteServer.withServer(configuration) { server in
                if let server {
                    return try await server.call(
                        "POST", "auth", "signing-keys", "rotate",
                        body: .json(["drop_previous": .bool(dropPrevious)]))
                }
                return try await Node.withNode(configuration, .owner) { node in
                    let ring = try await node.identity(mayCreateKeys: true).rotateSigningKeys(
                        to: configuration.signingAlgorithm, dropsPrevious: dropPrevious,
                        in: KeyRingFile(configuration: configuration), by: .localOperator, from: .local)
                    return SigningKeysShape(ring: ring).json
                }
            }
        }
    }
}

private enum KeyOutput {
    static func write(_ keys: JSONValue, json: Bool) {
        ListOutput(keys, json: json, empty: "no keys").write { item in
            func text(_ member: String) -> String { item[member]?.stringValue ?? "-" }
            return "\(text("id").padding(to: 42))  \(text("algorithm"))  \(text("state"))  made \(text("created_at"))"
                + (item["retired_at"]?.stringValue.map { "  retired \($0)" } ?? "")
        }
    }
}
