/// Durable state behind one shape, whichever engine keeps it.
///
/// A body is a synchronous closure that runs on a thread of the driver, so it cannot wait for a network, a model or a
/// clock. A write body **may run more than once** and must have no effect outside `tx`; what follows a commit is
/// registered with ``Transaction/afterCommit(_:)``.
package protocol Database: Sendable {
    var dialect: Dialect { get }

    /// Another process owns the data: this one may use it but not change its schema.
    var isGuest: Bool { get }

    /// Wakes whoever waits for changes of a topic; see ``Transaction/signal(_:)``.
    var signals: Signals { get }

    /// Requests that wait for the writer, up to ``WriteQueue/waitingMax``.
    var writesWaiting: Int { get }

    /// Runs `body` in a write transaction that it shares with other requests, and returns once that is durable.
    ///
    /// Requests are taken in the order of their calls. A body that throws undoes its own statements alone.
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

package enum TransactionAccess: Sendable {
    case read
    case write
}

extension Database {
    package var isGuest: Bool { false }
}

extension StorageConnection {
    /// Runs `body` in a read transaction of its own.
    package func read<Value>(_ body: (borrowing Transaction) throws -> Value) throws -> Value {
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
