/// What a body reads and writes with; lent for the duration of the body.
package struct Transaction: ~Copyable {
    private let connection: any StorageConnection
    private let round: WriteRound?
    /// `nil` where nothing is traced.
    private let log: StatementLog?

    package init(on connection: any StorageConnection, round: WriteRound? = nil) {
        self.init(connection, round, nil)
    }

    private init(_ connection: any StorageConnection, _ round: WriteRound?, _ log: StatementLog?) {
        self.connection = connection
        self.round = round
        self.log = log
    }

    /// The same transaction, whose statements are noted.
    func noting(in log: StatementLog) -> Transaction {
        log.begin(in: dialect)
        return Transaction(connection, round, log)
    }

    package var dialect: Dialect { connection.dialect }

    /// Runs a statement and returns how many rows it changed.
    @discardableResult
    package func execute(_ statement: SQL) throws -> Int {
        log?.note(statement, in: dialect)
        return try connection.run(statement) { _ in true }
    }

    /// All rows of a statement, in the statement's order; `RETURNING` promises none.
    package func query<Value>(_ statement: SQL, as decode: (borrowing Row) throws -> Value) throws -> [Value] {
        var values: [Value] = []
        log?.note(statement, in: dialect)
        _ = try connection.run(statement) { row in
            values.append(try decode(row))
            return true
        }
        return values
    }

    /// The first row of a statement, which is stepped through to its end so that an UPDATE … RETURNING completes.
    package func first<Value>(_ statement: SQL, as decode: (borrowing Row) throws -> Value) throws -> Value? {
        var value: Value?
        log?.note(statement, in: dialect)
        _ = try connection.run(statement) { row in
            if value == nil { value = try decode(row) }
            return true
        }
        return value
    }

    // MARK: Statements that nobody waits for

    /// Runs a statement whose outcome this body does not need.
    ///
    /// Statements run in the order in which they are given, however they are given. A database on the other side of a
    /// network gets this one together with later ones, which saves the way there and back. When it fails, the whole body
    /// has failed, even if that is found later.
    package func send(_ statement: SQL) throws {
        log?.note(statement, in: dialect)
        try connection.send(statement, row: nil, changed: nil)
    }

    /// The same; `changed` is told how many rows it changed, at the latest before the commit, and refuses by throwing.
    package func send(_ statement: SQL, changed: @escaping (Int) throws -> Void) throws {
        log?.note(statement, in: dialect)
        try connection.send(statement, row: nil, changed: changed)
    }

    /// The same; `row` is given each row, at the latest before the commit. It runs no statements.
    package func send(_ statement: SQL, row: @escaping RowReader) throws {
        log?.note(statement, in: dialect)
        try connection.send(statement, row: row, changed: nil)
    }

    /// Returns once everything that was sent has been run.
    package func settle() throws { try connection.settle() }

    /// Writes rows into `table`, in as few statements as the engine does well with; nobody waits for them either.
    /// - Parameter values: Row after row, each with a value for every column of the table.
    package func insert(into table: BulkTable, _ values: [SQLValue], row: RowReader? = nil) throws {
        try connection.insert(into: table, values, row: row)
    }

    /// Changes rows, each with values of its own, in the same way; `changed` is told how many were found.
    package func update(
        _ update: BulkUpdate, _ values: [SQLValue], changed: ((Int) throws -> Void)? = nil
    ) throws {
        try connection.update(update, values, changed: changed)
    }

    // MARK: Against others who write at the same time

    /// Keeps every other transaction that asks for the same lock waiting until this one has ended.
    /// - Parameter name: `module.subject`, with the ids of what is locked.
    package func lock(_ name: String) throws { try connection.lock(name) }

    /// Lets this transaction take longer, and wait longer for others, than the settings allow.
    package func allow(_ duration: Duration) throws { try connection.allow(duration) }

    // MARK: What may fail

    /// Runs `body` so that what it has written can be undone alone; not inside of another attempt.
    ///
    /// It adds nothing to a ``CommitStep``.
    /// - Returns: Why it has failed and was undone; `nil` when it has not.
    /// - Throws: What has ended the whole transaction.
    package func attempt(_ body: () throws -> Void) throws -> (any Error)? {
        try connection.settle()
        let actions = writing.afterCommit.count
        do {
            try connection.setSavepoint()
            try body()
            try connection.releaseSavepoint()
            return nil
        } catch {
            guard connection.isTransactionOpen, (error as? StorageError)?.isTransient != true else { throw error }
            try connection.rollbackToSavepoint()
            writing.afterCommit.removeSubrange(actions...)
            return error
        }
    }

    // MARK: After the commit

    /// Calls `action` on the driver's thread once this body's writes are durable, before `write` returns; it must be brief.
    package func afterCommit(_ action: @escaping @Sendable () -> Void) {
        writing.afterCommit.append(action)
    }

    /// Wakes those who wait for `topic`, once, after the commit.
    package func signal(_ topic: SignalTopic) {
        writing.topics.insert(topic)
    }

    /// The round's own instance of a step that runs once, last before COMMIT, for all requests of the round.
    package func commitStep<Step: CommitStep>(_: Step.Type = Step.self) -> Step {
        writing.step(Step.self)
    }

    private var writing: WriteRound {
        guard let round else { preconditionFailure("a read transaction writes nothing") }
        return round
    }
}

