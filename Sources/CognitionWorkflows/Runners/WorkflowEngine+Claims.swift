import CognitionCore
import CognitionStorage
import Logging
import Synchronization

extension WorkflowEngine {
    /// Frees what earlier processes held, so that it is claimed at once; beside other nodes, after joining them, what
    /// belongs to none of them.
    func recover() async throws {
        try await lease?.renew()
        let freed = try await workflows.freeAbandoned(except: node, gone: settings.predecessor, now: clock.now)
        members.withLock { $0.isRunning = true }
        if freed > 0 { logger.info("Executions recovered", metadata: ["count": "\(freed)"]) }
    }

    /// Claims executions that are due, reads them, and takes them over.
    func claimDue(now: Timestamp) async throws {
        while !Task.isCancelled {
            let room = members.withLock { min(256, settings.executionsMax - $0.live.count) }
            guard room > 0 else { return }
            let (span, last) = members.withLock { ($0.dueLooks.next(now: now), $0.lastTurn) }
            let (claims, lastTurn) = try await workflows.claimDue(in: span, by: node, limit: room, after: last)
            members.withLock { members in
                members.lastTurn = lastTurn
                members.dueLooks.note(span, leavesNothing: claims.count < room)
            }
            await takeOver(claims)
            guard claims.count == room else { return }
        }
    }

    /// Claims these executions, due or not, as far as nobody owns them.
    func takeOver(_ keys: [Int64]) async throws {
        await takeOver(try await workflows.claim(keys, by: node))
    }

    /// Side by side, so that all readers of the database are used.
    private func takeOver(_ claims: [ExecutionClaim]) async {
        await withTaskGroup(of: Void.self) { group in
            for claim in claims { group.addTask { await self.takeOver(claim) } }
        }
    }

    private func takeOver(_ claim: ExecutionClaim) async {
        let reading = readClock()
        do {
            guard claim.claims <= settings.claimsMax else {
                throw WorkflowError.unreadable(
                    claim.id, "it was claimed \(claim.claims - 1) times without any progress")
            }
            var machine = try await workflows.machine(of: claim, now: reading.now)
            machine.passTime(now: reading.now)
            if claim.isCancelled { machine.cancel(by: claim.cancelledBy, now: reading.now) }
            let live = LiveExecution(
                key: claim.key, workspace: claim.workspace, epoch: claim.epoch, origin: claim.origin,
                priority: claim.priority, machine: machine, clock: reading)
            members.withLock { $0.live[live.key] = live }
            deliver(.advance, to: live)
        } catch is CancellationError {
            return  // the engine is ending, and `close` gives back whatever it has claimed
        } catch let error as StorageError where error.isTransient {
            logger.debug("Execution not read", metadata: ["execution.id": "\(claim.id)", "error": "\(error)"])
            members.withLock { $0.lost[claim.key] = claim.epoch }
        } catch {
            logger.error("Execution set aside", metadata: ["execution.id": "\(claim.id)", "error": "\(error)"])
            await setAside(claim, error)
        }
    }

    /// A row that cannot be gone on with is suspended, visible, and blocks nothing else.
    private func setAside(_ claim: ExecutionClaim, _ error: any Error) async {
        do {
            try await workflows.setAside(claim, reason: .quarantined, fault: WorkflowFault(error), now: clock.now)
        } catch {
            logger.error("Execution not set aside", metadata: ["execution.id": "\(claim.id)", "error": "\(error)"])
            members.withLock { $0.lost[claim.key] = claim.epoch }
        }
    }

    /// Makes due again what a failed write or read has thrown out of memory; what cannot be written now is tried again.
    func giveBackLost(now: Timestamp) async throws {
        for (key, epoch) in members.withLock({ $0.lost }) {
            try await workflows.giveBack(key: key, owner: node, epoch: epoch, wakeAt: now + .seconds(1))
            members.withLock { members in
                if members.lost[key] == epoch { members.lost[key] = nil }
            }
        }
    }

    /// Delivers cancellations that were asked for, by whichever process.
    func noticeCancellations() async throws {
        for (key, actor) in try await workflows.cancellations(ownedBy: node) {
            if let live = members.withLock({ $0.live[key] }) { deliver(.cancel(by: actor), to: live) }
        }
    }
}
