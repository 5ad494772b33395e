import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Schedules") struct ScheduleTests {
    private static func document(_ schedule: String, version: String = "1.0.0", options: String? = nil) -> String {
        let document = workflow("clock", version, "- a: {set: '${ . }'}")
        guard let options else { return "schedule: \(schedule)\n" + document }
        return "schedule: \(schedule)\n"
            + document.replacing("version: \(version)}", with: "version: \(version), metadata: {schedule: \(options)}}")
    }

    /// Lends an engine with a scheduler, whose clock stands still.
    private static func withSchedule(
        _ engine: TestDatabase.Engine, _ schedule: String, options: String? = nil,
        _ body: @escaping @Sendable (_ harness: EngineHarness, _ clock: ManualClock) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.scheduledMigrations) { database in
            let clock = ManualClock()
            let harness = EngineHarness(database, clock: clock, isScheduled: true)
            try await harness.running {
                _ = try await harness.store(document: Self.document(schedule, options: options))
                try await body(harness, clock)
            }
        }
    }

    @Test("Every so often, and what was missed is made up for once", arguments: TestDatabase.engines)
    func every(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{every: {minutes: 5}}") { harness, clock in
            #expect(try await harness.executions() == 0)
            clock.advance(by: .seconds(301))
            try await harness.eventually { try await harness.executions() == 1 }
            clock.advance(by: .seconds(3_650))
            try await harness.eventually { try await harness.executions() == 2 }
            let next = try #require(try await harness.next())
            #expect(next > clock.now)
            #expect(next <= clock.now + .seconds(300))
        }
    }

    @Test("By cron", arguments: TestDatabase.engines)
    func cron(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{cron: '30 6 * * *'}") { harness, clock in
            #expect(try await harness.next() == Timestamp("2026-01-01T06:30:00Z"))
            clock.advance(by: .seconds(7 * 3_600))
            try await harness.eventually { try await harness.executions() == 1 }
            try await harness.eventually { try await harness.next() == Timestamp("2026-01-02T06:30:00Z") }
        }
    }

    @Test("So long after the end of the last", arguments: TestDatabase.engines)
    func after(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{after: PT1M}") { harness, clock in
            for count in 1...3 {
                clock.advance(by: .seconds(61))
                try await harness.eventually { try await harness.executions() == count }
                try await harness.eventually { try await harness.next() == clock.now + .seconds(60) }
            }
        }
    }

    @Test("While an execution goes on, nothing is counted from its end", arguments: TestDatabase.engines)
    func afterLongRun(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.scheduledMigrations) { database in
            let clock = ManualClock()
            let harness = EngineHarness(database, clock: clock, isScheduled: true)
            try await harness.running {
                let body = workflow("clock", "1.0.0", "- pause: {wait: PT1H}")
                _ = try await harness.store(document: "schedule: {after: PT1M}\n" + body)
                clock.advance(by: .seconds(61))
                try await harness.eventually { try await harness.executions() == 1 }
                clock.advance(by: .seconds(1_800))
                #expect(try await harness.next() == nil)
                let reasons = try await harness.scheduler().explain("workflow.test.clock", in: .default)["reasons"]
                #expect(reasons?[0]?["code"] == "running")
                #expect(try await harness.executions() == 1)
                clock.advance(by: .seconds(1_801))
                try await harness.eventually { try await harness.next() == clock.now + .seconds(60) }
            }
        }
    }

    @Test("With the options of schedules of jobs", arguments: TestDatabase.engines)
    func options(on engine: TestDatabase.Engine) async throws {
        let options = "{timezone: Europe/Berlin, misfire: skip}"
        try await Self.withSchedule(engine, "{cron: '30 6 * * *'}", options: options) { harness, clock in
            #expect(try await harness.next() == Timestamp("2026-01-01T05:30:00Z"))
            let job = try await harness.job()
            #expect(job["schedule"]?["timezone"] == "Europe/Berlin" && job["schedule"]?["misfire"] == "skip")
            clock.advance(by: .seconds(30 * 3_600))
            try await harness.eventually { try await harness.next() == Timestamp("2026-01-03T05:30:00Z") }
            #expect(try await harness.executions() == 0)
            #expect(try await harness.job()["skipped"] == 2)
        }
    }

    @Test(
        "It stands among the jobs: paused, run and explained there, and changed in the document only",
        arguments: TestDatabase.engines)
    func owned(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{every: {minutes: 5}}") { harness, clock in
            let (scheduler, id) = (try harness.scheduler(), "workflow.test.clock")
            let job = try await harness.job()
            #expect(job["owner"] == "workflow test.clock" && job["name"] == "workflow test.clock")
            #expect(job["target"] == ["workflow": ["id": "test.clock", "version": "1.0.0"]])
            #expect(job["queue"] == "workflows" && job["tags"] == ["workflow": "test.clock"])
            var filter = Scheduler.Filter()
            filter.tags = [("workflow", "test.clock")]
            #expect(try await scheduler.jobs(filter, in: .default, after: nil, limit: 10).map(\.id) == [id])
            for patch: JSONValue in [
                ["schedule": ["every": "1h"]], ["target": ["emit": ["type": "a.b"]]], ["name": "x"],
            ] {
                await expect(.jobOwned) { try await scheduler.change(id, by: patch, as: .localOperator) }
            }
            await expect(.jobOwned) { try await scheduler.cancel(id, as: .localOperator) }
            _ = try await scheduler.change(id, by: ["priority": "high"], as: .localOperator)
            _ = try await scheduler.pause(id, as: .localOperator)
            clock.advance(by: .seconds(900))
            let run = try await scheduler.trigger(id, as: .localOperator)
            try await harness.eventually { try await scheduler.job(run, in: .default).json["state"] == "completed" }
            #expect(try await harness.executions() == 1)
            // What is not declared stays over versions, and so does the pause.
            _ = try await harness.store(document: Self.document("{every: {minutes: 7}}", version: "1.0.1"))
            let changed = try await harness.job()
            #expect(changed["priority"] == "high" && changed["state"] == "paused")
            #expect(changed["target"]?["workflow"]?["version"] == "1.0.1")
            _ = try await scheduler.resume(id, as: .localOperator)
            #expect(try await harness.next() == clock.now + .seconds(420))
            _ = try await harness.workflows.update(clockID, WorkflowChange(state: .archived), as: .localOperator)
            #expect(try await harness.job()["state"] == "paused")
            #expect(try await scheduler.explain(id, in: .default)["reasons"]?[0]?["code"] == "withheld")
            await expect(.jobStateConflict) { try await scheduler.resume(id, as: .localOperator) }
            await expect(.jobStateConflict) { try await scheduler.trigger(id, as: .localOperator) }
            clock.advance(by: .seconds(900))
            _ = try await harness.workflows.update(clockID, WorkflowChange(state: .active), as: .localOperator)
            try await harness.eventually { try await harness.next() ?? clock.now > clock.now }
            #expect(try await harness.executions() == 1)
        }
    }

    @Test("What cannot be committed leaves no schedule", arguments: TestDatabase.engines)
    func oneTransaction(on engine: TestDatabase.Engine) async throws {
        try await Self.withSchedule(engine, "{every: {minutes: 5}}") { harness, _ in
            await expect(.versionTaken) {
                try await harness.store(document: Self.document("{every: {minutes: 9}}"))
            }
            let job = try await harness.job()
            #expect(job["schedule"]?["every"] == "PT5M")
        }
    }

    @Test("Without a scheduler a schedule is stored, and nothing starts by it", arguments: TestDatabase.engines)
    func withoutKeeper(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let clock = ManualClock()
            let harness = EngineHarness(database, clock: clock)
            try await harness.running {
                _ = try await harness.store(document: Self.document("{on: {one: {with: {type: go}}}}"))
                #expect(try await harness.publish("go", 1) == 0)
                await expect(.noScheduler) { try await harness.workflows.standingSchedule(of: clockID, in: .default) }
                let id = try await harness.workflows.execute(
                    ExecuteCommand(workflow: clockID), as: .localOperator, on: harness.engine
                ).id
                #expect(try await harness.end(of: id).status == .completed)
                try await harness.workflows.delete(clockID, version: "1.0.0", as: .localOperator)
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
            var inputs: Set<JSONValue?> = []
            for item in list {
                inputs.insert(
                    try await harness.workflows.execution(item.id, in: .default).input.arrayValue?.first?["data"])
            }
            #expect(inputs == [["bpm": 30], ["bpm": 20]])
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
            #expect(try await harness.job()["schedule"]?["owner"] == true)
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
            #expect(try await harness.job()["state"] == "cancelled")
            #expect(try await harness.publish("go", 3) == 0)
        }
    }

    @Test(
        "What is no schedule is refused",
        arguments: [
            "{}", "{every: PT1S, cron: '* * * * *'}", "{every: PT0.1S}", "{cron: '* * *'}", "{after: '${ .x }'}",
            "{on: {one: {with: {}}}}", "{at: noon}", "{every: P40000D}",
        ])
    func invalid(_ schedule: String) async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, isScheduled: true)
            #expect(throws: DefinitionError.self) {
                try harness.workflows.validate(Self.document(schedule))
            }
        }
    }

    @Test(
        "What are no options of it is refused, at its place",
        arguments: ["5", "{zone: UTC}", "{timezone: Mars}", "{every: PT1H}", "{misfire: never}"])
    func invalidOptions(_ options: String) async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, isScheduled: true)
            let error = #expect(throws: DefinitionError.self) {
                try harness.workflows.validate(Self.document("{every: PT1M}", options: options))
            }
            #expect(error?.faults.map(\.pointer) == ["/document/metadata/schedule"])
        }
    }
}

private let clockID = WorkflowID(namespace: "test", name: "clock")

extension EngineHarness {
    @discardableResult
    fileprivate func store(document: String) async throws -> StoredWorkflow {
        try await workflows.create(workflows.validate(document), as: .localOperator)
    }

    fileprivate func executions() async throws -> Int { try await count("SELECT COUNT(*) FROM executions") }

    fileprivate func next() async throws -> Timestamp? {
        try await workflows.standingSchedule(of: clockID, in: .default).standing.nextAt
    }

    fileprivate func scheduler() throws -> Scheduler { try #require(schedules?.scheduler) }

    fileprivate func job() async throws -> JSONValue {
        try await scheduler().job("workflow.test.clock", in: .default).json
    }

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
