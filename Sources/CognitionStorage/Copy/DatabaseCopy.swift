package import CognitionCore

/// Copies all tables of a SQLite database that nobody writes to into a PostgreSQL database without any of them, and shows
/// that both then hold the same.
///
/// Until it has shown that, the copy is marked as unfinished by a migration that no release knows, so that nothing opens
/// it. A copy that was interrupted is begun anew by the next.
package struct DatabaseCopy: Sendable {
    /// What was copied of one table.
    package struct Report: Sendable, Hashable {
        package let table: String
        /// The same in both databases.
        package let digest: RowDigest
    }

    private static let mark = "copy.unfinished"
    private static let migrationTable = "schema_migrations"
    /// Rows of one transaction, and about how many bytes they may have.
    private static let rowsMax = 1_000
    private static let bytesMax = 4 << 20
    /// How long one transaction of the copy may take.
    private static let timeMax: Duration = .seconds(900)

    private let source: any Database
    private let target: any Database
    private let migrations: [Migration]
    private let now: Timestamp

    /// - Parameters:
    ///   - source: Has all of `migrations`.
    ///   - target: Has none, or an unfinished copy.
    package init(from source: any Database, to target: any Database, migrations: [Migration], now: Timestamp) {
        precondition(source.dialect == .sqlite && target.dialect == .postgres, "copies go from SQLite to PostgreSQL")
        self.source = source
        self.target = target
        self.migrations = migrations
        self.now = now
    }

    /// - Parameter progress: Told of each table that was copied, before it is compared.
    /// - Throws: `storage.copy_refused` when the target has tables of another installation; `storage.copy_differs` when
    ///   both do not hold the same afterwards; what either database throws.
    package func run(progress: (Report) throws -> Void = { _ in }) async throws -> [Report] {
        let tables = try await source.read { try TableShape.all(in: $0) }.filter { $0.name != Self.migrationTable }
        try await prepare(tables)
        var reports: [Report] = []
        for table in tables {
            let report = Report(table: table.name, digest: try await copy(table))
            try progress(report)
            reports.append(report)
        }
        for (table, report) in zip(tables, reports) {
            let found = try await digest(of: table, in: target)
            guard found == report.digest else {
                throw StorageError(
                    .copyDiffers,
                    "\(table.name) has \(report.digest.rows) rows with the sum \(report.digest.text), and its copy \(found.rows) with \(found.text)"
                )
            }
        }
        try await target.write { tx in
            for table in tables { try Self.continueIdentity(of: table, in: tx) }
            try tx.execute("DELETE FROM schema_migrations WHERE name = \(Self.mark)")
        }
        return reports
    }

    // MARK: Before

    private func prepare(_ tables: [TableShape]) async throws {
        try await clearUnfinished(tables)
        let pending = try await target.pendingMigrations(migrations)
        guard pending.count == migrations.count else {
            throw StorageError(
                .copyRefused, "the PostgreSQL database is in use by an installation already; make an empty one")
        }
        let (migrations, now) = (migrations, now)
        try await target.write { tx in
            // In one transaction with the tables, so that there is no moment in which they could be taken for a new
            // installation.
            try Migration.apply(migrations, now: now, in: tx)
            try tx.execute(
                "INSERT INTO schema_migrations (name, fingerprint, applied_at) VALUES (\(Self.mark), '', \(now))")
            // Some tables have got their first rows; here all come from the source.
            try tx.execute(SQL(template: "TRUNCATE \(tables.map(\.name).joined(separator: ", "))", []))
        }
    }

    /// Drops what an interrupted copy has left.
    private func clearUnfinished(_ tables: [TableShape]) async throws {
        try await target.write { tx in
            try tx.allow(Self.timeMax)
            try tx.lock("storage.migrations")
            let hasTable = try tx.first("SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL") {
                try $0[0] as Int
            }
            guard hasTable != nil,
                try tx.first("SELECT 1 FROM schema_migrations WHERE name = \(Self.mark)", as: { try $0[0] as Int })
                    != nil
            else { return }
            let names = tables.map(\.name) + [Self.migrationTable]
            try tx.execute(SQL(template: "DROP TABLE IF EXISTS \(names.joined(separator: ", ")) CASCADE", []))
        }
    }

    // MARK: The rows

    private func copy(_ table: TableShape) async throws -> RowDigest {
        let bulk = table.bulkTable
        return try await forEachPage(of: table, in: source) { rows in
            let values = rows.flatMap(\.self)
            try await target.write { tx in
                try tx.allow(Self.timeMax)
                try tx.insert(into: bulk, values)
            }
        }
    }

    private func digest(of table: TableShape, in database: any Database) async throws -> RowDigest {
        try await forEachPage(of: table, in: database) { _ in }
    }

    /// Reads all rows, some at a time: as many as the size of those before lets hope to have not too many bytes.
    private func forEachPage(
        of table: TableShape, in database: any Database, _ body: ([TableShape.Values]) async throws -> Void
    ) async throws -> RowDigest {
        var digest = RowDigest()
        var last: TableShape.Values?
        var limit = 16
        while true {
            let (after, wanted) = (last, limit)
            let rows = try await database.read { try table.page(after: after, limit: wanted, in: $0) }
            guard let end = rows.last else { return digest }
            for row in rows { digest.add(row) }
            try await body(rows)
            last = end
            let size = rows.reduce(0) { $0 + $1.reduce(0) { $0 + $1.size } } / rows.count
            limit = min(Self.rowsMax, max(1, Self.bytesMax / max(1, size)), limit * 4)
        }
    }

    // MARK: After

    /// Lets the engine give keys after those that were given.
    private static func continueIdentity(of table: TableShape, in tx: borrowing Transaction) throws {
        guard let last = table.lastIdentity, last > 0, let key = table.key.first else { return }
        let column = table.columns[key].name
        // A table whose keys the program gives has no sequence, and for NULL the function does nothing.
        _ = try tx.first("SELECT setval(pg_get_serial_sequence(\(table.name), \(column)), \(last))") {
            try $0[0] as Int64?
        }
    }
}

extension SQLValue {
    /// About how many bytes it takes.
    fileprivate var size: Int {
        switch self {
        case .null: 1
        case .integer, .double: 8
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        }
    }
}
