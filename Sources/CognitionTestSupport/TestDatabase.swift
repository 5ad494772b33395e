import CognitionCore
package import CognitionPostgres
import CognitionSQLite
package import CognitionStorage
import Logging

/// The engines that everything which stores something is tested on.
package enum TestDatabase {
    package enum Engine: String, Sendable, CaseIterable {
        case sqliteFile
        case sqliteMemory
        case postgres

        /// Reads go on while a write runs; otherwise the two take turns on one connection.
        package var readsBesideWrites: Bool { self != .sqliteMemory }
    }

    package static let engines = Engine.allCases
}

/// Lends an empty database of its own with `migrations` applied, and removes it afterwards.
///
/// - Parameter writers: How many connections write, where an engine has more than one.
package func withTestDatabase<Value>(
    _ engine: TestDatabase.Engine, migrations: [Migration] = [], writers: Int = 2,
    _ body: (any Database) async throws -> Value
) async throws -> Value {
    switch engine {
    case .sqliteFile:
        try await withTemporaryDirectory { folder in
            try await lend(try await SQLiteDatabase.open(at: folder + "/test.sqlite"), migrations, body)
        }
    case .sqliteMemory:
        try await lend(try await SQLiteDatabase.inMemory(), migrations, body)
    case .postgres:
        try await TestPostgres.withDatabase { url in
            try await lend(try await openPostgres(url, writers: writers), migrations, body)
        }
    }
}

/// Lends `count` nodes of one PostgreSQL database, each with connections of its own.
package func withTestNodes<Value>(
    _ count: Int, migrations: [Migration] = [], _ body: ([any Database]) async throws -> Value
) async throws -> Value {
    try await TestPostgres.withDatabase { url in
        try await lend(try await openPostgres(url), migrations) { first in
            var nodes: [any Database] = [first]
            do {
                while nodes.count < count { nodes.append(try await openPostgres(url)) }
                let value = try await body(nodes)
                for node in nodes.dropFirst() { await node.close() }
                return value
            } catch {
                for node in nodes.dropFirst() { await node.close() }
                throw error
            }
        }
    }
}

/// A small pool, as many tests have one each.
package func openPostgres(
    _ url: String, writers: Int = 2, requestsPerTransaction: Int? = nil,
    _ change: (inout PostgresOptions) -> Void = { _ in }
) async throws -> PostgresDatabase {
    var options = PostgresOptions(url: url)
    options.writers = writers
    options.requestsPerTransaction = requestsPerTransaction
    options.readers = 3
    change(&options)
    var logger = Logger(label: "test.postgres")
    logger.logLevel = .critical
    return try await PostgresDatabase.open(options, logger: logger)
}

/// Lends an open database with `migrations` applied, and closes it afterwards.
package func lend<Opened: Database, Value>(
    _ database: Opened, _ migrations: [Migration] = [], _ body: (Opened) async throws -> Value
) async throws -> Value {
    let watchdog = Watchdog()
    defer { withExtendedLifetime(watchdog) {} }
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
