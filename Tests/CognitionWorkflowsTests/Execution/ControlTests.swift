import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Approvals, suspension and reconciliation") struct ControlTests {
    private static let asking = workflow(
        """
        - ask: {call: approval, with: {title: 'Send it?', subject: {amount: '${ .amount }'}}}
        - after: {call: script, with: {said: '${ .choice }', by: '${ .by }'}}
        """)

    private static func withExecution(
        _ engine: TestDatabase.Engine, _ document: String, input: JSONValue = [:],
        clock: any WallClock = SystemWallClock(),
        script: ScriptedFunction = ScriptedFunction(),
        _ body: @escaping @Sendable (_ harness: EngineHarness, _ id: ExecutionID) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: script, clock: clock)
            try await harness.running {
                let id = try await harness.execute(document, input: input)
                try await body(harness, id)
            }
        }
    }

    private static func approval(_ harness: EngineHarness, _ id: ExecutionID) async throws -> Approval {
        try await harness.settle(id)
        return try #require(try await harness.workflows.approvals(of: id, limit: 10, in: .default).items.first)
    }

    // MARK: Approvals

    @Test("The first answer counts; a second changes nothing and says so", arguments: TestDatabase.engines)
    func answered(on engine: TestDatabase.Engine) async throws {
        try await Self.withExecution(engine, Self.asking, input: ["amount": 7]) { harness, id in
            let approval = try await Self.approval(harness, id)
            #expect(approval.request.subject == ["amount": 7])
            #expect(approval.request.choices == ["approve", "reject"])
            #expect(try await harness.workflows.execution(id, in: .default).reason == .approval)
            func answer(_ choice: String, _ digest: SHA256Digest) async throws -> (Approval, Bool) {
                try await harness.workflows.answer(
                    task: approval.task, attempt: approval.attempt, of: id, choice: choice, digest: digest,
                    comment: "ok",
                    as: Principal(actor: "user:ada", workspace: .default))
            }
            await expect(.approvalClosed) { try await answer("approve", SHA256Digest(of: [1])) }
            await expect(.choiceInvalid) { try await answer("maybe", approval.request.digest) }
            let first = try await answer("approve", approval.request.digest)
            #expect(first.1)
            let second = try await answer("reject", approval.request.digest)
            #expect(!second.1)
            #expect(second.0.choice == "approve")
            #expect(try await harness.end(of: id).output == ["said": "approve", "by": "user:ada"])
            #expect(try await harness.types(of: id).contains("approval.answered"))
        }
    }

    @Test("Only one of many answers at once counts", arguments: TestDatabase.engines)
    func race(on engine: TestDatabase.Engine) async throws {
        try await Self.withExecution(engine, Self.asking, input: ["amount": 7]) { harness, id in
            let approval = try await Self.approval(harness, id)
            let applied = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        try await harness.workflows.answer(
                            task: approval.task, attempt: 1, of: id, choice: number % 2 == 0 ? "approve" : "reject",
                            digest: approval.request.digest, comment: nil, as: .localOperator
                        ).isFirst
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(applied == 1)
            let execution = try await harness.end(of: id)
            let standing = try await harness.workflows.approvals(of: id, limit: 10, in: .default).items.first
            #expect(execution.output?["said"]?.stringValue == standing?.choice)
        }
    }

    @Test("Nobody answers in time: the rule does, and later answers are refused", arguments: TestDatabase.engines)
    func expiry(on engine: TestDatabase.Engine) async throws {
        let document = workflow(
            """
            - ask: {call: approval, with: {choices: [yes, later, no], expires: PT0.05S, on_expiry: later}}
            """)
        try await Self.withExecution(engine, document) { harness, id in
            let execution = try await harness.end(of: id)
            #expect(execution.output?["choice"] == "later")
            #expect(execution.output?["expired"] == true)
            let approval = try #require(
                try await harness.workflows.approvals(of: id, limit: 10, in: .default).items.first)
            #expect(approval.state == .expired)
            await expect(.approvalClosed) {
                try await harness.workflows.answer(
                    task: approval.task, attempt: 1, of: id, choice: "yes", digest: approval.request.digest,
                    comment: nil,
                    as: .localOperator)
            }
        }
    }

    @Test("A cancelled execution withdraws its question", arguments: TestDatabase.engines)
    func withdrawn(on engine: TestDatabase.Engine) async throws {
        try await Self.withExecution(engine, Self.asking, input: ["amount": 7]) { harness, id in
            _ = try await Self.approval(harness, id)
            try await harness.workflows.cancel(id, as: .localOperator)
            _ = try await harness.end(of: id)
            let approval = try await harness.workflows.approvals(of: id, limit: 10, in: .default).items.first
            #expect(approval?.state == .withdrawn)
        }
    }

    // MARK: Suspension

    @Test("A suspended execution keeps results and begins nothing", arguments: TestDatabase.engines)
    func suspension(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        let script = ScriptedFunction { invocation in if invocation.arguments["n"] == 1 { await gate.pass() } }
        let document = workflow(
            """
            - a: {call: script, with: {n: 1}}
            - b: {call: script, with: {n: 2}}
            """)
        try await Self.withExecution(engine, document, script: script) { harness, id in
            await gate.arrival(of: 1)
            try await harness.workflows.suspend(id, as: Principal(actor: "user:ada", workspace: .default))
            let suspended = try await harness.workflows.wait(
                for: id, in: .default, until: { $0.status == .suspended }, atMost: .seconds(10))
            #expect(suspended.status == .suspended)
            gate.open()
            let kept = try await harness.workflows.wait(
                for: id, in: .default, until: { $0.tasks.first?.status == .completed }, atMost: .seconds(10))
            #expect(kept.tasks.first?.status == .completed)
            #expect(kept.status == .suspended)
            #expect(script.ledger.count == 1)
            try await harness.workflows.resume(id, as: Principal(actor: "user:bob", workspace: .default))
            #expect(try await harness.end(of: id).output == ["n": 2])
            let events = try await harness.events(of: StreamName("execution", id.description))
            #expect(events.compactMap { $0.data["suspended_by"] } == ["user:ada"])
            #expect(events.compactMap { $0.data["resumed_by"] } == ["user:bob"])
            let types = try await harness.types(of: id).filter { $0.hasPrefix("execution.") }
            #expect(
                types == ["execution.started", "execution.suspended", "execution.resumed", "execution.completed"])
        }
    }

    @Test("A deadline stands still while an execution is suspended", arguments: TestDatabase.engines)
    func deadline(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        let document = workflow(
            """
            - a: {timeout: {after: PT1M}, listen: {to: {one: {with: {type: go}}}}}
            """)
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, clock: clock)
            try await harness.running {
                let id = try await harness.execute(document)
                try await harness.settle(id)
                try await harness.workflows.suspend(id, as: .localOperator)
                try await harness.settle(id)
                clock.advance(by: .seconds(3_600))
                try await harness.workflows.resume(id, as: .localOperator)
                _ = try await harness.workflows.wait(
                    for: id, in: .default, until: { $0.status == .waiting }, atMost: .seconds(10))
                #expect(try await harness.workflows.execution(id, in: .default).status == .waiting)
                clock.advance(by: .seconds(59))
                _ = try await harness.publish("go", 1)
                #expect(try await harness.end(of: id).output == [1])
            }
        }
    }

    @Test("A suspended execution stays so across the end of a process", arguments: TestDatabase.engines)
    func suspensionAcrossRestart(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let first = EngineHarness(database)
            let id = try await first.running {
                let id = try await first.execute(
                    workflow("- a: {listen: {to: {one: {with: {type: go}}}}}\n- b: {call: script, with: {n: 2}}"))
                try await first.settle(id)
                try await first.workflows.suspend(id, as: .localOperator)
                try await first.settle(id)
                // An event that comes meanwhile is kept.
                _ = try await first.publish("go", 1)
                try await first.settle(id)
                return id
            }
            let second = EngineHarness(database)
            try await second.running {
                try await second.settle(id)
                #expect(try await second.workflows.execution(id, in: .default).status == .suspended)
                #expect(second.script.ledger.isEmpty)
                try await second.workflows.resume(id, as: .localOperator)
                #expect(try await second.end(of: id).output == ["n": 2])
            }
        }
    }

    @Test(
        "The log says who has cancelled an execution, and a child that its parent has", arguments: TestDatabase.engines)
    func cancellation(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        let script = ScriptedFunction { _ in
            await gate.pass()
            try Task.checkCancellation()
        }
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: script)
            func canceller(of id: ExecutionID) async throws -> JSONValue? {
                #expect(try await harness.end(of: id).status == .cancelled)
                return try await harness.events(of: StreamName("execution", id.description)).last?.data["cancelled_by"]
            }
            try await harness.running {
                let child = try await harness.store("child", body: "- a: {call: script, with: {n: 1}}")
                let id = try await harness.execute(
                    workflow("- run: {run: {workflow: {namespace: test, name: child, version: latest}}}"))
                await gate.arrival(of: 1)
                let filter = ExecutionFilter(workflow: child.id)
                let inner = try #require(
                    try await harness.workflows.executions(filter, limit: 1, in: .default).items.first)
                try await harness.workflows.cancel(id, as: Principal(actor: "user:ada", workspace: .default))
                #expect(try await canceller(of: id) == "user:ada")
                #expect(try await canceller(of: inner.id) == .string("execution:\(id)"))
            }
            // Nobody runs it.
            let left = try await harness.leave(try await harness.store("left"))
            try await harness.workflows.cancel(left, as: Principal(actor: "user:bob", workspace: .default))
            #expect(try await canceller(of: left) == "user:bob")
        }
    }

    // MARK: Reconciliation

    @Test("An effect of class once with unknown outcome is settled by a person", arguments: TestDatabase.engines)
    func reconciliation(on engine: TestDatabase.Engine) async throws {
        let document = workflow("- a: {metadata: {effect: once}, call: script, with: {n: 1}}")
        for outcome in ["done", "retry", "fail"] {
            try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
                let gate = Gate()
                let first = EngineHarness(
                    database,
                    script: ScriptedFunction { _ in
                        await gate.pass()
                        try Task.checkCancellation()
                    })
                let id = try await first.running {
                    let id = try await first.execute(document)
                    await gate.arrival(of: 1)
                    return id
                }
                let second = EngineHarness(database)
                try await second.running {
                    try await second.settle(id)
                    #expect(try await second.workflows.execution(id, in: .default).reason == .needsReconcile)
                    func settle(_ outcome: Reconciliation.Outcome, task: Int = 1) async throws {
                        try await second.workflows.reconcile(
                            Reconciliation(task: task, outcome: outcome), of: id, as: .localOperator)
                    }
                    await expect(.stateConflict) { try await settle(.retry, task: 2) }
                    switch outcome {
                    case "done": try await settle(.done(["n": 9]))
                    case "retry": try await settle(.retry)
                    default: try await settle(.failed("it bounced"))
                    }
                    let execution = try await second.end(of: id)
                    #expect(second.script.ledger.count == (outcome == "retry" ? 1 : 0))
                    switch outcome {
                    case "done": #expect(execution.output == ["n": 9])
                    case "retry": #expect(execution.output == ["n": 1])
                    default: #expect(execution.fault?.detail == "it bounced")
                    }
                    await expect(.executionEnded) { try await settle(.retry) }
                    let events = try await second.events(of: StreamName("execution", id.description))
                    let said = events.filter { $0.type == "task.reconciled" }.map { $0.data["reconciled_by"] }
                    #expect(said == [.string(Principal.localOperator.actor)])
                }
            }
        }
    }
}
