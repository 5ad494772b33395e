import CognitionCore
import CognitionHTTPClient
import CognitionSandbox
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Foundation

/// Runs documents whose tasks start processes, in the real sandbox.
struct ProcessHarness {
    private let harness: EngineHarness

    private init(_ harness: EngineHarness) { self.harness = harness }

    /// - Parameter settings: Changes what the sandbox allows.
    static func run<Result: Sendable>(
        rules: ProcessRules = ProcessRules(allowsShell: true), sandbox settings: SandboxSettings? = SandboxSettings(),
        _ body: (ProcessHarness) async throws -> Result
    ) async throws -> Result {
        let client = OutboundHTTPClient(settings: HTTPClientSettings())
        let sandbox = settings.map { BubblewrapSandbox(settings: $0) }
        do {
            let result = try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
                let harness = EngineHarness(database, http: client, sandbox: sandbox, processes: rules)
                return try await harness.running { try await body(ProcessHarness(harness)) }
            }
            await sandbox?.close()
            await client.shutdown()
            return result
        } catch {
            await sandbox?.close()
            await client.shutdown()
            throw error
        }
    }

    /// - Parameter tasks: The list under `do`, in YAML.
    func start(_ tasks: String, input: JSONValue = [:]) async throws -> ExecutionID {
        try await harness.execute(workflow("p\(UInt32.random(in: 0 ... .max))", "1.0.0", tasks), input: input)
    }

    func end(of id: ExecutionID) async throws -> Execution { try await harness.end(of: id) }

    func cancel(_ id: ExecutionID) async throws { try await harness.workflows.cancel(id, as: .localOperator) }

    func execute(_ tasks: String, input: JSONValue = [:]) async throws -> Execution {
        try await end(of: start(tasks, input: input))
    }

    func output(_ tasks: String, input: JSONValue = [:]) async throws -> JSONValue {
        let execution = try await execute(tasks, input: input)
        guard let output = execution.output else {
            throw Faulted(description: "\(String(describing: execution.fault))")
        }
        return output
    }

    func fault(_ tasks: String, input: JSONValue = [:]) async throws -> WorkflowFault {
        let execution = try await execute(tasks, input: input)
        guard let fault = execution.fault else { throw Faulted(description: "\(execution.status)") }
        return fault
    }

    /// Executes a document that other rules have let in.
    func faultOfStored(_ body: String, allowedBy rules: ProcessRules) async throws -> WorkflowFault {
        let name = "p\(UInt32.random(in: 0 ... .max))"
        let text = document(body).replacing("sample", with: name)
        let others = Workflows(
            database: harness.database, functions: [], processes: rules, ids: UUIDGenerator())
        let stored = try await others.create(others.validate(text), as: .localOperator)
        let id = try await harness.leave(stored)
        return try await end(of: id).fault ?? WorkflowFault(.runtime, "no fault")
    }

    struct Faulted: Error, CustomStringConvertible {
        let description: String
    }
}

/// Files that lie beside the tests.
enum ProcessPeers {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Peer")

    static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }
}

/// Whether a process runs whose command line holds a text.
func isRunning(_ text: String) -> Bool {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return numbers.contains { number in
        Int(number) != nil && Int(number) != Int(getpid())
            && FileManager.default.contents(atPath: "/proc/\(number)/cmdline")
                .map { String(decoding: $0, as: UTF8.self).contains(text) } ?? false
    }
}

/// Waits until it is so, for two seconds at most.
func becomesTrue(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<400 {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}
