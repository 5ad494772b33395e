import CognitionCore
import Foundation

/// One workflow, run to its end: in this process, or by the server that holds the data folder.
struct WorkflowRun {
    let order: RunOrder
    let showsProgress: Bool
    /// Only with progress.
    var showsTokens = false

    /// - Returns: The ended execution, whatever its end.
    func run(with configuration: ServerConfiguration) async throws -> ExecutionReport {
        for warning in configuration.warnings { Terminal.note("warning: \(warning)") }
        return try await ExecutionDesks.withDesk(configuration, .owner, folders: inputFolders) { desk in
            try await desk.withRun(order) { run in
                if showsProgress {
                    note(run, at: desk.serverAddress)
                    try await ProgressDisplay(isInteractive: Terminal.isInteractive && !showsTokens)
                        .follow(run.id, at: desk, tokens: showsTokens)
                }
                return try await desk.waitForEnd(of: run.id)
            }
        }
    }

    private func note(_ run: StartedRun, at server: ServerAddress?) {
        let place = server.map { ", in the server at \($0)" } ?? ""
        Terminal.note(
            run.isContinued
                ? "going on with execution \(run.id)\(place)"
                : "execution \(run.id) of \(run.workflow) \(run.version)\(place)")
        if server != nil, !inputFolders.isEmpty {
            Terminal.note(
                "the server reads files below its own WORKFLOWS_FILE_ROOTS only, not the folder given as input")
        }
    }

    /// Folders that the input names; a workflow that runs in this process may read them.
    private var inputFolders: [String] {
        (order.input.objectValue ?? [:]).compactMap { member in
            guard let path = member.value.stringValue, !path.isEmpty else { return nil }
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
                ? path : nil
        }
    }
}
