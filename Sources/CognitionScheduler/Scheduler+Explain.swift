package import CognitionCore
import CognitionStorage

/// Why a job does not run now.
extension Scheduler {
    /// One thing that keeps a job from running.
    private struct Reason {
        let code: String
        let message: String
        var details: JSONObject = [:]

        var json: JSONValue {
            var json: JSONObject = ["code": .string(code), "message": .string(message)]
            json.merge(details)
            return .object(json)
        }
    }

    /// - Returns: `{id, state, can_run, reasons: [{code, message, …}]}`.
    /// - Throws: `scheduler.job_not_found`.
    package func explain(_ id: String, in workspace: WorkspaceID) async throws -> JSONValue {
        let now = clock.now
        return try await database.read { tx in
            if let schedule = try ScheduleStore.find(id, in: workspace, tx) {
                return answer(id, try schedule.view().json["state"] ?? .null, try reasons(schedule))
            }
            guard let job = try JobReader.find(id, in: workspace, tx) else { throw SchedulerError.notFound(id) }
            return answer(id, .string(job.state.name), try reasons(job, in: workspace, now: now, tx))
        }
    }

    private func answer(_ id: String, _ state: JSONValue, _ reasons: [Reason]) -> JSONValue {
        [
            "id": .string(id), "state": state, "can_run": .bool(reasons.isEmpty),
            "reasons": .array(reasons.map(\.json)),
        ]
    }

    private func reasons(_ schedule: StoredSchedule) throws -> [Reason] {
        if schedule.state == .paused, let error = try schedule.error.map({ try JSONValue(parsing: $0) }) {
            let why = error["message"]?.stringValue ?? "no reason is known"
            return [
                Reason(
                    code: "schedule_failed", message: "it could not be fired and was paused: \(why)",
                    details: ["error": error])
            ]
        }
        switch schedule.state {
        case .paused: return [Reason(code: "paused", message: "the schedule is paused")]
        case .ended, .cancelled: return [Reason(code: "ended", message: "the schedule fires no more")]
        case .active: break
        }
        if schedule.isWithheld {
            return [Reason(code: "withheld", message: "\(schedule.owner ?? "its owner") keeps it from firing")]
        }
        guard let next = schedule.nextAt.map({ schedule.schedule.delayed($0, of: schedule.id) }) else {
            guard let rest = schedule.schedule.rest else {
                let what = schedule.owner.map { "\($0) has its events" } ?? "an event of its type is told"
                return [Reason(code: "waits_for_event", message: "it runs when \(what)")]
            }
            return [Reason(code: "running", message: "it fires \(rest.iso8601) after the end of its run")]
        }
        return [
            Reason(
                code: "not_due", message: "it fires next at \(next)",
                details: ["until": .string(next.description)])
        ]
    }

    private func reasons(
        _ job: StoredJob, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> [Reason] {
        switch job.state {
        case .running: return [Reason(code: "running", message: "it runs since \(job.startedAt?.description ?? "")")]
        case .completed, .failed, .dead, .cancelled:
            return [Reason(code: "ended", message: "it is \(job.state.name) since \(job.endedAt?.description ?? "")")]
        case .scheduled, .ready, .blocked, .limited, .paused: break
        }
        var reasons: [Reason] = []
        if job.state == .paused { reasons.append(Reason(code: "paused", message: "the job is paused")) }
        if job.runAt > now {
            let what = job.attempt > 0 ? "its next attempt is due" : "it is due"
            reasons.append(
                Reason(
                    code: job.attempt > 0 ? "retry_delay" : "not_due", message: "\(what) at \(job.runAt)",
                    details: ["until": .string(job.runAt.description)]))
        }
        if job.pending > 0 {
            reasons += try DependencyStore.parents(of: job.key, tx).filter { !$0.state.hasEnded }.prefix(100).map {
                parent in
                Reason(
                    code: "parent_unfinished",
                    message: "job \(parent.id), which it depends on, is \(parent.state.name)",
                    details: ["job": .string(parent.id), "state": .string(parent.state.name)])
            }
        }
        if let who = job.queuePausedBy {
            reasons.append(
                Reason(
                    code: "queue_paused", message: "the queue \(job.queue) was paused by \(who)",
                    details: ["queue": .string(job.queue), "by": .string(who)]))
        }
        reasons += try limits(of: job, in: workspace, now: now, tx)
        return reasons + (try slots(for: job, in: workspace, tx))
    }

    private func limits(
        of job: StoredJob, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> [Reason] {
        let queueKey = job.settings.rate == nil ? nil : JobLimit.queuePrefix + job.queue
        return try [job.limitKey, queueKey].compactMap(\.self).compactMap { key in
            let standing = try LimitStore.standing(of: .init(workspace: workspace, key: key), tx)
            switch standing.obstacle(for: job.amount, now: now) {
            case nil: return nil
            case .full(let running, let max):
                return Reason(
                    code: "key_full", message: "key \(key) is at \(running) of \(max)",
                    details: ["key": .string(key), "running": .integer(running), "max": .integer(max)])
            case .empty(let until):
                return Reason(
                    code: "rate_exhausted", message: "the bucket of \(key) is empty until \(until)",
                    details: ["key": .string(key), "until": .string(until.description)])
            }
        }
    }

    private func slots(
        for job: StoredJob, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [Reason] {
        guard job.state == .ready else { return [] }
        let running =
            try tx.first("SELECT COUNT(*) FROM jobs WHERE state = 2 AND queue_key = \(job.queueKey)") {
                try $0[0] as Int
            } ?? 0
        let max = job.settings.concurrency ?? settings.queueConcurrency
        if running >= max {
            let ahead =
                try tx.first(
                    """
                    SELECT COUNT(*) FROM jobs WHERE state = 1 AND queue_key = \(job.queueKey)
                        AND (priority < \(job.priority) OR priority = \(job.priority) AND run_at < \(job.runAt))
                    """
                ) { try $0[0] as Int64 } ?? 0
            return [
                Reason(
                    code: "queue_full",
                    message: "the queue \(job.queue) runs \(running) of \(max), and \(ahead) jobs go first",
                    details: [
                        "queue": .string(job.queue), "running": .integer(Int64(running)), "max": .integer(Int64(max)),
                        "ahead": .integer(ahead),
                    ])
            ]
        }
        guard try !WorkerStore.isServed(job.kind, tx) else { return [] }
        return [
            Reason(
                code: "no_worker", message: "no node that is alive runs jobs of kind \(job.kind)",
                details: ["kind": .string(job.kind)])
        ]
    }
}
