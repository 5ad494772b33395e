import CognitionCore
import CognitionEvents
import CognitionStorage

/// An execution that this node has just taken.
struct ExecutionClaim: Sendable {
    var key: Int64
    var id: ExecutionID
    var workspace: WorkspaceID
    var workflowKey: Int64
    var status: ExecutionStatus
    var epoch: Int64
    /// Claims since the last progress, this one included.
    var claims: Int
    var isCancelled: Bool
    /// Who has asked for its end.
    var cancelledBy: String?
    var origin: ExecutionOrigin
    var priority: Int
}

/// Executions and their tasks in the database; what changes while one runs is an ``ExecutionWrite``.
enum ExecutionStore {
    /// The row of a new execution, in the order of ``ExecutionStep/newExecutions``.
    static func insertion(
        _ id: ExecutionID, of workflow: StoredWorkflow, _ request: ExecutionRequest, _ columns: ExecutionColumns,
        priority: Int, now: Timestamp, in tx: borrowing Transaction
    ) throws -> [SQLValue] {
        let (command, principal) = (request.command, request.principal)
        if let parent = command.parent { try checkWaits(parent, tx) }
        let input = try request.input.store(for: principal.workspace, in: tx)
        return [
            id.sqlValue, principal.workspace.sqlValue, workflow.key.sqlValue, workflow.nameKey.sqlValue,
            input.inlineBytes.sqlValue, input.reference.sqlValue, request.inputHash.bytes.sqlValue,
            command.idempotencyKey.sqlValue, principal.actor.sqlValue, command.correlationID.sqlValue,
            (command.parent?.execution).sqlValue, (command.parent?.task).sqlValue, Int64(1).sqlValue,
            Int64(0).sqlValue, now.sqlValue, columns.status.sqlValue, columns.reason.sqlValue,
            columns.progress.sqlValue, (columns.context?.inlineBytes).sqlValue, (columns.context?.reference).sqlValue,
            (columns.output?.inlineBytes).sqlValue, (columns.output?.reference).sqlValue, columns.fault.sqlValue,
            columns.nextNumber.sqlValue, columns.owner.sqlValue, columns.wakeAt.sqlValue, columns.startedAt.sqlValue,
            columns.endedAt.sqlValue, columns.ending.sqlValue, priority.sqlValue, command.traceparent.sqlValue,
        ]
    }

    /// Keeps the execution around a task as it is until the commit, and sees that the task still wants its child: else
    /// nobody would ever cancel that.
    private static func checkWaits(_ parent: ExecuteCommand.Parent, _ tx: borrowing Transaction) throws {
        let key = try tx.first(
            "SELECT key FROM executions WHERE key = \(parent.execution) AND ended_at IS NULL \(fragment: .forShare)"
        ) { try $0[0] as Int64 }
        let task = try tx.first(
            "SELECT id FROM tasks WHERE id = \(TaskKey(parent.execution, parent.task)) AND ended_at IS NULL"
        ) { try $0[0] as Int64 }
        guard key != nil, task != nil else {
            throw WorkflowError(.executionEnded, "the task that starts this execution has ended")
        }
    }

    /// The newest execution of a definition and input that has not ended and was not set aside.
    static func findUnfinished(
        of workflow: StoredWorkflow, inputHash: SHA256Digest, _ tx: borrowing Transaction
    ) throws -> ExecutionID? {
        try tx.first(
            """
            SELECT id FROM executions
            WHERE workspace_id = \(workflow.workspace) AND workflow_key = \(workflow.key) AND ended_at IS NULL
                AND input_hash = \(inputHash.bytes) AND status <> \(ExecutionStatus.suspended)
            ORDER BY key DESC LIMIT 1
            """
        ) { try $0[0] }
    }

    // MARK: Claims

    /// Claims one execution, due or not, that nobody owns.
    static func claim(_ id: ExecutionID, by node: UUIDv7, _ tx: borrowing Transaction) throws -> ExecutionClaim? {
        try tx.first(
            """
            UPDATE executions SET owner = \(node), epoch = epoch + 1, claims = claims + 1
            WHERE id = \(id) AND owner IS NULL AND ended_at IS NULL
            RETURNING \(columns: ExecutionClaim.columns)
            """, as: ExecutionClaim.init(row:))
    }

    /// Claims executions, due or not, that nobody owns.
    static func claim(_ keys: [Int64], by node: UUIDv7, _ tx: borrowing Transaction) throws -> [ExecutionClaim] {
        try tx.query(
            """
            UPDATE executions SET owner = \(node), epoch = epoch + 1, claims = claims + 1
            WHERE key IN \(list: keys) AND owner IS NULL AND ended_at IS NULL
            RETURNING \(columns: ExecutionClaim.columns)
            """, as: ExecutionClaim.init(row:)
        ).sorted { $0.key < $1.key }
    }

