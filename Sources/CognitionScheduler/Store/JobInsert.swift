import CognitionCore
import CognitionEvents
import CognitionStorage

/// Writes new jobs, all of them or none, as a part of somebody's transaction.
struct JobInsert: Sendable {
    /// What became of one job that was asked for.
    struct Outcome: Sendable {
        let key: Int64
        let id: String
        /// Whether it was made now; else it was there, with the same id or unique key.
        let isNew: Bool
    }

    /// What is the same for all of them.
    struct Origin: Sendable {
        let workspace: WorkspaceID
        let actor: String
        var traceparent: String?
        var firing: Firing?
        let now: Timestamp

        init(_ principal: Principal, traceparent: String? = nil, now: Timestamp) {
            workspace = principal.workspace
            actor = principal.actor
            self.traceparent = traceparent
            self.now = now
        }
    }

    /// The schedule that a run is of, and the moment that it is due at; none when it was asked for.
    struct Firing: Sendable {
        let schedule: Int64
        let due: Timestamp?
    }

    private let jobs: [NewJob]
    private let names: [String]
    private let inputs: [String]
    private let places: [String: Int]
    private let levels: [[Int]]
    private let origin: Origin
    private let cache: QueueCache
    private let arrivals: Arrivals?
    private let log: JobLog

    /// - Parameters:
    ///   - ids: Make the ids of those that have none; before the transaction, as that may run more than once.
    ///   - cache: Of queues.
    ///   - arrivals: Hear of the jobs that are ready; without them, whoever waits for any is woken.
    /// - Throws: `scheduler.dependency_cycle`, `scheduler.job_invalid`.
    init(
        _ jobs: [NewJob], from origin: Origin, ids: UUIDGenerator, queues cache: QueueCache = QueueCache(),
        arrivals: Arrivals? = nil
    ) throws {
        self.cache = cache
        self.arrivals = arrivals
        log = JobLog(now: origin.now, ids: ids)
        self.jobs = jobs
        self.origin = origin
        names = jobs.map { $0.id ?? ids.next().description }
        inputs = jobs.map(\.target.input.jsonText)
        let isPlain = jobs.allSatisfy { $0.dependencies.isEmpty && $0.id == nil && $0.reference == nil }
        places = isPlain ? [:] : try JobGraph.places(of: jobs)
        levels = isPlain ? [Array(jobs.indices)] : try JobGraph.levels(jobs, places)
    }

    /// - Returns: In the order of the jobs.
    /// - Throws: `scheduler.job_taken`, `scheduler.dependency_not_found`.
    func run(in tx: borrowing Transaction) throws -> [Outcome] {
        let limits = jobs.compactMap(\.options.limit)
        if try LimitStore.areSeveralNew(limits, in: origin.workspace, tx) { try Claim.lock(tx) }
        var queues: [String: StoredQueue] = [:]
        for name in Set(jobs.map(\.queue)).sorted() {
            queues[name] = try cache.open(name, in: origin.workspace, tx)
        }
        var outcomes = [Outcome?](repeating: nil, count: jobs.count)
        for level in levels {
            let rows = try level.map { try row(of: $0, in: queues, outcomes, tx) }
            try write(rows, queues, &outcomes, tx)
        }
        // Behind the jobs, as those that end lock their keys' rows behind theirs.
        try LimitStore.define(limits, in: origin.workspace, now: origin.now, tx)
        return outcomes.compactMap(\.self)
    }

    // MARK: One job

    /// A job on its way into the table.
    private struct NewRow {
        let place: Int
        let state: JobState
        let queue: Int64
        var values: [SQLValue]
        /// With the key of each, and whether it has ended as it is needed; `nil`: it has not ended.
        let parents: [(key: Int64, wanted: JobCondition, isMet: Bool?)]
    }

