import ArgumentParser
import CognitionCore

struct ProjectionCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "projections", abstract: "Looks after read models that are made of the event log.",
        subcommands: [List.self, Show.self, Rebuild.self, Pause.self, Resume.self, Parked.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists projections and how they are doing.")

        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let answer = try await ProjectionDesks.withDesk(ServerConfiguration()) { try await $0.list() }
                ListOutput(answer, json: json, empty: "no projections; a server makes them").write(line)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows how a projection is doing.")

        @OptionGroup var projection: Named

        func run() async throws {
            try await tell(projection) { try await $0.show(projection.name) }
        }
    }

    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a projection anew, beside what is read.",
            discussion: "A running server does it, or the next one that is started.")

        @OptionGroup var projection: Named

        func run() async throws {
            try await tell(projection) { try await $0.rebuild(projection.name) }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lets a projection stand still.")

        @OptionGroup var projection: Named

        func run() async throws {
            try await tell(projection) { try await $0.pause(projection.name) }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a projection go on that was paused, or that an event has stopped.")

        @OptionGroup var projection: Named
        @Flag(help: "Goes on after the event that has stopped it, which is then never handled.") var skipFailed = false

        func run() async throws {
            try await tell(projection) { try await $0.resume(projection.name, skippingFailed: skipFailed) }
        }
    }

    struct Parked: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists events that a projection could not handle and has gone on without.")

        @OptionGroup var projection: Named
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let page = PageWish(cursor: cursor, limit: limit)
                let answer = try await ProjectionDesks.withDesk(ServerConfiguration()) {
                    try await $0.parked(projection.name, page)
                }
                ListOutput(answer, json: projection.json, empty: "no event was put aside").write { item in
                    "\(item["position"]?.integerValue ?? 0)  \(item["error"]?.stringValue ?? "")"
                }
            }
        }
    }

    struct Named: ParsableArguments {
        @Argument(help: "The projection's name.") var name: String
        @Flag(help: "Prints JSON.") var json = false
    }
}

extension AsyncParsableCommand {
    /// Prints the projection that `body` answers.
    fileprivate func tell(
        _ projection: ProjectionCommands.Named, _ body: (any ProjectionDesk) async throws -> JSONValue
    ) async throws {
        try await reporting {
            let answer = try await ProjectionDesks.withDesk(ServerConfiguration(), body)
            Terminal.write(projection.json ? answer.jsonText : line(answer))
        }
    }
}

private func line(_ projection: JSONValue) -> String {
    let number = { (name: String) in projection[name]?.integerValue ?? 0 }
    var text =
        (projection["name"]?.stringValue ?? "").padding(to: 24) + "  "
        + (projection["status"]?.stringValue ?? "").padding(to: 10)
        + "  at \(number("position")) of \(number("head")), generation \(number("generation"))"
    if let rebuild = projection["rebuild"]?["position"]?.integerValue { text += ", the next is at \(rebuild)" }
    if number("parked") > 0 { text += ", \(number("parked")) put aside" }
    if let error = projection["failure"]?["error"]?.stringValue { text += "\n  \(error)" }
    return text
}
