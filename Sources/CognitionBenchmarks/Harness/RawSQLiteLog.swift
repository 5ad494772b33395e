import CognitionCore
import GRDBSQLite

/// Prepared statements stepped through on one thread.
final class RawSQLiteLog: RawLog {
    private var connection: OpaquePointer?
    private var statements: [OpaquePointer?] = []
    private let ids = UUIDGenerator()

    /// The order of `texts`.
    private enum Text: Int { case begin, commit, stream, head, event, read }

    private static let texts = [
        "BEGIN IMMEDIATE", "COMMIT",
        """
        INSERT INTO streams (workspace_id, type, id, version) VALUES ('default', 'bench', ?, ?)
        ON CONFLICT (workspace_id, type, id) DO UPDATE SET version = streams.version + excluded.version
        RETURNING key, version
        """,
        "SELECT COALESCE(MAX(position), 0) FROM events",
        """
        INSERT INTO events (position, stream_key, version, event_id, type, type_version, time, actor, data, data_hash)
        VALUES (?, ?, ?, ?, ?, 1, ?, 'operator', ?, ?)
        """,
        """
        SELECT \(RawRead.columns) FROM events e CROSS JOIN streams s
        WHERE s.key = e.stream_key AND e.position > ? AND e.position <= ? ORDER BY e.position
        """,
    ]

    /// Opens a database that nobody else has open, durable as ours is.
    init(_ path: String) throws {
        try check(sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE, nil))
        let pragmas = "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 2000"
        try check(sqlite3_exec(connection, pragmas, nil, nil, nil))
        for text in Self.texts {
            var statement: OpaquePointer?
            try check(sqlite3_prepare_v3(connection, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil))
            statements.append(statement)
        }
    }

    func close() {
        for statement in statements { sqlite3_finalize(statement) }
        sqlite3_close_v2(connection)
    }

    /// Writes `appends`, each of which goes to one stream, in one transaction.
    func append(_ appends: [RawAppend]) throws {
        try run(.begin)
        var position = try run(.head, bind: { _ in }, read: { sqlite3_column_int64($0, 0) })
        let time = SystemWallClock().now.microseconds
        for append in appends {
            let added = Int64(append.events.count)
            let (key, last) = try run(.stream) { statement in
                bind(append.stream, at: 1, of: statement)
                sqlite3_bind_int64(statement, 2, added)
            } read: { statement in
                (sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1))
            }
            for (number, event) in append.events.enumerated() {
                position += 1
                try run(.event) { statement in
                    sqlite3_bind_int64(statement, 1, position)
                    sqlite3_bind_int64(statement, 2, key)
                    sqlite3_bind_int64(statement, 3, last - added + Int64(number) + 1)
                    bind(id: ids.next(), at: 4, of: statement)
                    bind(event.type, at: 5, of: statement)
                    sqlite3_bind_int64(statement, 6, time)
                    bind(event.data, at: 7, of: statement)
                    bind(event.hash, at: 8, of: statement)
                }
            }
        }
        try run(.commit)
    }

    func readAll(to head: Int64) throws {
        let statement = statements[Text.read.rawValue]
        for position in stride(from: 0, to: head, by: Int(RawRead.page)) {
            sqlite3_bind_int64(statement, 1, position)
            sqlite3_bind_int64(statement, 2, position + RawRead.page)
            var code = sqlite3_step(statement)
            while code == SQLITE_ROW {
                for column in 0..<sqlite3_column_count(statement) { _ = sqlite3_column_blob(statement, column) }
                code = sqlite3_step(statement)
            }
            guard code == SQLITE_DONE else { throw failure(code) }
            sqlite3_reset(statement)
        }
    }

    private func run(_ text: Text, bind: (OpaquePointer?) -> Void = { _ in }) throws {
        try run(text, bind: bind, read: { _ in })
    }

    /// Steps to the first row, or to the end; SQLite completes a statement with RETURNING in its first step.
    @discardableResult
    private func run<Value>(
        _ text: Text, bind: (OpaquePointer?) -> Void, read: (OpaquePointer?) -> Value
    ) throws -> Value {
        let statement = statements[text.rawValue]
        bind(statement)
        let code = sqlite3_step(statement)
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw failure(code) }
        let value = read(statement)
        sqlite3_reset(statement)
        return value
    }

    private func bind(_ text: String, at index: Int32, of statement: OpaquePointer?) {
        var text = text
        text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) {
                _ = sqlite3_bind_text(statement, index, $0.baseAddress, Int32($0.count), copied)
            }
        }
    }

    private func bind(_ bytes: [UInt8], at index: Int32, of statement: OpaquePointer?) {
        _ = bytes.withUnsafeBytes { sqlite3_bind_blob(statement, index, $0.baseAddress, Int32($0.count), copied) }
    }

    private func bind(id: UUIDv7, at index: Int32, of statement: OpaquePointer?) {
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) {
            _ = sqlite3_bind_blob(statement, index, $0.baseAddress, 16, copied)
        }
    }

    /// SQLITE_TRANSIENT: SQLite copies the value before the call returns.
    private let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private func check(_ code: Int32) throws {
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> BenchmarkFailure {
        BenchmarkFailure("SQLite: \(code) \(String(cString: sqlite3_errmsg(connection)))")
    }
}
