import CognitionCore
import CognitionStorage

/// What an engine needs of the database.
extension Workflows {
    /// Frees what any process held; for the only process of a database, which runs no engine yet.
    package func freeAll() async throws {
        let (node, now): (UUIDv7, Timestamp) = (ids.next(), clock.now)
        _ = try await database.write { tx in try ExecutionStore.releaseAll(except: node, now: now, tx) }
    }

    /// Frees what other processes held; they are known to be gone when this is the only one.
    func recover(node: UUIDv7, isSoleOwner: Bool, now: Timestamp) async throws -> Int {
        guard isSoleOwner else { return 0 }
        return try await database.write { tx in try ExecutionStore.releaseAll(except: node, now: now, tx) }
    }

    func release(ownedBy node: UUIDv7, now: Timestamp) async throws {
        _ = try await database.write { tx in try ExecutionStore.release(heldBy: node, now: now, tx) }
    }

    func claimDue(by node: UUIDv7, limit: Int, now: Timestamp) async throws -> [ExecutionClaim] {
        guard try await database.read({ tx in try ExecutionStore.hasDue(now: now, tx) }) else { return [] }
        return try await database.write { tx in try ExecutionStore.claimDue(by: node, limit: limit, now: now, tx) }
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
                try ExecutionStore.end(claim, ids: ids, now: now, tx)
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

    func cancellations(ownedBy node: UUIDv7) async throws -> [Int64] {
        try await database.read { tx in try ExecutionStore.cancellations(ownedBy: node, tx) }
    }
}
