package import CognitionCore
import CognitionStorage

/// Changing jobs.
extension Scheduler {
    private var log: JobLog { JobLog(now: clock.now, ids: ids) }

    /// Changes what `patch` names, of a schedule or of a job that does not run. From then on it runs in the name of whoever has
    /// changed it.
    ///
    /// - Parameter patch: As the body of `POST jobs`; null takes away.
    /// - Throws: `scheduler.job_not_found`, `scheduler.job_state_conflict`, `scheduler.job_invalid`,
    ///   `scheduler.schedule_invalid`, `scheduler.job_owned`.
    package func change(_ id: String, by patch: JSONValue, as principal: Principal) async throws -> JobView {
        guard let members = patch.objectValue else { throw SchedulerError(.jobInvalid, "a change is an object") }
        if let fixed = members.keys.first(where: { ["id", "ref", "unique", "unique_key", "depends_on"].contains($0) }) {
            throw SchedulerError(.jobInvalid, "'\(fixed)' of a job cannot be changed")
        }
        let now = clock.now
        try await database.write { tx in
            if let schedule = try ScheduleStore.hold(id, in: principal.workspace, tx) {
                return try schedule.change(by: members, as: principal, now: now, tx)
            }
            if members["limit"] != nil {
                // The key that it leaves is released, and the one that it takes may be new.
                try JobReader.holdSchedule(of: id, in: principal.workspace, tx)
                try Claim.lock(tx)
            }
            if let job = try JobReader.hold(id, in: principal.workspace, tx) {
                try job.change(by: members, as: principal, now: now, tx)
            } else {
                throw SchedulerError.notFound(id)
            }
        }
        return try await job(id, in: principal.workspace)
    }

    /// Ends a schedule, or a job whether it runs or not; one that has ended stays as it is.
    /// - Throws: `scheduler.job_not_found`, `scheduler.job_owned`.
    package func cancel(_ id: String, as principal: Principal) async throws {
        let log = log
        try await database.write { tx in
            if let schedule = try ScheduleStore.hold(id, in: principal.workspace, tx) {
                guard schedule.state == .active || schedule.state == .paused else { return }
                if let owner = schedule.owner {
                    throw SchedulerError(.jobOwned, "\(id) belongs to \(owner), and ends with it; it can be paused")
                }
                return try ScheduleStore.set(.cancelled, of: schedule, now: log.now, tx)
            }
            // Not held: the schedule that it is a run of comes first.
            guard let key = try JobReader.key(of: id, in: principal.workspace, tx) else {
                throw SchedulerError.notFound(id)
            }
            try CancelStore.cancel(key, log, tx)
        }
    }

    /// Runs a schedule once more now, or a job that waits; one that has ended runs again from its first attempt.
    /// - Returns: The id of what runs.
    /// - Throws: `scheduler.job_not_found`, `scheduler.job_state_conflict`.
    package func trigger(_ id: String, as principal: Principal) async throws -> String {
        let (log, run) = (log, ids.next().description)
        return try await database.write { tx in
            if let schedule = try ScheduleStore.hold(id, in: principal.workspace, tx) {
                try schedule.checkIsNotWithheld()
                var job = try NewJob(schedule.template)
                job.id = run
                var origin = JobInsert.Origin(principal, now: log.now)
                origin.firing = JobInsert.Firing(schedule: schedule.key, due: nil)
                return try JobInsert([job], from: origin, ids: log.ids).run(in: tx)[0].id
            }
            guard let job = try JobReader.hold(id, in: principal.workspace, tx) else {
                throw SchedulerError.notFound(id)
            }
            switch job.state {
            case .paused where job.pending > 0:
                throw SchedulerError(.jobStateConflict, "job \(id) waits for jobs that it depends on")
            case .scheduled, .paused, .limited, .ready: try job.makeDue(now: log.now, tx)
            case .completed, .failed, .dead, .cancelled:
                guard try RedriveStore.redrive([job.key], to: nil, now: log.now, tx) == 1 else {
                    throw SchedulerError(.jobStateConflict, "its unique key is held by another job now")
                }
            case .running: throw SchedulerError(.jobStateConflict, "job \(id) runs already")
            case .blocked: throw SchedulerError(.jobStateConflict, "job \(id) waits for jobs that it depends on")
            }
            return job.id
        }
    }

