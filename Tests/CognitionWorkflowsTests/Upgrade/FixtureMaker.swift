import CognitionCore
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Foundation
import Testing

/// Makes the database that ``UpgradeFixtureTests`` of later builds go on with; `Scripts/make-fixture` runs it.
///
/// Three processes leave it behind: a first one that dies with calls under way; a second one that takes over, and dies as
/// well; and a last one without an engine, which leaves what none has looked at. A process dies when its database is copied
/// while it runs.
@Suite("Making a fixture", .timeLimit(.minutes(2))) struct FixtureMaker {
    /// Where the folder is that the fixture is written into.
    static let path = ProcessInfo.processInfo.environment["COGNITIONOS_MAKE_FIXTURE"]

    @Test("It holds an execution that waits in every way there is", .enabled(if: path != nil))
    func make() async throws {
        let target = try #require(Self.path) + "/" + Fixture.nameOfThisBuild + ".sqlite"
        let script = ParkedWorkflow.script(heldBy: Gate())
        try await withTemporaryDirectory { folder in
            try await Self.process(on: folder + "/first.sqlite", script, diesInto: folder + "/second.sqlite") {
                try await Self.park(.first, in: $0)
            }
            try await Self.process(on: folder + "/second.sqlite", script, diesInto: target) { harness in
                for id in try await harness.workflows.executions(limit: 200, in: .default).items.map(\.id) {
                    try await harness.settle(id)
                }
                try await Self.park(.elsewhere, in: harness)
                try await Self.park(.second, in: harness)
            }
        }
        #expect(script.places.sorted() == ParkedWorkflow.all.flatMap(\.before).sorted())
        try await lend(try await SQLiteDatabase.open(at: target)) { database in
            let harness = EngineHarness(database, script: script, cipher: TestCipher(), clock: ManualClock())
            try await Self.park(.last, in: harness)
            let unread = try #require(try await harness.executions(of: "unread").first)
            try await harness.workflows.suspend(unread, as: .localOperator)
            #expect(try await harness.publish("unread.event", 1) == 1)
            try await harness.workflows.signal("go", data: ["n": 2], to: unread, as: .localOperator)
        }
    }

    private static func process(
        on path: String, _ script: ScriptedFunction, diesInto copy: String,
        _ body: (EngineHarness) async throws -> Void
    ) async throws {
        try await lend(try await SQLiteDatabase.open(at: path), EngineHarness.scheduledMigrations) { database in
            let harness = EngineHarness(
                database, script: script, cipher: TestCipher(), clock: ManualClock(), isScheduled: true)
            try await harness.running {
                try await body(harness)
                try await database.backup(to: copy)
            }
        }
    }

    private static func park(_ start: ParkedWorkflow.Start, in harness: EngineHarness) async throws {
        if start == .elsewhere {
            _ = try await harness.workflows.setSecret("apiKey", to: "s3cret", as: .localOperator)
        }
        for parked in ParkedWorkflow.all where parked.start == start {
            let stored = try await harness.workflows.create(
                harness.workflows.validate(parked.document), as: .localOperator)
            switch start {
            case .first, .second:
                let command = ExecuteCommand(workflow: stored.id, version: stored.version, input: parked.input)
                let id = try await harness.workflows.execute(command, as: .localOperator, on: harness.engine).id
                try await parked.park(harness, id)
            case .elsewhere: continue
            case .last:
                _ = try await harness.leave(stored)
            }
        }
    }
}
