import ArgumentParser
import CognitionCore
import CognitionWorkflows

extension ExecutionCommands {
    struct Fork: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Starts an execution that goes on from a point of another, and follows it to its end.",
            discussion: """
                What had completed is shared and not done again. With neither --task nor --checkpoint the whole workflow \
                runs again. Exits with 0 when the new execution has completed.
                """)

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Option(help: "Behind this completed task: its number, reference or name.") var task: String?
        @Option(help: "From this checkpoint: its id or name.") var checkpoint: String?
        @Option(help: "In this version of the workflow.") var version: String?
        @Option(help: "Merge patch (JSON or @FILE) of the task's output, or of the workflow's input.") var patch:
            String?
        @Flag(help: "Prints the finished execution as JSON, and nothing else.") var json = false

        func validate() throws {
            guard task == nil || checkpoint == nil else {
                throw ValidationError("--task and --checkpoint do not go together.")
            }
        }

        func run() async throws {
            try await reporting {
                var point = ForkCommand.Point.start
                if let task { point = Int(task).map(ForkCommand.Point.task) ?? .named(task) }
                if let checkpoint { point = .checkpoint(checkpoint) }
                let command = ForkCommand(point, version: version, inputPatch: try patch.map(InputValue.json))
                try await Resumption(order: .fork(id, command), json: json).run()
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Goes on with an execution that has failed, from the failed task, and follows it to its end.")

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Flag(help: "Prints the finished execution as JSON, and nothing else.") var json = false

        func run() async throws {
            try await reporting { try await Resumption(order: .retry(id), json: json).run() }
        }
    }

    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Compares two executions, task by task.")

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Argument(help: "The other execution's id.") var other: ExecutionID
        @Flag(help: "Lists the tasks that are equal, too.") var all = false
        @Option(help: "How many tasks, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let answer = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                    try await desk.diff(
                        of: id, with: other, changesOnly: !all, PageWish(cursor: cursor, limit: limit))
                }
                if json { return Terminal.write(answer.jsonText) }
                DiffDisplay(answer).write()
            }
        }
    }

    struct Checkpoints: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the checkpoints of an execution, takes one, or forgets one.")

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Flag(help: "Takes one now.") var take = false
        @Option(help: "The name of the one that is taken.") var name: String?
        @Option(help: "Forgets the one with this id or name.") var delete: String?
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
            guard name == nil || take else { throw ValidationError("--name goes with --take.") }
            guard delete == nil || !take else { throw ValidationError("--take and --delete do not go together.") }
        }

        func run() async throws {
            try await reporting {
                let access: Node.Access = take || delete != nil ? .any : .guest
                try await ExecutionDesks.withDesk(ServerConfiguration(), access) { desk in
                    if let delete {
                        try await desk.deleteCheckpoint(delete, of: id)
                        return Terminal.note("deleted")
                    }
                    if take {
                        let taken = try await desk.makeCheckpoint(name, of: id)
                        return Terminal.write(json ? taken.jsonText : Self.line(taken))
                    }
                    let page = try await desk.checkpoints(of: id, PageWish(cursor: cursor, limit: limit))
                    ListOutput(page, json: json, empty: "no checkpoints").write(Self.line)
                }
            }
        }

        private static func line(_ item: JSONValue) -> String {
            func text(_ member: String) -> String { item[member]?.stringValue ?? "" }
            return "\(text("id"))  \(text("name").padding(to: 20))  \(text("taken_at"))  \(text("created_by"))"
        }
    }
}

/// Something that goes on from what was, followed to its end.
private struct Resumption {
    let order: ResumeOrder
    let json: Bool

    func run() async throws {
        let (order, json) = (order, json)
        let execution = try await interruptible {
            try await ExecutionDesks.withDesk(ServerConfiguration(), .owner) { desk in
                try await desk.withResumption(order) { run in
                    if !json {
                        Terminal.note("execution \(run.id) of \(run.workflow) \(run.version)")
                        try await ProgressDisplay(isInteractive: Terminal.isInteractive).follow(run.id, at: desk)
                    }
                    return try await desk.waitForEnd(of: run.id)
                }
            }
        }
        if json {
            Terminal.write(execution.json.jsonText)
        } else if execution.status == .completed {
            Terminal.write(execution.output.stringValue ?? execution.output.prettyJSONText)
        } else {
            Terminal.note(
                "execution \(execution.id) \(execution.status.name)" + (execution.fault.map { ": \($0)" } ?? ""))
        }
        guard execution.status == .completed else { throw ExitCode(1) }
    }
}

