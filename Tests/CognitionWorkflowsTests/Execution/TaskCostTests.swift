import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Logging
import Synchronization
import Testing

@Suite("Cost and origin of executions") struct TaskCostTests {
    private static let ledger = Migration(
        "test.001_ledger", ["CREATE TABLE ledger (micros \(fragment: .int64) NOT NULL) \(fragment: .strict)"])

    private func with(
        _ engine: TestDatabase.Engine, _ function: PaidFunction, _ body: (EngineHarness) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations + [Self.ledger]) { database in
            try await body(EngineHarness(database, functions: [function]))
        }
    }

    private func ledger(_ harness: EngineHarness) async throws -> [Int] {
        try await harness.database.read { tx in
            try tx.query("SELECT micros FROM ledger ORDER BY micros") { try $0[0] as Int }
        }
    }

    @Test("What tasks cost adds up and commits with them", arguments: TestDatabase.engines)
    func sum(on engine: TestDatabase.Engine) async throws {
        try await with(engine, PaidFunction()) { harness in
            let execution = try await harness.running {
                try await harness.end(
                    of: harness.execute(
                        workflow(
                            "paid", "1.0.0",
                            """
                            - a: {call: paid, with: {micros: 5}}
                            - side: {fork: {branches: [{b: {call: paid, with: {micros: 7}}}, {c: {call: paid, with: {micros: 9}}}]}}
                            - free: {call: script, with: {n: 1}}
                            """)))
            }
            #expect(execution.cost == Money(micros: 21, currency: "USD"))
            #expect(execution.json["cost"] == ["micros": 21, "currency": "USD"])
            #expect(try await ledger(harness) == [5, 7, 9])
        }
    }

    @Test("A failure costs too, and so does each failed attempt", arguments: TestDatabase.engines)
    func failures(on engine: TestDatabase.Engine) async throws {
        try await with(engine, PaidFunction(failures: 2)) { harness in
            let (retried, faulted) = try await harness.running {
                let retried = try await harness.end(
                    of: harness.execute(
                        workflow(
                            "retried", "1.0.0",
                            """
                            - a:
                                try: [{call: {call: paid, with: {micros: 10}}}]
                                catch: {retry: {delay: PT0.001S, limit: {attempt: {count: 5}}}}
                            """)))
                let faulted = try await harness.end(
                    of: harness.execute(
                        workflow("faulted", "1.0.0", "- a: {call: paid, with: {micros: 3, fail: true}}")))
                return (retried, faulted)
            }
            #expect(retried.status == .completed && retried.cost.micros == 30)
            #expect(faulted.status == .faulted && faulted.cost.micros == 3)
            #expect(faulted.fault?.detail == "the peer is busy")
            #expect(try await ledger(harness) == [3, 10, 10, 10])
        }
    }

    @Test("The cost of a child is its own", arguments: TestDatabase.engines)
    func children(on engine: TestDatabase.Engine) async throws {
        try await with(engine, PaidFunction()) { harness in
            _ = try await harness.store("child", body: "- a: {call: paid, with: {micros: 8}}")
            try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "parent", "1.0.0",
                        """
                        - run: {run: {workflow: {namespace: test, name: child, version: latest}}}
                        - own: {call: paid, with: {micros: 2}}
                        """))
                #expect(try await harness.end(of: id).cost.micros == 2)
                let child = try #require(
                    try await harness.workflows.executions(
                        ExecutionFilter(workflow: WorkflowID("test.child")), limit: 1, in: .default
                    ).items.first)
                #expect(try await harness.end(of: child.id).cost.micros == 8)
            }
        }
    }

    @Test(
        "A call that is cut off has cost what it says, after the end of its execution too",
        arguments: TestDatabase.engines)
    func cutOff(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        try await with(engine, PaidFunction(gate: gate)) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(
                    workflow("held", "1.0.0", "- a: {call: paid, with: {micros: 4}}"))
                await gate.arrival(of: 1)
                try await harness.workflows.cancel(id, as: .localOperator)
                _ = try await harness.end(of: id)
                return id
            }
            // The engine has ended, and with it everything that was in hand.
            let execution = try await harness.workflows.execution(id, in: .default)
            #expect(execution.status == .cancelled && execution.cost.micros == 4)
            #expect(try await ledger(harness) == [4])
        }
    }

    @Test("Events say who has started an execution, and what it belongs to", arguments: TestDatabase.engines)
    func origin(on engine: TestDatabase.Engine) async throws {
        try await with(engine, PaidFunction()) { harness in
            let child = try await harness.store("child", body: "- a: {call: script, with: {n: 1}}")
            let parent = try await harness.store(
                "parent", body: "- run: {run: {workflow: {namespace: test, name: child, version: latest}}}")
            let ann = Principal(actor: "user:ann", workspace: .default)
            func command(_ correlationID: String?) -> ExecuteCommand {
                ExecuteCommand(workflow: parent.id, correlationID: correlationID)
            }
            let left = try await harness.workflows.execute(command("request-1"), as: ann).id
            try await harness.running {
                let started = try await harness.workflows.execute(command("request-2"), as: ann, on: harness.engine).id
                let alone = try await harness.workflows.execute(command(nil), as: ann, on: harness.engine).id
                for (id, correlationID) in [(left, "request-1"), (started, "request-2"), (alone, nil)] {
                    _ = try await harness.end(of: id)
                    let events = try await harness.workflows.events(of: id, limit: 200, in: .default).events
                    #expect(events.first?.type == "execution.started" && events.first?.actor == "user:ann")
                    #expect(events.last?.type == "execution.completed" && events.last?.actor == "engine")
                    #expect(events.allSatisfy { $0.correlationID == correlationID })
                }
            }
            let children = try await harness.workflows.executions(
                ExecutionFilter(workflow: child.id), limit: 10, in: .default
            ).items
            var correlations: Set<String?> = []
            for child in children {
                let events = try await harness.workflows.events(of: child.id, limit: 200, in: .default).events
                #expect(events.first?.actor.hasPrefix("execution:") == true)
                correlations.formUnion(events.map(\.correlationID))
            }
            #expect(correlations == ["request-1", "request-2", nil])
            for wrong in ["", "a\nb", String(repeating: "x", count: 201)] {
                await expect(.commandInvalid) { try await harness.workflows.execute(command(wrong), as: ann) }
            }
        }
    }
}

/// `call: paid` with `{micros, fail?}`: writes what it costs into the ledger. The first `failures` calls fail.
final class PaidFunction: TaskFunction {
    let name = "paid"
    let signature = FunctionSignature(effect: .idempotent)
    private let failures: Mutex<Int>
    private let gate: Gate?

    init(failures: Int = 0, gate: Gate? = nil) {
        self.failures = Mutex(failures)
        self.gate = gate
    }

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        let micros = invocation.arguments["micros"]?.integerValue ?? 0
        let cost = Money(micros: micros, currency: "USD")
        let write: TaskWrite = { tx in try tx.execute("INSERT INTO ledger (micros) VALUES (\(micros))") }
        await gate?.pass()
        let fails =
            invocation.arguments["fail"] == true || Task.isCancelled
            || failures.withLock { left in
                left -= 1
                return left >= 0
            }
        guard !fails else {
            throw TaskFailure(WorkflowFault(.communication, "the peer is busy"), writes: write, cost: cost)
        }
        return TaskOutcome(output: invocation.arguments, writes: write, cost: cost)
    }
}