/// Work of many requests that is done in one go, last before COMMIT, such as giving events their positions.
///
/// An instance lives as long as one attempt of a round. When a request is undone, what it added is cut off again.
package protocol CommitStep: AnyObject {
    init()
    /// Steps run in this order: the least first.
    static var rank: Int { get }
    /// A request begins that may be undone; what was run before it stays.
    func beginRequest()
    /// How many pieces of work were added so far.
    var count: Int { get }
    /// Forgets all pieces after the first `count`, and what was run in the request that is undone.
    func truncate(to count: Int)
    func run(in tx: borrowing Transaction) throws
    /// What ``run(in:)`` has done, counted in a metric once it is durable.
    var committedWork: CommittedWork? { get }
}

extension CommitStep {
    package static var rank: Int { 0 }
    package func beginRequest() {}
    package var committedWork: CommittedWork? { nil }
}

package struct CommittedWork: Sendable, Hashable {
    /// The name of a counter; few different ones.
    package let metric: String
    package let amount: Int

    package init(metric: String, amount: Int) {
        self.metric = metric
        self.amount = amount
    }
}

/// What the requests of one write transaction share.
package final class WriteRound {
    fileprivate(set) var afterCommit: [@Sendable () -> Void] = []
    fileprivate(set) var topics: Set<SignalTopic> = []
    private var steps: [ObjectIdentifier: any CommitStep] = [:]
    private var order: [ObjectIdentifier] = []

    /// How far each list had grown before a request began.
    struct Mark {
        fileprivate let actions: Int
        fileprivate let steps: [ObjectIdentifier: Int]
    }

    package init() {}

    fileprivate func step<Step: CommitStep>(_: Step.Type) -> Step {
        if let step = steps[ObjectIdentifier(Step.self)] as? Step { return step }
        let step = Step()
        steps[ObjectIdentifier(Step.self)] = step
        order.append(ObjectIdentifier(Step.self))
        return step
    }

    func beginRequest() -> Mark {
        for step in steps.values { step.beginRequest() }
        return Mark(actions: afterCommit.count, steps: steps.mapValues(\.count))
    }

    /// Forgets what came after `mark`; a topic may stay, as waking somebody for nothing does no harm.
    func undo(to mark: Mark) {
        afterCommit.removeSubrange(mark.actions...)
        for (key, step) in steps { step.truncate(to: mark.steps[key] ?? 0) }
    }

    func runSteps(in tx: borrowing Transaction) throws {
        for step in order.compactMap({ steps[$0] }).sorted(by: { type(of: $0).rank < type(of: $1).rank }) {
            try step.run(in: tx)
        }
    }

    var committedWork: [CommittedWork] { order.compactMap { steps[$0]?.committedWork } }
}
