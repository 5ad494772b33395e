/// The way to run what is not ours: programs that can harm nothing, within bounds, and gone when nobody waits for them.
///
/// Contexts call this port and never see how it is kept.
package protocol ProcessSandbox: Sendable {
    /// Runs a program to its end, whatever its exit code.
    ///
    /// Cancellation kills it, and all that it has started, at once.
    /// - Throws: `SandboxError`, or `CancellationError`.
    func run(_ program: SandboxProgram) async throws -> SandboxResult

    /// Starts a program that nobody waits for, and returns when it runs. Its output is thrown away. It keeps within the
    /// same bounds as any other, and ends with this process at the latest.
    func start(_ program: SandboxProgram) async throws

    /// Runs a program that is talked with line by line; `input` of the program is not used.
    ///
    /// The program is killed when `body` ends. Errors of `body` pass through unchanged.
    func converse<Result: Sendable>(
        with program: SandboxProgram, _ body: @escaping @Sendable (SandboxDialogue) async throws -> Result
    ) async throws -> Result
}

/// A program as it is to be run, complete before it starts.
package struct SandboxProgram: Sendable {
    package enum Kind: Sendable {
        case python(code: String)
        case javaScript(code: String)
        /// A command line for `/bin/sh`.
        case shell(String)
        /// A program by its name or path, without a shell.
        case command(String)
    }

    package var kind: Kind
    package var arguments: [String]
    /// Global variables of a script, by name; of no meaning to other programs.
    package var globals: JSONObject?
    /// All that the program sees of any environment, besides `PATH`, `HOME`, `TMPDIR` and `LANG`.
    package var environment: [(name: String, value: String)]
    /// Its standard input.
    package var input: [UInt8]
    /// Shares the network of this machine; without, there is none.
    package var usesNetwork: Bool
    /// From its start; the sandbox has a limit of its own, and the shorter one counts.
    package var timeout: Duration?

    package init(
        _ kind: Kind, arguments: [String] = [], globals: JSONObject? = nil,
        environment: [(name: String, value: String)] = [], input: [UInt8] = [], usesNetwork: Bool = false,
        timeout: Duration? = nil
    ) {
        self.kind = kind
        self.arguments = arguments
        self.globals = globals
        self.environment = environment
        self.input = input
        self.usesNetwork = usesNetwork
        self.timeout = timeout
    }
}

/// How a program has ended by itself.
package struct SandboxResult: Sendable {
    /// 0...255; a program that a signal has ended has 128 and the signal's number.
    package var code: Int
    package var output: [UInt8]
    package var errors: [UInt8]

    package init(code: Int, output: [UInt8], errors: [UInt8]) {
        self.code = code
        self.output = output
        self.errors = errors
    }
}

/// A program that runs, as whoever talks with it sees it.
package struct SandboxDialogue: Sendable {
    /// The lines of its standard output, without their ends; to be iterated once. Ends when the program does, and throws
    /// the `SandboxError` of one that was ended for a limit.
    package let lines: AsyncThrowingStream<[UInt8], any Error>
    /// Takes a line for its standard input, without the end, and does not wait.
    package let send: @Sendable ([UInt8]) -> Void
    /// The last 16 KiB that it has written to its standard error so far.
    package let errors: @Sendable () -> String

    package init(
        lines: AsyncThrowingStream<[UInt8], any Error>, send: @escaping @Sendable ([UInt8]) -> Void,
        errors: @escaping @Sendable () -> String
    ) {
        self.lines = lines
        self.send = send
        self.errors = errors
    }
}

/// Why a program did not come to an end of its own.
package struct SandboxError: CodedError {
    package var code: ErrorCode
    package var message: String
    package var cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// There is no sandbox on this machine, or not the program that runs the language; nothing was run.
    package static let unavailable = ErrorCode("sandbox.unavailable", category: .unsupported)
    /// The program cannot be run as it was described; nothing was run.
    package static let programInvalid = ErrorCode("sandbox.program_invalid", category: .invalid)
    /// The program took too long and was killed.
    package static let timeout = ErrorCode("sandbox.timeout", category: .unavailable)
    /// The program used more memory, processor time or output than it may, and was killed.
    package static let limitExceeded = ErrorCode("sandbox.limit_exceeded", category: .internal)
    /// Too many programs wait for their turn, or the process is ending; nothing was run.
    package static let overloaded = ErrorCode("sandbox.overloaded", category: .unavailable)
}
