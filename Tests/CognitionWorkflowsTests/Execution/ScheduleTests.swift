import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Schedules") struct ScheduleTests {
    private static func document(_ schedule: String, version: String = "1.0.0") -> String {
        "schedule: \(schedule)\n" + workflow("clock", version, "- a: {set: '${ . }'}")
    }

    /// Lends an engine whose clock stands still, and that is looked at by hand.
    private static func withSchedule(
        _ engine: TestDatabase.Engine, _ schedule: String,
        _ body: @escaping @Sendable (_ harness: EngineHarness, _ clock: ManualClock) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let clock = ManualClock()
            let harness = EngineHarness(database, clock: clock)
            try await harness.running {
                _ = try await harness.store(document: Self.document(schedule))
                try await harness.eventually {
                    try await harness.workflows.schedule(of: clockID, in: .default)?.schedule.workflowKey != 0
                }
                try await body(harness, clock)
            }
        }
    }

    @Test("Every so often, and what was missed is not made up for", arguments: TestDatabase.engines)
    func every(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{every: {minutes: 5}}") { harness, clock in
            #expect(try await harness.executions() == 0)
            clock.advance(by: .seconds(301))
            try await harness.eventually { try await harness.executions() == 1 }
            clock.advance(by: .seconds(3_600))
            try await harness.eventually { try await harness.executions() == 2 }
            let next = try #require(try await harness.workflows.schedule(of: clockID, in: .default)?.schedule.dueAt)
            #expect(next > clock.now)
            #expect(next <= clock.now + .seconds(300))
        }
    }

    @Test("By cron", arguments: TestDatabase.engines)
    func cron(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{cron: '30 6 * * *'}") { harness, clock in
            let next = try await harness.workflows.schedule(of: clockID, in: .default)?.schedule.dueAt
            #expect(next == Timestamp("2026-01-01T06:30:00Z"))
            clock.advance(by: .seconds(7 * 3_600))
            try await harness.eventually { try await harness.executions() == 1 }
            let after = try await harness.workflows.schedule(of: clockID, in: .default)?.schedule.dueAt
            #expect(after == Timestamp("2026-01-02T06:30:00Z"))
        }
    }

    @Test("So long after the end of the last", arguments: TestDatabase.engines)
    func after(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{after: PT1M}") { harness, clock in
            for count in 1...3 {
                clock.advance(by: .seconds(61))
                try await harness.eventually { try await harness.executions() == count }
                try await harness.eventually {
                    try await harness.workflows.schedule(of: clockID, in: .default)?.schedule.dueAt != nil
                }
            }
        }
    }

    @Test("On an event, which is the input", arguments: TestDatabase.engines)
    func event(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{on: {one: {with: {type: low, data: '${ .bpm < 40 }'}}}}") { harness, _ in
            _ = try await harness.publish("low", ["bpm": 60])
            _ = try await harness.publish("low", ["bpm": 30])
            _ = try await harness.publish("low", ["bpm": 20])
            try await harness.eventually { try await harness.executions() == 2 }
            let list = try await harness.workflows.executions(limit: 10, in: .default).items
            let inputs = try await [
                harness.workflows.execution(list[1].id, in: .default).input,
                harness.workflows.execution(list[0].id, in: .default).input,
            ]
            #expect(inputs.map { $0.arrayValue?.first?["data"] } == [["bpm": 30], ["bpm": 20]])
            #expect(try await harness.count("SELECT COUNT(*) FROM execution_messages") == 0)
        }
    }

    @Test("On all events of a set, kept until it is complete", arguments: TestDatabase.engines)
    func events(on engine: TestDatabase.Engine) async throws {
        let schedule =
            "{on: {all: [{with: {type: a}, correlate: {k: {from: .data.k}}}, {with: {type: b}, correlate: {k: {from: .data.k}}}]}}"
        try await Self.withSchedule(engine, schedule) { harness, _ in
            _ = try await harness.publish("a", ["k": 1])
            _ = try await harness.publish("b", ["k": 2])
            try await harness.eventually {
                try await harness.count("SELECT COUNT(*) FROM execution_messages WHERE state = 0") == 0
            }
            #expect(try await harness.executions() == 0)
            _ = try await harness.publish("b", ["k": 1])
            try await harness.eventually { try await harness.executions() == 1 }
        }
    }

    @Test(
        "The highest version's schedule holds; archived and deleted workflows start nothing",
        arguments: TestDatabase.engines)
    func versions(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{every: {minutes: 5}}") { harness, clock in
            _ = try await harness.store(document: Self.document("{on: {one: {with: {type: go}}}}", version: "2.0.0"))
            try await harness.eventually {
                try await harness.workflows.schedule(of: clockID, in: .default)?.schedule.kind == "on"
            }
            clock.advance(by: .seconds(601))
            #expect(try await harness.publish("go", 1) == 1)
            try await harness.eventually { try await harness.executions() == 1 }
            _ = try await harness.workflows.update(clockID, WorkflowChange(state: .archived), as: .localOperator)
            #expect(try await harness.publish("go", 2) == 1)
            try await harness.eventually { try await harness.count("SELECT COUNT(*) FROM execution_messages") == 0 }
            #expect(try await harness.executions() == 1)
            _ = try await harness.workflows.update(clockID, WorkflowChange(state: .active), as: .localOperator)
            for version in ["1.0.0", "2.0.0"] {
                try await harness.eventually {
                    try await harness.count("SELECT COUNT(*) FROM executions WHERE ended_at IS NULL") == 0
                }
                try await harness.workflows.delete(clockID, version: version, as: .localOperator)
            }
            try await harness.eventually { try await harness.count("SELECT COUNT(*) FROM workflow_schedules") == 0 }
            #expect(try await harness.publish("go", 3) == 0)
        }
    }

    @Test(
        "What is no schedule is refused",
        arguments: [
            "{}", "{every: PT1S, cron: '* * * * *'}", "{every: PT0.1S}", "{cron: '* * *'}", "{after: '${ .x }'}",
            "{on: {one: {with: {}}}}", "{at: noon}",
        ])
    func invalid(_ schedule: String) async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            #expect(throws: DefinitionError.self) {
                try harness.workflows.validate(Self.document(schedule))
            }
        }
    }
}

private let clockID = WorkflowID(namespace: "test", name: "clock")

extension EngineHarness {
    fileprivate func store(document: String) async throws -> StoredWorkflow {
        try await workflows.create(workflows.validate(document), as: .localOperator)
    }

    fileprivate func executions() async throws -> Int { try await count("SELECT COUNT(*) FROM executions") }

    /// Waits until something holds, ten seconds at most.
    func eventually(
        sourceLocation: SourceLocation = #_sourceLocation, _ holds: () async throws -> Bool
    ) async throws {
        for _ in 0..<2_000 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("it does not come to hold", sourceLocation: sourceLocation)
    }
}
