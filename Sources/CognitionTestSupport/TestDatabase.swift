import CognitionCore
import CognitionSQLite
package import CognitionStorage

/// The engines that everything which stores something is tested on.
package enum TestDatabase {
    package enum Engine: String, Sendable, CaseIterable {
        case sqliteFile
        case sqliteMemory

        /// Reads go on while a write runs; otherwise the two take turns on one connection.
        package var readsBesideWrites: Bool { self != .sqliteMemory }
    }

    package static let engines = Engine.allCases
}

/// Lends an empty database of its own with `migrations` applied, and removes it afterwards.
package func withTestDatabase<Value>(
    _ engine: TestDatabase.Engine, migrations: [Migration] = [], _ body: (any Database) async throws -> Value
) async throws -> Value {
    switch engine {
    case .sqliteFile:
        try await withTemporaryDirectory { folder in
            try await lend(try await SQLiteDatabase.open(at: folder + "/test.sqlite"), migrations, body)
        }
    case .sqliteMemory:
        try await lend(try await SQLiteDatabase.inMemory(), migrations, body)
    }
}

private func lend<Value>(
    _ database: any Database, _ migrations: [Migration], _ body: (any Database) async throws -> Value
) async throws -> Value {
    do {
        if !migrations.isEmpty { try await database.migrate(migrations, now: ManualClock().now) }
        let value = try await body(database)
        await database.close()
        return value
    } catch {
        await database.close()
        throw error
    }
}
