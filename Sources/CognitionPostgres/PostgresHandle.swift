import CPostgres
import CognitionCore
import CognitionStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One open connection in pipeline mode: statements that were sent, and answers that are still to be read.
///
/// Statements are sent one after the other and answered in that order. ``settle()`` is the only place that waits: it asks
/// the server for everything so far (a *sync*), reads all answers, and only then hands them out. Once a statement has
/// failed the server skips what follows up to the sync, and so does this object. Confined to one thread.
final class PostgresHandle {
    /// What becomes of an answer.
    typealias Answer = (PostgresResult) throws -> Void

    private enum Pending {
        case preparation(PreparedStatements.Statement)
        case statement(text: String, isControl: Bool, Answer?)
        case sync
    }

    let connection: OpaquePointer
    let isPooled: Bool
    private var prepared: PreparedStatements
    private var pending: [Pending] = []
    private var pendingBytes = 0
    private let canceller: OpaquePointer?
    /// How long an answer may take before the network counts as broken.
    private let answerMax: Duration
    private var answerMaxOfTransaction: Duration

    /// The server was asked to end a statement. That may arrive late and would then end the next one, which is somebody
    /// else's; so there is none on this connection.
    private var hasCancelled = false

    /// Who may go away while an answer is waited for.
    var watched: Cancellation?
    /// Something was changed since ``beginTransaction(_:)``, as far as answers tell.
    private var isDirty = false
    /// Why the transaction can only be rolled back.
    private(set) var failure: StorageError?

    /// Statements and bytes that are sent before answers are read in between, so that neither side fills up.
    private static let pendingMax = 256
    private static let pendingBytesMax = 1 << 20

