package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Queues: what they hold, and what becomes of what has failed in them.
extension Scheduler {
    /// The queues of a workspace by name, those too that everybody has and nobody has used.
    /// - Parameters:
    ///   - name: The one behind which the page begins.
    ///   - limit: 1...1,000.
    package func queues(
        in workspace: WorkspaceID, after name: String = "", limit: Int = 1_000
    ) async throws -> [JSONValue] {
        let now = clock.now
        return try await database.read { try queues(in: workspace, after: name, limit: limit, now: now, $0) }
    }

    /// The first 100 of them, and the position of the log at which they were so.
    package func queueSnapshots(in workspace: WorkspaceID) async throws -> (views: [JSONValue], position: Int64) {
        let now = clock.now
        return try await database.read { tx in
            (try queues(in: workspace, after: "", limit: 100, now: now, tx), try EventLog.head(in: tx))
        }
    }

    private func queues(
        in workspace: WorkspaceID, after name: String, limit: Int, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> [JSONValue] {
        let stored = try QueueStore.all(in: workspace, after: name, limit: limit, tx)
        let byName = Dictionary(stored.map { ($0.name, $0) }) { first, _ in first }
        let unused = QueueSettings.builtIn.map(\.key).filter { $0 > name && byName[$0] == nil }
        return try (stored.map(\.name) + unused).sorted().prefix(limit).map { name in
            try byName[name].map { try view(of: $0, now: now, tx) } ?? unusedView(name)
        }
    }

    /// - Throws: `scheduler.queue_not_found`.
    package func queue(_ name: String, in workspace: WorkspaceID) async throws -> JSONValue {
        let now = clock.now
        return try await database.read { try queue(name, in: workspace, now: now, $0) }
    }

    /// The same, and the position of the log at which it was so.
    package func queueSnapshot(
        _ name: String, in workspace: WorkspaceID
    ) async throws -> (view: JSONValue, position: Int64) {
        let now = clock.now
        return try await database.read { tx in
            (try queue(name, in: workspace, now: now, tx), try EventLog.head(in: tx))
        }
    }

    private func queue(
        _ name: String, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> JSONValue {
        guard let queue = try QueueStore.find(name, in: workspace, tx) else {
            guard QueueSettings.builtIn.contains(where: { $0.key == name }) else { throw SchedulerError.noQueue(name) }
            return unusedView(name)
        }
        return try view(of: queue, now: now, tx)
    }

    /// Changes how a queue treats its jobs; one that is not there is made.
    /// - Throws: `scheduler.job_invalid`.
    package func changeQueue(_ name: String, by patch: JSONValue, as principal: Principal) async throws -> JSONValue {
        let now = clock.now
        guard JobNames.isName(name) else { throw SchedulerError.noQueue(name) }
        // Refused before anything is made.
        _ = try QueueSettings.usual(of: name).changed(by: patch)
        try await database.write { tx in
            let queue = try QueueStore.open(name, in: principal.workspace, tx)
            let settings = try queue.settings.changed(by: patch)
            try QueueStore.save(settings, of: queue.key, tx)
            try LimitStore.define(
                queue.limitAddress.key, concurrency: nil, rate: settings.rate, in: queue.workspace, now: now, tx)
            tx.signal(.jobs)
            tx.signal(.jobsDue)
        }
        queueCache.forget()
        return try await queue(name, in: principal.workspace)
    }

    /// Starts nothing of a queue any more; what runs goes on.
    package func pauseQueue(_ name: String, as principal: Principal) async throws -> JSONValue {
        try await setQueue(name, isPaused: true, as: principal)
    }

    package func resumeQueue(_ name: String, as principal: Principal) async throws -> JSONValue {
        try await setQueue(name, isPaused: false, as: principal)
    }

    private func setQueue(_ name: String, isPaused: Bool, as principal: Principal) async throws -> JSONValue {
        guard JobNames.isName(name) else { throw SchedulerError.noQueue(name) }
        let log = JobLog(now: clock.now, ids: ids)
        try await database.write { tx in
            // The keys of all that are ready are released.
            if isPaused { try Claim.lock(tx) }
            let queue = try QueueStore.open(name, in: principal.workspace, tx)
            let isChanged =
                isPaused
                ? try QueueStore.pause(queue.key, by: principal.actor, now: log.now, tx)
                : try QueueStore.resume(queue.key, tx)
            guard isChanged else { return }
            if isPaused { try LimitStore.release(readyIn: queue.key, now: log.now, tx) }
            // Those that wait for a key were passed over while their queue stood still.
            if !isPaused {
                try tx.execute(
                    """
                    UPDATE jobs SET state = 1 WHERE +state = 7 AND key IN (
                        SELECT key FROM jobs WHERE queue_key = \(queue.key) AND state = 7
                        ORDER BY key \(fragment: .forUpdate)
                    )
                    """)
            }
            try log.append(
                [JobEvent.queue(name, isPaused: isPaused)], of: name, in: principal.workspace, by: principal.actor, tx)
            tx.signal(.jobs)
        }
        return try await queue(name, in: principal.workspace)
    }

    // MARK: Dead letters

    /// The dead letters of a queue with their attempts, the newest first.
    /// - Throws: `scheduler.queue_not_found`.
    package func dead(
        in name: String, of workspace: WorkspaceID, before key: Int64?, limit: Int
    ) async throws -> (items: [JSONValue], last: Int64?) {
        try await database.read { tx in
            guard let queue = try QueueStore.find(name, in: workspace, tx) else {
                guard QueueSettings.builtIn.contains(where: { $0.key == name }) else {
                    throw SchedulerError.noQueue(name)
                }
                return ([], nil)
            }
            let jobs = try tx.query(
                """
                SELECT \(columns: StoredJob.columns) WHERE j.queue_key = \(queue.key) AND j.state = 4
                    AND j.ended_at IS NOT NULL AND j.key < \(key ?? .max)
                ORDER BY j.key DESC LIMIT \(limit)
                """, as: StoredJob.init(row:))
            let items = try jobs.map { job -> JSONValue in
                var json = try job.view().json.objectValue ?? [:]
                json["attempts"] = .array(try JobReader.attempts(of: job, tx))
                return .object(json)
            }
            return (items, jobs.count == limit ? jobs.last?.key : nil)
        }
    }

    /// Tries dead letters again, from their first attempt.
    ///
    /// - Parameter request: `{ids?, kind?, error?, to?}`; an empty object means all.
    /// - Returns: How many.
    /// - Throws: `scheduler.queue_not_found`, `scheduler.job_invalid`.
    package func redrive(_ name: String, _ request: JSONValue, as principal: Principal) async throws -> Int {
        let fields = try JobFields(request, "redrive", ["ids", "kind", "error", "to"])
        var selection = RedriveStore.Selection()
        selection.kind = try fields.text("kind")
        selection.error = try fields.text("error")
        // Whoever may not have a job run something does not have it run again either.
        selection.hidesHandlers = !principal.may(.operate)
        selection.hiddenKinds = [("workflow", Permission.execute), ("emit", .appendEvents)].filter {
            !principal.may($0.1)
        }.map(\.0)
        if let ids = fields["ids"] {
            guard let list = ids.arrayValue, list.count <= Self.bulkMax, list.allSatisfy({ $0.stringValue != nil })
            else {
                throw SchedulerError(.jobInvalid, "'ids' is a list of at most \(Self.bulkMax) ids of jobs")
            }
            selection.ids = list.compactMap(\.stringValue)
        }
        let target = try fields.name("to")
        let log = JobLog(now: clock.now, ids: ids)
        var (total, last) = (0, Int64(0))
        while true {
            let (from, chosen) = (last, selection)
            let step = try await database.write { tx -> (count: Int, last: Int64?) in
                guard let queue = try QueueStore.find(name, in: principal.workspace, tx) else {
                    guard QueueSettings.builtIn.contains(where: { $0.key == name }) else {
                        throw SchedulerError.noQueue(name)
                    }
                    return (0, nil)
                }
                let to = try target.map { try QueueStore.open($0, in: principal.workspace, tx).key }
                let dead = try RedriveStore.dead(in: queue.key, chosen, behind: from, limit: 500, tx)
                let count = try RedriveStore.redrive(dead.keys, to: to, now: log.now, tx)
                if count > 0 {
                    try log.append(
                        [JobEvent.redriven(count, from: name, to: target ?? name)], of: name, in: principal.workspace,
                        by: principal.actor, tx)
                }
                return (count, dead.last)
            }
            total += step.count
            guard let next = step.last else { return total }
            last = next
        }
    }

    // MARK: Views

    private func view(of queue: StoredQueue, now: Timestamp, _ tx: borrowing Transaction) throws -> JSONValue {
        let counts = try QueueReader.counts(of: queue.key, tx)
        var json = head(queue.name, queue.settings)
        json["paused"] = .bool(queue.pausedAt != nil)
        json["paused_by"] = queue.pausedBy.map(JSONValue.string) ?? .null
        json["paused_at"] = queue.pausedAt.map { .string($0.description) } ?? .null
        json["counts"] = .object(counts)
        json["rates"] = .object(try QueueReader.rates(of: queue.key, now: now, tx))
        json["latency"] = .object(try QueueReader.latency(of: queue.key, now: now, tx))
        json["failed_jobs"] = counts["dead"]
        json["delayed_jobs"] = counts["scheduled"]
        json["healthy"] = .bool(counts["dead"] == 0)
        return .object(json)
    }

    private func head(_ name: String, _ settings: QueueSettings) -> JSONObject {
        var json: JSONObject = ["name": .string(name), "settings": settings.json]
        json["concurrency"] = .integer(Int64(settings.concurrency ?? self.settings.queueConcurrency))
        return json
    }

    private func unusedView(_ name: String) -> JSONValue {
        var json = head(name, .usual(of: name))
        let none: JSONValue = 0
        for member in ["paused_by", "paused_at"] { json[member] = .null }
        json["paused"] = false
        json["counts"] = .object(
            JSONObject(
                ["scheduled", "ready", "running", "blocked", "completed", "failed", "dead", "cancelled"].map {
                    ($0, none)
                }))
        json["rates"] = .object(
            JSONObject(
                ["completed_per_minute", "failed_per_minute", "completed_per_hour", "failed_per_hour"].map {
                    ($0, none)
                }))
        json["latency"] = .object(
            JSONObject(
                [
                    "wait_p50_seconds", "wait_p95_seconds", "run_p50_seconds", "run_p95_seconds",
                    "oldest_ready_seconds",
                ].map { ($0, .null) }))
        (json["failed_jobs"], json["delayed_jobs"], json["healthy"]) = (none, none, true)
        return .object(json)
    }
}

extension SchedulerError {
    static func noQueue(_ name: String) -> SchedulerError {
        SchedulerError(.queueNotFound, "there is no queue \(name)")
    }
}
