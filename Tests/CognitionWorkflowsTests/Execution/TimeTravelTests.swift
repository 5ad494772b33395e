import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Time travel and comparison") struct TimeTravelTests {
    @Test("At each position an execution is what it was", arguments: TestDatabase.engines)
    func positions(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let workflows = harness.workflows
            try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "w", "1.0.0",
                        """
                        - a: {call: script, with: {n: 1}, export: {as: '${ {from: "a"} }'}}
                        - b: {call: script, with: {n: 2}, export: {as: '${ {from: "b"} }'}}
                        - c: {set: {n: 3}}
                        """), input: ["given": true])
                let ended = try await harness.end(of: id)
                let events = try await harness.events(of: StreamName("execution", id.description))
                func state(_ index: Int) async throws -> PastState {
                    try await workflows.state(of: id, at: .position(events[index].position), limit: 50, in: .default)
                }
                // started and a's start; a's end and b's start; b's end and that of the execution.
                #expect(
                    events.map(\.type) == [
                        "execution.started", "task.started", "task.completed", "task.started", "task.completed",
                        "execution.completed",
                    ])
                #expect(Set(events.map(\.time)).count == 3, "each transition has a moment of its own")
                let first = try await state(0)
                #expect(first.status == .running && first.input == ["given": true] && first.context == .null)
                #expect(first.tasks.map(\.summary.name) == ["a"] && first.tasks[0].output == nil)
                #expect(first.tasks[0].summary.status == .running && first.tasks[0].summary.endedAt == nil)
                let second = try await state(2)
                #expect(second.tasks.map(\.summary.name) == ["a", "b"] && second.context == ["from": "a"])
                #expect(second.tasks[0].output == ["n": 1] && second.tasks[1].input == ["n": 1])
                #expect(second.output == nil && second.progress == 33)
                let last = try await state(5)
                #expect(last.status == .completed && last.output == ended.output && last.context == ["from": "b"])
                #expect(last.tasks.map(\.summary.status) == [.completed, .completed, .completed])
                #expect(last.tasks.map(\.output) == [["n": 1], ["n": 2], ["n": 3]])
                let paged = try await workflows.state(
                    of: id, at: .position(events[5].position), after: 1, limit: 1, in: .default)
                #expect(paged.tasks.map(\.summary.number) == [2] && paged.next == 2)
                let between = try await workflows.state(of: id, at: .time(events[2].time), limit: 50, in: .default)
                #expect(between.tasks.map(\.output) == second.tasks.map(\.output))
                let created = try await workflows.state(of: id, at: .time(ended.createdAt), limit: 50, in: .default)
                // It may have been left to the engine, which begins it a moment later.
                #expect([.pending, .running].contains(created.status))

                await expect(.momentOutside) {
                    try await workflows.state(of: id, at: .position(events[5].position + 100), limit: 1, in: .default)
                }
                await expect(.momentOutside) {
                    try await workflows.state(of: id, at: .position(events[0].position - 1), limit: 1, in: .default)
                }
                await expect(.momentOutside) {
                    try await workflows.state(
                        of: id, at: .time(ended.createdAt - .seconds(1)), limit: 1, in: .default)
                }
                await expect(.momentOutside) {
                    try await workflows.state(
                        of: id, at: .time(ended.createdAt + .seconds(3_600)), limit: 1, in: .default)
                }
                await expect(.executionNotFound) {
                    try await workflows.state(of: id, at: .position(1), limit: 1, in: WorkspaceID("elsewhere"))
                }
            }
        }
    }

    @Test("Two executions are compared task by task; what forks share is not repeated", arguments: TestDatabase.engines)
    func diff(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let workflows = harness.workflows
            try await harness.running {
                let document = workflow(
                    "w", "1.0.0",
                    """
                    - a: {call: script, with: {n: '${ .n }'}}
                    - each:
                        for: {each: i, in: '${ [range(.n)] }'}
                        do: [{x: {call: script, with: {i: '${ $i }', n: '${ .n }'}}}]
                    - end: {set: {fixed: 1}}
                    """)
                let two = try await harness.end(of: harness.execute(document, input: ["n": 2]))
                let three = try await harness.end(of: harness.execute(document, input: ["n": 3]))
                let diff = try await workflows.diff(of: two.id, with: three.id, limit: 50, in: .default)
                #expect(diff.shared == 0 && diff.left.tasks == 5 && diff.right.tasks == 6)
                #expect(diff.totals == [.equal: 1, .changed: 4, .onlyRight: 1])
                #expect(diff.pairs.map(\.name) == ["a", "each", "x", "x", "end", "x"])
                let x = try #require(diff.pairs.first { $0.name == "x" && $0.scope == 1 })
                #expect(x.left?.output == ["i": 1, "n": 2] && x.right?.output == ["i": 1, "n": 3])
                #expect(x.left?.took != nil && x.standing == .changed)
                let same = try #require(diff.pairs.first { $0.name == "end" })
                #expect(same.standing == .equal && same.left?.output == nil)
                #expect(diff.pairs.last?.standing == .onlyRight && diff.pairs.last?.left == nil)
                let page = try await workflows.diff(
                    of: two.id, with: three.id, after: 1, limit: 2, changesOnly: true, in: .default)
                #expect(page.pairs.map(\.name) == ["each", "x"] && page.next == 3)

                let fork = try await harness.end(
                    of: workflows.fork(
                        two.id, ForkCommand(.named("each"), inputPatch: ["n": 7]), as: .localOperator
                    ).id)
                let shared = try await workflows.diff(of: two.id, with: fork.id, limit: 50, in: .default)
                #expect(shared.shared == 3 && shared.totals == [.equal: 1, .changed: 1])
                #expect(shared.pairs.map(\.name) == ["each", "end"])
                #expect(shared.pairs[0].right?.output == ["i": 1, "n": 7])
                let none = try await workflows.diff(of: two.id, with: two.id, limit: 50, in: .default)
                #expect(none.shared == 5 && none.pairs.isEmpty && none.next == nil)
            }
        }
    }
}
