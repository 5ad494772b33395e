import ArgumentParser
import CognitionCore
import CognitionWorkflows
import Foundation

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Digests a folder of documents: reads, works in parallel, retries, survives.",
        discussion: "Kill it half-way and start it again: it goes on where it was.")

    @Option(help: "folder=PATH: a folder of text or Markdown documents.") var input: [String] = []
    @Option(help: "The folder of the example.", completion: .directory) var example = "Examples/digest"

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            if let server = try ServerFiles.address(in: configuration.dataDirectory) {
                throw CommandFailure(
                    "the server at \(server) holds the data folder, and the demo runs in this process, which reads the documents; give it a folder of its own: DATA_DIR=demo-data \(Self.program) demo"
                )
            }
            let file = example + "/workflow.yaml"
            guard FileManager.default.fileExists(atPath: file) else {
                throw CommandFailure(
                    "\(file) is not there; start it in the project's folder, or name it with --example")
            }
            let text = try WorkflowFile.text(of: file)
            var value = try InputValue.input(input)
            if value["folder"] == nil, case .object(var members) = value {
                members["folder"] = .string(example + "/documents")
                value = .object(members)
            }
            let folder = value["folder"]?.stringValue ?? ""
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
                throw CommandFailure("there is no folder \(folder)")
            }
            if case .object(var members) = value {
                // The same folder is the same input, wherever the command is started.
                members["folder"] = .string(URL(fileURLWithPath: folder).standardizedFileURL.path)
                value = .object(members)
            }
            let order = RunOrder(document: text, input: value, startsNew: false)
            let run = WorkflowRun(order: order, showsProgress: true)
            let execution = try await interruptible { try await run.run(with: configuration) }
            guard execution.status == .completed, let markdown = execution.output["markdown"]?.stringValue else {
                throw CommandFailure("the digest did not come about: \(execution.fault ?? execution.status.name)")
            }
            let path = configuration.dataDirectory + "/digest.md"
            do {
                try Data(markdown.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            } catch {
                throw CommandFailure("the digest cannot be written to \(path): \(error.localizedDescription)")
            }
            Terminal.write("\n" + markdown)
            Terminal.note(nextSteps(execution, digest: path))
        }
    }

    private static var program: String { CommandLine.arguments.first ?? "cognitionos" }

    private func nextSteps(_ execution: ExecutionReport, digest: String) -> String {
        let program = Self.program
        return """

            The digest is in \(digest).
            Next:
              \(program) execution show \(execution.id)
              \(program) demo --input folder=PATH        # your own documents; kill it half-way and start it again
              \(program) workflow validate \(example)/workflow.yaml
            """
    }
}