    /// Keeps a schedule from firing, or a job from being started.
    /// - Throws: `scheduler.job_not_found`, `scheduler.job_state_conflict` for one that runs or has ended.
    package func pause(_ id: String, as principal: Principal) async throws -> JobView {
        let now = clock.now
        try await database.write { tx in
            if let schedule = try ScheduleStore.hold(id, in: principal.workspace, tx) {
                guard schedule.state != .paused else { return }
                guard schedule.state == .active else { throw SchedulerError.ended(id) }
                return try ScheduleStore.set(.paused, of: schedule, now: now, tx)
            }
            guard let job = try JobReader.hold(id, in: principal.workspace, tx) else {
                throw SchedulerError.notFound(id)
            }
            guard !job.state.hasEnded else { throw SchedulerError.ended(id) }
            guard job.state != .running else {
                throw SchedulerError(.jobStateConflict, "job \(id) runs; it can be cancelled, not paused")
            }
            try tx.execute("UPDATE jobs SET state = 8 WHERE key = \(job.key)")
            try job.releaseKey(in: principal.workspace, now: now, tx)
        }
        return try await job(id, in: principal.workspace)
    }

    /// Lets go on what was paused; nothing that a schedule has missed meanwhile is made up for.
    /// - Throws: `scheduler.job_not_found`, `scheduler.job_state_conflict` for one that has ended.
    package func resume(_ id: String, as principal: Principal) async throws -> JobView {
        let now = clock.now
        try await database.write { tx in
            if let schedule = try ScheduleStore.hold(id, in: principal.workspace, tx) {
                guard schedule.state != .active else { return try schedule.checkIsNotWithheld() }
                guard schedule.state == .paused else { throw SchedulerError.ended(id) }
                return try ScheduleStore.set(.active, of: schedule, now: now, tx)
            }
            guard let job = try JobReader.hold(id, in: principal.workspace, tx) else {
                throw SchedulerError.notFound(id)
            }
            guard !job.state.hasEnded else { throw SchedulerError.ended(id) }
            guard job.state == .paused else { return }
            let state: JobState = job.pending > 0 ? .blocked : job.runAt > now ? .scheduled : .ready
            try tx.execute("UPDATE jobs SET state = \(state) WHERE key = \(job.key)")
            tx.signal(.jobs)
            tx.signal(.jobsDue)
        }
        return try await job(id, in: principal.workspace)
    }
}

extension StoredSchedule {
    fileprivate func checkIsNotWithheld() throws {
        guard isWithheld else { return }
        throw SchedulerError(.jobStateConflict, "\(owner ?? "what it belongs to") keeps \(id) from running")
    }

    fileprivate func change(
        by patch: JSONObject, as principal: Principal, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        guard state == .active || state == .paused else { throw SchedulerError.ended(id) }
        try checkIsOwn(patch.keys.map(\.self))
        var members = template.objectValue ?? [:]
        // That of an owner cannot be asked for by hand; any other stands for it while the rest is checked.
        members["schedule"] = owner == nil ? schedule.json : ["every": "1h"]
        let job = try NewJob(.object(members.patched(by: patch)))
        guard let changed = owner == nil ? job.schedule : schedule, changed.isRecurring else {
            throw SchedulerError(.jobStateConflict, "a schedule stays one; a job that comes once is another job")
        }
        try ScheduleStore.update(
            self, changed, job.template, name: job.name, by: owner == nil ? principal.actor : actor, now: now, tx)
        if tags != job.tags {
            try TagStore.remove(tags, from: id, in: workspace, tx)
            try TagStore.add(job.tags, to: id, in: workspace, tx)
        }
    }
}

