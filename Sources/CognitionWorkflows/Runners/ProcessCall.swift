import CognitionCore
import Foundation

/// `run: script` and `run: shell`: one program in the sandbox, and what the task makes of its end.
struct ProcessCall: Sendable {
    static let codeBytesMax = 1 << 20
    /// Of a program's standard error in the detail of a fault.
    private static let errorBytesShown = 2_000

    let sandbox: (any ProcessSandbox)?
    let http: HTTPCall
    let rules: ProcessRules
    let clock: any WallClock

    /// - Returns: `nil` when nobody waits for the process, which runs now.
    /// - Throws: `WorkflowFault` of type runtime when the exit code is not 0 and not part of the output; of type
    ///   configuration for what this installation does not run.
    func run(
        _ request: ProcessRequest, deadline: Timestamp?, sensitive: SensitiveValues
    ) async throws -> JSONValue? {
        let sandbox = try sandbox(usesNetwork: request.usesNetwork)
        let kind = try await kind(of: request.program, deadline: deadline, sensitive: sensitive)
        var program = SandboxProgram(
            kind, environment: request.environment, input: Array(request.input.utf8), usesNetwork: request.usesNetwork,
            timeout: deadline.map { max(.milliseconds(1), $0 - clock.now) })
        switch (request.program, request.arguments) {
        case (.script, .named(let members)), (.fetched, .named(let members)): program.globals = members
        case (_, let arguments): program.arguments = arguments.words
        }
        do {
            guard request.await else {
                try await sandbox.start(program)
                return nil
            }
            return try output(of: try await sandbox.run(program), for: request)
        } catch let error as SandboxError {
            throw WorkflowFault(ofSandbox: error)
        }
    }

    /// The sandbox, if this installation has one and allows what is asked for.
    func sandbox(usesNetwork: Bool, isCommand: Bool = false) throws -> any ProcessSandbox {
        guard let sandbox else { throw WorkflowFault(.configuration, "this installation does not run processes") }
        if isCommand, !rules.allowsShell {
            throw WorkflowFault(.configuration, "this installation \(ProcessRules.shellRefused)")
        }
        if usesNetwork, !rules.allowsNetwork {
            throw WorkflowFault(.configuration, "this installation \(ProcessRules.networkRefused)")
        }
        return sandbox
    }

    private func kind(
        of program: ProcessRequest.Program, deadline: Timestamp?, sensitive: SensitiveValues
    ) async throws -> SandboxProgram.Kind {
        switch program {
        case .script(let language, let code): return language.program(code)
        case .shell(let command):
            _ = try sandbox(usesNetwork: false, isCommand: true)
            return .shell(command)
        case .fetched(let language, let source):
            let answer = try await http.send(
                source, idempotencyKey: nil, deadline: deadline, sensitive: sensitive)
            guard let bytes = answer.stringValue.flatMap({ Data(base64Encoded: $0) }), bytes.count <= Self.codeBytesMax,
                let code = String(validating: bytes, as: UTF8.self)
            else {
                throw WorkflowFault(
                    .communication, "the script is no UTF-8 text of at most \(Self.codeBytesMax) bytes: \(source.url)",
                    status: 502)
            }
            return language.program(code)
        }
    }

    private func output(of result: SandboxResult, for request: ProcessRequest) throws -> JSONValue {
        let code = JSONValue.integer(Int64(result.code))
        switch request.output {
        case .code: return code
        case .all:
            return [
                "code": code, "stdout": .string(String(decoding: result.output, as: UTF8.self)),
                "stderr": .string(String(decoding: result.errors, as: UTF8.self)),
            ]
        case .stdout, .stderr, .none:
            guard result.code == 0 else { throw fault(of: result) }
            switch request.output {
            case .stdout: return .string(String(decoding: result.output, as: UTF8.self))
            case .stderr: return .string(String(decoding: result.errors, as: UTF8.self))
            default: return .null
            }
        }
    }

    private func fault(of result: SandboxResult) -> WorkflowFault {
        let errors = String(decoding: result.errors.suffix(Self.errorBytesShown), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return WorkflowFault(
            .runtime, "the process ended with code \(result.code)" + (errors.isEmpty ? "" : ": \(errors)"))
    }
}

extension RunProcessDefinition.Language {
    fileprivate func program(_ code: String) -> SandboxProgram.Kind {
        switch self {
        case .python: .python(code: code)
        case .javaScript: .javaScript(code: code)
        }
    }
}

extension WorkflowFault {
    /// A limit that a program has run into is a fault of the program, not of a way to others.
    init(ofSandbox error: SandboxError) {
        self = error.code == SandboxError.limitExceeded ? WorkflowFault(.runtime, error.message) : WorkflowFault(error)
    }
}
