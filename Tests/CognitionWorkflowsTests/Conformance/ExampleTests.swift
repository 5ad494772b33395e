import CognitionCore
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

/// The standard's own examples, each held to its row of ``Example/table``.
@Suite("Examples of the standard") struct ExampleTests {
    @Test("Every example has a row in the table")
    func table() throws {
        #expect(Set(Example.table.keys) == Set(try Self.files()))
    }

    @Test("An example runs, is accepted or is refused as the table says", arguments: try Self.files())
    func example(_ file: String) async throws {
        let example = try #require(Example.table[file])
        let text = try SharedData.text(try SharedData.folder("serverless-workflow/examples"), file)
        switch example.expectation {
        case .refused(let messages):
            #expect(try await refusal(of: text) == messages)
        case .accepted:
            #expect(try await refusal(of: text) == [])
        case .runs(let runs):
            for run in runs { try await execute(text, run) }
        }
    }

    private static func files() throws -> [String] {
        try SharedData.files(in: try SharedData.folder("serverless-workflow/examples"), ending: ".yaml")
    }

    /// What is wrong with a document, as whoever creates it is told.
    private func refusal(of text: String) async throws -> [String] {
        try await StandInServer.with(PublicHosts.answer) { server in
            try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
                do {
                    _ = try await EngineHarness(
                        database, http: server.http, processes: ProcessRules(allowsShell: true, allowsNetwork: false)
                    ).workflows.read(text, as: .localOperator)
                    return []
                } catch let error as DefinitionError {
                    return error.faults.map(\.message)
                }
            }
        }
    }

    private func execute(_ text: String, _ run: Example.Run) async throws {
        let failures = Mutex(run.failures)
        let answer: @Sendable (StandInServer.Request) -> StandInServer.Reply = { request in
            let fails = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            return fails ? .json(["error": "busy"], status: 503) : PublicHosts.answer(request)
        }
        try await StandInServer.with(answer) { server in
            try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
                let clock = HurriedClock()
                let harness = EngineHarness(database, http: server.http, clock: clock, engineClock: clock)
                _ = try await harness.workflows.create(
                    try await harness.workflows.read(Self.child, as: .localOperator), as: .localOperator)
                let execution = try await harness.running {
                    try await harness.end(of: harness.execute(text, input: run.input))
                }
                #expect(execution.status == (run.fault == nil ? .completed : .faulted))
                #expect(execution.fault?.type == run.fault?.type, "\(String(describing: execution.fault))")
                #expect(execution.fault?.status == run.fault?.status)
                if let output = run.output { #expect(execution.output == output) }
                if let asks = run.asks { #expect(server.requests.filter(\.isAsked).map(\.line) == asks) }
            }
        }
    }

    /// What `run-subflow.yaml` runs.
    private static let child = """
        document: {dsl: 1.0.3, namespace: test, name: register-customer, version: 0.1.0}
        do:
          - register: {set: {registered: '${ .customer }'}}
        """
}

extension StandInServer.Request {
    /// `METHOD URL`, and the `Authorization` header where there is one.
    fileprivate var line: String {
        let url = "https://\(host)\(path)" + (query.isEmpty ? "" : "?\(query)")
        return "\(method) \(url)" + (header("Authorization").map { " \($0)" } ?? "")
    }

    /// It is no request for a token or for the description of an API.
    fileprivate var isAsked: Bool { host != "keycloak" && !path.hasSuffix("/swagger.json") }
}

/// A clock of which a minute takes 60 ms, so that nobody waits for waits.
struct HurriedClock: WallClock {
    private let start = Timestamp(microseconds: 1_767_225_600_000_000)
    private let since = ContinuousClock.now

    var now: Timestamp { start + (ContinuousClock.now - since) * 1_000 }
}
