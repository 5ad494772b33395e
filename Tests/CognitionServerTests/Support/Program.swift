import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A program in a process of its own, the head of a process group of its own.
final class Program: Sendable {
    /// How a process has ended, and everything that it has said.
    struct Ending: Sendable {
        /// `nil` when a signal has ended it.
        let exitCode: Int32?
        let signal: Int32?
        let output: String
        let errors: String
        let took: Duration
    }

    /// Descriptors of this process that a program is kept from.
    private static let descriptorsMax: Int32 = 1_024

    let id: pid_t
    let output: OutputReader
    let errors: OutputReader
    private let start = ContinuousClock.now
    /// Held while a signal is sent, so that none reaches a stranger who was given the same id.
    private let isReaped = Mutex(false)

    /// - Parameters:
    ///   - input: The file that is its standard input.
    ///   - memoryBytesMax: What the kernel lets it have at once; a program that takes more does not end in good order.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String], workingFolder: String,
        input: String = "/dev/null", memoryBytesMax: Int? = nil
    ) throws {
        let outputPipe = try Self.pipe()
        let errorPipe = try Self.pipe()
        defer {
            close(outputPipe.write)
            close(errorPipe.write)
        }
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, outputPipe.write, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errorPipe.write, STDERR_FILENO)
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setpgroup(&attributes, 0)
        #if canImport(Glibc)
            // What this process has open, above all its sockets, is not the program's.
            for descriptor in STDERR_FILENO + 1..<Self.descriptorsMax {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        #else
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_CLOEXEC_DEFAULT))
        #endif
        var id: pid_t = 0
        // The shell becomes the program, with the same id.
        let limit = memoryBytesMax.map { "ulimit -d \($0 >> 10) && " } ?? ""
        let command = ["/bin/sh", "-c", limit + "cd \"$0\" && exec \"$@\"", workingFolder, executable] + arguments
        var words = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        let failure = posix_spawn(&id, "/bin/sh", &actions, &attributes, &words, &variables)
        guard failure == 0 else {
            close(outputPipe.read)
            close(errorPipe.read)
            throw TestFailure("\(executable) cannot be started: \(String(cString: strerror(failure)))")
        }
        self.id = id
        output = OutputReader(outputPipe.read)
        errors = OutputReader(errorPipe.read)
    }

    /// Ends it as a power cut would, with everything that it has started.
    func kill() {
        isReaped.withLock { isReaped in
            if !isReaped { _ = Self.send(SIGKILL, to: -id) }
        }
    }

    func send(_ signal: Int32) {
        isReaped.withLock { isReaped in
            if !isReaped { _ = Self.send(signal, to: id) }
        }
    }

    /// Waits for its end; a cancelled test ends it. To be called once.
    func ending() async -> Ending {
        await withTaskCancellationHandler {
            let status = await reaped()
            return Ending(
                exitCode: status & 0x7F == 0 ? status >> 8 & 0xFF : nil,
                signal: status & 0x7F == 0 ? nil : status & 0x7F,
                output: await output.text(), errors: await errors.text(), took: start.duration(to: .now))
        } onCancel: {
            kill()
        }
    }

    private func reaped() async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                var information = siginfo_t()
                while waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
                continuation.resume(returning: reap())
            }
        }
    }

    /// Takes the status of the ended process; what it has started ends with it, so that its pipes close.
    private func reap() -> Int32 {
        isReaped.withLock { isReaped in
            isReaped = true
            _ = Self.send(SIGKILL, to: -id)
            var status: Int32 = 0
            while waitpid(id, &status, 0) < 0, errno == EINTR {}
            return status
        }
    }

    private static func send(_ signal: Int32, to id: pid_t) -> Int32 {
        #if canImport(Glibc)
            Glibc.kill(id, signal)
        #else
            Darwin.kill(id, signal)
        #endif
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
            let isMade = Glibc.pipe(&ends) == 0
        #else
            let isMade = Darwin.pipe(&ends) == 0
        #endif
        guard isMade else { throw TestFailure("no pipe: \(String(cString: strerror(errno)))") }
        return (ends[0], ends[1])
    }
}

/// Why a test cannot go on, in a sentence.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
