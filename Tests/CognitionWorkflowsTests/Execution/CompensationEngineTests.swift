import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

/// Compensation through the database: what a process leaves behind, cancellation without an engine, children.
@Suite("Compensation in the engine", .timeLimit(.minutes(2))) struct CompensationEngineTests {
    /// `a` and `b` are done, `c` is refused; `a` gives more than a row holds.
    static let document = workflow(
        """
        - a:
            call: script
            with: {a: '${ .pad }'}
            metadata: {compensate: [{undo: {call: script, with: {undo: '${ .a | length }', input: '${ $compensated.input.pad | length }'}}}]}
        - b:
            call: script
            with: {b: 1}
            metadata: {compensate: [{undo: {call: script, with: {undo: '${ .b }'}}}]}
        - c: {call: script, with: {refuse: true}}
        """)
    static let input: JSONValue = ["pad": .string(String(repeating: "x", count: 100_000))]
    static let undoA = #"{"undo":100000,"input":100000}"#

    static func script(_ body: @escaping @Sendable (TaskInvocation) async throws -> Void = { _ in }) -> ScriptedFunction
    {
        ScriptedFunction { invocation in
            if invocation.arguments["refuse"] != nil { throw WorkflowFault(.communication, "no", status: 422) }
            try await body(invocation)
        }
    }

    /// What was called to undo something, and the keys of those calls.
    static func undone(_ script: ScriptedFunction) -> [String] {
        script.ledger.compactMap { line in
            let text = line.split(separator: " ", maxSplits: 1)[1]
            return text.hasPrefix(#"{"undo""#) ? String(text) : nil
        }
    }

    @Test("What a process leaves half undone, the next one goes on with", arguments: TestDatabase.engines)
    func recovery(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let keys = Mutex<Set<String>>([])
            let first = EngineHarness(
                database,
                script: Self.script { invocation in
                    guard invocation.arguments["undo"] == 100_000 else { return }
                    keys.withLock { _ = $0.insert(invocation.idempotencyKey) }
                    await gate.pass()
                    try Task.checkCancellation()
                })
            let id = try await first.running {
                let id = try await first.execute(Self.document, input: Self.input)
                await gate.arrival(of: 1)
                return id
            }
            #expect(Self.undone(first.script) == [#"{"undo":1}"#, Self.undoA])
            let between = try await first.workflows.execution(id, in: .default)
            #expect(between.status == .running && between.reason == .compensating && !between.isParked)
            #expect(between.fault?.status == 422 && between.progress < 100 && between.endedAt == nil)
            #expect(try await first.workflows.executionJSON(id, in: .default) == between.json.jsonBytes)
            let second = EngineHarness(
                database,
                script: Self.script { invocation in keys.withLock { _ = $0.insert(invocation.idempotencyKey) } }
            )
            let execution = try await second.running { try await second.end(of: id) }
            #expect(Self.undone(second.script) == [Self.undoA] && keys.withLock { $0.count } == 1)
            #expect(execution.status == .faulted && execution.reason == .compensated && execution.fault?.status == 422)
            #expect(execution.tasks.map(\.name) == ["a", "b", "c", "compensate b", "undo", "compensate a", "undo"])
            #expect(execution.tasks[3].scope == 2 && execution.tasks[5].scope == 1)
            #expect(
                try await second.types(of: id).filter { $0.contains("compensat") || $0.hasPrefix("execution") } == [
                    "execution.started", "execution.compensating", "task.compensated", "task.compensated",
                    "execution.faulted",
                ])
            let list = try await second.workflows.executions(limit: 1, in: .default).items
            #expect(list.first?.reason == .compensated)
            let last = try #require(try await second.events(of: StreamName("execution", id.description)).last)
            #expect(last.data["reason"] == "compensated" && last.data["status"] == "faulted")
        }
    }

    @Test(
        "What a process has done before it ended is undone by the one in which it fails",
        arguments: TestDatabase.engines)
    func restart(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let first = EngineHarness(
                database,
                script: ScriptedFunction { invocation in
                    guard invocation.arguments["refuse"] != nil else { return }
                    await gate.pass()
                    try Task.checkCancellation()
                })
            let id = try await first.running {
                let id = try await first.execute(Self.document, input: Self.input)
                await gate.arrival(of: 1)
                return id
            }
            let second = EngineHarness(database, script: Self.script())
            let execution = try await second.running { try await second.end(of: id) }
            #expect(execution.status == .faulted && execution.reason == .compensated)
            #expect(Self.undone(second.script) == [#"{"undo":1}"#, Self.undoA])
        }
    }

    @Test(
        "Cancelled where no engine runs, an execution is left to the next one, which undoes it",
        arguments: TestDatabase.engines)
    func cancelledWithoutEngine(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let first = EngineHarness(database, script: Self.script()) { $0.memoryHorizon = .zero }
            let id = try await first.running {
                let id = try await first.execute(
                    Self.document.replacing("call: script, with: {refuse: true}", with: "wait: PT1H"),
                    input: Self.input)
                while try await first.workflows.execution(id, in: .default).status != .waiting { await Task.yield() }
                return id
            }
            #expect(Self.undone(first.script).isEmpty)
            for _ in 1...3 {
                try await first.workflows.cancel(id, as: .localOperator)
                let execution = try await first.workflows.execution(id, in: .default)
                #expect(execution.status == .running && execution.reason == .compensating && execution.endedAt == nil)
            }
            #expect(try await first.count("SELECT COUNT(*) FROM executions WHERE owner IS NOT NULL") == 0)
            let second = EngineHarness(database, script: Self.script())
            let execution = try await second.running {
                let execution = try await second.end(of: id)
                await expect(.executionEnded) { try await second.workflows.cancel(id, as: .localOperator) }
                return execution
            }
            #expect(execution.status == .cancelled && execution.reason == .compensated && execution.fault == nil)
            #expect(Self.undone(second.script) == [#"{"undo":1}"#, Self.undoA])
            #expect(try await second.types(of: id).count { $0 == "execution.compensating" } == 1)
        }
    }

    @Test(
        "A cancellation during compensation is accepted, settled, and changes nothing", arguments: TestDatabase.engines)
    func cancelledTwice(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(
                database,
                script: Self.script { invocation in
                    if invocation.arguments["undo"] != nil { await gate.pass() }
                    try Task.checkCancellation()
                })
            let execution = try await harness.running {
                let id = try await harness.execute(Self.document, input: Self.input)
                await gate.arrival(of: 1)
                try await harness.workflows.cancel(id, as: .localOperator)
                while try await harness.count(
                    "SELECT COUNT(*) FROM executions WHERE cancel_requested_at IS NOT NULL") > 0
                { await Task.yield() }
                gate.open()
                return try await harness.end(of: id)
            }
            #expect(execution.status == .faulted && execution.reason == .compensated)
            #expect(Self.undone(harness.script) == [#"{"undo":1}"#, Self.undoA])
        }
    }

    @Test("A child that its parent's end cancels undoes what it has done", arguments: TestDatabase.engines)
    func children(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(
                database,
                script: Self.script { invocation in
                    if invocation.arguments["hold"] != nil { await gate.pass() }
                    try Task.checkCancellation()
                })
            let child = try await harness.store(
                "child",
                body: """
                    - a: {call: script, with: {n: 7}, metadata: {compensate: [{undo: {call: script, with: {undo: '${ .n }'}}}]}}
                    - hold: {call: script, with: {hold: true}}
                    """)
            let parent = workflow(
                "parent", "1.0.0",
                """
                - run:
                    run: {workflow: {namespace: test, name: child, version: latest}}
                    metadata: {compensate: [{undo: {call: script, with: {undo: '${ $compensated.outcome }'}}}]}
                """)
            try await harness.running {
                let id = try await harness.execute(parent)
                await gate.arrival(of: 1)
                try await harness.workflows.cancel(id, as: .localOperator)
                let ended = try await harness.end(of: id)
                #expect(ended.status == .cancelled && ended.reason == .compensated)
                let summary = try #require(
                    try await harness.workflows.executions(ExecutionFilter(workflow: child.id), limit: 1, in: .default)
                        .items.first)
                let childEnd = try await harness.end(of: summary.id)
                #expect(childEnd.status == .cancelled && childEnd.reason == .compensated)
            }
            #expect(Set(Self.undone(harness.script)) == [#"{"undo":7}"#, #"{"undo":"unknown"}"#])
        }
    }

    @Test(
        "A long wait in a compensation leaves the memory and is woken in time, also as the first thing that is stored",
        arguments: TestDatabase.engines)
    func longWait(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: Self.script()) { $0.memoryHorizon = .zero }
            let execution = try await harness.running {
                try await harness.end(
                    of: harness.execute(
                        workflow(
                            """
                            - a:
                                do: [{n: {set: {n: 1}}}]
                                metadata: {compensate: [{pause: {wait: PT0.1S}}, {undo: {call: script, with: {undo: '${ .n }'}}}]}
                            - b: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                            """)))
            }
            #expect(execution.status == .faulted && execution.reason == .compensated)
            #expect(Self.undone(harness.script) == [#"{"undo":1}"#])
        }
    }

    @Test("Nothing is undone while what was stopped goes on", arguments: TestDatabase.engines)
    func waitsForStopped(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let stubborn = Gate()
            let order = Mutex<[String]>([])
            let harness = EngineHarness(
                database,
                script: ScriptedFunction { invocation in
                    if invocation.arguments["undo"] != nil { return order.withLock { $0.append("undone") } }
                    // Not cut short by being stopped, as a request that is under way.
                    await Task { await stubborn.pass() }.value
                    order.withLock { $0.append("ended") }
                })
            let execution = try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        """
                        - a: {call: script, with: {n: 1}, metadata: {compensate: [{undo: {call: script, with: {undo: 1}}}]}}
                        """))
                await stubborn.arrival(of: 1)
                try await harness.workflows.cancel(id, as: .localOperator)
                while try await harness.count("SELECT COUNT(*) FROM tasks WHERE name = 'undo'") == 0 {
                    await Task.yield()
                }
                #expect(order.withLock { $0 }.isEmpty)
                stubborn.open()
                return try await harness.end(of: id)
            }
            #expect(order.withLock { $0 } == ["ended", "undone"])
            #expect(execution.status == .cancelled && execution.reason == .compensated)
        }
    }

    @Test(
        "One that was set aside while it undid something ends when it is cancelled, and says what is left",
        arguments: TestDatabase.engines)
    func setAside(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let first = EngineHarness(
                database,
                script: Self.script { invocation in
                    if invocation.arguments["undo"] != nil { await gate.pass() }
                    try Task.checkCancellation()
                })
            let id = try await first.running {
                let id = try await first.execute(Self.document, input: Self.input)
                await gate.arrival(of: 1)
                return id
            }
            // As if the last twenty processes had been killed by it.
            try await database.write { tx in try tx.execute("UPDATE executions SET claims = 20") }
            let second = EngineHarness(database, script: Self.script())
            try await second.running {
                let parked = try await second.workflows.waitForEnd(of: id, in: .default, orParked: true)
                #expect(parked.status == .suspended && parked.reason == .quarantined)
            }
            try await second.workflows.cancel(id, as: .localOperator)
            let execution = try await second.workflows.execution(id, in: .default)
            #expect(execution.status == .faulted && execution.reason == .compensationFailed)
            #expect(execution.fault?.status == 422 && Self.undone(second.script).isEmpty)
            let failed = try await second.events(of: StreamName("execution", id.description)).filter {
                $0.type == "task.compensation_failed"
            }
            #expect(failed.map { $0.data["name"] } == ["b", "a"])
        }
    }

    @Test("One that cannot be read ends without, and its reason says so", arguments: TestDatabase.engines)
    func unreadable(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let first = EngineHarness(
                database,
                script: ScriptedFunction { invocation in
                    if invocation.arguments["refuse"] != nil { await gate.pass() }
                    try Task.checkCancellation()
                })
            let id = try await first.running {
                let id = try await first.execute(Self.document, input: Self.input)
                await gate.arrival(of: 1)
                return id
            }
            try await database.write { tx in
                try tx.execute("UPDATE tasks SET reference = 'nowhere' WHERE name = \("c")")
            }
            try await first.workflows.cancel(id, as: .localOperator)
            let execution = try await first.workflows.execution(id, in: .default)
            #expect(execution.status == .cancelled && execution.reason == .compensationFailed)
            let last = try #require(try await first.events(of: StreamName("execution", id.description)).last)
            #expect(last.type == "execution.cancelled" && last.data["reason"] == "compensation_failed")
        }
    }
}
