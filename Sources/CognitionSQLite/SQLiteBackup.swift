import CognitionStorage
import GRDB
import GRDBSQLite

/// A copy of a database in a file of its own, whole or not there at all.
struct SQLiteBackup: Sendable {
    let target: String
    let overwrites: Bool

    /// Pages of 4 KiB copied between two looks at whether the caller still wants it.
    private static let pagesPerStep: Int32 = 512

    /// Copies one snapshot of `source`, which must have no transaction open.
    ///
    /// The snapshot is held from the first page to the last: SQLite would begin again whenever somebody else commits. In
    /// WAL mode that holds up nobody, only the WAL grows meanwhile.
    func run(from source: SQLiteHandle, isCancelled: () -> Bool) throws {
        if !overwrites, SQLiteFile.exists(target) { throw StorageError(.storageExists, "\(target) exists already") }
        let copy = SQLiteFile.temporaryName(beside: target)
        try SQLiteFile.prepare(copy, mayCreate: true)
        do {
            try source.run(.beginRead)
            defer { try? source.run(.rollback) }
            try Self.copy(from: source.connection, to: copy, isCancelled: isCancelled)
            try Self.seal(copy)
            try SQLiteFile.move(copy, to: target, overwrites: overwrites)
        } catch {
            SQLiteFile.remove(copy)
            throw error
        }
    }

    /// Replaces the database at `path` by `backup`.
    static func restore(from backup: String, to path: String) throws {
        guard SQLiteFile.exists(backup) else { throw StorageError(.storageCorrupt, "there is no backup \(backup)") }
        let copy = SQLiteFile.temporaryName(beside: path)
        try SQLiteFile.prepare(copy, mayCreate: true)
        do {
            var configuration = Configuration()
            configuration.readonly = true
            let source = try engine { try DatabaseQueue(path: backup, configuration: configuration) }
            try source.inDatabase { database in
                try Self.copy(from: database.sqliteConnection, to: copy, isCancelled: { false })
            }
            try engine { try source.close() }
            try seal(copy, isOurs: true)
            foldWAL(of: path)
            // An old WAL must not meet the new file, whatever happens between the two steps.
            SQLiteFile.removeCompanions(of: path)
            try SQLiteFile.move(copy, to: path, overwrites: true)
        } catch {
            SQLiteFile.remove(copy)
            throw error
        }
    }

    private static func copy(from source: OpaquePointer?, to path: String, isCancelled: () -> Bool) throws {
        let queue = try engine { try DatabaseQueue(path: path) }
        try queue.inDatabase { target in
            // One fsync at the end makes the file durable.
            try engine { try target.execute(sql: "PRAGMA synchronous = OFF") }
            try copyPages(from: source, to: target.sqliteConnection, isCancelled: isCancelled)
        }
        try engine { try queue.close() }
    }

    private static func copyPages(
        from source: OpaquePointer?, to target: OpaquePointer?, isCancelled: () -> Bool
    ) throws {
        guard let backup = sqlite3_backup_init(target, "main", source, "main") else {
            throw StorageError(SQLiteFailure(sqlite3_extended_errcode(target), on: target))
        }
        var code = SQLITE_OK
        while code == SQLITE_OK, !isCancelled() { code = sqlite3_backup_step(backup, pagesPerStep) }
        let end = sqlite3_backup_finish(backup)
        guard end == SQLITE_OK else { throw StorageError(SQLiteFailure(end, on: target)) }
        guard code == SQLITE_DONE else { throw CancellationError() }
    }

    /// Makes one file of it that needs no WAL beside it, checks it and makes it durable.
    private static func seal(_ path: String, isOurs: Bool = false) throws {
        let queue = try engine { try DatabaseQueue(path: path) }
        try engine {
            try queue.inDatabase { database in
                try database.execute(sql: "PRAGMA journal_mode = DELETE")
                let report = try String.fetchAll(database, sql: "PRAGMA integrity_check(1)")
                guard report == ["ok"] else {
                    throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: report.joined(separator: "; "))
                }
                guard try !isOurs || database.tableExists("schema_migrations") else {
                    throw StorageError(.storageCorrupt, "the backup is not a database of this program")
                }
            }
            try queue.close()
        }
        SQLiteFile.removeCompanions(of: path)
        try SQLiteFile.synchronize(path)
    }

    /// Completes the file from its WAL, so that it is whole without it; a damaged one stays as it is.
    private static func foldWAL(of path: String) {
        guard SQLiteFile.exists(path + "-wal") else { return }
        let queue = try? DatabaseQueue(path: path)
        try? queue?.inDatabase { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? queue?.close()
    }

    private static func engine<Value>(_ work: () throws -> Value) throws -> Value {
        do { return try work() } catch let error as DatabaseError { throw StorageError(SQLiteFailure(error)) }
    }
}
