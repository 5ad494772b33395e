import CognitionCore
import CognitionStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A connection to the server, opened when it is needed and again after it was lost; confined to one thread.
///
/// A writer's transactions run at READ COMMITTED, a reader's on one snapshot.
final class PostgresConnection: StorageConnection {
    let dialect = Dialect.postgres
    let isShared = true

    private let availability: PostgresAvailability
    private let opener: PostgresOpener
    private let role: PostgresOpener.Role
    private var marker: CommitMarker
    /// `nil` after a failure, until the next transaction opens another.
    private var handle: PostgresHandle?
    private var access: TransactionAccess?
    private var watched: Cancellation?

    /// How long a commit of unknown outcome is inquired after.
    private static let inquiryMax: Duration = .seconds(15)

    init(_ availability: PostgresAvailability, opener: PostgresOpener, role: PostgresOpener.Role, ids: UUIDGenerator) {
        self.role = role
        self.availability = availability
        self.opener = opener
        marker = CommitMarker(ids: ids)
    }

    /// A failed statement leaves the transaction open; it can go back to a savepoint.
    var isTransactionOpen: Bool {
        guard let handle, access != nil else { return false }
        return handle.failure?.isOfConnection != true
    }

    func watch(_ cancellation: Cancellation?) {
        watched = cancellation
        handle?.watched = cancellation
    }

    func close() { handle = nil }

    // MARK: Statements

    func run(_ statement: SQL, row: (borrowing Row) throws -> Bool) throws -> Int {
        var found: PostgresResult?
        try send(statement) { found = $0 }
        try settle()
        guard let found else { throw StorageError.transactionEnded }
        try found.forEach(row)
        return found.changes
    }

    func send(_ statement: SQL, row: RowReader?, changed: ((Int) throws -> Void)?) throws {
        try send(statement, Self.answer(row, changed))
    }

    func insert(into table: BulkTable, _ values: [SQLValue], row: RowReader?) throws {
        guard !values.isEmpty else { return }
        let parameters = try PostgresParameters(columns: table.columns, values: values)
        try handleInTransaction().send(table.arrayStatement, parameters, Self.answer(row, nil))
    }

    func update(_ update: BulkUpdate, _ values: [SQLValue], changed: ((Int) throws -> Void)?) throws {
        guard !values.isEmpty else { return try changed?(0) ?? () }
        let parameters = try PostgresParameters(columns: update.columns, values: values)
        try handleInTransaction().send(update.arrayStatement, parameters, Self.answer(nil, changed))
    }

    private static func answer(_ row: RowReader?, _ changed: ((Int) throws -> Void)?) -> PostgresHandle.Answer? {
        guard row != nil || changed != nil else { return nil }
        return { result in
            if let row {
                try result.forEach { found in
                    try row(found)
                    return true
                }
            }
            try changed?(result.changes)
        }
    }

    func lock(_ name: String) throws {
        try send("SELECT pg_advisory_xact_lock(hashtextextended(\(name), 0))", nil)
    }

    func allow(_ duration: Duration) throws {
        let limit = String(duration.wholeMilliseconds)
        try send(
            "SELECT set_config('statement_timeout', \(limit), true), set_config('lock_timeout', \(limit), true)", nil)
        handle?.extendAnswerTime(to: duration)
    }

    func settle() throws {
        do {
            try handleInTransaction().settle()
        } catch let error as StorageError where error.code == .storageTimeout && watched?.isCancelled == true {
            throw CancellationError()
        } catch let error as StorageError where error.code == .storageReadOnly && access == .read {
            throw StorageError(.statementInvalid, "a read transaction writes nothing", cause: error.cause)
        }
    }

    private func send(_ statement: SQL, _ answer: PostgresHandle.Answer?) throws {
        let handle = try handleInTransaction()
        try handle.send(statement.text(in: .postgres), PostgresParameters(statement.values), answer)
    }

    private func handleInTransaction() throws -> PostgresHandle {
        guard let handle, access != nil else { throw StorageError.transactionEnded }
        return handle
    }
}

// MARK: - Transactions

extension PostgresConnection {
    func begin(_ access: TransactionAccess) throws {
        let handle = try openHandle()
        try handle.beginTransaction(handle.isPooled ? role.pooledBegin : role.begin)
        if handle.isPooled { try handle.control(opener.settings(for: role, inTransaction: true)) }
        self.access = access
    }

    /// The end of a read is not waited for.
    func commit() throws {
        let handle = try handleInTransaction()
        if let failure = handle.failure { throw failure }
        switch access {
        case .read:
            try handle.control("COMMIT")
            try handle.sync()
        case .write: try commitWrites(on: handle)
        case nil: break
        }
        access = nil
    }

    private func commitWrites(on handle: PostgresHandle) throws {
        // Who looks at an answer may refuse what was done, and has to do so before it is committed.
        if handle.awaitsAnswers { try handle.settle() }
        let isMarked = handle.mayHaveWritten
        if isMarked {
            for statement in marker.next() {
                try handle.send(statement.text(in: .postgres), PostgresParameters(statement.values), nil)
            }
        }
        try handle.control("COMMIT")
        do {
            try handle.settle()
        } catch let error as StorageError where isMarked && error.isOfConnection {
            self.handle = nil
            guard try wasCommitted() else { throw error }
        }
    }

    /// - Throws: `storage.commit_unknown` when nobody could tell in time.
    private func wasCommitted() throws -> Bool {
        defer { marker.exchange() }
        let deadline = ContinuousClock.now + Self.inquiryMax
        while ContinuousClock.now < deadline {
            do {
                let handle = try openHandle()
                let question = marker.question
                var answer: Int64?
                handle.forgive()
                try handle.send(question.text(in: .postgres), PostgresParameters(question.values)) { result in
                    try result.forEach { row in
                        answer = try row[0]
                        return false
                    }
                }
                try handle.settle()
                if let answer { return marker.wasCommitted(answer) }
            } catch {
                // Not there yet, or the old transaction has not ended.
                handle = nil
                usleep(100_000)
            }
        }
        throw StorageError(
            .commitUnknown, "the connection was lost during a commit; it is not known whether that took effect")
    }

    func rollback() {
        defer { access = nil }
        guard let handle else { return }
        do {
            // What is still under way may fail as well.
            try? handle.settle()
            guard handle.failure?.isOfConnection != true else { return self.handle = nil }
            handle.forgive()
            try handle.control("ROLLBACK")
            try handle.settle()
        } catch {
            self.handle = nil
        }
    }

    func setSavepoint() throws { try handleInTransaction().control("SAVEPOINT request") }

    func releaseSavepoint() throws {
        try settle()
        try handleInTransaction().control("RELEASE SAVEPOINT request")
    }

    func rollbackToSavepoint() throws {
        let handle = try handleInTransaction()
        // What is still under way may fail as well.
        try? handle.settle()
        if let failure = handle.failure, failure.isOfConnection { throw failure }
        handle.forgive()
        try handle.control("ROLLBACK TO SAVEPOINT request")
        try handle.control("RELEASE SAVEPOINT request")
        try handle.settle()
    }

    private func openHandle() throws -> PostgresHandle {
        if let handle, handle.isFit { return handle }
        handle = nil
        let opened = try availability.open(as: role)
        opened.watched = watched
        handle = opened
        return opened
    }
}