    private func row(
        of place: Int, in queues: [String: StoredQueue], _ outcomes: [Outcome?], _ tx: borrowing Transaction
    ) throws -> NewRow {
        let job = jobs[place]
        guard let queue = queues[job.queue] else { throw SchedulerError(.queueNotFound, "no queue \(job.queue)") }
        let parents = try parents(of: job, outcomes, tx)
        let pending = parents.count { $0.isMet == nil }
        let runAt = max(origin.now, job.runAt ?? job.delay.map { origin.now + $0 } ?? origin.now)
        var (state, error) = (runAt > origin.now ? JobState.scheduled : .ready, String?.none)
        var endedAt: Timestamp?
        if parents.contains(where: { $0.isMet == false }), let end = job.options.cascade.end {
            (state, error, endedAt) = (end, JobFailure.dependency.json.jsonText, origin.now)
        } else if pending > 0 {
            state = .blocked
        }
        var options = job.options
        options.retry = try job.retry.map { try JobRetry($0, usual: queue.settings.retry) }
        let attempts = (options.retry ?? queue.settings.retry).attempts
        if state == .scheduled { tx.signal(.jobsDue) }
        let values: [SQLValue] = [
            names[place].sqlValue, origin.workspace.sqlValue, queue.key.sqlValue, job.name.sqlValue,
            job.target.kind.sqlValue, inputs[place].sqlValue,
            (options.isUsual ? nil : JSONValue.object(options.json).jsonText).sqlValue, state.sqlValue,
            job.priority.sqlValue, runAt.sqlValue, origin.now.sqlValue, Int64(0).sqlValue, attempts.sqlValue,
            Int64(0).sqlValue, Int64(1).sqlValue, (job.unique?.key).sqlValue,
            (job.unique.map { JobState.mask(of: $0.states) } ?? 0).sqlValue,
            (job.options.limit?.key).sqlValue, (job.options.limit?.amount ?? 1).sqlValue, pending.sqlValue,
            parents.count.sqlValue, Int64(0).sqlValue, Int64(0).sqlValue, endedAt.sqlValue, error.sqlValue,
            Int64(0).sqlValue, (origin.firing?.schedule).sqlValue, (origin.firing?.due ?? nil).sqlValue,
            origin.actor.sqlValue, origin.traceparent.sqlValue, job.tagsText.sqlValue,
        ]
        return NewRow(place: place, state: state, queue: queue.key, values: values, parents: parents)
    }

    /// - Throws: `scheduler.dependency_not_found`.
    private func parents(
        of job: NewJob, _ outcomes: [Outcome?], _ tx: borrowing Transaction
    ) throws -> [(key: Int64, wanted: JobCondition, isMet: Bool?)] {
        guard !job.dependencies.isEmpty else { return [] }
        // In the order of their keys, so that two who lock the same parents do not wait for each other in a circle.
        var wanted: [Int64: JobCondition] = [:]
        for dependency in job.dependencies {
            guard
                let key = try places[dependency.job].flatMap({ outcomes[$0]?.key })
                    ?? JobReader.key(of: dependency.job, in: origin.workspace, tx)
            else {
                throw SchedulerError(
                    .dependencyNotFound, "there is no job \(dependency.job) to depend on")
            }
            guard wanted[key] ?? dependency.condition == dependency.condition else {
                throw SchedulerError(.jobInvalid, "'depends_on' names \(dependency.job) twice, and differently")
            }
            wanted[key] = dependency.condition
        }
        return try wanted.sorted { $0.key < $1.key }.map { key, condition in
            let state = try tx.first("SELECT state FROM jobs WHERE key = \(key) \(fragment: .forUpdate)") {
                try $0[0] as JobState
            }
            guard let state else { throw SchedulerError(.dependencyNotFound, "a job to depend on was deleted") }
            return (key, condition, state.hasEnded ? condition.isMet(by: state) : nil)
        }
    }

    // MARK: A level

    private static let table = BulkTable(
        "jobs",
        [
            "id": .text, "workspace_id": .text, "queue_key": .integer, "name": .text, "kind": .text, "input": .text,
            "options": .text, "state": .integer, "priority": .integer, "run_at": .integer, "created_at": .integer,
            "attempt": .integer, "attempts_max": .integer, "crashes": .integer, "round": .integer, "unique_key": .text,
            "unique_mask": .integer, "limit_key": .text, "amount": .integer, "pending": .integer, "parents": .integer,
            "children": .integer, "epoch": .integer, "ended_at": .integer, "error": .text, "request": .integer,
            "schedule_key": .integer, "due_at": .integer, "actor": .text, "traceparent": .text, "tags": .text,
        ], suffix: "ON CONFLICT DO NOTHING RETURNING key, id")

    private func write(
        _ rows: [NewRow], _ queues: [String: StoredQueue], _ outcomes: inout [Outcome?], _ tx: borrowing Transaction
    ) throws {
        var open = rows
        for _ in 1...Self.triesMax {
            let keys = try insert(open, tx)
            try DependencyStore.add(
                open.flatMap { row in
                    keys[names[row.place]].map { child in row.parents.map { (child, $0.key, $0.wanted, $0.isMet) } }
                        ?? []
                }, tx)
            var ready: [Arrival] = []
            for row in open {
                guard let key = keys[names[row.place]] else { continue }
                outcomes[row.place] = Outcome(key: key, id: names[row.place], isNew: true)
                if row.state == .ready { ready.append(Arrival(key: key, queue: row.queue)) }
            }
            tell(ready, tx)
            try tellEnds(of: open.filter { $0.state.hasEnded && keys[names[$0.place]] != nil }, tx)
            open = try open.filter { row in
                guard outcomes[row.place] == nil else { return false }
                outcomes[row.place] = try holder(of: row.place, queues, outcomes, tx)
                return outcomes[row.place] == nil
            }
            if open.isEmpty { break }
        }
        guard open.isEmpty else {
            throw StorageError(.storageConflict, "a unique key changed hands while a job was written")
        }
        try writeTags(of: rows.map(\.place), outcomes, tx)
    }

    private static let triesMax = 5

