package import CognitionCore
import CognitionStorage

/// A job, or a schedule that makes jobs, as its users see it.
package struct JobView: Sendable {
    package let id: String
    package var json: JSONValue
}

enum JobReader {
    static func key(of id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> Int64? {
        try tx.first("SELECT key FROM jobs WHERE workspace_id = \(workspace) AND id = \(id)") { try $0[0] }
    }

    static func find(_ id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredJob? {
        try tx.first(
            "SELECT \(columns: StoredJob.columns) WHERE j.workspace_id = \(workspace) AND j.id = \(id)",
            as: StoredJob.init(row:))
    }

    /// The same, kept as it is until the commit, and so is the schedule that it is a run of, which is locked first.
    static func hold(_ id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredJob? {
        try holdSchedule(of: id, in: workspace, tx)
        guard
            try tx.first(
                "SELECT 1 FROM jobs WHERE workspace_id = \(workspace) AND id = \(id) \(fragment: .forUpdate)",
                as: { try $0[0] as Int }) != nil
        else { return nil }
        return try find(id, in: workspace, tx)
    }

    /// Only the schedule that a job is a run of, if it is one.
    static func holdSchedule(of id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws {
        let schedule = try tx.first(
            "SELECT schedule_key FROM jobs WHERE workspace_id = \(workspace) AND id = \(id)"
        ) { try $0[0] as Int64? }
        try ScheduleStore.hold([schedule ?? nil].compactMap(\.self), tx)
    }

    static func runs(
        of schedule: Int64, before key: Int64?, limit: Int, _ tx: borrowing Transaction
    ) throws -> [StoredJob] {
        try tx.query(
            """
            SELECT \(columns: StoredJob.columns) WHERE j.schedule_key = \(schedule) AND j.key < \(key ?? .max)
            ORDER BY j.key DESC LIMIT \(limit)
            """, as: StoredJob.init(row:))
    }

    static func attempts(of job: StoredJob, _ tx: borrowing Transaction) throws -> [JSONValue] {
        let logged = try tx.query(
            """
            SELECT number, node, started_at, ended_at, outcome, error FROM job_attempts
            WHERE job_key = \(job.key) ORDER BY epoch LIMIT 1000
            """
        ) { row -> JSONValue in
            attempt(
                try row[0], node: try row[1], startedAt: try row[2], endedAt: try row[3] as Timestamp?,
                outcome: try row[4], error: try (row[5] as String?).map { try JSONValue(parsing: $0) })
        }
        // One that runs, and one that has completed at once, stand in the job's own row.
        guard let startedAt = job.startedAt, job.state == .running || job.state == .completed && logged.isEmpty else {
            return logged
        }
        return logged + [
            attempt(
                job.attempt, node: job.owner, startedAt: startedAt, endedAt: job.endedAt, outcome: job.state.name,
                error: nil)
        ]
    }

    private static func attempt(
        _ number: Int64, node: String?, startedAt: Timestamp, endedAt: Timestamp?, outcome: String, error: JSONValue?
    ) -> JSONValue {
        [
            "attempt": .integer(number), "node": node.map(JSONValue.string) ?? .null,
            "started_at": .string(startedAt.description),
            "ended_at": endedAt.map { .string($0.description) } ?? .null, "outcome": .string(outcome),
            "error": error ?? .null,
        ]
    }
}

/// A row of `jobs`.
struct StoredJob: Sendable {
    let key: Int64
    let id: String
    let queue: String
    let queueKey: Int64
    let name: String?
    let kind: String
    let input: String
    let optionsText: String?
    let state: JobState
    let priority: JobPriority
    let runAt: Timestamp
    let createdAt: Timestamp
    let attempt: Int64
    let attemptsMax: Int64
    let crashes: Int64
    let uniqueKey: String?
    let limitKey: String?
    let amount: Int64
    let pending: Int64
    let parents: Int64
    let owner: String?
    let startedAt: Timestamp?
    let endedAt: Timestamp?
    let progress: Double?
    let result: String?
    let error: String?
    let request: Int64
    let scheduleID: String?
    let dueAt: Timestamp?
    let actor: String
    let tags: String?
    let settings: QueueSettings
    let queuePausedBy: String?

    static let columns: StaticString = """
        j.key, j.id, q.name, j.queue_key, j.name, j.kind, j.input, j.options, j.state, j.priority, j.run_at, j.created_at,
        j.attempt, j.attempts_max, j.crashes, j.unique_key, j.limit_key, j.amount, j.pending, j.parents, j.owner,
        j.started_at, j.ended_at, j.progress, j.result, j.error, j.request, s.id, j.due_at, j.actor, j.tags, q.settings,
        q.paused_by
        FROM jobs j JOIN job_queues q ON q.key = j.queue_key LEFT JOIN job_schedules s ON s.key = j.schedule_key
        """

    init(row: borrowing Row) throws {
        key = try row[0]
        id = try row[1]
        let queue: String = try row[2]
        self.queue = queue
        queueKey = try row[3]
        name = try row[4]
        kind = try row[5]
        input = try row[6]
        optionsText = try row[7]
        state = try row[8]
        priority = try row[9]
        runAt = try row[10]
        createdAt = try row[11]
        attempt = try row[12]
        attemptsMax = try row[13]
        crashes = try row[14]
        uniqueKey = try row[15]
        limitKey = try row[16]
        amount = try row[17]
        pending = try row[18]
        parents = try row[19]
        owner = try row[20]
        startedAt = try row[21]
        endedAt = try row[22]
        progress = try row[23]
        result = try row[24]
        error = try row[25]
        request = try row[26]
        scheduleID = try row[27]
        dueAt = try row[28]
        actor = try row[29]
        tags = try row[30]
        let usual = QueueSettings.usual(of: queue)
        settings = try (row[31] as String?).map { try usual.changed(by: JSONValue(parsing: $0)) } ?? usual
        queuePausedBy = try row[32]
    }

    var target: JobTarget {
        get throws { JobTarget(kind: kind, input: try JSONValue(parsing: input)) }
    }

    /// As it is shown: everything but what other rows know.
    func view() throws -> JobView {
        let options = try JobOptions(stored: optionsText)
        let retry = options.retry ?? settings.retry
        var json: JSONObject = [
            "id": .string(id), "name": text(name), "queue": .string(queue), "priority": .string(priority.name),
            "state": .string(state.name), "target": try target.json, "schedule": options.schedule ?? .null,
            "tags": try tags.map { try JSONValue(parsing: $0) } ?? [:], "attempt": .integer(attempt),
            "attempts_max": .integer(attemptsMax), "retry": retry.json,
            "timeout_seconds": (options.timeout ?? settings.timeout).map { JSONValue($0.seconds) } ?? .null,
            "unique_key": text(uniqueKey), "limit": options.limit?.json ?? .null,
            "progress": progress.map { JSONValue($0) } ?? .null, "result": try value(result),
            "error": try value(error),
        ]
        json["cancel_requested"] = .bool(request == CancelStore.Request.cancel.rawValue && !state.hasEnded)
        json["created_by"] = .string(actor)
        json["schedule_id"] = text(scheduleID)
        json["due_at"] = moment(dueAt)
        json["run_at"] = moment(runAt)
        json["created_at"] = moment(createdAt)
        json["started_at"] = moment(startedAt)
        json["ended_at"] = moment(endedAt)
        json["runs_completed"] = .integer(state == .completed ? 1 : 0)
        json["last_run"] = try lastRun()
        json["next_run"] = state == .scheduled || state == .ready ? moment(runAt) : .null
        return JobView(id: id, json: .object(json))
    }

    private func lastRun() throws -> JSONValue {
        guard let startedAt else { return .null }
        return [
            "id": .string(id), "state": .string(state.name), "due_at": moment(dueAt), "started_at": moment(startedAt),
            "ended_at": moment(endedAt), "error": try value(error),
        ]
    }

    private func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
    private func moment(_ moment: Timestamp?) -> JSONValue { moment.map { .string($0.description) } ?? .null }
    private func value(_ text: String?) throws -> JSONValue { try text.map { try JSONValue(parsing: $0) } ?? .null }
}

extension StoredSchedule {
    private var shownState: String {
        switch state {
        case .active: isWithheld ? JobState.paused.name : JobState.scheduled.name
        case .ended: JobState.completed.name
        case .paused, .cancelled: state.rawValue
        }
    }

    func view() throws -> JobView {
        func moment(_ moment: Timestamp?) -> JSONValue { moment.map { .string($0.description) } ?? .null }
        var json = template.objectValue ?? [:]
        for member in ["name", "retry", "limit", "timeout_seconds"] where json[member] == nil { json[member] = .null }
        if json["tags"] == nil { json["tags"] = [:] }
        json["id"] = .string(id)
        json["schedule"] = schedule.json
        json["state"] = .string(shownState)
        if let owner { json["owner"] = .string(owner) }
        json["runs_completed"] = .integer(runsCompleted)
        json["runs_failed"] = .integer(runsFailed)
        json["skipped"] = .integer(skipped)
        json["last_run"] = try lastRun.map { try JSONValue(parsing: $0) } ?? .null
        json["next_run"] = moment(nextAt.map { schedule.delayed($0, of: id) })
        json["created_by"] = .string(actor)
        json["created_at"] = moment(createdAt)
        json["ended_at"] = moment(endedAt)
        if let error { json["error"] = try JSONValue(parsing: error) }
        return JobView(id: id, json: .object(json))
    }
}
