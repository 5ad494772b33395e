package import CognitionCore
import Synchronization

/// Runs programs in bubblewrap: without rights, without a network unless asked, without anything of this machine but what
/// `SandboxPlan` names, and within the bounds of its settings.
///
/// Nothing of a program is left on the disk: its temporary folder and its script lie in memory, in a mount namespace that
/// ends with it. It ends with this process at the latest, however that ends.
package final class BubblewrapSandbox: ProcessSandbox {
    private let settings: SandboxSettings
    private let places: Places
    /// Programs that nobody waits for, by the order of their start.
    private let background = Mutex<(next: Int, running: [Int: Task<Void, Never>], isClosed: Bool)>((0, [:], false))

    package init(settings: SandboxSettings = SandboxSettings()) {
        self.settings = settings
        places = Places(count: settings.concurrency, waitingMax: settings.waitingMax)
    }

    package func run(_ program: SandboxProgram) async throws -> SandboxResult {
        try await places.withPlace { try await self.runNow(program) }
    }

    /// Ends what runs in the background, and takes nothing new.
    package func close() async {
        let running = background.withLock { state in
            state.isClosed = true
            return Array(state.running.values)
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
    }

    /// Ends what processes have left that were killed while they made a sandbox.
    package static func endAbandoned() { SandboxOwner.endAbandoned() }

    /// Runs something that ends at once.
    /// - Throws: `SandboxError` that says why programs cannot be run here.
    package func probe() async throws {
        let result = try await run(SandboxProgram(.command("/bin/true"), timeout: .seconds(10)))
        guard result.code == 0 else {
            let reason = String(decoding: result.errors.suffix(500), as: UTF8.self)
            throw SandboxError(SandboxError.unavailable, "The sandbox does not run /bin/true: \(reason)")
        }
    }

    private func runNow(_ program: SandboxProgram) async throws -> SandboxResult {
        let collected = Collected()
        return try await withProcess(program, closesInput: true, collected.take) { end in
            let code = try await end()
            return collected.result(code)
        }
    }

    /// The task is unstructured because the program goes on when the caller has gone; ``close()`` waits for it.
    package func start(_ program: SandboxProgram) async throws {
        let started = Signal<Void>()
        let id = try background.withLock { state in
            guard !state.isClosed else { throw SandboxError(SandboxError.overloaded, "The process is ending.") }
            state.next += 1
            let id = state.next
            state.running[id] = Task { [self] in
                do {
                    try await places.withPlace {
                        try await self.withProcess(program, closesInput: true) { event in
                            if case .started = event { started.succeed() }
                        } body: { end in
                            _ = try await end()
                        }
                    }
                    started.succeed()
                } catch {
                    started.fail(error)
                }
                background.withLock { $0.running[id] = nil }
            }
            return id
        }
        try await withTaskCancellationHandler {
            try await started.wait()
        } onCancel: {
            // It has not started yet, or nobody would wait here.
            background.withLock { $0.running[id] }?.cancel()
        }
    }

    package func converse<Result: Sendable>(
        with program: SandboxProgram, _ body: @escaping @Sendable (SandboxDialogue) async throws -> Result
    ) async throws -> Result {
        var program = program
        program.input = []
        let lines = LineReader()
        return try await places.withPlace { [program] in
            let process = try SandboxedProcess(
                program, closesInput: false, settings: self.settings, onEvent: lines.take)
            process.start()
            return try await withTaskCancellationHandler {
                let outcome: Swift.Result<Result, any Error>
                do {
                    let dialogue = SandboxDialogue(
                        lines: lines.stream, send: { process.send($0 + [UInt8(ascii: "\n")]) }, errors: lines.errors)
                    outcome = .success(try await body(dialogue))
                } catch {
                    outcome = .failure(error)
                }
                process.cancel()
                await lines.waitForEnd()
                return try outcome.get()
            } onCancel: {
                process.cancel()
            }
        }
    }

    /// Runs a program during `body`, which waits for its end through the function that it is given. The program has ended
    /// when this returns.
    private func withProcess<Result: Sendable>(
        _ program: SandboxProgram, closesInput: Bool, _ take: @escaping @Sendable (SandboxedProcess.Event) -> Void,
        body: (_ end: @Sendable () async throws -> Int) async throws -> Result
    ) async throws -> Result {
        let ended = Signal<Swift.Result<Int, SandboxError>>()
        let process = try SandboxedProcess(program, closesInput: closesInput, settings: settings) { event in
            take(event)
            if case .ended(let result) = event { ended.succeed(result) }
        }
        process.start()
        return try await withTaskCancellationHandler {
            try await body {
                let result = try await ended.wait()
                try Task.checkCancellation()
                return try result.get()
            }
        } onCancel: {
            process.cancel()
        }
    }
}

/// What a program has written, until it ends.
private final class Collected: Sendable {
    private let bytes = Mutex<(output: [UInt8], errors: [UInt8])>(([], []))

    @Sendable func take(_ event: SandboxedProcess.Event) {
        switch event {
        case .output(let piece): bytes.withLock { $0.output += piece }
        case .errors(let piece): bytes.withLock { $0.errors += piece }
        case .started, .ended: break
        }
    }

    func result(_ code: Int) -> SandboxResult {
        bytes.withLock { SandboxResult(code: code, output: $0.output, errors: $0.errors) }
    }
}

/// Cuts what a program writes into lines.
private final class LineReader: Sendable {
    private static let errorBytesMax = 16 << 10

    let stream: AsyncThrowingStream<[UInt8], any Error>
    private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    private let ended = Signal<Void>()
    private let state = Mutex<(line: [UInt8], errors: [UInt8])>(([], []))

    /// The stream has no bound of its own: what a program may write has.
    init() { (stream, continuation) = AsyncThrowingStream.makeStream() }

    @Sendable func errors() -> String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

    func waitForEnd() async { try? await ended.wait() }

    @Sendable func take(_ event: SandboxedProcess.Event) {
        switch event {
        case .started: break
        case .output(let bytes):
            for line in complete(bytes) { continuation.yield(line) }
        case .errors(let bytes):
            state.withLock { $0.errors = ($0.errors + bytes).suffix(Self.errorBytesMax) }
        case .ended(let result):
            if case .failure(let error) = result {
                continuation.finish(throwing: error)
            } else {
                continuation.finish()
            }
            ended.succeed()
        }
    }

    private func complete(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        state.withLock { state in
            var lines: [[UInt8]] = []
            var rest = bytes
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(state.line + rest[..<end])
                state.line = []
                rest = rest[(end + 1)...]
            }
            state.line += rest
            return lines
        }
    }
}
