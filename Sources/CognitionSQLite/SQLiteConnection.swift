import CognitionStorage
import GRDBSQLite

/// A connection to a file or to memory; confined to the thread that opened it.
final class SQLiteConnection: StorageConnection {
    let dialect = Dialect.sqlite

    private let opener: SQLiteOpener
    /// `nil` after a failure, until the next transaction opens another.
    private var handle: SQLiteHandle?
    private var access: TransactionAccess?

    init(_ opener: SQLiteOpener) throws {
        self.opener = opener
        handle = try SQLiteHandle(opener)
    }

    var isTransactionOpen: Bool { handle?.isTransactionOpen ?? false }

    func run(_ statement: SQL, row: (borrowing Row) throws -> Bool) throws -> Int {
        let handle = try handleInTransaction()
        let prepared = try handle.statement(statement.text(in: .sqlite))
        if prepared.isReadOnly {
            try guarded(handle) { try prepared.run(statement.values, on: handle.connection, row: row) }
            return 0
        }
        guard access == .write else { throw StorageError(.statementInvalid, "a read transaction writes nothing") }
        let changesBefore = handle.totalChanges
        try guarded(handle) { try prepared.run(statement.values, on: handle.connection, row: row) }
        // Statements other than INSERT, UPDATE and DELETE leave the last one's count as it is.
        return handle.totalChanges == changesBefore ? 0 : handle.lastChanges
    }

    func begin(_ access: TransactionAccess) throws {
        let handle = try openHandle()
        try guarded(handle) { try handle.run(access == .write ? .beginWrite : .beginRead) }
        self.access = access
    }

    func commit() throws {
        let handle = try handleInTransaction()
        try guarded(handle) { try handle.run(.commit) }
        access = nil
    }

    func rollback() {
        access = nil
        guard let handle else { return }
        if handle.isTransactionOpen {
            // Whether that worked shows in `isTransactionOpen`.
            try? handle.run(.rollback)
        }
        // A database in memory would be lost with its connection.
        guard handle.isTransactionOpen || handle.isSuspect, opener.path != nil else { return }
        handle.close()
        self.handle = nil
    }

    func setSavepoint() throws { try inTransaction(.setSavepoint) }

    func releaseSavepoint() throws { try inTransaction(.releaseSavepoint) }

    func rollbackToSavepoint() throws {
        try inTransaction(.rollbackToSavepoint)
        try inTransaction(.releaseSavepoint)
    }

    func close() {
        guard let handle else { return }
        if opener.role == .writer, opener.path != nil, !opener.options.isGuest { handle.checkpoint() }
        handle.close()
        self.handle = nil
    }

    /// Lends the open connection for what only SQLite can do.
    func withHandle<Value>(_ body: (SQLiteHandle) throws -> Value) throws -> Value {
        try body(try openHandle())
    }
}

extension SQLiteConnection {
    private func openHandle() throws -> SQLiteHandle {
        if let handle { return handle }
        let opened = try SQLiteHandle(opener)
        handle = opened
        return opened
    }

    /// Outside a transaction each statement would be durable by itself, also when the engine has just ended the transaction
    /// and a body carries on regardless.
    private func handleInTransaction() throws -> SQLiteHandle {
        guard let handle, access != nil, handle.isTransactionOpen else {
            throw StorageError.transactionEnded
        }
        return handle
    }

    private func inTransaction(_ control: SQLiteHandle.Control) throws {
        let handle = try handleInTransaction()
        try guarded(handle) { try handle.run(control) }
    }

    private func guarded(_ handle: SQLiteHandle, _ work: () throws -> Void) throws {
        do {
            try work()
        } catch let error as StorageError {
            if let failure = error.cause as? SQLiteFailure, failure.isSuspect { handle.isSuspect = true }
            throw error
        }
    }
}
