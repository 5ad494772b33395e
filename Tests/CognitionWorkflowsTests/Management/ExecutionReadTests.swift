import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Executions as users see them") struct ExecutionReadTests {
    private static let elsewhere = WorkspaceID("elsewhere")

    private func with(
        _ engine: TestDatabase.Engine, clock: any WallClock = SystemWallClock(),
        script: ScriptedFunction = ScriptedFunction(), _ body: (EngineHarness) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            try await body(EngineHarness(database, script: script, clock: clock))
        }
    }

    @Test("Executions are filtered by workflow, status and time, and paged", arguments: TestDatabase.engines)
    func list(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await with(engine, clock: clock) { harness in
            let workflows = harness.workflows
            let good = try await harness.store("good")
            let bad = try await harness.store(
                "bad", body: "- a: {raise: {error: {type: 'https://a.b/c', status: 500}}}")
            var ids: [ExecutionID] = []
            for stored in [good, bad, good, bad, good] {
                ids.append(try await harness.leave(stored))
                clock.advance(by: .seconds(1_000))
            }
            try await harness.running { for id in ids { _ = try await harness.end(of: id) } }
            let pending = try await harness.leave(good)
            func list(_ filter: ExecutionFilter) async throws -> [ExecutionID] {
                var found: [ExecutionID] = []
                var cursor: Int64? = .max
                while let before = cursor {
                    let page = try await workflows.executions(filter, before: before, limit: 2, in: .default)
                    #expect(page.items.count <= 2)
                    found += page.items.map(\.id)
                    cursor = page.next
                }
                return found
            }
            #expect(try await list(ExecutionFilter()) == [pending] + ids.reversed())
            #expect(try await list(ExecutionFilter(workflow: bad.id)) == [ids[3], ids[1]])
            #expect(try await list(ExecutionFilter(status: .faulted)) == [ids[3], ids[1]])
            #expect(try await list(ExecutionFilter(status: .completed)) == [ids[4], ids[2], ids[0]])
            #expect(try await list(ExecutionFilter(status: .pending)) == [pending])
            #expect(try await list(ExecutionFilter(workflow: good.id, status: .faulted)).isEmpty)
            #expect(try await list(ExecutionFilter(workflow: WorkflowID("nobody.knows"))).isEmpty)
            let start = ManualClock().now
            for (seconds, count) in [(0, 6), (999, 5), (1_000, 5), (1_001, 4), (5_000, 1), (5_001, 0)] {
                let filter = ExecutionFilter(since: start + .seconds(seconds))
                #expect(try await list(filter) == Array(([pending] + ids.reversed()).prefix(count)))
            }
            #expect(try await workflows.executions(limit: 10, in: Self.elsewhere).items.isEmpty)
        }
    }

    @Test("The time of a list's start is found among keys with gaps", arguments: TestDatabase.engines)
    func since(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await with(engine, clock: clock) { harness in
            let stored = try await harness.store("w")
            var ids: [ExecutionID] = []
            for _ in 0..<40 {
                ids.append(try await harness.leave(stored))
                clock.advance(by: .seconds(600))
            }
            try await harness.running { for id in ids { _ = try await harness.end(of: id) } }
            let kept = ids.enumerated().filter { $0.offset % 7 == 0 }
            for (place, id) in ids.enumerated() where place % 7 != 0 {
                try await harness.workflows.deleteExecution(id, as: .localOperator)
            }
            for place in 0..<40 {
                let filter = ExecutionFilter(since: ManualClock().now + .seconds(600 * place))
                let found = try await harness.workflows.executions(filter, limit: 100, in: .default).items.map(\.id)
                #expect(found == kept.filter { $0.offset >= place }.map(\.element).reversed())
            }
        }
    }

    @Test("Tasks come with their inputs and outputs, wherever these are kept", arguments: TestDatabase.engines)
    func tasks(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "data", "1.0.0",
                        """
                        - first: {call: script, with: {n: '${ .n + 1 }'}}
                        - both:
                            do:
                              - inner: {call: script, with: {n: '${ .n + 1 }'}}
                              - chosen: {input: {from: '${ {m: .n} }'}, set: {n: '${ .m * 10 }'}}
                        - skipped: {if: '${ false }', set: {n: 0}}
                        - each:
                            for: {each: item, in: '${ [7, 8] }'}
                            do: [{add: {set: {n: '${ .n + $item }'}}}]
                        """), input: ["n": 1])
                _ = try await harness.end(of: id)
                return id
            }
            let page = try await harness.workflows.tasks(of: id, limit: 200, in: .default)
            #expect(page.next == nil)
            let names = page.items.map(\.summary.name)
            #expect(names == ["first", "both", "inner", "chosen", "skipped", "each", "add", "add"])
            #expect(
                page.items.map(\.input) == [
                    ["n": 1], ["n": 2], ["n": 2], ["m": 3], ["n": 30], ["n": 30], ["n": 30], ["n": 37],
                ])
            #expect(
                page.items.map(\.output) == [
                    ["n": 2], ["n": 30], ["n": 3], ["n": 30], ["n": 30], ["n": 45], ["n": 37], ["n": 45],
                ])
            #expect(page.items[0].json["input"] == ["n": 1] && page.items[0].json["name"] == "first")
            var numbers: [Int] = []
            var next: Int? = 0
            while let after = next {
                let page = try await harness.workflows.tasks(of: id, after: after, limit: 3, in: .default)
                #expect(page.items.count <= 3)
                numbers += page.items.map(\.summary.number)
                next = page.next
            }
            #expect(numbers == Array(1...8))
            await expect(.executionNotFound) {
                try await harness.workflows.tasks(of: id, limit: 3, in: Self.elsewhere)
            }
        }
    }

    @Test(
        "Arguments of functions are inputs; an input that only an expression tells is null",
        arguments: TestDatabase.engines)
    func functionInputs(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let document = """
                document: {dsl: 1.0.3, namespace: test, name: own, version: 1.0.0}
                input: {from: '${ {n: .deep.n} }'}
                use:
                  functions:
                    double: {set: {n: '${ .n * 2 }'}}
                do:
                  - first: {set: {n: '${ .n + 1 }'}}
                  - twice: {call: double, with: {n: '${ .n }'}}
                """
            let id = try await harness.running {
                let id = try await harness.execute(document, input: ["deep": ["n": 4]])
                _ = try await harness.end(of: id)
                return id
            }
            let tasks = try await harness.workflows.tasks(of: id, limit: 10, in: .default).items
            #expect(tasks.map(\.input) == [nil, ["n": 5], ["n": 5]])
            #expect(tasks.map(\.output) == [["n": 5], ["n": 10], ["n": 10]])
            #expect(tasks[0].json["input"] == .null)
        }
    }

    @Test("A page of tasks ends where its data is much", arguments: TestDatabase.engines)
    func largeTasks(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "large", "1.0.0",
                        """
                        - grow: {set: {text: '${ "x" * 9000000 }'}}
                        - second: {set: {text: '${ .text }'}}
                        - third: {set: {text: '${ .text }'}}
                        """))
                _ = try await harness.end(of: id)
                return id
            }
            let first = try await harness.workflows.tasks(of: id, limit: 10, in: .default)
            #expect(first.items.map(\.summary.name) == ["grow", "second"])
            let second = try await harness.workflows.tasks(
                of: id, after: try #require(first.next), limit: 10, in: .default)
            #expect(second.items.map(\.summary.name) == ["third"])
            #expect(second.items[0].input == first.items[1].output)
            #expect(second.next == nil)
        }
    }

    @Test("The bytes of an execution are its JSON", arguments: TestDatabase.engines)
    func bytes(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        let script = ScriptedFunction { invocation in
            if invocation.arguments["hold"] == true {
                await gate.pass()
                try Task.checkCancellation()
            }
        }
        try await with(engine, script: script) { harness in
            func check(_ id: ExecutionID, sourceLocation: SourceLocation = #_sourceLocation) async throws -> JSONValue {
                let json = try await harness.workflows.execution(id, in: .default).json
                let bytes = try await harness.workflows.executionJSON(id, in: .default)
                #expect(try JSONValue(parsing: bytes) == json, sourceLocation: sourceLocation)
                // The same members, whatever their order.
                #expect(
                    try JSONValue(parsing: bytes).sortedJSONText == json.sortedJSONText, sourceLocation: sourceLocation)
                return json
            }
            let pending = try await harness.leave(harness.store("pending"))
            #expect(try await check(pending)["status"] == "pending")
            try await harness.running {
                let odd = try await harness.execute(
                    workflow(
                        "odd", "1.0.0",
                        """
                        - 'a "quoted" \\u00e4/~\\ name': {call: script, with: {text: "line\\nbreak \\u0001 ü", n: 1.50}}
                        - skipped: {if: '${ false }', set: {n: 0}}
                        - failing: {raise: {error: {type: 'https://a.b/c', status: 418, detail: 'tea "pot"'}}}
                        """), input: ["deep": [["x": .null], 1.25, "é\u{7F}"]])
                _ = try await harness.end(of: odd)
                #expect(try await check(odd)["status"] == "faulted")
                let large = try await harness.execute(
                    workflow("large", "1.0.0", "- a: {set: {text: '${ .text + \"!\" }'}}"),
                    input: ["text": .string(String(repeating: "y", count: 100_000))])
                _ = try await harness.end(of: large)
                #expect(try await check(large)["output"]?["text"]?.stringValue?.count == 100_001)
                let many = try await harness.execute(
                    workflow(
                        "many", "1.0.0", "- all: {for: {each: i, in: '${ [range(1100)] }'}, do: [{a: {set: {n: 1}}}]}"))
                _ = try await harness.end(of: many)
                #expect(try await check(many)["tasks_truncated"] == true)
                let running = try await harness.execute(
                    workflow("held", "1.0.0", "- a: {call: script, with: {hold: true}}"))
                await gate.arrival(of: 1)
                #expect(try await check(running)["status"] == "running")
                gate.open()
                _ = try await harness.end(of: running)
            }
            await expect(.executionNotFound) {
                try await harness.workflows.executionJSON(pending, in: Self.elsewhere)
            }
        }
    }

    @Test("Events of an execution are paged by version, and confined to the workspace", arguments: TestDatabase.engines)
    func events(on engine: TestDatabase.Engine) async throws {
        try await with(engine) { harness in
            let id = try await harness.running {
                let id = try await harness.execute(WorkflowEngineTests.three)
                _ = try await harness.end(of: id)
                return id
            }
            let first = try await harness.workflows.events(of: id, limit: 5, in: .default)
            #expect(first.events.map(\.version) == Array(1...5) && first.version == 8)
            let second = try await harness.workflows.events(of: id, fromVersion: 6, limit: 5, in: .default)
            #expect(second.events.map(\.type) == ["task.started", "task.completed", "execution.completed"])
            await expect(.executionNotFound) {
                try await harness.workflows.events(of: id, limit: 5, in: Self.elsewhere)
            }
            try await harness.workflows.deleteExecution(id, as: .localOperator)
            await expect(.executionNotFound) { try await harness.workflows.events(of: id, limit: 5, in: .default) }
        }
    }

    @Test("A snapshot and the events after its position tell everything once", arguments: TestDatabase.engines)
    func snapshot(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        try await with(engine, script: ScriptedFunction { _ in await gate.pass() }) { harness in
            try await harness.running {
                let id = try await harness.execute(WorkflowEngineTests.three)
                await gate.arrival(of: 1)
                let before = try await harness.workflows.snapshot(of: id, in: .default)
                #expect(before.executions.map(\.status) == [.running])
                #expect(before.executions.map(\.progress) == [0])
                gate.open()
                _ = try await harness.end(of: id)
                let later = try await EventLog(harness.database).readAll(after: before.position).events
                #expect(
                    later.map(\.type) == [
                        "task.completed", "task.started", "task.completed", "task.started", "task.completed",
                        "execution.completed",
                    ])
                let after = try await harness.workflows.snapshot(
                    of: WorkflowID(namespace: "test", name: "flow"), limit: 10, in: .default)
                #expect(after.executions.map(\.status) == [.completed])
                #expect(after.position == later.last?.position)
                await expect(.executionNotFound) {
                    try await harness.workflows.snapshot(of: id, in: Self.elsewhere)
                }
                await expect(.workflowNotFound) {
                    try await harness.workflows.snapshot(of: WorkflowID(name: "nobody"), limit: 1, in: .default)
                }
            }
        }
    }
}