/// `execution show --at`.
struct PastDisplay {
    let json: Bool

    func show(_ id: ExecutionID, at text: String, _ page: PageWish) async throws {
        guard (1...200).contains(page.limit) else { throw CommandFailure("--limit is a number from 1 to 200") }
        guard let moment = Int64(text).map(PastMoment.position) ?? Timestamp(text).map(PastMoment.time) else {
            throw CommandFailure("\(text) is neither a position nor a moment such as 2026-11-21T08:00:00Z")
        }
        let state = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
            try await desk.state(of: id, at: moment, page)
        }
        if json { return Terminal.write(state.jsonText) }
        write(state)
    }

    private func write(_ state: JSONValue) {
        func text(_ member: String) -> String { state[member]?.stringValue ?? "" }
        func data(_ member: String) -> String { (state[member] ?? .null).jsonText }
        Terminal.write("execution  \(text("execution_id"))")
        Terminal.write("workflow   \(text("workflow_id")) \(text("version"))")
        Terminal.write("at         \(text("at")), position \(state["position"]?.integerValue ?? 0)")
        Terminal.write("status     \(text("status")), \(state["progress"]?.integerValue ?? 0) %")
        Terminal.write("input      \(data("input"))")
        if state["context"]?.isNull == false { Terminal.write("context    \(data("context"))") }
        if state["output"]?.isNull == false { Terminal.write("output     \(data("output"))") }
        if state["error"]?.isNull == false { Terminal.write("error      \(data("error"))") }
        for task in state["tasks"]?.arrayValue ?? [] {
            let report = TaskReport(json: task)
            let output = task["output"].map { $0.isNull ? "" : $0.jsonText } ?? ""
            Terminal.write(
                "  \(String(report.number).padding(to: 4)) \(report.name.padding(to: 24)) \(report.status.padding(to: 9)) \(output)"
            )
        }
        if let next = state["next_cursor"]?.stringValue { Terminal.note("more: --cursor \(next)") }
    }
}

/// `execution diff`, for people.
private struct DiffDisplay {
    private let diff: JSONValue

    init(_ diff: JSONValue) { self.diff = diff }

    func write() {
        for side in ["left", "right"] {
            let whole = diff[side]
            let output = whole?["output"].map { "  \($0.jsonText)" } ?? ""
            let (id, status) = (whole?["id"]?.stringValue ?? "", whole?["status"]?.stringValue ?? "")
            Terminal.write(
                "\(side.padding(to: 6)) \(id)  \(status.padding(to: 9)) \(time(whole))  \(cost(whole))\(output)")
        }
        let totals = diff["totals"]?.objectValue ?? [:]
        let counts = totals.map { "\($0.value.integerValue ?? 0) \($0.key.replacing("_", with: " "))" }
        Terminal.write(
            "tasks  \(diff["shared_tasks"]?.integerValue ?? 0) shared, \(counts.joined(separator: ", "))")
        for item in diff["items"]?.arrayValue ?? [] {
            Terminal.write(
                "\((item["standing"]?.stringValue ?? "").padding(to: 10)) \(item["reference"]?.stringValue ?? "")")
            for side in ["left", "right"] where item[side]?.isNull == false {
                let task = item[side]
                let output = task?["output"].map { "  \($0.jsonText)" } ?? ""
                let status = task?["status"]?.stringValue ?? ""
                Terminal.write(
                    "  \(side.padding(to: 6)) \(status.padding(to: 9)) \(time(task))  \(cost(task))\(output)")
            }
        }
        if let next = diff["next_cursor"]?.stringValue { Terminal.note("more: --cursor \(next)") }
    }

    private func time(_ side: JSONValue?) -> String {
        guard let duration = side?["duration_us"]?.integerValue else { return "-" }
        return (Double(duration) / 1e6).formatted(fractionDigits: 3) + " s"
    }

    private func cost(_ side: JSONValue?) -> String {
        let micros = side?["cost"]?["micros"]?.integerValue ?? 0
        return (Double(micros) / 1e6).formatted(fractionDigits: 6) + " "
            + (side?["cost"]?["currency"]?.stringValue ?? "")
    }
}
