import Foundation

/// A program in a process of its own.
///
/// It belongs to this process's group, so that whoever interrupts the benchmarks from the terminal interrupts it as well.
/// Not Foundation's `Process`, which takes a program for running as long as one that it has started runs.
final class Child {
    /// Descriptors of this process that a program is kept from.
    private static let descriptorsMax: Int32 = 2_048
    /// How long a program may take to end when it is asked to.
    private static let patience = Duration.seconds(10)

    let id: pid_t
    /// What it writes, when it is caught; -1 when not.
    private let output: Int32
    private var status: Int32?

    /// - Parameters:
    ///   - catchesOutput: Its output is for ``outputAtEnd()``; else it goes nowhere. Errors are shown in either case.
    /// - Throws: `BenchmarkFailure` when it cannot be started.
    init(
        _ program: String, _ arguments: [String], environment: [String: String], catchesOutput: Bool = false
    ) throws {
        var ends: [Int32] = [-1, -1]
        if catchesOutput, pipe(&ends) != 0 { throw BenchmarkFailure("no pipe: \(String(cString: strerror(errno)))") }
        defer { if catchesOutput { close(ends[1]) } }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if catchesOutput {
            posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        }
        #if !canImport(Darwin)
            for descriptor in STDERR_FILENO + 1..<Self.descriptorsMax {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This thread may have signals blocked, and a program that inherited that could not be asked to end.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var id: pid_t = 0
        let failure = posix_spawn(&id, program, &actions, &attributes, &words, &variables)
        guard failure == 0 else {
            if catchesOutput { close(ends[0]) }
            throw BenchmarkFailure("\(program) cannot be started: \(String(cString: strerror(failure)))")
        }
        self.id = id
        output = ends[0]
    }

    deinit {
        stop()
        if output >= 0 { close(output) }
    }

    var isRunning: Bool {
        if status == nil { reap(WNOHANG) }
        return status == nil
    }

    /// Asks it to end, and sees to it that it does.
    func stop() {
        guard isRunning else { return }
        kill(id, SIGTERM)
        let start = ContinuousClock.now
        while isRunning, ContinuousClock.now - start < Self.patience { usleep(2_000) }
        guard isRunning else { return }
        kill(id, SIGKILL)
        reap(0)
    }

    /// Waits for its end.
    /// - Throws: `BenchmarkFailure` unless it has ended well.
    func outputAtEnd() throws -> String {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 12)
        while output >= 0 {
            let count = read(output, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        if status == nil { reap(0) }
        guard status == 0 else {
            throw BenchmarkFailure("a program has failed: \(String(decoding: text, as: UTF8.self))")
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func reap(_ options: Int32) {
        var status: Int32 = 0
        while true {
            let result = waitpid(id, &status, options)
            if result < 0, errno == EINTR { continue }
            if result == id { self.status = status }
            // Somebody else has taken its status: it has ended all the same.
            if result < 0 { self.status = -1 }
            return
        }
    }
}
