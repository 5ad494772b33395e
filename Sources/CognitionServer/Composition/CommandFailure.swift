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

    static var isInteractive: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }
}

extension AsyncParsableCommand {
    /// Runs the body of a command: what it throws becomes one sentence on standard error and exit code 1.
    func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch is CancellationError {
            Terminal.note("interrupted; the same command goes on where it was")
            throw ExitCode(130)
        } catch let error as any CodedError {
            Terminal.note("error: \(error.message) [\(error.code.name)]")
            throw ExitCode(1)
        } catch {
            Terminal.note("error: \(error)")
            throw ExitCode(1)
        }
    }
}

/// Runs `body` until it ends or the user interrupts it, which cancels it; a second signal ends the process.
func interruptible<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
    let work = Task { try await body() }  // a task of its own, so that a signal can cancel it
    let sources = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            signal(number, SIG_DFL)
            work.cancel()
        }
        source.resume()
        return source
    }
    defer { for source in sources { source.cancel() } }
    return try await work.value
}
