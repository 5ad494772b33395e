import CognitionCore
package import CognitionStorage

/// Which requests with an `Idempotency-Key` were made, and what was answered.
package enum RepetitionStore {
    package static let migrations = [
        Migration(
            "http.001_repetitions",
            [
                // `id` is the hash of workspace, actor, route and key; `request` that of the whole request. Until it has an
                // answer a row is a claim of `owner`, good until `claimed_until`; `is_done` is 1 once anything was
                // committed for it. An answer has a status; without one it is not kept.
                """
                CREATE TABLE http_repetitions (
                    id \(fragment: .bytes) NOT NULL PRIMARY KEY, request \(fragment: .bytes) NOT NULL,
                    owner \(fragment: .text), claimed_until \(fragment: .int64) NOT NULL,
                    is_done \(fragment: .int64) NOT NULL, status \(fragment: .int64), headers \(fragment: .bytes),
                    body \(fragment: .bytes), expires_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX http_repetitions_expiry ON http_repetitions (expires_at)",
            ])
    ]

    /// How a row stands.
    struct Entry: Sendable {
        let request: [UInt8]
        let owner: String?
        let claimedUntil: Timestamp
        let isDone: Bool
        let answer: KeptAnswer?
    }

    static func entry(_ id: [UInt8], _ tx: borrowing Transaction) throws -> Entry? {
        try tx.first(
            """
            SELECT request, owner, claimed_until, is_done, status, headers, body FROM http_repetitions
            WHERE id = \(id) \(fragment: .forUpdate)
            """
        ) { row in
            let status: Int? = try row[4]
            return Entry(
                request: try row[0], owner: try row[1], claimedUntil: try row[2], isDone: try row[3] as Int != 0,
                answer: try status.map { try KeptAnswer(status: $0, headers: try row[5], body: try row[6]) })
        }
    }

    /// - Returns: Whether there was none; where there is one, also one that another commits at this moment, nothing is done.
    static func insert(
        _ id: [UInt8], request: [UInt8], owner: String, until: Timestamp, expiresAt: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO http_repetitions (id, request, owner, claimed_until, is_done, expires_at)
            VALUES (\(id), \(request), \(owner), \(until), 0, \(expiresAt))
            ON CONFLICT (id) DO NOTHING
            """) == 1
    }

    /// Gives a claim whose owner has not come back to another.
    static func takeOver(
        _ id: [UInt8], request: [UInt8], owner: String, until: Timestamp, expiresAt: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE http_repetitions SET request = \(request), owner = \(owner), claimed_until = \(until),
                is_done = 0, status = NULL, headers = NULL, body = NULL, expires_at = \(expiresAt)
            WHERE id = \(id)
            """)
    }

    /// Says in the transaction of its effect that a request was done.
    /// - Throws: `request.idempotency_key_in_progress` when the claim has gone to another.
    static func markDone(_ id: [UInt8], owner: String, _ tx: borrowing Transaction) throws {
        let count = try tx.execute(
            "UPDATE http_repetitions SET is_done = 1 WHERE id = \(id) AND owner = \(owner)")
        guard count == 1 else {
            throw RequestError(.keyInProgress, "the request took too long, and was begun again meanwhile")
        }
    }

    static func keep(_ answer: KeptAnswer?, of id: [UInt8], owner: String, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            UPDATE http_repetitions SET is_done = 1, owner = NULL, status = \(answer?.status),
                headers = \(answer?.headerBytes), body = \(answer?.body)
            WHERE id = \(id) AND owner = \(owner)
            """)
    }

    /// Lets the key go of a request that was refused or has changed nothing; of one that has failed behind a change, only
    /// the claim ends.
    static func release(
        _ id: [UInt8], owner: String, isRefused: Bool, _ tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            DELETE FROM http_repetitions
            WHERE id = \(id) AND owner = \(owner) AND is_done <= \(isRefused ? 1 : 0)
            """)
        try tx.execute("UPDATE http_repetitions SET owner = NULL WHERE id = \(id) AND owner = \(owner)")
    }

    /// Ends the claims of a process that is no more; only where there is one process.
    static func releaseAll(_ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM http_repetitions WHERE owner IS NOT NULL AND is_done = 0")
        try tx.execute("UPDATE http_repetitions SET owner = NULL WHERE owner IS NOT NULL")
    }

    /// - Returns: How many are gone.
    static func deleteExpired(now: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM http_repetitions WHERE id IN (
                SELECT id FROM http_repetitions WHERE expires_at < \(now) ORDER BY expires_at LIMIT \(limit)
                \(fragment: .skipLocked))
            """)
    }
}
