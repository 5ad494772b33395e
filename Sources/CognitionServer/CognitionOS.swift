import ArgumentParser
import CognitionCore
import Foundation

@main
enum Main {
    /// What a command line that cannot be understood ends with.
    private static let usageExitCode: Int32 = 2

    static func main() async {
        occupyStandardDescriptors()
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

extension Main {
    /// Sees that no file of ours gets the number of a standard stream that was closed, and takes what is meant for it.
    private static func occupyStandardDescriptors() {
        while true {
            // Open for reading alone, so that writing to it fails, as it would have.
            let descriptor = open("/dev/null", O_RDONLY)
            guard descriptor >= 0 else { return }
            if descriptor > STDERR_FILENO {
                close(descriptor)
                return
            }
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
            ServeCommand.self, DemoCommand.self, WorkflowCommands.self, ExecutionCommands.self,
            SecretCommands.self, LanguageModelCommands.self, ExpressionCommands.self,
            EventsCommands.self, ProjectionCommands.self, JobCommands.self, QueueCommands.self, SearchCommands.self,
            BusCommands.self,
            UserCommands.self, APIKeyCommands.self,
            AuditCommands.self,
            KeyCommands.self, TokenCommand.self, CheckCommand.self, DoctorCommand.self, LogLevelCommand.self,
            OpenAPICommand.self,
            MigrateCommand.self, BackupCommand.self, RestoreCommand.self,
        ])
}