extension StoredJob {
    fileprivate func change(
        by patch: JSONObject, as principal: Principal, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        let workspace = principal.workspace
        guard !state.hasEnded else { throw SchedulerError.ended(id) }
        guard state != .running else {
            throw SchedulerError(.jobStateConflict, "job \(id) runs; it can be changed before or between its attempts")
        }
        var changed = try NewJob(.object(try template().patched(by: patch)))
        let settings = try QueueStore.open(changed.queue, in: workspace, tx)
        changed.options.retry = try changed.retry.map { try JobRetry($0, usual: settings.settings.retry) }
        var runAt = runAt
        if let moment = changed.runAt { runAt = moment }
        if let delay = changed.delay { runAt = now + delay }
        if patch["schedule"] == nil {
            changed.options.schedule = changed.schedule?.json
        } else if let schedule = changed.schedule {
            guard !schedule.isRecurring, let due = schedule.next(after: now, anchor: now) else {
                throw SchedulerError(.jobStateConflict, "a job that comes once takes a moment that is still to come")
            }
            runAt = due
            changed.options.schedule = schedule.json
        }
        let next: JobState =
            state == .blocked || state == .paused ? state : runAt > now ? .scheduled : .ready
        try LimitStore.define([changed.options.limit].compactMap(\.self), in: workspace, now: now, tx)
        try tx.execute(
            """
            UPDATE jobs SET name = \(changed.name), kind = \(changed.target.kind),
                input = \(changed.target.input.jsonText),
                options = \(changed.options.isUsual ? nil : JSONValue.object(changed.options.json).jsonText),
                priority = \(changed.priority), queue_key = \(settings.key), run_at = \(runAt), state = \(next),
                attempts_max = \((changed.options.retry ?? settings.settings.retry).attempts),
                limit_key = \(changed.options.limit?.key), amount = \(changed.options.limit?.amount ?? 1),
                tags = \(changed.tagsText), actor = \(principal.actor)
            WHERE key = \(key)
            """)
        try releaseKey(in: workspace, now: now, tx)
        let before = try tags.map { try JSONValue(parsing: $0) }?.objectValue ?? [:]
        try TagStore.remove(
            Dictionary(uniqueKeysWithValues: before.map { ($0.key, $0.value.stringValue ?? "") }), from: id,
            in: workspace, tx)
        try TagStore.add(changed.tags, to: id, in: workspace, tx)
        tx.signal(.jobs)
        tx.signal(.jobsDue)
    }

    /// As ``NewJob`` reads it.
    private func template() throws -> JSONObject {
        var options = try JobOptions(stored: optionsText)
        let (retry, schedule) = (options.retry, options.schedule)
        (options.retry, options.schedule) = (nil, nil)
        var json = options.json
        json["retry"] = retry?.json
        json["schedule"] = schedule
        json["target"] = try target.json
        json["queue"] = .string(queue)
        json["priority"] = .string(priority.name)
        if let name { json["name"] = .string(name) }
        if let tags { json["tags"] = try JSONValue(parsing: tags) }
        return json
    }

    /// It does not start now: what its key has room for is another's turn.
    fileprivate func releaseKey(
        in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        guard let limitKey else { return }
        try LimitStore.release([LimitStore.Address(workspace: workspace, key: limitKey)], now: now, tx)
    }

    fileprivate func makeDue(now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute(
            "UPDATE jobs SET state = 1, run_at = \(min(runAt, now)) WHERE key = \(key) AND state IN (0, 1, 7, 8)")
        tx.signal(.jobs)
    }
}

extension JSONObject {
    /// Members of `patch` in the place of one's own; null takes one away (RFC 7396, at the first level).
    fileprivate func patched(by patch: JSONObject) -> JSONObject {
        var result = self
        for (name, value) in patch {
            if value.isNull { _ = result.removeValue(forKey: name) } else { result[name] = value }
        }
        return result
    }
}

extension SchedulerError {
    static func ended(_ id: String) -> SchedulerError {
        SchedulerError(.jobStateConflict, "job \(id) has ended")
    }
}
