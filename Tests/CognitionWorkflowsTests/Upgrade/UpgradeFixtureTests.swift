import CognitionCore
import CognitionEvents
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Databases of earlier builds, each with executions that wait in every way there was then. This build opens a copy of each,
/// migrates it, and brings all of them to the end that they would have come to.
@Suite("Executions that earlier builds have left", .timeLimit(.minutes(2))) struct UpgradeFixtureTests {
    @Test("There is a fixture, and all that is known to be in one is in the newest")
    func complete() async throws {
        let newest = try #require(Fixture.all.last)
        try await Self.withCopy(of: newest) { database in
            let names = try await Self.names(in: database)
            #expect(Set(names) == Set(ParkedWorkflow.all.map(\.name)))
        }
    }

    @Test("They are finished, and nothing is done twice", arguments: Fixture.all)
    func finish(_ fixture: Fixture) async throws {
        try await Self.withCopy(of: fixture) { database in
            let parked = try await Self.parked(in: database)
            try await database.migrate(EngineHarness.scheduledMigrations, now: ParkedWorkflow.moment)
            let clock = ManualClock(ParkedWorkflow.moment)
            let http = ScriptedHTTP { request in (200, [], request.echo) }
            let harness = EngineHarness(
                database, script: ParkedWorkflow.script(), http: http, cipher: TestCipher(), clock: clock,
                isScheduled: true)
            try await harness.running {
                for workflow in parked { try await workflow.goOn(harness, harness.executions(of: workflow.name)) }
                clock.advance(by: .seconds(7 * 3_600))
                try await harness.eventually {
                    let executions = try await harness.count(
                        "SELECT COUNT(*) FROM executions WHERE ended_at IS NOT NULL")
                    return executions == parked.reduce(0) { $0 + $1.ends.count }
                }
                for workflow in parked { try await Self.check(workflow, in: harness) }
            }
            #expect(harness.script.places.sorted() == parked.flatMap(\.after).sorted())
            #expect(http.requests.map { $0.header("X-Key") } == ["s3cret"])
            #expect(try await harness.count("SELECT COUNT(*) FROM execution_messages") == 0)
            #expect(try await harness.count("SELECT COUNT(*) FROM event_listeners WHERE execution_key > 0") == 0)
        }
    }

    private static func check(_ parked: ParkedWorkflow, in harness: EngineHarness) async throws {
        let ids = try await harness.executions(of: parked.name)
        #expect(ids.count == parked.ends.count, "\(parked.name)")
        for (id, end) in zip(ids, parked.ends) {
            let execution = try await harness.workflows.execution(id, in: .default)
            let note: Comment = "\(parked.name): \(execution.json.jsonText)"
            #expect(execution.status == end.status && execution.reason == end.reason, note)
            #expect(execution.output == end.output, note)
            #expect(execution.fault?.type.split(separator: "/").last.map(String.init) == end.fault, note)
            let tasks = execution.tasks.filter { !$0.isSkipped }.map { $0.name.replacing(" ", with: "_") }
            #expect(tasks.joined(separator: " ") == end.tasks, note)
            #expect(execution.tasks.allSatisfy { $0.status.hasEnded }, note)
            #expect(try await harness.workflows.executionJSON(id, in: .default) == execution.json.jsonBytes, note)
            let details = try await harness.workflows.tasks(of: id, limit: 50, in: .default).items
            #expect(details.count == execution.tasks.count, note)
            try await checkHistory(of: execution, in: harness)
        }
    }

    /// The log tells without a gap how it came to that end.
    private static func checkHistory(of execution: Execution, in harness: EngineHarness) async throws {
        let events = try await harness.events(of: StreamName("execution", execution.id.description))
        let note: Comment = "\(execution.workflow) \(events.map(\.type))"
        #expect(events.map(\.version) == Array(1...Int64(events.count)), note)
        #expect(events.first?.type == "execution.started", note)
        #expect(events.last?.type == "execution.\(execution.status.name)", note)
        let completed = events.filter { $0.type == "task.completed" }.map { $0.data["task"] }
        #expect(Set(completed).count == completed.count, note)
    }

    // MARK: Fixtures

    private static func withCopy(of fixture: Fixture, _ body: (SQLiteDatabase) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            try fixture.unpack(to: folder + "/copy.sqlite")
            try await lend(try await SQLiteDatabase.open(at: folder + "/copy.sqlite")) { try await body($0) }
        }
    }

    private static func names(in database: SQLiteDatabase) async throws -> [String] {
        try await database.read { tx in try tx.query("SELECT name FROM workflow_names ORDER BY key") { try $0[0] } }
    }

    private static func parked(in database: SQLiteDatabase) async throws -> [ParkedWorkflow] {
        try await names(in: database).map { name in
            try #require(ParkedWorkflow.all.first { $0.name == name }, "nobody knows how to go on with \(name)")
        }
    }
}
