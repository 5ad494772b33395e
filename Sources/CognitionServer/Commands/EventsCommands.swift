import ArgumentParser
import CognitionCore
import CognitionEvents

/// The log is read from the database itself, also beside a server: `tail`, `read` and `verify` only look. What is written goes by
/// the server that holds the folder, if one does.
struct EventsCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Reads and verifies the event log, and writes to it.",
        subcommands: [
            Tail.self, ReadCommand.self, AppendCommand.self, StateCommand.self, Verify.self, PublishCommand.self,
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

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks that the log has no gaps and that every event's data has its hash.")

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let report = try await node.log.verifyAll()
                    for problem in report.problems { Terminal.write("\(problem)") }
                    guard report.problems.isEmpty else {
                        throw CommandFailure("the log is damaged in \(report.problems.count) places")
                    }
                    Terminal.write("\(report.events) events in \(report.streams) streams: no gaps, every hash right")
                }
            }
        }
    }
}
