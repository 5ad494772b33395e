import CognitionCore
import Foundation
import Synchronization

/// One program in the sandbox, from its start to the end of all that it has started.
///
/// A thread of its own starts it, moves its bytes, watches its limits and reaps it, so that nothing here blocks the threads
/// of others. Whoever wants something of it leaves a note and wakes that thread through a pipe.
final class SandboxedProcess: Sendable {
    enum Event {
        /// It runs: its limits and its life are bound.
        case started
        case output(ArraySlice<UInt8>)
        case errors(ArraySlice<UInt8>)
        case ended(Result<Int, SandboxError>)
    }

    private struct Notes {
        var input: [UInt8]
        var closesInput: Bool
        var isCancelled = false
    }

    private let plan: SandboxPlan
    private let settings: SandboxSettings
    private let timeout: Duration
    private let wake: Pipe
    private let notes: Mutex<Notes>
    private let onEvent: @Sendable (Event) -> Void

    /// - Parameter onEvent: Called by the thread, in order; `ended` is the last. Errors other than limits mean that the
    ///   program was not run. The end of a cancelled program is the exit code of one that was killed.
    init(
        _ program: SandboxProgram, closesInput: Bool, settings: SandboxSettings,
        onEvent: @escaping @Sendable (Event) -> Void
    ) throws(SandboxError) {
        plan = try SandboxPlan(program, settings)
        wake = try Pipe()
        wake.reading.makeNonblocking()
        wake.writing.makeNonblocking()
        notes = Mutex(Notes(input: program.input, closesInput: closesInput))
        timeout = min(settings.timeout, program.timeout ?? settings.timeout)
        self.settings = settings
        self.onEvent = onEvent
    }

    func start() {
        Thread { self.onEvent(.ended(self.runToEnd())) }.start()
    }

    /// Kills it and all that it has started.
    func cancel() {
        notes.withLock { $0.isCancelled = true }
        wakeUp()
    }

    func send(_ bytes: [UInt8]) {
        notes.withLock { $0.input += bytes }
        wakeUp()
    }

    /// A full pipe has woken the thread already.
    private func wakeUp() { _ = [UInt8(0)].withUnsafeBytes { write(wake.writing.number, $0.baseAddress, 1) } }

    // MARK: The thread

