import ArgumentParser
import CognitionCore
import CognitionLanguageModels
import CognitionStorage

struct LanguageModelCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "llm", abstract: "Shows what language models were used for.", subcommands: [Usage.self])

    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sums up calls of language models by provider and model, the most expensive first.")

        @Option(help: "Only calls of this execution.") var execution: String?
        @Option(help: "Only calls that began at this moment (RFC 3339) or later.") var since: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard execution.map({ UUIDv7($0) != nil }) ?? true else {
                throw ValidationError("--execution is the id of an execution.")
            }
            guard since.map({ Timestamp($0) != nil }) ?? true else {
                throw ValidationError("--since is a moment such as 2026-11-21T08:00:00Z.")
            }
        }

        func run() async throws {
            try await reporting {
                ListOutput(try await usage(of: ServerConfiguration()), json: json, empty: "no calls of language models")
                    .write { item in
                        let cost = item["cost"].flatMap(Money.init(json:))?.description ?? ""
                        let name = "\(item["provider"]?.stringValue ?? "")/\(item["model"]?.stringValue ?? "")"
                        return name.padding(to: 40)
                            + " \(count("calls", item)) calls, \(count("failures", item)) failed, "
                            + "\(count("input_tokens", item)) + \(count("output_tokens", item)) tokens  \(cost)"
                    }
            }
        }

        private func count(_ member: String, _ item: JSONValue) -> String { "\(item[member]?.integerValue ?? 0)" }

        /// `{items}`, of the server that holds the folder, else of the database.
        private func usage(of configuration: ServerConfiguration) async throws -> JSONValue {
            try await RemoteServer.withServer(configuration) { server in
                if let server {
                    return try await server.call(
                        "GET", "llm", "usage", query: [("execution", execution), ("since", since)])
                }
                let filter = UsageLedger.Filter(
                    execution: execution.flatMap { UUIDv7($0) }, since: since.flatMap { Timestamp($0) })
                return try await Node.withNode(configuration, .guest) { node in
                    let totals = try await node.database.read { tx in
                        try UsageLedger.totals(filter, in: .default, tx)
                    }
                    return ["items": .array(totals.map(\.json))]
                }
            }
        }
    }
}
