import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

@Suite("Retry from the failed task") struct RetryTests {
    /// Fails while it is switched off.
    private final class Switch: Sendable {
        private let state = Mutex(false)
        var isOn: Bool {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    private func harness(_ database: any Database, _ peer: Switch, _ keys: Keys = Keys()) -> EngineHarness {
        EngineHarness(
            database,
            script: ScriptedFunction { invocation in
                guard invocation.arguments["fails"] != nil else { return }
                keys.add(invocation.idempotencyKey)
                guard peer.isOn else { throw WorkflowFault(.communication, "the peer is down", status: 503) }
            })
    }

    private final class Keys: Sendable {
        private let state = Mutex<[String]>([])
        var all: [String] { state.withLock { $0 } }
        func add(_ key: String) { state.withLock { $0.append(key) } }
    }

    @Test("The failed task runs again under its key, what had completed does not", arguments: TestDatabase.engines)
    func goesOn(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let (peer, keys) = (Switch(), Keys())
            let harness = harness(database, peer, keys)
            try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "w", "1.0.0",
                        """
                        - a: {call: script, with: {n: 1}}
                        - each:
                            for: {each: i, in: '${ [1, 2, 3] }'}
                            do:
                              - before: {call: script, with: {before: '${ $i }'}}
                              - fails: {if: '${ $i == 2 }', call: script, with: {fails: '${ $i }'}}
                        - z: {call: script, with: {last: '${ . }'}}
                        """))
                let failed = try await harness.end(of: id)
                #expect(failed.status == .faulted && failed.fault?.status == 503)
                let position = try await harness.workflows.snapshot(of: id, in: .default).position
                let again = try await harness.workflows.retry(id, as: .localOperator)
                #expect(again.status == .running && again.endedAt == nil)
                #expect(try await harness.end(of: id).status == .faulted, "the peer is still down")
                peer.isOn = true
                _ = try await harness.workflows.retry(id, as: .localOperator)
                let ended = try await harness.end(of: id)
                #expect(ended.status == .completed && ended.output == ["last": ["before": 3]])
                #expect(ended.fault == nil && ended.tasks.allSatisfy { $0.status == .completed && $0.fault == nil })
                #expect(ended.tasks.first { $0.name == "fails" && !$0.isSkipped }?.attempt == 3)
                #expect(Set(keys.all).count == 1 && keys.all.count == 3)
                #expect(harness.script.ledger.filter { $0.contains("before\":2") }.count == 1)
                #expect(harness.script.ledger.count == 8)
                let types = try await harness.types(of: id)
                #expect(types.filter { $0 == "execution.retried" }.count == 2 && types.last == "execution.completed")
                // As it was after the first failure.
                let past = try await harness.workflows.state(of: id, at: .position(position), limit: 50, in: .default)
                #expect(past.status == .faulted && past.fault?["status"] == 503 && past.output == nil)
                let shown = past.tasks.map(\.summary)
                let tried = shown.first { task in task.name == "fails" && task.scope == 1 }
                #expect(tried?.status == .faulted)
                let later = shown.filter { task in task.name == "z" || task.scope == 2 }
                #expect(later.isEmpty)
                await expect(.notFaulted) { try await harness.workflows.retry(id, as: .localOperator) }
                // The order of the ends is still exact.
                let numbers = ended.tasks.filter { $0.status == .completed }.map(\.number)
                for number in numbers {
                    let fork = try await harness.workflows.fork(id, ForkCommand(.task(number)), as: .localOperator)
                    #expect(try await harness.end(of: fork.id).output == ended.output, "behind task \(number)")
                }
            }
        }
    }

    @Test("Tasks beside the failed one, attempts and children go on with it", arguments: TestDatabase.engines)
    func besides(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let (peer, gate) = (Switch(), Gate())
            let harness = EngineHarness(
                database,
                script: ScriptedFunction { invocation in
                    if invocation.arguments["waits"] != nil, !peer.isOn {
                        await gate.pass()
                        try Task.checkCancellation()
                    }
                    guard invocation.arguments["fails"] != nil, !peer.isOn else { return }
                    await gate.arrival(of: 1)
                    throw WorkflowFault(.communication, "the peer is down", status: 503)
                })
            try await harness.running {
                _ = try await harness.store("child", body: "- x: {call: script, with: {fails: child}}")
                let id = try await harness.execute(
                    workflow(
                        "w", "1.0.0",
                        """
                        - all:
                            fork:
                              branches:
                                - done: {set: {done: true}}
                                - waits: {call: script, with: {waits: true}}
                                - tries:
                                    try:
                                      - one: {call: script, with: {one: 1}}
                                      - run: {run: {workflow: {namespace: test, name: child, version: latest}}}
                                    catch: {retry: {delay: PT0S, limit: {attempt: {count: 1}}}}
                        """))
                #expect(try await harness.end(of: id).status == .faulted)
                peer.isOn = true
                _ = try await harness.workflows.retry(id, as: .localOperator)
                let ended = try await harness.end(of: id)
                #expect(ended.output == [["done": true], ["waits": true], ["fails": "child"]])
                #expect(ended.tasks.first { $0.name == "waits" }?.attempt == 2)
            }
            #expect(harness.script.ledger.filter { $0.contains("one") }.count == 2, "one for each attempt before")
        }
    }

    @Test("A failure before, between and behind the tasks is tried again", arguments: TestDatabase.engines)
    func withoutFailedCall(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                let extra = [
                    "input: {schema: {document: {type: array}}}\n", "output: {as: '${ error(\"no\") }'}\n",
                    "timeout: {after: {milliseconds: 1}}\n",
                ]
                for (index, line) in extra.enumerated() {
                    let document =
                        line
                        + workflow(
                            "w\(index)", "1.0.0",
                            "- a: {set: {n: 1}}\n- d: {do: [{b: {wait: {milliseconds: 30}}}], output: {as: '${ .n }'}}")
                    let id = try await harness.execute(document)
                    let first = try await harness.end(of: id)
                    #expect(first.status == .faulted, "\(line)")
                    let retried = try await harness.workflows.retry(id, as: .localOperator)
                    #expect(!retried.status.hasEnded || index == 1, "\(line)")
                    let second = try await harness.end(of: id)
                    #expect(second.status == .faulted && second.fault?.type == first.fault?.type, "\(line)")
                    #expect(second.endedAt != first.endedAt)
                }
                let id = try await harness.execute(workflow("ok", "1.0.0", "- a: {set: {n: 1}}"))
                _ = try await harness.end(of: id)
                await expect(.notFaulted) { try await harness.workflows.retry(id, as: .localOperator) }
            }
        }
    }
}
