import ArgumentParser
import CognitionCore
import CognitionEvents
import CognitionStorage

extension EventsCommands {
    struct ReadCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "read", abstract: "Prints the events of one stream as JSON lines.")

        @Argument(help: "TYPE/ID, e.g. order/17.") var stream: StreamName
        @Option(help: "The version to begin with; the first, or backward the last.") var from: Int64?
        @Flag(help: "The newest first.") var backward = false
        @Option(help: "How many at most.") var limit: Int?

        func validate() throws {
            guard from ?? 1 >= 1, limit ?? 1 >= 1 else { throw ValidationError("--from and --limit count from 1.") }
        }

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { try await printAll($0.log) }
            }
        }

        private func printAll(_ log: EventLog) async throws {
            var (start, left) = (from ?? (backward ? .max : 1), limit ?? .max)
            while left > 0 {
                let page = try await log.readStream(
                    stream, workspace: .default, fromVersion: start, backward ? .backward : .forward,
                    limit: min(left, 1_000))
                guard page.version > 0 else { throw EventError(.streamUnknown, "there is no stream \(stream)") }
                for event in page.events { Terminal.write(event.json.jsonText) }
                guard let last = page.events.last else { return }
                left -= page.events.count
                start = last.version + (backward ? -1 : 1)
            }
        }
    }

    struct AppendCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "append", abstract: "Writes an event to a stream.",
            discussion:
                "Prints its places as JSON. With --event-id a repetition changes nothing and prints the same places.")

        @Argument(help: "TYPE/ID, e.g. order/17.") var stream: StreamName
        @Argument(help: "The event's type, e.g. order.placed.") var type: String
        @Option(help: "Its data as JSON.") var data = "{}"
        @Option(help: "A UUID of one's own for it.") var eventID: String?
        @Option(help: "The version that the stream has to have, or none.") var expectedVersion: ExpectedVersion = .any

        func run() async throws {
            try await reporting {
                guard let content = try? JSONValue(parsing: Array(data.utf8)) else {
                    throw CommandFailure("--data is no JSON: \(data)")
                }
                var id: UUIDv7?
                if let eventID {
                    guard let given = UUIDv7(eventID) else {
                        throw CommandFailure("\(eventID) is no UUID")
                    }
                    id = given
                }
                let answer = try await EventDesks.withDesk(ServerConfiguration()) { [id] desk in
                    try await desk.append(type, content, id: id, to: stream, expecting: expectedVersion)
                }
                for places in answer.arrayValue ?? [] { Terminal.write(places.jsonText) }
            }
        }
    }

    struct StateCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "state", abstract: "Prints what the events of a stream add up to, now or at a version.",
            discussion: "The data of each event is merged into the state; null takes a member away.")

        @Argument(help: "TYPE/ID, e.g. order/17.") var stream: StreamName
        @Option(help: "The state after this version.") var version: Int64?
        @Flag(help: "Says of each value which event has set it.") var provenance = false

        func run() async throws {
            try await reporting {
                let state = try await EventDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.state(of: stream, version: version, provenance: provenance)
                }
                Terminal.write(state.prettyJSONText)
            }
        }
    }
}

extension StreamName: ExpressibleByArgument {
    package init?(argument: String) {
        let parts = argument.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        self.init(String(parts[0]), String(parts[1]))
    }
}

extension ExpectedVersion: ExpressibleByArgument {
    package init?(argument: String) {
        switch argument {
        case "any": self = .any
        case "none": self = .none
        default:
            guard let version = Int64(argument), version >= 0 else { return nil }
            self = .exact(version)
        }
    }
}