    private func tell(_ ready: [Arrival], _ tx: borrowing Transaction) {
        guard !ready.isEmpty else { return }
        if let arrivals { arrivals.tell(ready, in: tx) } else { tx.signal(.jobs) }
    }

    /// Jobs that have ended as they were made, since what they depend on had not ended as they need it.
    private func tellEnds(of rows: [NewRow], _ tx: borrowing Transaction) throws {
        for row in rows {
            let job = jobs[row.place]
            let event = JobEvent.ended(
                names[row.place], kind: job.target.kind, queue: job.queue, state: row.state, failure: .dependency,
                name: job.name)
            try log.append([event], of: job.queue, in: origin.workspace, tx)
        }
    }

    private func insert(_ rows: [NewRow], _ tx: borrowing Transaction) throws -> [String: Int64] {
        final class Found { var keys: [String: Int64] = [:] }
        let found = Found()
        found.keys.reserveCapacity(rows.count)
        try tx.insert(into: Self.table, rows.flatMap(\.values)) { row in found.keys[try row[1]] = try row[0] }
        try tx.settle()
        return found.keys
    }

    /// The job that is there in the place of one that could not be written.
    /// - Returns: `nil` when nobody is any more, so that it can be tried again.
    /// - Throws: `scheduler.job_taken`.
    private func holder(
        of place: Int, _ queues: [String: StoredQueue], _ outcomes: [Outcome?], _ tx: borrowing Transaction
    ) throws -> Outcome? {
        let job = jobs[place]
        if let firing = origin.firing, let due = firing.due {
            let found = try tx.first(
                "SELECT key, id FROM jobs WHERE schedule_key = \(firing.schedule) AND due_at = \(due)"
            ) { Outcome(key: try $0[0], id: try $0[1], isNew: false) }
            if let found { return found }
        }
        if let id = job.id {
            let found = try tx.first(
                "SELECT key, kind, input, queue_key FROM jobs WHERE workspace_id = \(origin.workspace) AND id = \(id)"
            ) { row in
                (
                    key: try row[0] as Int64, kind: try row[1] as String, input: try row[2] as String,
                    queue: try row[3] as Int64
                )
            }
            if let found {
                guard found.kind == job.target.kind, found.input == inputs[place], found.queue == queues[job.queue]?.key
                else { throw SchedulerError(.jobTaken, "there is another job with the id \(id)") }
                return Outcome(key: found.key, id: id, isNew: false)
            }
        }
        guard let unique = job.unique, let queue = queues[job.queue] else { return nil }
        return try UniqueStore.holder(of: unique, in: queue.key, now: origin.now, tx).map {
            Outcome(key: $0.key, id: $0.id, isNew: false)
        }
    }

    private func writeTags(of places: [Int], _ outcomes: [Outcome?], _ tx: borrowing Transaction) throws {
        for place in places where outcomes[place]?.isNew == true {
            try TagStore.add(jobs[place].tags, to: names[place], in: origin.workspace, tx)
        }
    }
}

/// Keys that at most one job of a queue has.
enum UniqueStore {
    /// The job that has a key; `nil` when none has, or its time with it is over, so that another may take it.
    static func holder(
        of unique: NewJob.UniqueKey, in queue: Int64, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> (key: Int64, id: String)? {
        let found = try tx.first(
            """
            SELECT key, id, created_at FROM jobs
            WHERE queue_key = \(queue) AND unique_key = \(unique.key)
                AND ((unique_mask >> CAST(state AS INTEGER)) & 1) = 1
            """
        ) { row in (key: try row[0] as Int64, id: try row[1] as String, created: try row[2] as Timestamp) }
        guard let found else { return nil }
        guard let window = unique.window, found.created + window <= now else { return (found.key, found.id) }
        try tx.execute(
            "UPDATE jobs SET unique_key = NULL WHERE key = \(found.key) AND created_at = \(found.created)")
        return nil
    }
}

enum TagStore {
    static func add(
        _ tags: [String: String], to id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        for (name, value) in tags {
            try tx.send(
                """
                INSERT INTO job_tags (workspace_id, name, value, id) VALUES (\(workspace), \(name), \(value), \(id))
                ON CONFLICT DO NOTHING
                """)
        }
    }

    static func remove(
        _ tags: [String: String], from id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        for (name, value) in tags {
            try tx.send(
                """
                DELETE FROM job_tags
                WHERE workspace_id = \(workspace) AND name = \(name) AND value = \(value) AND id = \(id)
                """)
        }
    }
}

extension NewJob {
    /// `nil` when there are none.
    var tagsText: String? {
        guard !tags.isEmpty else { return nil }
        return JSONValue.object(JSONObject(tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
            .jsonText
    }
}

extension CascadePolicy {
    /// How a job ends that cannot follow any more; `nil` when it follows all the same.
    var end: JobState? {
        switch self {
        case .cancel: .cancelled
        case .fail: .failed
        case .run: nil
        }
    }
}
