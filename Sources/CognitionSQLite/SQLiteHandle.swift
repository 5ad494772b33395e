import CognitionCore
import CognitionStorage
import GRDB
import GRDBSQLite

/// What a connection is for.
enum SQLiteRole: Sendable {
    case writer
    case reader
}

/// How to open a connection, again and again.
struct SQLiteOpener: Sendable {
    /// `nil`: in memory.
    let path: String?
    let role: SQLiteRole
    let options: SQLiteOptions
}

/// One open connection with its compiled statements.
///
/// GRDB opens, configures and closes it. In between its statements run on the C interface, on the thread that owns the
/// handle: GRDB's own thread checks are tied to a dispatch queue, and nobody else ever uses that queue meanwhile.
final class SQLiteHandle {
    let connection: OpaquePointer
    private let queue: DatabaseQueue
    private var statements: [String: SQLiteStatement] = [:]
    private var controls: [SQLiteStatement]

    /// A failure was seen after which the connection is better replaced.
    var isSuspect = false

    /// Statements kept compiled; when there are more, all are let go of and compiled again as they come.
    private static let statementsMax = 1_024

    init(_ opener: SQLiteOpener) throws {
        (queue, connection) = try opener.open()
        controls = try Control.allCases.map { [connection] in try SQLiteStatement($0.rawValue, on: connection) }
    }

    var isTransactionOpen: Bool { sqlite3_get_autocommit(connection) == 0 }

    /// Rows changed since the connection was opened.
    var totalChanges: Int64 { sqlite3_total_changes64(connection) }

    /// Rows changed by the last INSERT, UPDATE or DELETE.
    var lastChanges: Int { Int(sqlite3_changes64(connection)) }

    /// The compiled form of `text`; one that is being stepped through gets a second one beside it.
    func statement(_ text: String) throws -> SQLiteStatement {
        if let statement = statements[text] {
            return statement.isInUse ? try SQLiteStatement(text, on: connection) : statement
        }
        if statements.count >= Self.statementsMax { statements.removeAll(keepingCapacity: true) }
        let statement = try SQLiteStatement(text, on: connection)
        statements[text] = statement
        return statement
    }

    func run(_ control: Control) throws {
        try controls[control.index].run(on: connection)
    }

    /// Copies the WAL into the file and empties it; leaves it as it is when somebody reads or writes.
    func checkpoint() {
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    }

    /// Closes the connection, which must not be used again.
    func close() {
        statements = [:]
        controls = []
        // A failure leaves it open until `queue` goes, and there is nothing else that anybody could do about it.
        try? queue.close()
    }

    /// Statements that begin and end what others run in.
    enum Control: String, CaseIterable {
        case beginRead = "BEGIN DEFERRED"
        case beginWrite = "BEGIN IMMEDIATE"
        case commit = "COMMIT"
        case rollback = "ROLLBACK"
        case setSavepoint = "SAVEPOINT request"
        case releaseSavepoint = "RELEASE request"
        case rollbackToSavepoint = "ROLLBACK TO request"

        fileprivate var index: Int {
            switch self {
            case .beginRead: 0
            case .beginWrite: 1
            case .commit: 2
            case .rollback: 3
            case .setSavepoint: 4
            case .releaseSavepoint: 5
            case .rollbackToSavepoint: 6
            }
        }
    }
}

extension SQLiteOpener {
    /// Opens and configures a connection, and reads back what durability rests on.
    fileprivate func open() throws -> (DatabaseQueue, OpaquePointer) {
        var configuration = Configuration()
        configuration.label = "storage"
        configuration.busyMode = .timeout(options.busyTimeout.seconds)
        configuration.foreignKeysEnabled = true
        configuration.readonly = role == .reader
        do {
            let queue =
                try path.map { try DatabaseQueue(path: $0, configuration: configuration) }
                ?? DatabaseQueue(configuration: configuration)
            guard let connection = queue.inDatabase({ $0.sqliteConnection }) else {
                throw DatabaseError(resultCode: .SQLITE_MISUSE)
            }
            // Nothing observes or authorizes: spare each statement and commit the way through GRDB.
            sqlite3_set_authorizer(connection, nil, nil)
            _ = sqlite3_commit_hook(connection, nil, nil)
            _ = sqlite3_rollback_hook(connection, nil, nil)
            try configure(connection)
            return (queue, connection)
        } catch let error as DatabaseError {
            throw StorageError(SQLiteFailure(error))
        }
    }

    private func configure(_ connection: OpaquePointer) throws {
        try set("temp_store", to: "MEMORY", on: connection)
        try set("cache_size", to: "-65536", on: connection)
        guard path != nil else { return }
        switch role {
        case .reader:
            try set("query_only", to: "ON", on: connection)
        case .writer:
            if !options.isGuest { try set("journal_mode", to: "WAL", on: connection) }
            try set("synchronous", to: "FULL", on: connection)
            try set("journal_size_limit", to: "67108864", on: connection)
            try set("wal_autocheckpoint", to: options.isGuest ? "0" : "2000", on: connection)
            if let pagesMax = options.pagesMax { try set("max_page_count", to: String(pagesMax), on: connection) }
            let journal: String? = try value(of: "journal_mode", on: connection)
            let synchronous: Int? = try value(of: "synchronous", on: connection)
            guard journal == "wal", synchronous == 2 else {
                throw StorageError(.storageUnsupported, "the file system cannot keep a write-ahead log")
            }
        }
    }

    private func set(_ pragma: String, to value: String, on connection: OpaquePointer) throws {
        try SQLiteStatement("PRAGMA \(pragma) = \(value)", on: connection).run([], on: connection) { _ in true }
    }

    private func value<Value: SQLDecodable>(of pragma: String, on connection: OpaquePointer) throws -> Value? {
        var value: Value?
        try SQLiteStatement("PRAGMA \(pragma)", on: connection).run([], on: connection) { row in
            value = try row[0]
            return true
        }
        return value
    }
}
