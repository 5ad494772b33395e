import ArgumentParser
import CognitionCore
import CognitionWorkflows

// What people say to executions: the commands behind `cognitionos execution …`.

struct SuspendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Suspends an execution: what runs ends, and nothing new begins.")

    @Argument(help: "The execution's id.") var id: ExecutionID

    func run() async throws {
        try await reporting {
            let status = try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.suspend(id)
                return try await desk.wait(for: id) { $0 == .suspended }
            }
            Terminal.note(
                status == .suspended ? "suspended" : "stored; whoever runs the execution next will suspend it")
        }
    }
}

struct MoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Lets an execution that waits or is suspended go on with another version of its workflow.")

    @Argument(help: "The execution's id.") var id: ExecutionID
    @Argument(help: "A stored version, or latest.") var version: String

    func run() async throws {
        try await reporting {
            try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.move(id, to: version)
            }
            Terminal.note("moved")
        }
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Lets a suspended execution go on, also one that was set aside.")

    @Argument(help: "The execution's id.") var id: ExecutionID

    func run() async throws {
        try await reporting {
            let status = try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.resume(id)
                return try await desk.wait(for: id) { $0 != .suspended }
            }
            Terminal.note(status == .suspended ? "stored; whoever runs it next goes on with it" : status.name)
        }
    }
}

struct SignalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signal", abstract: "Sends a signal to the first task of an execution that listens for it.")

    @Argument(help: "The execution's id.") var id: ExecutionID
    @Argument(help: "The signal's name: the type of the event that a task listens for.") var name: String
    @Option(help: "Its data as JSON; a value that is no JSON is a text.") var data = "null"

    func run() async throws {
        try await reporting {
            let data = (try? JSONValue(parsing: data)) ?? .string(data)
            try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.signal(name, data: data, to: id)
            }
            Terminal.note("sent")
        }
    }
}

struct ApprovalsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approvals", abstract: "Lists the questions that an execution has asked people.")

    @Argument(help: "The execution's id.") var id: ExecutionID
    @Option(help: "How many, at most 200.") var limit = 50
    @Option(help: "Where the page before ended.") var cursor: String?
    @Flag(help: "Prints JSON.") var json = false

    func validate() throws {
        guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
    }

    func run() async throws {
        try await reporting {
            let answer = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                try await desk.approvals(of: id, PageWish(cursor: cursor, limit: limit))
            }
            ListOutput(answer, json: json, empty: "no approvals").write(Self.line)
        }
    }

    private static func line(_ item: JSONValue) -> String {
        func text(_ member: String) -> String { item[member]?.stringValue ?? "" }
        let choices = (item["choices"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " | ")
        let standing = item["choice"]?.stringValue.map { "\($0) by \(item["decided_by"]?.stringValue ?? "its rule")" }
        return "\(text("id").padding(to: 6)) \(text("state").padding(to: 9)) \(text("title"))  "
            + "\((item["subject"] ?? .null).jsonText)  \(standing ?? choices)  digest \(text("digest"))"
    }
}

struct AnswerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer", abstract: "Answers a question of an execution; the first answer counts.")

    @Argument(help: "The execution's id.") var id: ExecutionID
    @Argument(help: "The approval's id, as `execution approvals` shows it.") var approval: String
    @Argument(help: "One of its choices, e.g. approve or reject.") var choice: String
    @Option(help: "Its digest, as `execution approvals` shows it: it stands for exactly what is approved.")
    var digest: String
    @Option(help: "Kept with the answer.") var comment: String?
    @Flag(help: "Prints JSON.") var json = false

    func run() async throws {
        try await reporting {
            let answer = try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.answer(approval, of: id, choice: choice, digest: digest, comment: comment)
            }
            if json { return Terminal.write(answer.jsonText) }
            guard answer["applied"]?.boolValue == true else {
                let standing = answer["approval"]?["choice"]?.stringValue ?? ""
                throw CommandFailure("it was answered before, and that stands: \(standing)")
            }
            Terminal.note("answered: \(choice)")
        }
    }
}

struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Says what became of an effect of class once that a crash has hidden.")

    @Argument(help: "The execution's id.") var id: ExecutionID
    @Argument(help: "The task's number, as `execution show` shows it.") var task: Int
    @Option(help: "It happened, and this JSON is what it gave.") var done: String?
    @Flag(help: "It is done again.") var retry = false
    @Option(help: "It failed, and this is why.") var fail: String?

    func validate() throws {
        guard [done != nil, retry, fail != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Give one of --done, --retry and --fail.")
        }
    }

    func run() async throws {
        try await reporting {
            let outcome: Reconciliation.Outcome
            if let done {
                outcome = .done(try JSONValue(parsing: done))
            } else {
                outcome = fail.map(Reconciliation.Outcome.failed) ?? .retry
            }
            try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.reconcile(task, of: id, outcome)
            }
            Terminal.note("stored; whoever runs the execution goes on from there")
        }
    }
}

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Shows when a workflow starts by itself.")

    @Argument(help: "The workflow: namespace.name, or name.") var name: String

    func run() async throws {
        try await reporting {
            guard let id = WorkflowID(name) else { throw CommandFailure("\(name) is no name of a workflow") }
            let schedule = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                try await desk.schedule(of: id)
            }
            Terminal.write(schedule.jsonText)
        }
    }
}

struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publishes a CloudEvent to the tasks that listen for it.")

    @Argument(help: "Its type, e.g. com.example.order.placed.") var type: String
    @Option(help: "Where it happened, as a URI reference.") var source = "/cognitionos/command"
    @Option(help: "Its subject.") var subject: String?
    @Option(help: "Its data as JSON; a value that is no JSON is a text.") var data = "null"

    func run() async throws {
        try await reporting {
            var event: JSONObject = [
                "type": .string(type), "source": .string(source),
                "data": (try? JSONValue(parsing: data)) ?? .string(data),
            ]
            if let subject { event["subject"] = .string(subject) }
            let answer = try await ExecutionDesks.withDesk(ServerConfiguration(), .any) { desk in
                try await desk.publish(.object(event))
            }
            Terminal.write(answer.jsonText)
        }
    }
}

extension ExecutionDesk {
    /// Waits a moment for whoever runs an execution to do what it was told.
    fileprivate func wait(
        for id: ExecutionID, until isDone: (ExecutionStatus) -> Bool
    ) async throws -> ExecutionStatus {
        let deadline = ContinuousClock.now + .seconds(2)
        while true {
            let status = try await execution(id).status
            if isDone(status) || status.hasEnded || ContinuousClock.now >= deadline { return status }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
