import ArgumentParser
import CognitionCore
import CognitionWorkflows
import Foundation

struct ExecutionCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "execution",
        abstract: "Shows, follows, steers, forks and compares executions, also those of a running process.",
        subcommands: [
            List.self, Show.self, Watch.self, Cancel.self, SuspendCommand.self, ResumeCommand.self, Retry.self,
            SignalCommand.self, ApprovalsCommand.self, AnswerCommand.self, ReconcileCommand.self, MoveCommand.self,
            Fork.self, Diff.self, Checkpoints.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists executions, newest first.")

        @Option(help: "Only those of this status, e.g. running.") var status: String?
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let status = try status.map { name in
                    guard let status = ExecutionStatus(name: name) else {
                        let names = ExecutionStatus.allCases.map(\.name).joined(separator: ", ")
                        throw CommandFailure("\(name) is no status; it is one of \(names)")
                    }
                    return status
                }
                let page = PageWish(cursor: cursor, limit: limit)
                let answer = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                    try await desk.executions(status: status, page)
                }
                ListOutput(answer, json: json, empty: "no executions").write(Self.line)
            }
        }

        private static func line(_ item: JSONValue) -> String {
            func text(_ member: String) -> String { item[member]?.stringValue ?? "" }
            let progress = String(item["progress"]?.integerValue ?? 0)
            return "\(text("id"))  \(text("status").padding(to: 9))  \(progress.padding(to: 3)) %  "
                + "\(text("workflow_id")) \(text("version"))  \(text("created_at"))"
                + (item["reason"]?.stringValue.map { "  \($0)" } ?? "")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows an execution and its tasks.")

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Option(help: "As it was: a position of the log, or a moment such as 2026-11-21T08:00:00Z.") var at: String?
        @Option(help: "With --at: how many tasks, at most 200.") var limit = 50
        @Option(help: "With --at: where the page of tasks before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                if let at {
                    return try await PastDisplay(json: json).show(id, at: at, PageWish(cursor: cursor, limit: limit))
                }
                let execution = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                    try await desk.execution(id)
                }
                if json { return Terminal.write(execution.json.jsonText) }
                show(execution)
            }
        }

        private func show(_ execution: ExecutionReport) {
            Terminal.write("execution  \(execution.id)")
            Terminal.write("workflow   \(execution.workflow) \(execution.version)")
            let reason = execution.reason.map { " (\($0))" } ?? ""
            Terminal.write("status     \(execution.status.name)\(reason), \(execution.progress) %")
            Terminal.write("created    \(execution.createdAt)")
            if let ended = execution.endedAt { Terminal.write("ended      \(ended)") }
            if let origin = execution.forkedFrom { Terminal.write("forked     from \(origin)") }
            if let fault = execution.fault { Terminal.write("error      \(fault)") }
            let children = Dictionary(grouping: execution.tasks, by: \.parent)
            for task in children[0] ?? [] { show(task, depth: 0, children) }
            if execution.hasMoreTasks { Terminal.write("  … and more") }
        }

        private func show(_ task: TaskReport, depth: Int, _ children: [Int64: [TaskReport]]) {
            let time = task.took.map { $0.seconds.formatted(fractionDigits: 3) + " s" } ?? ""
            let name = String(repeating: "  ", count: depth) + task.name + (task.isSkipped ? " (skipped)" : "")
            let fault = task.fault.map { "  \($0)" } ?? ""
            Terminal.write(
                "  \(String(task.number).padding(to: 4)) \(name.padding(to: 32)) \(task.status.padding(to: 9)) \(time)\(fault)"
            )
            for child in children[task.number] ?? [] { show(child, depth: depth + 1, children) }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Follows an execution until it has ended.")

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Flag(help: "Prints what tasks write, such as the words of language models, as it comes.") var tokens = false

        func run() async throws {
            try await reporting {
                try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                    _ = try await desk.execution(id)
                    if tokens, desk.serverAddress == nil {
                        Terminal.note("no server runs here: what tasks write is seen by the process that runs them")
                    }
                    try await ProgressDisplay(isInteractive: Terminal.isInteractive && !tokens, output: .output)
                        .follow(id, at: desk, tokens: tokens)
                }
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancels an execution; its running calls are stopped at once.")

        @Argument(help: "The execution's id.") var id: ExecutionID

        func run() async throws {
            try await reporting {
                let execution = try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                    try await desk.cancel(id)
                    return try await desk.waitForCancellation(of: id)
                }
                switch execution.status {
                case .cancelled:
                    Terminal.note("cancelled" + (execution.reason.map { " (\($0))" } ?? ""))
                case _ where execution.reason == StatusReason.compensating.rawValue:
                    Terminal.note(
                        "cancellation is stored; what the execution has done is undone before it ends, by whoever runs it"
                    )
                case let status where status.hasEnded:
                    throw CommandFailure("it has ended before it could be cancelled: \(status.name)")
                default:
                    Terminal.note("cancellation is stored; whoever runs the execution has not ended it yet")
                }
            }
        }
    }
}

extension ExecutionID: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
