package import CognitionCore

/// One step of the schema: named, with one owner, never changed once released.
package struct Migration: Sendable {
    /// `owner.number_subject`, e.g. `events.001_log`.
    package let name: String
    package let statements: [SQL]
    /// What only PostgreSQL needs, after ``statements``.
    package let onPostgres: [SQL]

    /// How long a database may take for all of them, or wait for another process that applies them.
    static let timeMax: Duration = .seconds(900)

    package init(_ name: String, _ statements: [SQL], onPostgres: [SQL] = []) {
        self.name = name
        self.statements = statements
        self.onPostgres = onPostgres
    }

    /// What tells a changed migration from the one that was applied: its text, as SQLite says it.
    var fingerprint: String {
        SHA256Digest(of: Array((statements + onPostgres).map { $0.text(in: .sqlite) }.joined(separator: ";\n").utf8))
            .description
    }
}

extension Database {
    /// Names of the migrations that the database still lacks, in their order.
    /// - Throws: `storage.newer_database` when it knows others than these; `storage.migration_changed` when an applied one
    ///   reads differently now.
    package func pendingMigrations(_ migrations: [Migration]) async throws -> [String] {
        let dialect = dialect
        return try await read { tx in
            guard try hasMigrationTable(dialect, in: tx) else { return migrations.map(\.name) }
            return try pending(migrations, in: tx).map(\.name)
        }
    }

    /// Applies what the database lacks, all or nothing.
    /// - Throws: As ``pendingMigrations(_:)``; `storage.older_database` when it lacks some and another process owns it.
    package func migrate(_ migrations: [Migration], now: Timestamp) async throws {
        if isGuest {
            guard let missing = try await pendingMigrations(migrations).first else { return }
            throw StorageError(
                .databaseOlder, "the database lacks migration \(missing), which the process that owns it has to apply")
        }
        try await write { try Migration.apply(migrations, now: now, in: $0) }
    }
}

extension Migration {
    /// The same as a part of another transaction.
    static func apply(_ migrations: [Migration], now: Timestamp, in tx: borrowing Transaction) throws {
        // Whoever comes second waits, and finds nothing left to do.
        try tx.allow(timeMax)
        try tx.lock("storage.migrations")
        try tx.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                name \(fragment: .text) NOT NULL PRIMARY KEY, fingerprint \(fragment: .text) NOT NULL,
                applied_at \(fragment: .int64) NOT NULL
            ) \(fragment: .strict)
            """)
        for migration in try pending(migrations, in: tx) {
            for statement in migration.statements { try tx.execute(statement) }
            if tx.dialect == .postgres { for statement in migration.onPostgres { try tx.execute(statement) } }
            try tx.execute(
                """
                INSERT INTO schema_migrations (name, fingerprint, applied_at)
                VALUES (\(migration.name), \(migration.fingerprint), \(now))
                """)
        }
    }
}

private func hasMigrationTable(_ dialect: Dialect, in tx: borrowing Transaction) throws -> Bool {
    let statement: SQL =
        switch dialect {
        case .sqlite: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
        case .postgres: "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL"
        }
    return try tx.first(statement) { try $0[0] as Int } != nil
}

private func pending(_ migrations: [Migration], in tx: borrowing Transaction) throws -> [Migration] {
    let applied = Dictionary(
        uniqueKeysWithValues: try tx.query("SELECT name, fingerprint FROM schema_migrations") { row in
            (try row[0] as String, try row[1] as String)
        })
    if let unknown = applied.keys.filter({ name in !migrations.contains { $0.name == name } }).min() {
        throw StorageError(
            .databaseNewer,
            "the database was written by a newer release: it has migration \(unknown), which this one lacks")
    }
    for migration in migrations {
        if let fingerprint = applied[migration.name], fingerprint != migration.fingerprint {
            throw StorageError(.migrationChanged, "migration \(migration.name) differs from the one that was applied")
        }
    }
    return migrations.filter { applied[$0.name] == nil }
}
