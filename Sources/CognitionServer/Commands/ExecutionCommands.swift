import ArgumentParser
import CognitionCore
import CognitionWorkflows
import Foundation

struct ExecutionCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "execution", abstract: "Shows, follows and cancels executions, also those of a running process.",
        subcommands: [List.self, Show.self, Watch.self, Cancel.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists executions, newest first.")

        @Option(help: "Only those of this status, e.g. running.") var status: String?
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: Int64?
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
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let page = try await node.workflows.executions(
                        ExecutionFilter(status: status), before: cursor ?? .max, limit: limit, in: .default)
                    if json {
                        let next = page.next.map(JSONValue.integer) ?? .null
                        return Terminal.write(
                            (["items": .array(page.items.map(\.json)), "next_cursor": next] as JSONValue).jsonText)
                    }
                    guard !page.items.isEmpty else { return Terminal.note("no executions") }
                    for item in page.items {
                        Terminal.write(
                            "\(item.id)  \(item.status.name.padding(to: 9))  \(String(item.progress).padding(to: 3)) %  \(item.workflow) \(item.version)  \(item.createdAt)"
                        )
                    }
                    if let next = page.next { Terminal.note("more: --cursor \(next)") }
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows an execution and its tasks.")

        @Argument(help: "The execution's id.") var id: ExecutionID
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let execution = try await node.workflows.execution(id, in: .default)
                    if json { return Terminal.write(execution.json.jsonText) }
                    show(execution)
                }
            }
        }

        private func show(_ execution: Execution) {
            Terminal.write("execution  \(execution.id)")
            Terminal.write("workflow   \(execution.workflow) \(execution.version)")
            Terminal.write(
                "status     \(execution.status.name)\(execution.reason.map { " (\($0.rawValue))" } ?? ""), \(execution.progress) %"
            )
            Terminal.write("created    \(execution.createdAt)")
            if let ended = execution.endedAt { Terminal.write("ended      \(ended)") }
            if let fault = execution.fault { Terminal.write("error      \(fault.json.jsonText)") }
            let children = Dictionary(grouping: execution.tasks, by: \.parent)
            for task in children[0] ?? [] { show(task, depth: 0, children) }
            if execution.hasMoreTasks { Terminal.write("  … and more") }
        }

        private func show(_ task: TaskSummary, depth: Int, _ children: [Int: [TaskSummary]]) {
            let time = task.endedAt.map { ($0 - task.startedAt).seconds.formatted(fractionDigits: 3) + " s" } ?? ""
            let name = String(repeating: "  ", count: depth) + task.name + (task.isSkipped ? " (skipped)" : "")
            let fault = task.fault.map { "  \($0.title ?? $0.type): \($0.detail ?? "")" } ?? ""
            Terminal.write(
                "  \(String(task.number).padding(to: 4)) \(name.padding(to: 32)) \(task.status.name.padding(to: 9)) \(time)\(fault)"
            )
            for child in children[task.number] ?? [] { show(child, depth: depth + 1, children) }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Follows an execution until it has ended.")

        @Argument(help: "The execution's id.") var id: ExecutionID

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    _ = try await node.workflows.execution(id, in: .default)
                    var display = ProgressDisplay(isInteractive: Terminal.isInteractive, output: .output)
                    try await display.follow(id, in: node)
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
                try await Node.withNode(ServerConfiguration(), .any) { node in
                    // Nobody runs it if the folder is ours, whatever a process that was killed has left in the rows.
                    if node.isOwner { try await node.workflows.freeAll() }
                    try await node.workflows.cancel(id, as: .localOperator)
                    let execution = try await node.workflows.execution(id, in: .default)
                    Terminal.note(
                        execution.status.hasEnded
                            ? "cancelled" : "cancellation is asked for; the process that runs it ends it")
                }
            }
        }
    }
}

extension ExecutionID: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
