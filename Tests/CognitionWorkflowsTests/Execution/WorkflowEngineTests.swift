import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Logging
import Synchronization
import Testing

@Suite("Workflow engine") struct WorkflowEngineTests {
    static let three = workflow(
        """
        - a: {call: script, with: {n: 1}}
        - b: {call: script, with: {n: '${ .n + 1 }'}}
        - c: {call: script, with: {n: '${ .n + 1 }'}}
        """)

    @Test("An execution runs to its end and leaves its history", arguments: TestDatabase.engines)
    func completes(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let execution = try await harness.running { try await harness.end(of: harness.execute(Self.three)) }
            #expect(execution.status == .completed)
            #expect(execution.output == ["n": 3])
            #expect(execution.tasks.map(\.name) == ["a", "b", "c"])
            #expect(execution.tasks.allSatisfy { $0.status == .completed && $0.attempt == 1 })
            #expect(
                try await harness.types(of: execution.id) == [
                    "execution.started", "task.started", "task.completed", "task.started", "task.completed",
                    "task.started",
                    "task.completed", "execution.completed",
                ])
        }
    }

    @Test("Many executions at once all end, and the log has no gaps", arguments: TestDatabase.engines)
    func many(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.executionsMax = 16 }
            try await harness.running {
                try await withThrowingTaskGroup(of: Execution.self) { group in
                    for _ in 0..<100 {
                        group.addTask { try await harness.end(of: harness.execute(Self.three)) }
                    }
                    for try await execution in group { #expect(execution.output == ["n": 3]) }
                }
            }
            #expect(harness.script.ledger.count == 300)
            // Eight of each execution, and the one of the workflow.
            #expect(try await EventLog(database).readAll().events.map(\.position) == Array(1...801))
        }
    }

    @Test("An idempotency key starts one execution; with another input it is refused", arguments: TestDatabase.engines)
    func idempotency(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                let first = try await harness.execute(Self.three, key: "k")
                let second = try await harness.execute(Self.three, key: "k")
                #expect(first == second)
                await #expect { try await harness.execute(Self.three, input: ["x": 1], key: "k") } throws: { error in
                    (error as? WorkflowError)?.code == .keyReused
                }
                _ = try await harness.end(of: first)
            }
            #expect(harness.script.ledger.count == 3)
        }
    }

    @Test("Cancelling stops the running call at once", arguments: TestDatabase.engines)
    func cancel(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let wasCancelled = Mutex(false)
            let harness = EngineHarness(
                database,
                script: ScriptedFunction { _ in
                    await gate.pass()
                    wasCancelled.withLock { $0 = Task.isCancelled }
                    try Task.checkCancellation()
                })
            let execution = try await harness.running {
                let id = try await harness.execute(Self.three)
                await gate.arrival(of: 1)
                try await harness.workflows.cancel(id, as: .localOperator)
                return try await harness.end(of: id)
            }
            #expect(execution.status == .cancelled)
            #expect(execution.tasks.map(\.status) == [.cancelled])
            #expect(wasCancelled.withLock { $0 })
            await #expect { try await harness.workflows.cancel(execution.id, as: .localOperator) } throws: { error in
                (error as? WorkflowError)?.code == .executionEnded
            }
        }
    }

    @Test(
        "What a process leaves behind, the next one goes on with, and repeats only what ran",
        arguments: TestDatabase.engines)
    func recovery(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let first = EngineHarness(
                database,
                script: ScriptedFunction { invocation in
                    if invocation.arguments["n"] == 2 {
                        await gate.pass()
                        try Task.checkCancellation()
                    }
                })
            let id = try await first.running {
                let id = try await first.execute(Self.three)
                await gate.arrival(of: 1)
                return id
            }
            #expect(try await first.workflows.execution(id, in: .default).status == .running)
            let second = EngineHarness(database)
            let execution = try await second.running { try await second.end(of: id) }
            #expect(execution.output == ["n": 3])
            #expect(first.script.ledger == ["1 {\"n\":1}", "2 {\"n\":2}"])
            #expect(second.script.ledger == ["2 {\"n\":2}", "3 {\"n\":3}"])
            #expect(execution.tasks.map(\.attempt) == [1, 2, 1])
        }
    }

    @Test("A result that comes after another process has taken over is discarded", arguments: TestDatabase.engines)
    func fencing(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            // Room for one, so that it does not claim again what the other one frees.
            let stale = EngineHarness(database, script: ScriptedFunction { _ in await gate.pass() }) {
                $0.executionsMax = 1
            }
            let fresh = EngineHarness(database)
            let execution = try await stale.running {
                let id = try await stale.execute(Self.three)
                await gate.arrival(of: 1)
                // The second process believes the first to be gone.
                try await stale.clearAway()
                let execution = try await fresh.running { try await fresh.end(of: id) }
                gate.open()
                return execution
            }
            #expect(execution.output == ["n": 3])
            #expect(fresh.script.ledger.count == 3)
            #expect(stale.script.ledger.count == 1)
            #expect(try await stale.types(of: execution.id).count { $0 == "execution.completed" } == 1)
        }
    }

    @Test("A definition's child is a part of it: its output, its fault and its end", arguments: TestDatabase.engines)
    func children(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.effectsMax = 1 }
            let child = """
                document: {dsl: 1.0.3, namespace: test, name: child, version: 0.1.0}
                do:
                  - work: {call: script, with: {n: '${ .n * 2 }'}}
                  - check: {if: .n > 10, raise: {error: {type: https://example.com/big, status: 422, title: Too big}}}
                """
            _ = try await harness.workflows.create(harness.workflows.validate(child), as: .localOperator)
            let parent = workflow(
                """
                - both:
                    for: {each: n, in: .}
                    metadata: {concurrency: 2}
                    do:
                      - run:
                          try:
                            - child: {run: {workflow: {namespace: test, name: child, version: 0.1.0, input: {n: '${ $n }'}}}}
                          catch:
                            errors: {with: {status: 422}}
                            do: [{big: {set: {big: '${ $n }'}}}]
                """)
            let execution = try await harness.running {
                try await harness.end(of: harness.execute(parent, input: [2, 9]))
            }
            #expect(execution.output == [["n": 4], ["big": 9]])
        }
    }

    @Test("A parent's end is its children's end", arguments: TestDatabase.engines)
    func cancelledParent(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(
                database,
                script: ScriptedFunction { _ in
                    await gate.pass()
                    try Task.checkCancellation()
                })
            let child = """
                document: {dsl: 1.0.3, namespace: test, name: child, version: 0.1.0}
                do: [{work: {call: script, with: {}}}]
                """
            _ = try await harness.workflows.create(harness.workflows.validate(child), as: .localOperator)
            let statuses = try await harness.running {
                let id = try await harness.execute(
                    workflow("- run: {run: {workflow: {namespace: test, name: child, version: latest}}}"))
                await gate.arrival(of: 1)
                try await harness.workflows.cancel(id, as: .localOperator)
                _ = try await harness.end(of: id)
                let all = try await harness.workflows.executions(limit: 10, in: .default).items
                for execution in all { _ = try await harness.end(of: execution.id) }
                return try await harness.workflows.executions(limit: 10, in: .default).items.map(\.status)
            }
            #expect(statuses == [.cancelled, .cancelled])
        }
    }

    @Test(
        "A changed document under the same version is refused, or stored as a revision", arguments: TestDatabase.engines
    )
    func revisions(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let workflows = EngineHarness(database).workflows
            let first = try await workflows.create(workflows.validate(Self.three), as: .localOperator)
            #expect(first.isNew)
            #expect(try await workflows.create(workflows.validate(Self.three), as: .localOperator).isNew == false)
            let changed = try workflows.validate(workflow("- a: {set: {n: 1}}"))
            await #expect { try await workflows.create(changed, as: .localOperator) } throws: { error in
                (error as? WorkflowError)?.code == .versionTaken
            }
            let revision = try await workflows.create(changed, isRevision: true, as: .localOperator)
            #expect(revision.version == "0.1.0+\(changed.hash.description.prefix(8))")
            #expect(try await workflows.create(changed, isRevision: true, as: .localOperator).isNew == false)
        }
    }

    @Test("An execution that waits long leaves the memory and is woken in time", arguments: TestDatabase.engines)
    func longWait(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.memoryHorizon = .zero }
            let execution = try await harness.running {
                try await harness.end(
                    of: harness.execute(workflow("- pause: {wait: PT0.1S}\n- a: {call: script, with: {n: 1}}")))
            }
            #expect(execution.output == ["n": 1])
            #expect((execution.endedAt.map { $0 - execution.createdAt } ?? .zero) >= .milliseconds(100))
        }
    }

    @Test("A row that cannot be read is set aside, and the others go on", arguments: TestDatabase.engines)
    func poisoned(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let first = EngineHarness(
                database,
                script: ScriptedFunction { _ in
                    await gate.pass()
                    try Task.checkCancellation()
                })
            let ids = try await first.running {
                let ids = [try await first.execute(Self.three), try await first.execute(Self.three)]
                await gate.arrival(of: 2)
                return ids
            }
            try await database.write { tx in
                try tx.execute(
                    "UPDATE tasks SET reference = 'nowhere' WHERE id IN (SELECT MIN(id) FROM tasks)")
            }
            let second = EngineHarness(database)
            let executions = try await second.running {
                let good = try await second.end(of: ids[1])
                return [try await second.workflows.waitForEnd(of: ids[0], in: .default, orParked: true), good]
            }
            #expect(executions.map(\.status) == [.suspended, .completed])
            #expect(executions[0].reason == .quarantined)
            try await second.workflows.cancel(ids[0], as: .localOperator)
            #expect(try await second.workflows.execution(ids[0], in: .default).status == .cancelled)
        }
    }

    @Test(
        "Going on with what ran is no progress; after too many claims without any an execution is set aside",
        arguments: TestDatabase.engines)
    func crashLoop(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            func claims() async throws -> Int? {
                try await database.read { tx in try tx.first("SELECT claims FROM executions") { try $0[0] as Int } }
            }
            func blocked(by gate: Gate) -> EngineHarness {
                EngineHarness(
                    database,
                    script: ScriptedFunction { _ in
                        await gate.pass()
                        try Task.checkCancellation()
                    })
            }
            let (first, second) = (Gate(), Gate())
            let harness = blocked(by: first)
            let id = try await harness.running {
                let id = try await harness.execute(Self.three)
                await first.arrival(of: 1)
                return id
            }
            let whileItRuns = try await blocked(by: second).running {
                await second.arrival(of: 1)
                return try await claims()
            }
            #expect(whileItRuns == 1)
            #expect(try await claims() == 0)
            // As if the last twenty processes had been killed by it.
            try await database.write { tx in try tx.execute("UPDATE executions SET claims = 20") }
            let last = EngineHarness(database)
            let execution = try await last.running {
                try await last.workflows.waitForEnd(of: id, in: .default, orParked: true)
            }
            #expect(execution.status == .suspended && execution.reason == .quarantined)
            #expect(last.script.ledger.isEmpty)
        }
    }

    @Test("Writes that belong to a task commit with it, or not at all", arguments: TestDatabase.engines)
    func taskWrites(on engine: TestDatabase.Engine) async throws {
        let table = Migration(
            "test.001_costs", ["CREATE TABLE costs (micros \(fragment: .int64) NOT NULL) \(fragment: .strict)"])
        try await withTestDatabase(engine, migrations: EngineHarness.migrations + [table]) { database in
            let ids = UUIDGenerator()
            let workflows = Workflows(database: database, functions: [CostlyFunction()], ids: ids)
            let engine = WorkflowEngine(
                workflows: workflows,
                executor: EffectExecutor(functions: [CostlyFunction()], http: NoHTTP(), workflows: workflows),
                node: ids.next(),
                logger: .init(label: "test"))
            let run = Task { try await engine.run() }
            let stored = try await workflows.create(
                workflows.validate(
                    workflow("- a: {call: costly, with: {micros: 5}}\n- b: {call: costly, with: {micros: 7}}")),
                as: .localOperator)
            let id = try await workflows.execute(
                ExecuteCommand(workflow: stored.id, version: stored.version), as: .localOperator, on: engine
            ).id
            _ = try await workflows.waitForEnd(of: id, in: .default)
            run.cancel()
            try await run.value
            let sum = try await database.read { tx in
                try tx.first("SELECT CAST(SUM(micros) AS \(fragment: .int64)) FROM costs") { try $0[0] as Int }
            }
            #expect(sum == 12)
        }
    }
}

private struct CostlyFunction: TaskFunction {
    let name = "costly"
    let signature = FunctionSignature(effect: .idempotent)

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        let micros = invocation.arguments["micros"]?.integerValue ?? 0
        return TaskOutcome(output: invocation.arguments) { tx in
            try tx.execute("INSERT INTO costs (micros) VALUES (\(micros))")
        }
    }
}
