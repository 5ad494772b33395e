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
    enum Stream: Int32, Sendable {
        case output = 1
        case notes = 2
    }

    /// Writes a line of the result. When it cannot be written, e.g. because its reader has gone, the process ends: what is
    /// durable stays so.
    static func write(_ text: String) { put(text + "\n", to: .output) }

    /// Writes a line about the result.
    static func note(_ text: String) { put(text + "\n", to: .notes) }

    /// Writes text as it is.
    static func put(_ text: String, to stream: Stream) {
        guard let failure = failure(writing: Array(text.utf8), to: stream.rawValue), stream == .output else { return }
        if failure != EPIPE { note("error: standard output: \(String(cString: strerror(failure)))") }
        _exit(1)
    }

    static var isInteractive: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// Not by way of `FileHandle`, which ends the process with a trap when a write fails.
    private static func failure(writing bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return nil
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

/// `write(2)`, whose name ``Terminal`` uses itself.
private let systemWrite: @Sendable (Int32, UnsafeRawPointer?, Int) -> Int = write
