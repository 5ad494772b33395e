import CognitionCore
import CognitionStorage

/// Questions to people, and the one answer that each gets.
enum ApprovalStore {
    struct NewApproval: Sendable {
        let task: Int
        let attempt: Int
        let name: String
        let digest: SHA256Digest
        let expiresAt: Timestamp?
        let request: [UInt8]
        let at: Timestamp
        /// It has expired as soon as it was asked.
        let expired: ApprovalAnswer?
    }

    static func add(_ new: NewApproval, of key: Int64, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            INSERT INTO approvals (execution_key, task, attempt, name, digest, request, created_at, expires_at,
                choice, decided_at)
            VALUES (\(key), \(new.task), \(new.attempt), \(new.name), \(new.digest.bytes), \(new.request), \(new.at),
                \(new.expiresAt), \(new.expired?.choice), \(new.expired?.at))
            """)
    }

    /// - Throws: `workflow.outdated` when somebody has answered meanwhile.
    static func expire(_ answer: ApprovalAnswer, of key: Int64, _ tx: borrowing Transaction) throws {
        let count = try tx.execute(
            """
            UPDATE approvals SET choice = \(answer.choice), decided_at = \(answer.at)
            WHERE execution_key = \(key) AND task = \(answer.task) AND attempt = \(answer.attempt)
                AND decided_at IS NULL
            """)
        guard count == 1 else { throw WorkflowError(.outdated, "the approval was answered before it could expire") }
    }

    static func withdraw(task: Int, attempt: Int, of key: Int64, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE approvals SET withdrawn_at = \(now)
            WHERE execution_key = \(key) AND task = \(task) AND attempt = \(attempt) AND decided_at IS NULL
            """)
    }

    static func withdrawAll(of key: Int64, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            UPDATE approvals SET withdrawn_at = \(now)
            WHERE execution_key = \(key) AND decided_at IS NULL AND withdrawn_at IS NULL
            """)
    }

    /// Records an answer; the first one counts.
    /// - Returns: Whether it was the first, in time, and to this very question.
    static func answer(
        _ answer: ApprovalAnswer, digest: SHA256Digest, of key: Int64, _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE approvals SET choice = \(answer.choice), comment = \(answer.comment), decided_by = \(answer.by),
                decided_at = \(answer.at)
            WHERE execution_key = \(key) AND task = \(answer.task) AND attempt = \(answer.attempt)
                AND digest = \(digest.bytes) AND decided_at IS NULL AND withdrawn_at IS NULL
                AND (expires_at IS NULL OR expires_at > \(answer.at))
            """) == 1
    }

    static func list(of key: Int64, after cursor: Int64, limit: Int, _ tx: borrowing Transaction) throws -> [Approval] {
        try tx.query(
            """
            SELECT \(columns: Approval.columns) FROM approvals
            WHERE execution_key = \(key) AND task > \(cursor >> 16)
                OR execution_key = \(key) AND task = \(cursor >> 16) AND attempt > \(cursor & 0xFFFF)
            ORDER BY task, attempt LIMIT \(limit)
            """, as: Approval.init(row:))
    }

    static func find(task: Int, attempt: Int, of key: Int64, _ tx: borrowing Transaction) throws -> Approval? {
        try tx.first(
            """
            SELECT \(columns: Approval.columns) FROM approvals
            WHERE execution_key = \(key) AND task = \(task) AND attempt = \(attempt)
            """, as: Approval.init(row:))
    }

    static func deleteAll(of key: Int64, _ tx: borrowing Transaction) throws {
        try tx.send("DELETE FROM approvals WHERE execution_key = \(key)")
    }
}

extension Approval {
    static let columns: StaticString = """
        task, attempt, name, request, created_at, choice, comment, decided_by, decided_at, withdrawn_at
        """

    init(row: borrowing Row) throws {
        guard let request = ApprovalRequest(json: try ExecutionStore.json(row[3])) else {
            throw WorkflowError(.executionUnreadable, "the question of an approval cannot be read")
        }
        self.init(
            task: try row[0], attempt: try row[1], name: try row[2], request: request, createdAt: try row[4],
            choice: try row[5], comment: try row[6], decidedBy: try row[7], decidedAt: try row[8],
            withdrawnAt: try row[9])
    }
}
