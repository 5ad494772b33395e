import ArgumentParser
import CognitionCore

/// The one program: every command of it.
@main
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
