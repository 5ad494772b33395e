import ArgumentParser
import CognitionCore
import CognitionEvents

extension EventsCommands {
    /// Archives are read beside a server, too: their files never change.
    struct ArchiveCommands: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "archive", abstract: "Shows events that have left the database, by EVENTS_RETENTION.",
            subcommands: [List.self, ReadCommand.self])

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Lists the archives, the oldest first.")

            @Option(help: "Only those after this number.") var after: Int64 = 0
            @Option(help: "How many, at most 1,000.") var limit = 200
            @Flag(help: "Prints JSON.") var json = false

            func validate() throws {
                guard (1...1_000).contains(limit) else { throw ValidationError("--limit is a number from 1 to 1000.") }
            }

            func run() async throws {
                try await reporting {
                    try await Node.withNode(ServerConfiguration(), .guest) { node in
                        let ranges = try await node.log.archivedRanges(after: after, limit: limit)
                        let passed = try await node.log.passed()
                        if json { return Terminal.write(Self.json(ranges, node.log.archives, passed).jsonText) }
                        if ranges.isEmpty { Terminal.note("no archives") }
                        for range in ranges { Terminal.write(Self.line(range, isHere: node.log.archives.has(range))) }
                        if let name = passed.by {
                            Terminal.note("nothing after position \(passed.position) is archived: \(name) is there")
                        }
                        if ranges.count == limit, let last = ranges.last {
                            Terminal.note("more: --after \(last.number)")
                        }
                    }
                }
            }

            private static func line(_ range: ArchivedRange, isHere: Bool) -> String {
                "\(range.number)  positions \(range.firstPosition) to \(range.lastPosition)  \(range.events) events  "
                    + "\(range.firstTime) to \(range.lastTime)  \(range.bytes) bytes  \(range.name)"
                    + (isHere ? "" : "  (not in this data folder)")
            }

            private static func json(
                _ ranges: [ArchivedRange], _ archives: EventArchives, _ passed: (position: Int64, by: String?)
            ) -> JSONValue {
                let items = ranges.map { range -> JSONValue in
                    guard case .object(var members) = range.manifest else { return range.manifest }
                    members["is_here"] = .bool(archives.has(range))
                    members["is_deleted"] = .bool(range.isDeleted)
                    return .object(members)
                }
                return [
                    "items": .array(items), "passed_position": .integer(passed.position),
                    "held_by": passed.by.map { .string($0) } ?? .null,
                ]
            }
        }

        struct ReadCommand: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "read",
                abstract: "Prints the events of one archive as JSON lines, after a check of its digest.")

            @Argument(help: "The archive's number.") var number: Int64

            func run() async throws {
                try await reporting {
                    try await Node.withNode(ServerConfiguration(), .guest) { node in
                        let lines = try await node.log.archivedLines(number)
                        Terminal.put(String(decoding: lines, as: UTF8.self), to: .output)
                    }
                }
            }
        }
    }
}
