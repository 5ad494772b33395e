package import CognitionCore
import CognitionStorage

/// What an engine needs of the database.
extension Workflows {
    /// Frees what nobody holds any more: where other nodes may share the database, what belongs to none of them; else
    /// everything, as this process is the only one and runs no engine yet. One of them that only does not speak any more is
    /// found dead later (`NodeWatch`).
    ///
    /// - Parameters:
    ///   - node: Whose executions are kept; another for nobody's.
    ///   - gone: A node that is known to have ended, whatever its lease says.
    @discardableResult
    package func freeAbandoned(except node: UUIDv7, gone: UUIDv7?, now: Timestamp) async throws -> Int {
        let isShared = database.isShared
        return try await database.write { tx in
            guard isShared else { return try ExecutionStore.releaseAll(except: node, now: now, tx) }
            if let gone { try NodeLease.end(gone, in: tx) }
            return try ExecutionStore.releaseAbandoned(now: now, tx)
        }
    }

    /// Frees what nodes held that have given no other sign since, and clears those nodes away.
    func free(_ silent: [NodeLease.Sign], now: Timestamp) async throws -> Int {
        guard !silent.isEmpty else { return 0 }
        return try await database.write { tx in
            let nodes = try NodeLease.stillSilent(silent, in: tx)
            let freed = try ExecutionStore.releaseAll(of: nodes, now: now, tx)
            try NodeLease.clear(nodes, in: tx)
            return freed
        }
    }

    /// Frees what is held by nodes that have no row: one that claimed after it was cleared away, and then ended.
    package func freeRowless(now: Timestamp) async throws -> Int {
        guard try await database.read({ tx in try !ExecutionStore.ownersGone(tx).isEmpty }) else { return 0 }
        return try await database.write { tx in try ExecutionStore.releaseAbandoned(now: now, tx) }
    }

    func owned(by node: UUIDv7) async throws -> [(key: Int64, epoch: Int64)] {
        try await database.read { tx in try ExecutionStore.owned(by: node, tx) }
    }

    func release(ownedBy node: UUIDv7, now: Timestamp) async throws {
        _ = try await database.write { tx in try ExecutionStore.release(heldBy: node, now: now, tx) }
    }

    /// - Parameter last: The workspace whose turn was the last; the others come first.
    /// - Returns: At most `limit`; fewer only when no more are due, or others claim at the same moment. And the workspace
    ///   whose turn was the last now.
    func claimDue(
        in span: DueSpan, by node: UUIDv7, limit: Int, after last: WorkspaceID?
    ) async throws -> ([ExecutionClaim], lastTurn: WorkspaceID?) {
        let turns = try await database.read { tx in try ClaimTurns.due(in: span, after: last, limit: limit, tx) }
        guard let lastTurn = turns.last?.workspace else { return ([], last) }
        let claims = try await database.write { tx in
            try ClaimTurns(turns).claim(in: span, by: node, limit: limit, tx)
        }
        return (claims, lastTurn)
    }

    /// The machine of a claimed execution, as its rows tell it.
    func machine(of claim: ExecutionClaim, now: Timestamp) async throws -> ExecutionMachine {
        let definition = try await definition(claim.workflowKey)
        let stored = try await database.read { tx in try ExecutionStore.stored(claim, of: definition, now: now, tx) }
        guard let stored else { throw WorkflowError.notFound(claim.id) }
        if claim.status == .pending {
            return ExecutionMachine.start(definition, id: claim.id, input: stored.input, now: now)
        }
        return try ExecutionMachine(restoring: stored, of: definition, now: now)
    }

    /// Suspends an execution that cannot be gone on with, or ends it when that was asked for.
    func setAside(_ claim: ExecutionClaim, reason: StatusReason, fault: WorkflowFault, now: Timestamp) async throws {
        let ids = ids
        try await database.write { tx in
            // Whoever asked for its end does not have to ask again.
            if claim.isCancelled {
                try ExecutionStore.end(claim, by: claim.cancelledBy, ids: ids, now: now, tx)
            } else {
                try ExecutionStore.suspend(claim, reason: reason, fault: fault, ids: ids, now: now, tx)
            }
        }
        ends.announce(claim.id)
    }

    func giveBack(key: Int64, owner: UUIDv7, epoch: Int64, wakeAt: Timestamp) async throws {
        try await database.write { tx in
            try ExecutionStore.giveBack(key, owner: owner, epoch: epoch, wakeAt: wakeAt, tx)
        }
    }

    /// Deletes filters that nobody listens with any more.
    /// - Returns: How many; at most `limit`.
    func deleteUnusedFilters(limit: Int) async throws -> Int {
        // Most of the time there is none, and a look keeps nobody from writing.
        guard try await database.read({ tx in try ListenerStore.hasUnusedFilters(tx) }) else { return 0 }
        return try await database.write { tx in try ListenerStore.deleteUnusedFilters(limit: limit, tx) }
    }

    func cancellations(ownedBy node: UUIDv7) async throws -> [(key: Int64, by: String?)] {
        try await database.read { tx in try ExecutionStore.cancellations(ownedBy: node, tx) }
    }
}