    /// - Parameter opened: A connection that nobody else uses, not yet in pipeline mode; this object closes it.
    init(_ opened: PostgresOpener.Opened, options: PostgresOptions) throws {
        connection = opened.connection
        isPooled = opened.isPooled
        prepared = PreparedStatements(isUsed: !opened.isPooled)
        canceller = PQgetCancel(connection)
        // The server ends a statement by itself; when nothing comes even then, the network has lost it.
        answerMax = options.statementTimeout + .seconds(5)
        answerMaxOfTransaction = answerMax
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            throw StorageError(PostgresFailure(connection: connection))
        }
    }

    deinit {
        PQfreeCancel(canceller)
        PQfinish(connection)
    }

    /// False when the server has closed its end, as far as that is known without asking; when so much was prepared that the
    /// server had better forget it; and after a cancellation.
    var isFit: Bool {
        guard !prepared.isFull, !hasCancelled else { return false }
        guard PQstatus(connection) == CONNECTION_OK else { return false }
        var descriptor = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) > 0 else { return true }
        return PQconsumeInput(connection) == 1 && PQstatus(connection) == CONNECTION_OK
    }

    /// Whether a transaction has something to commit.
    var mayHaveWritten: Bool {
        isDirty || pending.contains { if case .statement(_, false, _) = $0 { true } else { false } }
    }

    /// Whether somebody is to be told of a statement that is under way.
    var awaitsAnswers: Bool { pending.contains { if case .statement(_, _, _?) = $0 { true } else { false } } }

    // MARK: Sending

    /// Sends a statement of which nobody knows the values before, such as BEGIN.
    func control(_ text: String) throws { try send(text, PostgresParameters(), isControl: true, nil) }

    func beginTransaction(_ text: String) throws {
        failure = nil
        isDirty = false
        answerMaxOfTransaction = answerMax
        try control(text)
    }

    /// Lets this transaction wait for an answer as long as `duration`.
    func extendAnswerTime(to duration: Duration) {
        answerMaxOfTransaction = max(answerMax, duration + .seconds(5))
    }

    /// Sends a statement; `answer` is called by ``settle()``.
    func send(_ text: String, _ parameters: PostgresParameters, isControl: Bool = false, _ answer: Answer?) throws {
        if let failure, !isControl { throw failure }
        if pending.count >= Self.pendingMax || pendingBytes >= Self.pendingBytesMax { try settle() }
        let sent = parameters.withAddresses { addresses in
            prepared.isUsed
                ? sendPrepared(text, parameters, addresses)
                : PQsendQueryParams(
                    connection, text, Int32(parameters.count), parameters.types, addresses, parameters.lengths,
                    parameters.formats, 1)
        }
        guard sent == 1 else { throw lost() }
        pending.append(.statement(text: text, isControl: isControl, answer))
        pendingBytes += parameters.byteCount + 64
    }

    private func sendPrepared(
        _ text: String, _ parameters: PostgresParameters, _ addresses: [UnsafePointer<CChar>?]
    ) -> Int32 {
        let statement: PreparedStatements.Statement
        switch prepared.find(text, types: parameters.types) {
        case .known(let known): statement = known
        case .new(let new):
            statement = new
            guard PQsendPrepare(connection, new.name, text, Int32(new.types.count), new.types) == 1 else { return 0 }
            pending.append(.preparation(new))
        }
        return PQsendQueryPrepared(
            connection, statement.name, Int32(parameters.count), addresses, parameters.lengths, parameters.formats, 1)
    }

    /// Sends everything and asks for the answers without waiting for them.
    func sync() throws {
        guard PQpipelineSync(connection) == 1 else { throw lost() }
        pending.append(.sync)
    }

    // MARK: Answers

    /// Waits for the answers to everything that was sent, and hands them out.
    ///
    /// - Throws: The first failure, of the server or of an answer; unless a savepoint is there to go back to, only a
    ///   rollback helps then.
    func settle() throws {
        if pending.isEmpty {
            if let failure { throw failure }
            return
        }
        try sync()
        let answers = try readAnswers()
        if let failure { throw failure }
        for (result, answer) in answers {
            do {
                try answer(result)
            } catch {
                // A body that goes on regardless must not be committed.
                failure = error as? StorageError ?? StorageError(.storageIO, "a statement was refused", cause: error)
                throw error
            }
        }
    }

    /// Forgets that statements have failed, once the server has been told to go back to before them.
    func forgive() { failure = nil }

    private func readAnswers() throws -> [(PostgresResult, Answer)] {
        var answers: [(PostgresResult, Answer)] = []
        defer {
            pending.removeAll(keepingCapacity: true)
            pendingBytes = 0
        }
        for entry in pending {
            guard let result = try nextResult() else { throw lost() }
            switch entry {
            case .sync:
                guard result.status == PGRES_PIPELINE_SYNC else { throw lost() }
                continue
            case .preparation(let statement):
                if result.status != PGRES_COMMAND_OK { prepared.forget(statement) }
                note(result, statement.text)
            case .statement(let text, _, let answer):
                note(result, text)
                if let answer, failure == nil { answers.append((result, answer)) }
            }
            // Behind the answer to each statement comes an empty one.
            guard try nextResult() == nil else { throw lost() }
        }
        return answers
    }

    private func note(_ result: PostgresResult, _ text: String) {
        switch result.status {
        case PGRES_COMMAND_OK: if !isDirty { isDirty = result.hasChanged }
        case PGRES_TUPLES_OK: if !isDirty { isDirty = result.changes > 0 }
        case PGRES_PIPELINE_ABORTED: break  // skipped behind the failure that was noted
        default:
            guard failure == nil else { break }
            let found = result.failure(in: text)
            if found.isOfSharedSession { prepared.stopUsing() }
            if found.isOfOutdatedPlan { prepared.forget(text) }
            failure = StorageError(found)
        }
    }

    private func nextResult() throws -> PostgresResult? {
        if PQisBusy(connection) == 1 { try waitForInput() }
        return PQgetResult(connection).map(PostgresResult.init)
    }

    /// Sends what is still to be sent and reads, until an answer is there.
    private func waitForInput() throws {
        let start = ContinuousClock.now
        while PQisBusy(connection) == 1 {
            let unsent = PQflush(connection)
            guard unsent >= 0 else { throw lost() }
            var descriptor = pollfd(
                fd: PQsocket(connection), events: Int16(POLLIN) | (unsent == 1 ? Int16(POLLOUT) : 0), revents: 0)
            // An answer wakes the thread at once; the rest is looked at now and then.
            let ready = poll(&descriptor, 1, watched == nil ? 1_000 : 20)
            if ready < 0, errno != EINTR { throw lost() }
            if ready > 0, Int32(descriptor.revents) & ~Int32(POLLOUT) != 0, PQconsumeInput(connection) == 0 {
                throw lost()
            }
            if ready == 0 {
                if ContinuousClock.now - start > answerMaxOfTransaction { throw lost("the database does not answer") }
                if let watched, watched.isCancelled, !hasCancelled { cancel() }
            }
        }
    }

    /// Asks the server to end the running statement, over a connection of its own.
    private func cancel() {
        hasCancelled = true
        var text = [CChar](repeating: 0, count: 256)
        // When that fails the statement runs to its end, or to its time limit.
        _ = PQcancel(canceller, &text, Int32(text.count))
    }

    private func lost(_ message: String? = nil) -> StorageError {
        let failure =
            message.map { PostgresFailure(state: nil, message: $0) } ?? PostgresFailure(connection: connection)
        let error = StorageError(failure)
        self.failure = error
        return error
    }
}

extension PostgresResult {
    /// Whether a statement without rows has written something; one that we do not know counts as if it had.
    fileprivate var hasChanged: Bool {
        let command = command
        switch command.prefix(6) {
        case "BEGIN", "COMMIT", "ROLLBA", "SAVEPO", "RELEAS", "SET", "SELECT", "": return false
        case "INSERT", "UPDATE", "DELETE": return changes > 0
        default: return true
        }
    }
}
