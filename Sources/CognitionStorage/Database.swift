/// Durable state behind one shape, whichever engine keeps it.
///
/// A body is a synchronous closure that runs on a thread of the driver, so it cannot wait for a network, a model or a
/// clock. A write body **may run more than once** and must have no effect outside `tx`; what follows a commit is
/// registered with ``Transaction/afterCommit(_:)``. A read body may be run again as well, after a lost connection.
///
/// **Two write bodies may overlap** where the engine has several writers or several processes. Each statement sees what was
/// committed before it, so between a read and the write that rests on it others may have written. What must not change
/// meanwhile is read with ``SQLFragment/forUpdate``, guarded in the UPDATE's own condition, or kept by a
/// ``Transaction/lock(_:)``. A row that another has inserted meanwhile shows as `storage.constraint`; the body is then run
/// once more and finds that row when it looks for it.
///
/// A body does not go on after a statement of its own has failed.
package protocol Database: Sendable {
    var dialect: Dialect { get }

    /// Another process owns the data: this one may use it but not change its schema.
    var isGuest: Bool { get }

    /// Other processes, each of them an equal, may work on the same data at the same time.
    var isShared: Bool { get }

    /// Wakes whoever waits for changes of a topic; see ``Transaction/signal(_:)``.
    var signals: Signals { get }

    /// Requests that wait for the writer, up to ``WriteQueue/waitingMax``.
    var writesWaiting: Int { get }

    /// Runs `body` in a write transaction that it shares with other requests, and returns once that is durable.
    ///
    /// Requests are taken in the order of their calls; with several writers a later one may be durable first. A body that
    /// throws undoes its own statements alone.
    /// Cancellation before the body starts throws `CancellationError`; afterwards the write completes.
    ///
    /// - Throws: What the body throws; `StorageError` with `isTransient` when nothing was written and a repetition may
    ///   succeed.
    @discardableResult
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value

    /// Runs `body` on one consistent snapshot that holds every write acknowledged before the call.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value

    /// Copies the whole database into a new file while work goes on.
    /// - Throws: `.unsupported` where the engine has its own tools for it.
    func backup(to path: String) async throws

    /// Finishes the requests that are queued, then closes; later calls throw `storage.closed`.
    func close() async
}

/// One connection to an engine, confined to one thread; what a driver implements.
package protocol StorageConnection: AnyObject {
    var dialect: Dialect { get }

    /// Runs one statement and lends its rows one by one; `row` returns whether it wants another.
    /// - Returns: How many rows an INSERT, UPDATE or DELETE changed.
    func run(_ statement: SQL, row: (borrowing Row) throws -> Bool) throws -> Int

    /// Runs one statement in its turn, now or later, but before ``settle()`` returns; see ``Transaction/send(_:)``.
    func send(_ statement: SQL, row: RowReader?, changed: ((Int) throws -> Void)?) throws

    /// Returns once everything sent has been run.
    /// - Throws: Why a statement that was sent has failed; the transaction can then only be rolled back.
    func settle() throws

    /// Writes the rows of a bulk insert, in its turn, now or later; `row` is given what it returns.
    func insert(into table: BulkTable, _ values: [SQLValue], row: RowReader?) throws

    /// Changes rows, in its turn, now or later; `changed` is told how many.
    func update(_ update: BulkUpdate, _ values: [SQLValue], changed: ((Int) throws -> Void)?) throws

    /// Holds the lock `name` until the transaction ends.
    func lock(_ name: String) throws

    /// Lets this transaction wait for locks, and work, as long as `duration`.
    func allow(_ duration: Duration) throws

    /// Names who may go away while a body runs; where the engine can, it then ends the running statement.
    func watch(_ cancellation: Cancellation?)

    /// Others may write between two statements of a body.
    var isShared: Bool { get }

    func begin(_ access: TransactionAccess) throws
    func commit() throws
    /// Never fails: when the engine cannot roll back, the connection is replaced.
    func rollback()
    func setSavepoint() throws
    func releaseSavepoint() throws
    func rollbackToSavepoint() throws

    /// Lets go of the engine; nothing is called afterwards.
    func close()

    /// False once the engine has ended the transaction by itself, e.g. after a full disk.
    var isTransactionOpen: Bool { get }
}

/// Is given one row after the other.
package typealias RowReader = (borrowing Row) throws -> Void

package enum TransactionAccess: Sendable {
    case read
    case write
}

extension Database {
    package var isGuest: Bool { false }
    package var isShared: Bool { false }
}

/// An engine inside the process: nothing is gained by sending a statement later, and the only writer needs no locks.
extension StorageConnection {
    package var isShared: Bool { false }

    package func send(_ statement: SQL, row: RowReader?, changed: ((Int) throws -> Void)?) throws {
        let count = try run(statement) { found in
            try row?(found)
            return true
        }
        try changed?(count)
    }

    package func settle() throws {}

    package func insert(into table: BulkTable, _ values: [SQLValue], row: RowReader?) throws {
        for statement in table.statements(for: values) { try send(statement, row: row, changed: nil) }
    }

    package func update(_ update: BulkUpdate, _ values: [SQLValue], changed: ((Int) throws -> Void)?) throws {
        var count = 0
        for statement in update.statements(for: values) { count += try run(statement) { _ in true } }
        try changed?(count)
    }

    package func lock(_ name: String) throws {}
    package func allow(_ duration: Duration) throws {}
    package func watch(_ cancellation: Cancellation?) {}
}

extension StorageConnection {
    /// The same; `log` notes the statements of the body.
    func read<Value>(_ body: (borrowing Transaction) throws -> Value, notedIn log: StatementLog?) throws -> Value {
        guard let log else { return try read(body) }
        return try read { tx in try body(tx.noting(in: log)) }
    }

    /// Runs `body` in a read transaction of its own; once more when the connection was lost meanwhile.
    package func read<Value>(_ body: (borrowing Transaction) throws -> Value) throws -> Value {
        do {
            return try readOnce(body)
        } catch let error as StorageError where error.code == .storageUnreachable {
            return try readOnce(body)
        }
    }

    private func readOnce<Value>(_ body: (borrowing Transaction) throws -> Value) throws -> Value {
        try begin(.read)
        do {
            let value = try body(Transaction(on: self))
            try commit()
            return value
        } catch {
            rollback()
            throw error
        }
    }
}
