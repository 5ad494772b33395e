import ArgumentParser
import CognitionCore
import CognitionDocuments
import CognitionHTTP

struct JobCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Makes, lists, explains and steers jobs and schedules.",
        subcommands: [
            List.self, Show.self, Explain.self, Create.self, Cancel.self, Trigger.self, Pause.self, Resume.self,
            Runs.self, Preview.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists jobs and schedules, by their ids.")

        @Option(help: "Only those of this queue.") var queue: String?
        @Option(help: "Only those in this state, e.g. ready or dead.") var state: String?
        @Option(help: "NAME:VALUE, only those with this tag; may be repeated.") var tag: [String] = []
        @Flag(inversion: .prefixedNo, help: "Only schedules, or only jobs that come once.") var recurring: Bool?
        @OptionGroup var page: PageOptions
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            if let state, !JobShape.states.contains(state) {
                throw ValidationError("--state is one of \(JobShape.states.joined(separator: ", ")).")
            }
            if let wrong = tag.first(where: { JobTag.read($0) == nil }) {
                throw ValidationError("--tag is NAME:VALUE, not \(wrong).")
            }
            guard tag.count <= JobTag.filterMax else {
                throw ValidationError("--tag at most \(JobTag.filterMax) times.")
            }
        }

        func run() async throws {
            try await reporting {
                let wish = JobWish(queue: queue, state: state, tags: tag, isRecurring: recurring)
                let answer = try await JobDesks.withDesk(ServerConfiguration()) { try await $0.list(wish, page.wish) }
                ListOutput(answer, json: json, empty: "no jobs").write(jobLine)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a job or a schedule as JSON.")

        @OptionGroup var job: JobArgument

        func run() async throws {
            try await reporting {
                let answer = try await JobDesks.withDesk(ServerConfiguration()) { try await $0.show(job.id) }
                Terminal.write(job.json ? answer.jsonText : answer.prettyJSONText)
            }
        }
    }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Says why a job does not run now.")

        @OptionGroup var job: JobArgument

        func run() async throws {
            try await reporting {
                let answer = try await JobDesks.withDesk(ServerConfiguration()) { try await $0.explain(job.id) }
                if job.json { return Terminal.write(answer.jsonText) }
                let reasons = answer["reasons"]?.arrayValue ?? []
                Terminal.write(
                    "\(job.id) is \(answer["state"]?.stringValue ?? "")"
                        + (reasons.isEmpty ? ": nothing keeps it from running" : ""))
                for reason in reasons {
                    Terminal.write("  \(reason["code"]?.stringValue ?? ""): \(reason["message"]?.stringValue ?? "")")
                }
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a job, a schedule, or several jobs.",
            discussion: """
                The file holds, as JSON or YAML, what POST /api/v3/jobs takes. One that is there already with the same id or \
                unique key is shown and not made again.
                """)

        @Argument(help: "The file; - is standard input.", completion: .file()) var file: String
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let job = try PositionedDocument(yamlOrJSON: WorkflowFile.text(of: file)).value
                let answer = try await JobDesks.withDesk(ServerConfiguration()) { try await $0.create(job) }
                if json { return Terminal.write(answer.jsonText) }
                if answer["id"] != nil { return Terminal.write(jobLine(answer)) }
                for id in answer["ids"]?.arrayValue ?? [] { Terminal.write(id.stringValue ?? "") }
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancels a job or a schedule.", discussion: "Runs that a schedule has made go on.")

        @Argument(help: "The id of the job.") var id: String

        func run() async throws {
            try await reporting {
                try await JobDesks.withDesk(ServerConfiguration()) { try await $0.cancel(id) }
                Terminal.write("job \(id) is cancelled, or ends soon")
            }
        }
    }

    struct Trigger: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs a schedule or a job once more, now.",
            discussion: "A running server does it, or the next one that is started. Prints the job that runs.")

        @OptionGroup var job: JobArgument

        func run() async throws { try await tell(job) { try await $0.trigger(job.id) } }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keeps a schedule from firing, or a job from being started.")

        @OptionGroup var job: JobArgument

        func run() async throws { try await tell(job) { try await $0.pause(job.id) } }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lets go on what was paused.")

        @OptionGroup var job: JobArgument

        func run() async throws { try await tell(job) { try await $0.resume(job.id) } }
    }

    struct Runs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the runs of a schedule, the newest first, or the attempts at a job.")

        @OptionGroup var job: JobArgument
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await reporting {
                let answer = try await JobDesks.withDesk(ServerConfiguration()) { try await $0.runs(job.id, page.wish) }
                ListOutput(answer, json: job.json, empty: "it has not run yet").write { run in
                    let error = run["error"]?["message"]?.stringValue
                    return "\(run["id"]?.stringValue ?? "")  \((run["state"]?.stringValue ?? "").padding(to: 9))"
                        + "  attempt \(run["attempt"]?.integerValue ?? 0)  \(run["started_at"]?.stringValue ?? "not started")"
                        + (error.map { "  \($0)" } ?? "")
                }
            }
        }
    }

    struct JobArgument: ParsableArguments {
        @Argument(help: "The id of the job.") var id: String
        @Flag(help: "Prints JSON.") var json = false
    }
}

/// Which page of a list.
struct PageOptions: ParsableArguments {
    @Option(help: "How many, at most 200.") var limit = 50
    @Option(help: "Where the page before ended.") var cursor: String?

    var wish: PageWish { PageWish(cursor: cursor, limit: limit) }

    func validate() throws {
        guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
    }
}

extension AsyncParsableCommand {
    /// Prints the job that `body` answers.
    fileprivate func tell(
        _ job: JobCommands.JobArgument, _ body: (any JobDesk) async throws -> JSONValue
    ) async throws {
        try await reporting {
            let answer = try await JobDesks.withDesk(ServerConfiguration(), body)
            Terminal.write(job.json ? answer.jsonText : jobLine(answer))
        }
    }
}

/// A job as a line for people.
private func jobLine(_ job: JSONValue) -> String {
    func text(_ member: String) -> String { job[member]?.stringValue ?? "" }
    let kind = job["target"]?.objectValue?.keys.first ?? ""
    let next = text("next_run")
    return "\(text("id").padding(to: 36))  \(text("state").padding(to: 9))  \(text("queue"))  \(kind)"
        + (text("name").isEmpty ? "" : "  \(text("name"))") + (next.isEmpty ? "" : "  next \(next)")
        + (job["error"]?["message"]?.stringValue.map { "  \($0)" } ?? "")
}
