import ArgumentParser
import CognitionCore
import Foundation

/// Why a command cannot do what it was asked to; its sentence goes to standard error, and the exit code is 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Output of a command: results to standard output, everything about them to standard error.
enum Terminal {
    static func write(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
    static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb" }
}

extension AsyncParsableCommand {
    /// Runs the body of a command: what it throws becomes one sentence on standard error and exit code 1.
    func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch let error as any CodedError {
            Terminal.note("error: \(error.message) [\(error.code.name)]")
            throw ExitCode(1)
        } catch {
            Terminal.note("error: \(error)")
            throw ExitCode(1)
        }
    }
}
