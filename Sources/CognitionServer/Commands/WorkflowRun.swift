import CognitionCore
import CognitionWorkflows
import Foundation

/// One workflow, run to its end in this process.
struct WorkflowRun {
    let text: String
    /// What the user called it, for messages.
    let file: String
    let input: JSONValue
    let startsNew: Bool
    let showsProgress: Bool

    /// - Returns: The ended execution, whatever its end.
    func run(with configuration: ServerConfiguration) async throws -> Execution {
        for warning in configuration.warnings { Terminal.note("warning: \(warning)") }
        return try await Node.withNode(configuration, .owner, folders: inputFolders) { node in
            let definition = try node.workflows.validate(text)
            let stored = try await node.workflows.create(definition, isRevision: true, as: .localOperator)
            return try await node.withEngine { engine in
                let id = try await start(stored, on: node, engine)
                return try await wait(for: id, in: node)
            }
        }
    }

    private func start(_ stored: StoredWorkflow, on node: Node, _ engine: WorkflowEngine) async throws -> ExecutionID {
        if !startsNew, let id = try await node.workflows.unfinished(stored, input: input) {
            if showsProgress { Terminal.note("going on with execution \(id)") }
            return id
        }
        let command = ExecuteCommand(workflow: stored.id, version: stored.version, input: input)
        let id = try await node.workflows.execute(command, as: .localOperator, on: engine).id
        if showsProgress { Terminal.note("execution \(id) of \(stored.id) \(stored.version)") }
        return id
    }

    private func wait(for id: ExecutionID, in node: Node) async throws -> Execution {
        if showsProgress {
            var display = ProgressDisplay(isInteractive: Terminal.isInteractive)
            try await display.follow(id, in: node)
        }
        return try await node.workflows.waitForEnd(of: id, in: .default, orParked: true)
    }

    /// Folders that the input names; the workflow may read them.
    private var inputFolders: [String] {
        (input.objectValue ?? [:]).compactMap { member in
            guard let path = member.value.stringValue, !path.isEmpty else { return nil }
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
                ? path : nil
        }
    }
}
