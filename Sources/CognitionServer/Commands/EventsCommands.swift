import ArgumentParser
import CognitionCore
import CognitionEvents

/// The log is read from the database itself, also beside a server: `tail`, `read` and `verify` only look. What is written goes by
/// the server that holds the folder, if one does.
struct EventsCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Reads and verifies the event log, and writes to it.",
        subcommands: [
            Tail.self, ReadCommand.self, AppendCommand.self, StateCommand.self, Verify.self, CheckCommand.self,
            PublishCommand.self, SchemaCommands.self, ArchiveCommands.self,
        ])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints events as JSON lines, and follows the log.")

        @Option(help: "The position after which to begin; without it, the end of the log.") var after: Int64?
        @Option(help: "Only events of this type. May be repeated.") var type: [String] = []
        @Option(help: "Only events of streams of this type.") var category: String?
        @Option(help: "Only events of this moment or later, e.g. 2026-11-21T08:00:00Z.", transform: moment)
        var since: Timestamp?
        @Flag(help: "Ends at the end of the log.") var once = false

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let filter = EventFilter(
                        workspace: .default, types: type.isEmpty ? nil : type, streamType: category, since: since)
                    if once { return try await printAll(node.log, filter) }
                    for try await event in node.log.tail(after: after ?? since.map { _ in 0 }, filter: filter) {
                        Terminal.write(event.json.jsonText)
                    }
                }
            }
        }

        private static func moment(_ text: String) throws -> Timestamp {
            guard let moment = Timestamp(text) else { throw ValidationError("\(text) is no moment of RFC 3339.") }
            return moment
        }

        private func printAll(_ log: EventLog, _ filter: EventFilter) async throws {
            var position = after ?? 0
            while true {
                let page = try await log.readAll(after: position, filter: filter)
                for event in page.events { Terminal.write(event.json.jsonText) }
                position = page.position
                if page.isAtEnd { return }
            }
        }
    }

    struct CheckCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Runs the whole log through the upcasters and projections of this build.",
            discussion: """
                To be run with a new release before it is deployed, beside the one that runs. What handlers write is undone. \
                Ends with 1 when an event cannot be taken, and names every type and version that cannot.
                """)

        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let report = try await Node.withNode(ServerConfiguration(), .guest) { node in
                    try await LogCheck(node.log, upcasters: Node.upcasters, projections: Node.projections).run()
                }
                if json {
                    Terminal.write(Self.json(report).jsonText)
                } else {
                    for failure in report.failures {
                        Terminal.write(
                            "\(failure.type) \(failure.typeVersion), \(failure.part): \(failure.count) events, the first at position \(failure.position): \(failure.error)"
                        )
                    }
                }
                guard report.failures.isEmpty else {
                    throw CommandFailure("this build cannot take \(report.failures.count) kinds of events")
                }
                if !json { Terminal.write("\(report.events) events: this build takes them all") }
            }
        }

        private static func json(_ report: LogCheck.Report) -> JSONValue {
            let failures = report.failures.map { failure -> JSONValue in
                [
                    "type": .string(failure.type), "type_version": .integer(Int64(failure.typeVersion)),
                    "part": .string(failure.part), "count": .integer(Int64(failure.count)),
                    "first_position": .integer(failure.position), "error": .string(failure.error),
                ]
            }
            return ["events": .integer(report.events), "failures": .array(failures)]
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks that the log has no gaps and that every event's data has its hash.",
            discussion: "Archives are read back and checked as well; those of another node are to be checked there.")

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let report = try await node.log.verifyAll()
                    for problem in report.problems { Terminal.write("\(problem)") }
                    guard report.problems.isEmpty else {
                        throw CommandFailure("the log is damaged in \(report.problems.count) places")
                    }
                    let archived = report.archived == 0 ? "" : " and \(report.archived) in archives"
                    Terminal.write(
                        "\(report.events) events\(archived) in \(report.streams) streams: no gaps, every hash right")
                }
            }
        }
    }
}
