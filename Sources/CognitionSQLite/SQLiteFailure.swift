import CognitionCore
import CognitionStorage
import GRDB
import GRDBSQLite

/// What the engine said, for logs: the only place where a statement's text may appear.
struct SQLiteFailure: Error, CustomStringConvertible {
    /// Extended result code; see https://sqlite.org/rescode.html.
    let code: Int32
    let message: String
    let statement: String?

    var primaryCode: Int32 { code & 0xFF }

    var description: String {
        let text = "SQLite \(code): \(message)"
        return statement.map { "\(text), in: \($0)" } ?? text
    }

    /// The connection may have been left in a state that a rollback does not mend.
    var isSuspect: Bool {
        switch primaryCode {
        case SQLITE_IOERR, SQLITE_NOMEM, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN, SQLITE_PROTOCOL: true
        default: false
        }
    }
}

extension SQLiteFailure {
    init(_ code: Int32, on connection: OpaquePointer?, statement: String? = nil) {
        // The connection knows more than the code as long as it still tells of the same failure.
        let isCurrent = connection.map { sqlite3_extended_errcode($0) == code } ?? false
        let text = isCurrent ? sqlite3_errmsg(connection) : sqlite3_errstr(code)
        self.init(code: code, message: text.map { String(cString: $0) } ?? "unknown", statement: statement)
    }

    init(_ error: DatabaseError) {
        self.init(code: error.extendedResultCode.rawValue, message: error.message ?? "unknown", statement: error.sql)
    }
}

extension StorageError {
    init(_ failure: SQLiteFailure) {
        let (code, message): (ErrorCodeAndMessage) =
            switch failure.primaryCode {
            case SQLITE_FULL: (.storageFull, "the disk, or the space that the database may take, is full")
            case SQLITE_IOERR: (.storageIO, "the disk failed to read or write the database")
            case SQLITE_NOMEM: (.storageIO, "there is not enough memory to read or write the database")
            case SQLITE_CANTOPEN:
                (.storageIO, "the database file cannot be opened; see that its folder exists and may be written to")
            case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
                (.storageBusy, "another process holds the database locked")
            case SQLITE_READONLY, SQLITE_PERM: (.storageReadOnly, "the database file may not be written to")
            case SQLITE_CONSTRAINT: (.constraintViolated, failure.constraintMessage)
            case SQLITE_CORRUPT: (.storageCorrupt, "the database file is damaged; restore a backup")
            case SQLITE_NOTADB: (.storageCorrupt, "the file is not a database")
            case SQLITE_TOOBIG: (.statementInvalid, "a value is larger than the database takes")
            default: (.statementInvalid, "the database does not understand a statement")
            }
        self.init(code, message, cause: failure)
    }

    private typealias ErrorCodeAndMessage = (ErrorCode, String)
}

extension SQLiteFailure {
    fileprivate var constraintMessage: String {
        switch code {
        case SQLITE_CONSTRAINT | (6 << 8), SQLITE_CONSTRAINT | (8 << 8), SQLITE_CONSTRAINT | (10 << 8):
            "a row with that key exists already"
        case SQLITE_CONSTRAINT | (3 << 8): "a row that this one refers to does not exist, or is still referred to"
        case SQLITE_CONSTRAINT | (5 << 8): "a value that must be there is missing"
        default: "a value breaks a rule of its table"
        }
    }
}
