import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Forks") struct ForkTests {
    private static let chain = """
        - a: {call: script, with: {n: '${ .n + 1 }'}, export: {as: '${ {seen: .n} }'}}
        - b: {call: script, with: {n: '${ .n * 10 }'}}
        - c: {call: script, with: {n: '${ .n + $context.seen }'}}
        """

    private func run(_ harness: EngineHarness, _ body: String, input: JSONValue = ["n": 1]) async throws -> Execution {
        try await harness.end(of: harness.execute(workflow("w", "1.0.0", body), input: input))
    }

    private func fork(_ harness: EngineHarness, _ id: ExecutionID, _ command: ForkCommand) async throws -> Execution {
        try await harness.end(of: harness.workflows.fork(id, command, as: .localOperator).id)
    }

    @Test("A fork shares what had completed and goes on behind it", arguments: TestDatabase.engines)
    func behindTask(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                let source = try await run(harness, Self.chain)
                #expect(source.output == ["n": 22])
                let same = try await fork(harness, source.id, ForkCommand(.task(1)))
                #expect(same.output == ["n": 22] && same.status == .completed)
                #expect(same.forkedFrom == ForkOrigin(execution: source.id, task: 1))
                #expect(same.tasks.map(\.number) == [1, 2, 3] && same.tasks.map(\.attempt) == [1, 1, 1])
                #expect(same.tasks.first?.startedAt == source.tasks.first?.startedAt)
                let patched = try await fork(
                    harness, source.id, ForkCommand(.named("b"), inputPatch: ["n": 100, "more": true]))
                #expect(patched.output == ["n": 102])
                let anew = try await fork(harness, source.id, ForkCommand(.start, inputPatch: ["n": 2]))
                #expect(anew.output == ["n": 33] && anew.input == ["n": 2])
                #expect(anew.forkedFrom == ForkOrigin(execution: source.id))
                // Forks of forks, behind what is the fork's own and behind what it shares.
                let deeper = try await fork(harness, patched.id, ForkCommand(.task(2)))
                #expect(deeper.output == ["n": 102])
                let other = try await fork(harness, deeper.id, ForkCommand(.task(1), inputPatch: ["n": 5]))
                #expect(other.output == ["n": 52], "the context is that of the task as it was")

                let details = try await harness.workflows.tasks(of: deeper.id, limit: 10, in: .default).items
                #expect(details.map(\.output) == [["n": 2], ["n": 100, "more": true], ["n": 102]])
                #expect(details.map(\.input) == [["n": 1], ["n": 2], ["n": 100, "more": true]])
                let paged = try await harness.workflows.tasks(of: deeper.id, after: 1, limit: 1, in: .default)
                #expect(paged.items.map(\.summary.number) == [2] && paged.next == 2)
                for id in [same.id, patched.id, deeper.id] {
                    let read = try await harness.workflows.execution(id, in: .default).json
                    let written = try await harness.workflows.executionJSON(id, in: .default)
                    #expect(read.jsonText == String(decoding: written, as: UTF8.self))
                }
                #expect(try await harness.workflows.execution(source.id, in: .default).json == source.json)
            }
            // a, b, c; then b, c; c; a, b, c; c; b, c.
            #expect(harness.script.ledger.count == 12)
            let rows = try await harness.count("SELECT COUNT(*) FROM tasks")
            #expect(rows == 14, "what is shared is not copied, what is patched is")
        }
    }

    @Test("What ran beside the task starts again in the fork, and the source goes on", arguments: TestDatabase.engines)
    func liveSource(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(
                database,
                script: ScriptedFunction { invocation in if invocation.arguments["slow"] == true { await gate.pass() } }
            )
            try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "w", "1.0.0",
                        """
                        - begin: {set: {x: 1}}
                        - both:
                            fork:
                              branches:
                                - quick: {do: [{one: {call: script, with: {n: 1}}}, {two: {call: script, with: {n: 2}}}]}
                                - slow: {call: script, with: {slow: true}}
                        - end: {call: script, with: {all: '${ . }'}}
                        """))
                await gate.arrival(of: 1)
                while try await harness.workflows.execution(id, in: .default).tasks.filter({ $0.name == "two" })
                    .first?.status != .completed
                { try await Task.sleep(for: .milliseconds(5)) }
                let point = try #require(
                    try await harness.workflows.execution(id, in: .default).tasks.first { $0.name == "one" }?.number)
                let fork = try await harness.workflows.fork(id, ForkCommand(.task(point)), as: .localOperator)
                await gate.arrival(of: 2)
                #expect(try await harness.workflows.execution(id, in: .default).status == .running)
                gate.open()
                let (source, forked) = (try await harness.end(of: id), try await harness.end(of: fork.id))
                #expect(source.output == forked.output && forked.output == ["all": [["n": 2], ["slow": true]]])
                #expect(forked.tasks.allSatisfy { $0.status == .completed })
                await expect(.hasForks) { try await harness.workflows.deleteExecution(id, as: .localOperator) }
                try await harness.workflows.deleteExecution(fork.id, as: .localOperator)
                try await harness.workflows.deleteExecution(id, as: .localOperator)
                #expect(try await harness.count("SELECT COUNT(*) FROM tasks") == 0)
            }
            #expect(harness.script.ledger.filter { $0.contains("\"n\":1") }.count == 1)
            #expect(harness.script.ledger.filter { $0.contains("slow\":true}") && !$0.contains("all") }.count == 2)
        }
    }

    @Test("A fork that is cut off goes on in the next process", arguments: TestDatabase.engines)
    func restart(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let body = """
                - first: {call: script, with: {n: '${ .n + 1 }'}}
                - each:
                    for: {each: i, in: '${ [1, 2, 3] }'}
                    metadata: {concurrency: 1}
                    do: [{x: {call: script, with: {i: '${ $i }', n: '${ .n }'}}}]
                - last: {call: script, with: {all: '${ [.[].i] }', large: '${ [range(9000)] | tojson }'}}
                - end: {set: {all: '${ .all }'}}
                """
            let first = EngineHarness(database)
            let source = try await first.running { try await run(first, body) }
            let gate = Gate()
            let second = EngineHarness(
                database,
                script: ScriptedFunction { invocation in
                    if invocation.arguments["i"] == 3 {
                        await gate.pass()
                        try Task.checkCancellation()
                    }
                })
            // Behind the first iteration of the loop: its list of outputs is worked out from the source's rows.
            let point = try #require(source.tasks.first { $0.name == "x" }?.number)
            let id = try await second.workflows.fork(source.id, ForkCommand(.task(point)), as: .localOperator).id
            try await second.running { await gate.arrival(of: 1) }
            let third = EngineHarness(database)
            let ended = try await third.running { try await third.end(of: id) }
            #expect(ended.output == ["all": [1, 2, 3]] && ended.output == source.output)
            #expect(second.script.ledger.count == 2 && third.script.ledger.count == 2)
        }
    }

    @Test("Another version takes over when what was done is the same in it", arguments: TestDatabase.engines)
    func versions(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                let source = try await run(harness, Self.chain)
                _ = try await harness.store("w", "1.1.0", body: Self.chain.replacing("* 10", with: "* 100"))
                _ = try await harness.store("w", "1.2.0", body: Self.chain.replacing("+ 1", with: "+ 5"))
                _ = try await harness.store("w", "1.3.0", body: "- z: {set: {n: 1}}")
                let better = try await fork(harness, source.id, ForkCommand(.task(1), version: "1.1.0"))
                #expect(better.output == ["n": 202] && better.version == "1.1.0")
                for version in ["1.2.0", "1.3.0", "latest"] {
                    await #expect {
                        try await harness.workflows.fork(
                            source.id, ForkCommand(.task(2), version: version), as: .localOperator)
                    } throws: { error in
                        let error = error as? WorkflowError
                        return error?.code == .forkIncompatible && error?.message.contains("/do/0/a") == true
                    }
                }
                await expect(.forkIncompatible) {
                    try await harness.workflows.fork(
                        source.id, ForkCommand(.task(2), version: "1.1.0"), as: .localOperator)
                }
                await expect(.workflowNotFound) {
                    try await harness.workflows.fork(
                        source.id, ForkCommand(.task(2), version: "9.0.0"), as: .localOperator)
                }
            }
        }
    }

    @Test("What cannot be forked is refused; a repeated request answers the same fork", arguments: TestDatabase.engines)
    func refused(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let workflows = harness.workflows
            try await harness.running {
                let source = try await run(
                    harness,
                    "- a: {set: {n: 1}}\n- t: {try: [{f: {raise: {error: {type: 'https://example.com/x', status: 400}}}}], catch: {}}"
                )
                #expect(source.status == .completed)
                let failed = try #require(source.tasks.first { $0.name == "f" }?.number)
                func fork(_ command: ForkCommand) async throws -> ExecutionID {
                    try await workflows.fork(source.id, command, as: .localOperator).id
                }
                await expect(.forkPointInvalid) { try await fork(ForkCommand(.task(failed))) }
                await expect(.taskNotFound) { try await fork(ForkCommand(.task(9))) }
                await expect(.taskNotFound) { try await fork(ForkCommand(.task(0))) }
                await expect(.taskNotFound) { try await fork(ForkCommand(.named("f"))) }
                await expect(.checkpointNotFound) { try await fork(ForkCommand(.checkpoint("nix"))) }
                await expect(.commandInvalid) { try await fork(ForkCommand(.checkpoint("nix"), inputPatch: [:])) }
                let stranger = Principal(actor: "user:eve", workspace: WorkspaceID("elsewhere"))
                await expect(.executionNotFound) { try await workflows.fork(source.id, ForkCommand(), as: stranger) }
                let first = try await fork(ForkCommand(.task(1), idempotencyKey: "k"))
                #expect(try await fork(ForkCommand(.task(1), idempotencyKey: "k")) == first)
                await expect(.keyReused) {
                    try await fork(ForkCommand(.task(1), version: "1.0.0", idempotencyKey: "k"))
                }
                await expect(.keyReused) { try await fork(ForkCommand(.start, idempotencyKey: "k")) }
                _ = try await harness.end(of: first)
                // An execution of an older release.
                try await database.write { tx in
                    _ = try tx.execute("UPDATE tasks SET placed_after = NULL, ended_order = NULL")
                }
                await expect(.historyUnknown) { try await fork(ForkCommand(.task(1))) }
                await expect(.historyUnknown) {
                    try await workflows.makeCheckpoint(of: source.id, as: .localOperator)
                }
            }
        }
    }

    @Test("Checkpoints are taken, listed, forked from and forgotten", arguments: TestDatabase.engines)
    func checkpoints(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(
                database,
                script: ScriptedFunction { invocation in if invocation.arguments["slow"] == 1 { await gate.pass() } })
            let workflows = harness.workflows
            try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "w", "1.0.0",
                        "- a: {call: script, with: {n: 1}}\n- b: {call: script, with: {slow: '${ .n }'}}\n"
                            + "- c: {call: script, with: {done: true}}"))
                await gate.arrival(of: 1)
                let ann = Principal(actor: "user:ann", workspace: .default)
                let live = try await workflows.makeCheckpoint("live", of: id, as: ann)
                #expect(live.createdBy == "user:ann" && live.position > 0)
                await expect(.checkpointTaken) { try await workflows.makeCheckpoint("live", of: id, as: ann) }
                await expect(.commandInvalid) { try await workflows.makeCheckpoint("No name", of: id, as: ann) }
                gate.open()
                #expect(try await harness.end(of: id).output == ["done": true])
                let ended = try await workflows.makeCheckpoint(of: id, as: ann)
                let page = try await workflows.checkpoints(of: id, limit: 1, in: .default)
                #expect(page.items.map(\.id) == [live.id] && page.next != nil)
                let rest = try await workflows.checkpoints(of: id, after: page.next ?? 0, limit: 1, in: .default)
                #expect(rest.items.map(\.id) == [ended.id] && rest.next == nil)
                #expect(try await workflows.checkpoint("live", of: id, in: .default).id == live.id)
                #expect(try await workflows.checkpoint(ended.id.description, of: id, in: .default).name == nil)

                let before = harness.script.ledger.count
                let again = try await fork(harness, id, ForkCommand(.checkpoint("live")))
                #expect(again.output == ["done": true] && harness.script.ledger.count == before + 2)
                #expect(again.forkedFrom?.checkpoint == live.id.description)
                let nothing = try await fork(harness, id, ForkCommand(.checkpoint(ended.id.description)))
                #expect(nothing.output == ["done": true] && harness.script.ledger.count == before + 2)

                try await workflows.deleteCheckpoint("live", of: id, as: ann)
                await expect(.checkpointNotFound) { try await workflows.checkpoint("live", of: id, in: .default) }
                for fork in [again, nothing] { try await workflows.deleteExecution(fork.id, as: ann) }
                try await workflows.deleteExecution(id, as: ann)
                #expect(try await harness.count("SELECT COUNT(*) FROM checkpoints") == 0)
            }
        }
    }

    @Test("A child workflow that has completed is not run again; payloads are counted", arguments: TestDatabase.engines)
    func childrenAndPayloads(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                _ = try await harness.store("child", body: "- x: {call: script, with: {child: true}}")
                let large = String(repeating: "z", count: 40_000)
                let source = try await run(
                    harness,
                    """
                    - run: {run: {workflow: {namespace: test, name: child, version: latest}}}
                    - keep: {call: script, with: {text: '${ $workflow.input.text }'}, export: {as: '${ {kept: .text} }'}}
                    - run2: {run: {workflow: {namespace: test, name: child, version: latest}}}
                    - end: {set: {same: '${ $context.kept == $workflow.input.text }'}}
                    """, input: ["text": .string(large)])
                #expect(source.output == ["same": true])
                let fork = try await fork(harness, source.id, ForkCommand(.named("keep"), inputPatch: ["more": 1]))
                #expect(fork.output == ["same": true])
                #expect(harness.script.ledger.filter { $0.contains("child") }.count == 3)
                let executions = try await harness.workflows.executions(limit: 10, in: .default).items
                #expect(executions.count == 5)
                for id in [fork.id] + executions.map(\.id).filter({ $0 != fork.id }) {
                    try await harness.workflows.deleteExecution(id, as: .localOperator)
                }
                #expect(try await harness.count("SELECT COUNT(*) FROM payloads") == 0)
                #expect(try await harness.count("SELECT COUNT(*) FROM tasks") == 0)
            }
        }
    }
}