    private func runToEnd() -> Result<Int, SandboxError> {
        // A program that does not read what it is sent is no signal to this process.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        do throws(SandboxError) {
            var run = Run(try SpawnedProcess(plan), deadline: ContinuousClock.now + timeout)
            return .success(try supervise(&run))
        } catch {
            return .failure(error)
        }
    }

    /// What the thread knows of its program.
    private struct Run {
        let pid: pid_t
        let status: OwnedDescriptor
        let deadline: ContinuousClock.Instant
        var input: OwnedDescriptor?
        var pending: ArraySlice<UInt8> = []
        var output: OwnedDescriptor?
        var errors: OwnedDescriptor?
        /// Lets the program begin; closed without a word, it makes the launcher end.
        var gate: OwnedDescriptor?
        /// The launcher has knocked.
        var isReady = false
        var hasBegun = false
        var statusText: [UInt8] = []
        /// The first process inside, as it is numbered here.
        var inner: pid_t?
        var outputBytes = 0
        var errorBytes = 0
        var firstErrors: [UInt8] = []
        var fault: SandboxError?
        /// When the kill of the inner process is followed by that of bubblewrap itself.
        var killAt: ContinuousClock.Instant?

        init(_ process: SpawnedProcess, deadline: ContinuousClock.Instant) {
            self.deadline = deadline
            pid = process.pid
            status = process.status
            input = process.input
            output = process.output
            errors = process.errors
            gate = process.gate
        }
    }

    private static let sampleInterval: Duration = .milliseconds(50)
    private static let killGrace: Duration = .seconds(2)

    private func supervise(_ run: inout Run) throws(SandboxError) -> Int {
        while !moveBytes(&run) { checkLimits(&run) }
        var status: Int32 = 0
        while waitpid(run.pid, &status, 0) < 0, errno == EINTR {}
        // What the program wrote last may still lie in the pipes.
        receive(&run)
        if let fault = run.fault { throw fault }
        if notes.withLock({ $0.isCancelled }) { return 128 + Int(SIGKILL) }
        guard run.hasBegun, String(decoding: run.statusText, as: UTF8.self).contains("exit-code") else {
            let reason = String(decoding: run.firstErrors, as: UTF8.self).trimmingCharacters(
                in: .whitespacesAndNewlines)
            throw SandboxError(
                SandboxError.unavailable,
                "The sandbox cannot be made on this machine: \(reason.isEmpty ? "no reason given" : reason)")
        }
        return status & 0x7F == 0 ? Int(status >> 8 & 0xFF) : 128 + Int(status & 0x7F)
    }

    /// Waits for something to happen, and deals with it.
    /// - Returns: Whether bubblewrap has ended.
    private func moveBytes(_ run: inout Run) -> Bool {
        let isClosing = notes.withLock { notes in
            run.pending += notes.input
            notes.input = []
            return notes.closesInput
        }
        if run.pending.isEmpty, isClosing { run.input = nil }
        var polled = [pollfd(fd: wake.reading.number, events: Int16(POLLIN), revents: 0)]
        polled.append(pollfd(fd: run.status.number, events: Int16(POLLIN), revents: 0))
        for descriptor in [run.output, run.errors].compactMap(\.self) {
            polled.append(pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0))
        }
        if let input = run.input, !run.pending.isEmpty {
            polled.append(pollfd(fd: input.number, events: Int16(POLLOUT), revents: 0))
        }
        if let gate = run.gate { polled.append(pollfd(fd: gate.number, events: Int16(POLLIN), revents: 0)) }
        poll(&polled, nfds_t(polled.count), 50)
        if polled[0].revents != 0 { _ = Self.available(wake.reading) }
        feed(&run)
        receive(&run)
        let hasEnded = polled[1].revents != 0 && readStatus(&run)
        openGate(&run)
        return hasEnded
    }

    private func feed(_ run: inout Run) {
        guard let input = run.input else { return run.pending = [] }
        guard !run.pending.isEmpty else { return }
        let count = run.pending.withUnsafeBytes { write(input.number, $0.baseAddress, min($0.count, 64 << 10)) }
        if count > 0 {
            run.pending = run.pending.dropFirst(count)
        } else if errno != EAGAIN, errno != EINTR {
            // It reads no further, which is its own affair.
            run.input = nil
            run.pending = []
        }
    }

    private func receive(_ run: inout Run) {
        while let output = run.output, let bytes = Self.available(output) {
            if bytes.isEmpty { run.output = nil }
            run.outputBytes += bytes.count
            guard run.outputBytes <= settings.outputBytesMax else {
                return end(
                    &run, SandboxError.limitExceeded, "wrote more than \(settings.outputBytesMax) bytes of output")
            }
            if !bytes.isEmpty { onEvent(.output(bytes)) }
        }
        while let errors = run.errors, let bytes = Self.available(errors) {
            if bytes.isEmpty { run.errors = nil }
            run.errorBytes += bytes.count
            if run.firstErrors.count < 1_024 { run.firstErrors += bytes.prefix(1_024) }
            guard run.errorBytes <= settings.outputBytesMax else {
                return end(
                    &run, SandboxError.limitExceeded, "wrote more than \(settings.outputBytesMax) bytes of errors")
            }
            if !bytes.isEmpty { onEvent(.errors(bytes)) }
        }
    }

    /// What there is to read: nothing at the end, `nil` when it is not there yet.
    private static func available(_ descriptor: OwnedDescriptor) -> ArraySlice<UInt8>? {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor.number, &bytes, bytes.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : [] }
        return bytes[..<count]
    }

    /// Bubblewrap tells the inner process's number, and at the end its exit code, each as JSON on a line.
    /// - Returns: Whether it has ended.
    private func readStatus(_ run: inout Run) -> Bool {
        guard let bytes = Self.available(run.status) else { return false }
        run.statusText = (run.statusText + bytes).suffix(4_096)
        if run.inner == nil {
            let firstLine = run.statusText.split(separator: UInt8(ascii: "\n"), maxSplits: 1).first
            if run.statusText.contains(UInt8(ascii: "\n")), let firstLine,
                let number = (try? JSONValue(parsing: Array(firstLine)))?["child-pid"]?.integerValue
            {
                run.inner = pid_t(number)
            }
        }
        return bytes.isEmpty
    }

    /// Lets the program begin, when its launcher has knocked.
    private func openGate(_ run: inout Run) {
        guard let gate = run.gate else { return }
        if !run.isReady, let knock = Self.available(gate) {
            // Nothing to read is the end of a launcher that could not even knock.
            if knock.isEmpty { return run.gate = nil }
            run.isReady = true
        }
        guard run.isReady, run.inner != nil else { return }
        defer { run.gate = nil }
        guard run.killAt == nil, !notes.withLock({ $0.isCancelled }) else { return }
        _ = [UInt8(ascii: "\n")].withUnsafeBytes { write(gate.number, $0.baseAddress, 1) }
        run.hasBegun = true
        onEvent(.started)
    }

    // MARK: Limits

    private func checkLimits(_ run: inout Run) {
        if let killAt = run.killAt {
            if ContinuousClock.now > killAt { kill(run.pid, SIGKILL) }
            return
        }
        if notes.withLock({ $0.isCancelled }) { return killAll(&run) }
        if ContinuousClock.now > run.deadline {
            return end(&run, SandboxError.timeout, "did not end within \(timeout.configurationText)")
        }
        guard let inner = run.inner else { return }
        let usage = ProcessTree(of: inner)
        if usage.memoryBytes > settings.memoryBytesMax {
            end(&run, SandboxError.limitExceeded, "used more than \(settings.memoryBytesMax) bytes of memory")
        } else if usage.processorTime > settings.processorTime {
            end(
                &run, SandboxError.limitExceeded,
                "used more than \(settings.processorTime.configurationText) of processor time")
        }
    }

    private func end(_ run: inout Run, _ code: ErrorCode, _ what: String) {
        guard run.fault == nil else { return }
        run.fault = SandboxError(code, "The program \(what) and was ended.")
        killAll(&run)
    }

    /// The first process inside takes all others there with it. Bubblewrap, which waits for it, ends by itself, so that
    /// nothing is left to be reaped by others; as long as it has not told who the first is, the shut gate does it.
    private func killAll(_ run: inout Run) {
        guard run.killAt == nil else { return }
        run.killAt = ContinuousClock.now + Self.killGrace
        run.gate = nil
        if let inner = run.inner { kill(inner, SIGKILL) }
    }
}
