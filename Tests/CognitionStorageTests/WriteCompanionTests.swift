import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Companions of a write") struct WriteCompanionTests {
    private struct Refusal: Error {}

    private static let migrations = [
        Migration(
            "test.001", ["CREATE TABLE notes (who \(fragment: .text) NOT NULL) \(fragment: .strict)"])
    ]

    private func notes(_ database: any Database) async throws -> [String] {
        try await database.read { tx in try tx.query("SELECT who FROM notes ORDER BY who") { try $0[0] as String } }
    }

    @Test(
        "It commits with every write of its scope, also of child tasks, and with no other",
        arguments: TestDatabase.engines)
    func accompanies(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: Self.migrations) { database in
            try await WriteCompanion.with({ tx in try tx.execute("INSERT INTO notes (who) VALUES ('companion')") }) {
                try await database.write { tx in _ = try tx.execute("INSERT INTO notes (who) VALUES ('first')") }
                async let child: Void = database.write { tx in
                    _ = try tx.execute("INSERT INTO notes (who) VALUES ('second')")
                }
                try await child
            }
            try await database.write { tx in _ = try tx.execute("INSERT INTO notes (who) VALUES ('third')") }
            #expect(try await notes(database) == ["companion", "companion", "first", "second", "third"])
        }
    }

    @Test("A task that outlives the scope writes without it", arguments: TestDatabase.engines)
    func outlived(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: Self.migrations) { database in
            let (isOver, over) = AsyncStream.makeStream(of: Void.self)
            let later = try await WriteCompanion.with({ (_: borrowing Transaction) in throw Refusal() }) {
                Task {
                    for await _ in isOver { break }
                    try await database.write { tx in _ = try tx.execute("INSERT INTO notes (who) VALUES ('later')") }
                }
            }
            over.yield()
            try await later.value
            #expect(try await notes(database) == ["later"])
        }
    }

    @Test(
        "When it throws the write is undone, and when the write throws there is no companion",
        arguments: TestDatabase.engines)
    func throwing(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: Self.migrations) { database in
            await #expect(throws: Refusal.self) {
                try await WriteCompanion.with({ (_: borrowing Transaction) in throw Refusal() }) {
                    try await database.write { tx in _ = try tx.execute("INSERT INTO notes (who) VALUES ('first')") }
                }
            }
            await #expect(throws: Refusal.self) {
                try await WriteCompanion.with({ tx in try tx.execute("INSERT INTO notes (who) VALUES ('companion')") })
                {
                    try await database.write { (_: borrowing Transaction) in throw Refusal() }
                }
            }
            let left = try await notes(database)
            #expect(left.isEmpty)
        }
    }
}
