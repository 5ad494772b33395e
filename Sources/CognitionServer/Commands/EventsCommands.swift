import ArgumentParser
import CognitionCore
import CognitionEvents

/// The log is read from the database itself, also beside a server: `tail` and `verify` only look, and the server has no route that
/// gives the whole log.
struct EventsCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Reads and verifies the event log, and publishes events.",
        subcommands: [Tail.self, Verify.self, PublishCommand.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints events as JSON lines, and follows the log.")

        @Option(help: "The position after which to begin; without it, the end of the log.") var after: Int64?
        @Option(help: "Only events of this type. May be repeated.") var type: [String] = []
        @Flag(help: "Ends at the end of the log.") var once = false

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let filter = EventFilter(workspace: .default, types: type.isEmpty ? nil : type)
                    if once { return try await printAll(node.log, filter) }
                    for try await event in node.log.tail(after: after, filter: filter) {
                        Terminal.write(event.json.jsonText)
                    }
                }
            }
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
