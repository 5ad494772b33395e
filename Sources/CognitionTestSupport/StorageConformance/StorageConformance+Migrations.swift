import CognitionCore
package import CognitionStorage
import Testing

/// These take a database without any migration applied.
extension StorageConformance {
    private static let first = Migration(
        "sample.001_first", ["CREATE TABLE first (id \(fragment: .identity)) \(fragment: .strict)"])
    private static let second = Migration(
        "sample.002_second",
        [
            "CREATE TABLE second (id \(fragment: .identity)) \(fragment: .strict)",
            "INSERT INTO second (id) VALUES (7)",
        ])

    private static let moment = Timestamp(microseconds: 1_795_232_460_000_000)

    package static func migrationsApplyOnce(_ database: any Database) async throws {
        #expect(try await database.pendingMigrations([first, second]) == [first.name, second.name])
        try await database.migrate([first], now: moment)
        #expect(try await database.pendingMigrations([first, second]) == [second.name])
        try await database.migrate([first, second], now: moment)
        try await database.migrate([first, second], now: moment + .seconds(60))
        #expect(try await database.pendingMigrations([first, second]).isEmpty)
        let (rows, moments) = try await database.read { tx in
            (
                try tx.query("SELECT id FROM second") { try $0[0] as Int },
                try tx.query("SELECT applied_at FROM schema_migrations") { try $0[0] as Timestamp }
            )
        }
        #expect(rows == [7])
        #expect(moments == [moment, moment])
    }

    package static func changedMigrationIsRefused(_ database: any Database) async throws {
        try await database.migrate([first], now: moment)
        let changed = Migration(
            first.name, ["CREATE TABLE first (id \(fragment: .identity), more \(fragment: .text)) \(fragment: .strict)"]
        )
        #expect(await code { try await database.migrate([changed], now: moment) } == "storage.migration_changed")
        #expect(await code { _ = try await database.pendingMigrations([changed]) } == "storage.migration_changed")
    }

    package static func newerDatabaseIsRefused(_ database: any Database) async throws {
        try await database.migrate([first, second], now: moment)
        #expect(await code { try await database.migrate([first], now: moment) } == "storage.newer_database")
        #expect(await code { _ = try await database.pendingMigrations([first]) } == "storage.newer_database")
    }

    package static func failingMigrationLeavesNothing(_ database: any Database) async throws {
        let broken = Migration(
            "sample.003_broken",
            ["CREATE TABLE third (id \(fragment: .identity)) \(fragment: .strict)", "INSERT INTO nowhere VALUES (1)"])
        #expect(await code { try await database.migrate([first, second, broken], now: moment) } == "storage.statement")
        #expect(try await database.pendingMigrations([first, second, broken]).count == 3)
        try await database.migrate([first, second], now: moment)
    }
}
