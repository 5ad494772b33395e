import CognitionCore
import CognitionStorage
import Logging
import Synchronization

/// Life beside other nodes of the same database: this one says that it lives, believes itself dead when it could not say
/// so in time, and takes over what dead ones have left.
extension WorkflowEngine {
    /// How often the node looks whether its lease has run out.
    private static let watchPause: Duration = .milliseconds(500)
    /// How often it looks for others that are dead.
    private static let reapPause: Duration = .seconds(2)
    /// How often it looks for executions that it holds by their rows only.
    private static let sweepPause: Duration = .seconds(10)

    /// Renews the lease until the task is cancelled.
    func keep(_ lease: NodeLease, on thread: OwnThread) async {
        var isFailing = false
        while !Task.isCancelled {
            await thread.sleep(for: isFailing ? lease.settings.renewal / 3 : lease.settings.renewal)
            do {
                try await lease.renew()
                isFailing = false
            } catch is CancellationError {
                return
            } catch {
                if !isFailing { logger.warning("Lease of the node not renewed", metadata: ["error": "\(error)"]) }
                isFailing = true
            }
        }
    }

    /// Lets go of everything when the lease has run out, until the task is cancelled: others may run it by now.
    func watch(_ lease: NodeLease, on thread: OwnThread) async {
        while !Task.isCancelled {
            await thread.sleep(for: Self.watchPause)
            guard !Task.isCancelled, lease.standing() == .lapsed else { continue }
            abandonAll()
        }
    }

    /// Forgets what this node runs and stops its effects; what nobody has taken over meanwhile is claimed again.
    func abandonAll() {
        let live = members.withLock { Array($0.live.values) }
        logger.error("Lease of the node has run out", metadata: ["executions": "\(live.count)"])
        for execution in live { abandon(execution) }
    }

    /// Takes over what dead nodes have left, until the task is cancelled.
    func reap(beside lease: NodeLease) async {
        var nodes = NodeWatch(lease.settings)
        var lastSweep = ContinuousClock.now
        while !Task.isCancelled {
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: Self.reapPause)
            do {
                let signs = try await workflows.database.read { try lease.others(in: $0) }
                let freed = try await workflows.free(nodes.note(signs), now: clock.now)
                if freed > 0 { logger.notice("Executions of dead nodes freed", metadata: ["count": "\(freed)"]) }
                guard ContinuousClock.now - lastSweep >= Self.sweepPause else { continue }
                lastSweep = .now
                try await sweep()
                let abandoned = try await workflows.freeRowless(now: clock.now)
                if abandoned > 0 { logger.notice("Executions of nobody freed", metadata: ["count": "\(abandoned)"]) }
            } catch {
                // The tick tells of a database that does not answer, and this comes again.
                logger.debug("Dead nodes not looked for", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Gives back what is this node's by its rows and in nobody's hands: of a commit nobody can say whether it took effect
    /// when the connection is lost. Only what was so in two sweeps counts, as a claim is read in between.
    func sweep() async throws {
        let owned = try await workflows.owned(by: node)
        members.withLock { members in
            let strays = owned.filter { members.live[$0.key] == nil && members.lost[$0.key] == nil }
            for stray in strays where members.strays[stray.key] == stray.epoch { members.lost[stray.key] = stray.epoch }
            members.strays = Dictionary(uniqueKeysWithValues: strays.map { ($0.key, $0.epoch) })
        }
    }
}
