import ArgumentParser
import CognitionCore
import CognitionWorkflows
import Foundation

struct WorkflowCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workflow", abstract: "Checks, runs and lists workflows.",
        subcommands: [Validate.self, Run.self, List.self, ScheduleCommand.self])

    struct Validate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Checks a document and names every fault.")

        @Argument(help: "The document, YAML or JSON; - is standard input.", completion: .file()) var file: String
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let text = try WorkflowFile.text(of: file)
                do {
                    let definition = try await WorkflowFile.definition(text)
                    Terminal.write(
                        json
                            ? ([
                                "valid": true, "workflow_id": .string(definition.id.description),
                                "version": .string(definition.version),
                                "hash": .string(definition.hash.description),
                                "tasks": .integer(Int64(definition.taskCount)), "faults": [],
                            ] as JSONValue).jsonText
                            : "\(file) is valid: \(definition.id) \(definition.version), \(definition.taskCount) tasks")
                } catch let error as DefinitionError {
                    if json {
                        Terminal.write(error.json.jsonText)
                    } else {
                        for fault in error.faults { Terminal.note("\(file):\(fault.description)") }
                    }
                    throw ExitCode(1)
                }
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs a workflow to its end, or goes on with an unfinished execution of it.",
            discussion: """
                Exits with 0 when the execution has completed. Started again after it was cut off, it goes on where it was.

                While a server holds the data folder, the server runs the workflow: it reads files below its own \
                WORKFLOWS_FILE_ROOTS, and goes on when this command is interrupted.
                """)

        @Argument(help: "The document, YAML or JSON.", completion: .file()) var file: String
        @Option(help: "NAME=VALUE, or @FILE with the whole input as JSON. May be repeated.") var input: [String] = []
        @Flag(help: "Prints the finished execution as JSON, and nothing else.") var json = false
        @Flag(help: "Starts another execution even if an unfinished one exists.") var new = false
        @Option(help: "0 to 9, the higher the sooner it goes on; unless given that of the document, else 5.")
        var priority: Int?
        @Flag(help: "Shows what tasks write, such as the words of language models, as it comes.") var tokens = false

        func validate() throws {
            guard !(json && tokens) else { throw ValidationError("--json prints nothing else, so not --tokens.") }
            guard priority.map(ExecutionPriority.range.contains) ?? true else {
                throw ValidationError("--priority is a number from 0 to 9.")
            }
        }

        func run() async throws {
            try await reporting {
                let order = RunOrder(
                    document: try WorkflowFile.text(of: file), input: try InputValue.input(input), startsNew: new,
                    priority: priority)
                let run = WorkflowRun(order: order, showsProgress: !json, showsTokens: tokens)
                let execution = try await interruptible { try await run.run(with: ServerConfiguration()) }
                if json {
                    Terminal.write(execution.json.jsonText)
                } else if execution.status == .completed {
                    Terminal.write(execution.output.stringValue ?? execution.output.prettyJSONText)
                } else {
                    Terminal.note(
                        "execution \(execution.id) \(execution.status.name)" + (execution.fault.map { ": \($0)" } ?? "")
                    )
                }
                guard execution.status == .completed else { throw ExitCode(1) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the stored workflows, each with its highest version.")

        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let page = PageWish(cursor: cursor, limit: limit)
                let answer = try await ExecutionDesks.withDesk(ServerConfiguration(), .guest) { desk in
                    try await desk.workflows(page)
                }
                ListOutput(answer, json: json, empty: "no workflows are stored").write { item in
                    ["id", "version", "state", "updated_at", "title"].map { item[$0]?.stringValue ?? "" }
                        .joined(separator: "  ")
                }
            }
        }
    }
}

enum WorkflowFile {
    static func text(of path: String) throws -> String {
        let bytes = try BoundedFile.bytes(of: path, max: BoundedFile.documentBytesMax)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(path) is no UTF-8 text")
        }
        return text
    }

    /// Checks a document as a server would; functions of catalogs that it calls are fetched.
    /// - Throws: `DefinitionError`.
    static func definition(_ text: String) async throws -> WorkflowDefinition {
        let configuration = try ServerConfiguration()
        let http = OutboundHTTPOnDemand(settings: try configuration.httpClient)
        var context = DefinitionContext(
            of: try Node.functionsToCheckWith(), processes: configuration.processRules)
        context.scheduleFault = WorkflowSchedules.fault
        do {
            let definition = try await Workflows.read(text, context: context, fetcher: DocumentFetcher(http: http))
            await http.shutdown()
            return definition
        } catch {
            await http.shutdown()
            throw error
        }
    }
}
