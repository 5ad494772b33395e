import ArgumentParser
import CognitionCore
import CognitionEvents

extension EventsCommands {
    struct SchemaCommands: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "schema", abstract: "Sets, shows, lists and deletes schemas of events.",
            subcommands: [Set.self, Show.self, List.self, Delete.self])

        struct Named: ParsableArguments {
            @Argument(help: "The event's type, e.g. order.placed.") var type: String
            @Argument(help: "The version of the type, from 1.") var version: Int

            func validate() throws {
                guard EventSchemas.versions.contains(version) else {
                    throw ValidationError("A version is a number from 1 to \(EventSchemas.versions.upperBound).")
                }
            }
        }

        struct Set: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Sets the schema of a type and version, unless it breaks the one before.",
                discussion: "Events that are appended from then on are checked against it.")

            @OptionGroup var named: Named
            @Argument(help: "A file with JSON Schema, or - for standard input.") var file: String
            @Option(help: "backward, forward, full or none; as before, and full for the first.")
            var compatibility: EventSchema.Compatibility?

            func run() async throws {
                try await reporting {
                    let bytes = try BoundedFile.bytes(of: file, max: EventSchemas.schemaBytesMax * 4)
                    guard let schema = try? JSONValue(parsing: bytes) else {
                        throw CommandFailure("\(file) is no JSON")
                    }
                    let set = try await EventSchemaDesks.withDesk(ServerConfiguration()) { desk in
                        try await desk.set(schema, of: named.type, version: named.version, compatibility)
                    }
                    Terminal.write(set.jsonText)
                }
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Prints the schema of a type and version.")

            @OptionGroup var named: Named

            func run() async throws {
                try await reporting {
                    let found = try await EventSchemaDesks.withDesk(ServerConfiguration()) { desk in
                        try await desk.show(named.type, version: named.version)
                    }
                    Terminal.write(found.prettyJSONText)
                }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Lists schemas of events.")

            @Option(help: "Only schemas of this type.") var type: String?
            @Option(help: "How many, at most 200.") var limit = 50
            @Option(help: "Where the page before ended.") var cursor: String?
            @Flag(help: "Prints JSON.") var json = false

            func validate() throws {
                guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
            }

            func run() async throws {
                try await reporting {
                    let page = PageWish(cursor: cursor, limit: limit)
                    let answer = try await EventSchemaDesks.withDesk(ServerConfiguration()) {
                        try await $0.list(type, page)
                    }
                    ListOutput(answer, json: json, empty: "no schemas").write { item in
                        let version = item["type_version"]?.integerValue ?? 0
                        let name = "\(item["type"]?.stringValue ?? "") \(version)".padding(to: 40)
                        return "\(name)  \(item["compatibility"]?.stringValue ?? "")"
                    }
                }
            }
        }

        struct Delete: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Deletes a schema; events of that version are checked no longer.")

            @OptionGroup var named: Named

            func run() async throws {
                try await reporting {
                    try await EventSchemaDesks.withDesk(ServerConfiguration()) { desk in
                        try await desk.delete(named.type, version: named.version)
                    }
                    Terminal.write("the schema of \(named.type) version \(named.version) is deleted")
                }
            }
        }
    }
}

extension EventSchema.Compatibility: ExpressibleByArgument {}
