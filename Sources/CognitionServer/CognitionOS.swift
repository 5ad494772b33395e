import ArgumentParser
import CognitionCore
import Foundation

@main
enum Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)  // a reader that goes away is an error of the write, not the end of the process
        await CognitionOS.main()
    }
}

/// The one program: every command of it.
struct CognitionOS: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cognitionos",
        abstract: "Runs AI workflows durably.",
        version: Release.version,
        subcommands: [
            DemoCommand.self, WorkflowCommands.self, ExecutionCommands.self, ExpressionCommands.self, EventsCommands.self,
            CheckCommand.self, MigrateCommand.self, BackupCommand.self, RestoreCommand.self,
        ])
}
