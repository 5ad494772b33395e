import ArgumentParser
import CognitionCore

struct QueueCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "Shows and steers queues of jobs, and tries dead letters again.",
        subcommands: [List.self, Show.self, Pause.self, Resume.self, Dead.self, Redrive.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists queues and how they are doing.")

        @OptionGroup var page: PageOptions
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let answer = try await QueueDesks.withDesk(ServerConfiguration()) { try await $0.list(page.wish) }
                ListOutput(answer, json: json, empty: "no more queues").write(queueLine)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows how a queue is doing as JSON.")

        @OptionGroup var queue: QueueArgument

        func run() async throws {
            try await reporting {
                let answer = try await QueueDesks.withDesk(ServerConfiguration()) { try await $0.show(queue.name) }
                Terminal.write(queue.json ? answer.jsonText : answer.prettyJSONText)
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Starts nothing of a queue any more; what runs goes on.")

        @OptionGroup var queue: QueueArgument

        func run() async throws { try await tell(queue) { try await $0.pause(queue.name) } }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lets a queue go on.")

        @OptionGroup var queue: QueueArgument

        func run() async throws { try await tell(queue) { try await $0.resume(queue.name) } }
    }

    struct Dead: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the dead letters of a queue, the newest first.")

        @OptionGroup var queue: QueueArgument
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await reporting {
                let answer = try await QueueDesks.withDesk(ServerConfiguration()) {
                    try await $0.dead(queue.name, page.wish)
                }
                ListOutput(answer, json: queue.json, empty: "no dead letters").write { job in
                    "\(job["id"]?.stringValue ?? "")  \(job["ended_at"]?.stringValue ?? "")"
                        + "  \(job["attempts"]?.arrayValue?.count ?? 0) attempts"
                        + "  \(job["error"]?["code"]?.stringValue ?? ""): \(job["error"]?["message"]?.stringValue ?? "")"
                }
            }
        }
    }

    struct Redrive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tries dead letters again, from their first attempt.",
            discussion: "All of the queue, or those that are named. A running server does it, or the next one.")

        @OptionGroup var queue: QueueArgument
        @Option(help: "The id of one; may be repeated.") var id: [String] = []
        @Option(help: "Only those of this kind of target, e.g. http.") var kind: String?
        @Option(help: "Only those with this code, or one that begins so when .* stands behind it.") var error: String?
        @Option(help: "Another queue for them.") var to: String?

        func run() async throws {
            try await reporting {
                var wish: JSONObject = [:]
                if !id.isEmpty { wish["ids"] = .array(id.map(JSONValue.string)) }
                for (name, value) in [("kind", kind), ("error", error), ("to", to)] {
                    wish[name] = value.map(JSONValue.string)
                }
                let answer = try await QueueDesks.withDesk(ServerConfiguration()) {
                    try await $0.redrive(queue.name, .object(wish))
                }
                Terminal.write(
                    queue.json ? answer.jsonText : "\(answer["redriven"]?.integerValue ?? 0) jobs are tried again")
            }
        }
    }

    struct QueueArgument: ParsableArguments {
        @Argument(help: "The queue's name.") var name: String
        @Flag(help: "Prints JSON.") var json = false
    }
}

extension AsyncParsableCommand {
    /// Prints the queue that `body` answers.
    fileprivate func tell(
        _ queue: QueueCommands.QueueArgument, _ body: (any QueueDesk) async throws -> JSONValue
    ) async throws {
        try await reporting {
            let answer = try await QueueDesks.withDesk(ServerConfiguration(), body)
            Terminal.write(queue.json ? answer.jsonText : queueLine(answer))
        }
    }
}

/// A queue as a line for people.
private func queueLine(_ queue: JSONValue) -> String {
    let counts = ["ready", "running", "scheduled", "blocked", "dead"].map { name in
        "\(queue["counts"]?[name]?.integerValue ?? 0) \(name)"
    }
    return "\((queue["name"]?.stringValue ?? "").padding(to: 24))  \(counts.joined(separator: ", "))"
        + (queue["paused"]?.boolValue == true ? ", paused by \(queue["paused_by"]?.stringValue ?? "")" : "")
}
