import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

@Suite("Cost of calls whose result is lost") struct LostSpendingTests {
    private static let ledger = Migration(
        "test.001_ledger", ["CREATE TABLE ledger (micros \(fragment: .int64) NOT NULL) \(fragment: .strict)"])

    @Test("An execution that was taken over has cost what its calls here have", arguments: TestDatabase.engines)
    func fenced(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations + [Self.ledger]) { database in
            let gate = Gate()
            let harness = EngineHarness(database, functions: [PaidFunction(gate: gate)])
            let id = try await harness.running {
                let id = try await harness.execute(
                    workflow(
                        "w", "1.0.0",
                        """
                        - side: {fork: {branches: [{b: {call: paid, with: {micros: 4}}}, {c: {call: paid, with: {micros: 9}}}]}}
                        """))
                await gate.arrival(of: 2)
                try await database.write { tx in
                    try tx.execute("UPDATE executions SET owner = \("another"), epoch = epoch + 1 WHERE id = \(id)")
                }
                gate.open()
                return id
            }
            // The engine has ended, and with it everything that was in hand.
            let execution = try await harness.workflows.execution(id, in: .default)
            #expect(execution.status == .running && execution.cost.micros == 13)
            #expect(try await harness.count("SELECT COUNT(*) FROM ledger") == 2)
        }
    }

    @Test("A database that does not answer is asked again", arguments: TestDatabase.engines)
    func unavailable(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations + [Self.ledger]) { base in
            let database = FailingDatabase(base)
            let gate = Gate()
            let harness = EngineHarness(database, functions: [PaidFunction(gate: gate)])
            let id = try await harness.running {
                let id = try await harness.execute(workflow("w", "1.0.0", "- a: {call: paid, with: {micros: 5}}"))
                await gate.arrival(of: 1)
                database.failWrites(3)
                gate.open()
                _ = try await harness.end(of: id)
                return id
            }
            let execution = try await harness.workflows.execution(id, in: .default)
            #expect(execution.status == .completed)
            // The call whose result could not be committed, and the one that repeated it.
            #expect(execution.cost.micros == 10)
            #expect(try await harness.count("SELECT COUNT(*) FROM ledger") == 2)
        }
    }
}

/// Lets the next writes fail as if another process had the database locked.
private final class FailingDatabase: Database {
    private let base: any Database
    private let failures = Mutex(0)

    init(_ base: any Database) { self.base = base }

    func failWrites(_ count: Int) { failures.withLock { $0 = count } }

    var dialect: Dialect { base.dialect }
    var signals: Signals { base.signals }
    var writesWaiting: Int { base.writesWaiting }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        let fails = failures.withLock { left in
            left -= 1
            return left >= 0
        }
        if fails { throw StorageError(.storageBusy, "locked by the test") }
        return try await base.write(body)
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        try await base.read(body)
    }

    func backup(to path: String) async throws { try await base.backup(to: path) }
    func close() async { await base.close() }
}
