import ArgumentParser
import CognitionCore
import CognitionHTTP
import CognitionScheduler

extension JobCommands {
    /// Needs no database: what a schedule does follows from itself.
    struct Preview: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows when a schedule fires, and what it makes up for after an outage.",
            discussion: "Looks at no database.")

        @Argument(help: "The schedule as JSON, e.g. '{\"cron\": \"30 6 * * MON-FRI\"}', or @FILE.") var schedule: String
        @Option(help: "Where it begins; now unless given.") var from: String?
        @Option(help: "How many firings, at most 1000.") var count = 10
        @Option(help: "The beginning of a time in which nobody is there.") var outageFrom: String?
        @Option(help: "Its end.") var outageUntil: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard SchedulePreview.counts.contains(count) else {
                throw ValidationError("--count is a number from 1 to 1000.")
            }
            guard (outageFrom == nil) == (outageUntil == nil) else {
                throw ValidationError("--outage-from and --outage-until go together.")
            }
        }

        func run() async throws {
            try await reporting {
                var request: JSONObject = ["count": .integer(Int64(count))]
                request["schedule"] = try InputValue.json(schedule)
                request["from"] = from.map(JSONValue.string)
                if let outageFrom, let outageUntil {
                    request["outage"] = ["from": .string(outageFrom), "until": .string(outageUntil)]
                }
                let wish = try SchedulePreviewRequest(json: .object(request))
                let preview = try SchedulePreview(
                    of: wish.schedule, from: wish.from ?? SystemWallClock().now, count: wish.count,
                    outage: wish.outage)
                if json { return Terminal.write(SchedulePreviewShape(preview: preview).json.jsonText) }
                for firing in preview.firings {
                    Terminal.write(
                        "\(firing.at)  \(firing.decision.rawValue)" + (firing.runsAt.map { "  runs at \($0)" } ?? ""))
                }
                if preview.firings.isEmpty { Terminal.note("it does not fire by the clock any more") }
                if preview.missed > 0 { Terminal.note("missed, and not made up for: \(preview.missed)") }
            }
        }
    }
}
