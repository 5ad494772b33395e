import ArgumentParser
import CognitionCore
import Foundation

@main
enum Main {
    /// What a command line that cannot be understood ends with.
    private static let usageExitCode: Int32 = 2

    static func main() async {
        signal(SIGPIPE, SIG_IGN)  // a reader that goes away is an error of the write, not the end of the process
        do {
            var command = try await CognitionOS.asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard CognitionOS.exitCode(for: error) == .validationFailure else { CognitionOS.exit(withError: error) }
            Terminal.note(CognitionOS.fullMessage(for: error))
            exit(usageExitCode)
        }
    }
}

/// The one program: every command of it.
struct CognitionOS: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cognitionos",
        abstract: "Runs AI workflows durably.",
        version: Release.version,
        subcommands: [
            DemoCommand.self, WorkflowCommands.self, ExecutionCommands.self, ExpressionCommands.self,
            EventsCommands.self,
            CheckCommand.self, MigrateCommand.self, BackupCommand.self, RestoreCommand.self,
        ])
}