    /// Frees what a process holds that ends in good order, so that its claims were no failures; it is due at once.
    static func release(heldBy owner: UUIDv7, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        let count = try tx.execute(
            "UPDATE executions SET owner = NULL, wake_at = \(now), claims = 0 WHERE owner = \(owner)")
        if count > 0 { tx.signal(.executionsDue) }
        return count
    }

    /// Frees what anybody else but `node` holds; it is due at once.
    static func releaseAll(except node: UUIDv7, now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        let count = try tx.execute(
            "UPDATE executions SET owner = NULL, wake_at = \(now) WHERE owner IS NOT NULL AND owner <> \(node)")
        if count > 0 { tx.signal(.executionsDue) }
        return count
    }

    /// Frees what nodes hold that are gone; it is due at once.
    static func releaseAll(of nodes: [UUIDv7], now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        guard !nodes.isEmpty else { return 0 }
        let count = try tx.execute(
            "UPDATE executions SET owner = NULL, wake_at = \(now) WHERE owner IN \(list: nodes)")
        if count > 0 { tx.signal(.executionsDue) }
        return count
    }

    /// Frees what is held by whoever is not among the nodes; it is due at once.
    static func releaseAbandoned(now: Timestamp, _ tx: borrowing Transaction) throws -> Int {
        try releaseAll(of: ownersGone(tx), now: now, tx)
    }

    /// Who holds executions and is not among the nodes.
    static func ownersGone(_ tx: borrowing Transaction) throws -> [UUIDv7] {
        let owners = try tx.query("SELECT DISTINCT owner FROM executions WHERE owner IS NOT NULL") {
            try $0[0] as UUIDv7
        }
        return try NodeLease.gone(among: owners, in: tx)
    }

    /// What a node holds by its rows: keys and epochs.
    static func owned(by node: UUIDv7, _ tx: borrowing Transaction) throws -> [(key: Int64, epoch: Int64)] {
        try tx.query("SELECT key, epoch FROM executions WHERE owner = \(node)") { (try $0[0], try $0[1]) }
    }

    /// Finds the row by its key, as the step of the round does.
    static func giveBack(
        _ key: Int64, owner: UUIDv7, epoch: Int64, wakeAt: Timestamp, _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE executions SET owner = NULL, wake_at = \(wakeAt)
            WHERE key = \(key) AND COALESCE(owner, '') = \(owner) AND epoch = \(epoch)
            """)
        tx.signal(.executionsDue)
    }

    // MARK: Cost

    /// Adds to what an execution has cost, whoever owns it and whether or not it has ended: the money is spent.
    static func addCost(_ cost: Money, to id: ExecutionID, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE executions SET \(costRaised(by: cost)) WHERE id = \(id)")
    }

    /// Stays at the largest number there is instead of failing a commit.
    static func costRaised(by cost: Money) -> SQL {
        let max = Int64.max - cost.micros
        return "cost_micros = CASE WHEN cost_micros > \(max) THEN \(Int64.max) ELSE cost_micros + \(cost.micros) END"
    }

    // MARK: Cancellation

    /// Asks for an execution's end; whoever owns it, or claims it now, ends it.
    static func requestCancellation(
        of id: ExecutionID, as principal: Principal, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Bool {
        let count = try tx.execute(
            """
            UPDATE executions SET cancel_requested_at = \(now), wake_at = \(now), cancel_requested_by =
                CASE WHEN cancel_requested_at IS NULL THEN \(principal.actor) ELSE cancel_requested_by END
            WHERE id = \(id) AND workspace_id = \(principal.workspace) AND ended_at IS NULL
            """)
        if count > 0 { tx.signal(.executionsDue) }
        return count > 0
    }

    static func workflowKey(
        of id: ExecutionID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> Int64? {
        try tx.first("SELECT workflow_key FROM executions WHERE id = \(id) AND workspace_id = \(workspace)") {
            try $0[0]
        }
    }

    static func cancellations(
        ownedBy node: UUIDv7, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, by: String?)] {
        try tx.query(
            """
            SELECT key, cancel_requested_by FROM executions
            WHERE owner = \(node) AND cancel_requested_at IS NOT NULL LIMIT 1000
            """
        ) { (key: try $0[0], by: try $0[1]) }
    }
}

extension ExecutionClaim {
    static let columns: StaticString = """
        key, id, workspace_id, workflow_key, status, epoch, claims, cancel_requested_at, created_by, correlation_id,
        priority, cancel_requested_by, traceparent
        """

    init(row: borrowing Row) throws {
        key = try row[0]
        id = try row[1]
        workspace = try row[2]
        workflowKey = try row[3]
        status = try row[4]
        epoch = try row[5]
        claims = try row[6]
        isCancelled = try row[7] as Timestamp? != nil
        origin = ExecutionOrigin(actor: try row[8], correlationID: try row[9], traceparent: try row[12])
        priority = try row[10]
        cancelledBy = try row[11]
    }
}
