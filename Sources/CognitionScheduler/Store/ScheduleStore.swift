import CognitionCore
import CognitionEvents
import CognitionStorage

/// A schedule that comes again and again, as it is stored.
struct StoredSchedule: Sendable {
    enum State: String, Sendable, SQLEncodable, SQLDecodable {
        case active
        case paused
        /// Nothing comes any more.
        case ended
        case cancelled
    }

    let key: Int64
    let id: String
    let workspace: WorkspaceID
    let schedule: JobSchedule
    /// What each run is made of.
    let template: JSONValue
    let state: State
    let anchor: Timestamp
    let through: Timestamp
    let nextAt: Timestamp?
    let revision: Int64
    let actor: String
    let createdAt: Timestamp
    let endedAt: Timestamp?
    let runsCompleted: Int64
    let runsFailed: Int64
    /// Firings that did not come: missed, or while another ran.
    let skipped: Int64
    let lastRun: String?
    /// What declares it, such as `workflow default.digest`.
    let owner: String?
    /// Its owner keeps it from firing.
    let isWithheld: Bool

    /// Whether it fires when its time comes.
    var isFiring: Bool { state == .active && !isWithheld }

    /// Why it was paused, where it could not be fired; as JSON.
    let error: String?

    static let columns: StaticString = """
        key, id, workspace_id, schedule, template, state, anchor, through, next_at, revision, actor, created_at, ended_at,
        runs_completed, runs_failed, skipped, last_run, owner, is_withheld, error
        """

    init(row: borrowing Row) throws {
        key = try row[0]
        id = try row[1]
        workspace = try row[2]
        schedule = try JobSchedule(JSONValue(parsing: try row[3] as String), isOwned: true)
        template = try JSONValue(parsing: try row[4] as String)
        state = try row[5]
        anchor = try row[6]
        through = try row[7]
        nextAt = try row[8]
        revision = try row[9]
        actor = try row[10]
        createdAt = try row[11]
        endedAt = try row[12]
        runsCompleted = try row[13]
        runsFailed = try row[14]
        skipped = try row[15]
        lastRun = try row[16]
        owner = try row[17]
        isWithheld = try row[18]
        error = try row[19]
    }

    var principal: Principal { Principal(actor: actor, workspace: workspace) }

    /// Also of one whose runs cannot be made any more.
    var tags: [String: String] {
        Dictionary(
            (template["tags"]?.objectValue ?? [:]).map { ($0.key, $0.value.stringValue ?? "") },
            uniquingKeysWith: { first, _ in first })
    }
}

enum ScheduleStore {
    /// - Parameter owner: What declares it, if anything does.
    /// - Returns: Its key; `nil` when the id is taken.
    static func insert(
        _ job: NewJob, _ schedule: JobSchedule, id: String, owner: String? = nil, by principal: Principal,
        now: Timestamp, _ tx: borrowing Transaction
    ) throws -> Int64? {
        let key = try tx.first(
            """
            INSERT INTO job_schedules (id, workspace_id, name, schedule, template, state, anchor, through, next_at,
                event_type, revision, actor, created_at, runs_completed, runs_failed, skipped, owner, rest)
            VALUES (\(id), \(principal.workspace), \(job.name), \(schedule.json.jsonText), \(job.template.jsonText),
                'active', \(now), \(now), \(schedule.next(after: now, anchor: now)), \(schedule.eventType), 1,
                \(principal.actor), \(now), 0, 0, 0, \(owner), \(schedule.rest?.microseconds))
            ON CONFLICT (workspace_id, id) DO NOTHING RETURNING key
            """
        ) { try $0[0] as Int64 }
        if key != nil {
            try follow(schedule, now: now, tx)
            try TagStore.add(job.tags, to: id, in: principal.workspace, tx)
            tx.signal(.jobsDue)
        }
        return key
    }

    static func find(_ id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredSchedule? {
        try tx.first(
            """
            SELECT \(columns: StoredSchedule.columns) FROM job_schedules WHERE workspace_id = \(workspace) AND id = \(id)
            """, as: StoredSchedule.init(row:))
    }

    /// The same, kept as it is until the commit.
    static func hold(_ id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> StoredSchedule? {
        try tx.first(
            """
            SELECT \(columns: StoredSchedule.columns) FROM job_schedules
            WHERE workspace_id = \(workspace) AND id = \(id) \(fragment: .forUpdate)
            """, as: StoredSchedule.init(row:))
    }

    /// - Parameter isAnew: Its times count from now on, also where they are the same.
    static func update(
        _ stored: StoredSchedule, _ schedule: JobSchedule, _ template: JSONValue, name: String?, by actor: String,
        isAnew: Bool = false, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        let times =
            try isAnew || schedule != stored.schedule
            ? Times(of: stored, schedule, fires: stored.isFiring, anew: isAnew, from: now, tx)
            : Times(
                anchor: stored.anchor, through: stored.through,
                next: stored.isFiring ? schedule.next(after: stored.through, anchor: stored.anchor) : nil)
        try tx.execute(
            """
            UPDATE job_schedules SET schedule = \(schedule.json.jsonText), template = \(template.jsonText),
                name = \(name), actor = \(actor), anchor = \(times.anchor), through = \(times.through),
                next_at = \(times.next), event_type = \(stored.isFiring ? schedule.eventType : nil),
                rest = \(schedule.rest?.microseconds), revision = revision + 1, error = NULL
            WHERE key = \(stored.key)
            """)
        try follow(schedule, now: now, tx)
        tx.signal(.jobsDue)
    }

    /// Pauses, resumes or ends a schedule; what was missed while it was paused is not made up for.
    /// - Parameter isWithheld: `nil` leaves it as it is.
    static func set(
        _ state: StoredSchedule.State, isWithheld: Bool? = nil, of stored: StoredSchedule, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        let isWithheld = isWithheld ?? stored.isWithheld
        let fires = state == .active && !isWithheld
        let times =
            try fires
            ? Times(of: stored, stored.schedule, fires: true, from: now, tx)
            : Times(anchor: stored.anchor, through: stored.through, next: nil)
        try tx.execute(
            """
            UPDATE job_schedules SET state = \(state), is_withheld = \(isWithheld), revision = revision + 1,
                anchor = \(times.anchor), through = \(times.through), next_at = \(times.next),
                event_type = \(fires ? stored.schedule.eventType : nil),
                ended_at = \(state == .cancelled ? now : nil), error = NULL
            WHERE key = \(stored.key)
            """)
        if fires { try follow(stored.schedule, now: now, tx) }
        tx.signal(.jobsDue)
    }

    /// From where a schedule counts, and when it fires next.
    struct Times {
        let anchor: Timestamp
        let through: Timestamp
        let next: Timestamp?
    }

    /// Keeps schedules as they are until the commit.
    ///
    /// Whoever locks runs of a schedule as well does this before, so that two who need both wait for each other in one order.
    static func hold(_ keys: some Sequence<Int64>, _ tx: borrowing Transaction) throws {
        let keys = Set(keys).sorted()
        guard !keys.isEmpty else { return }
        try tx.send("SELECT 1 FROM job_schedules WHERE key IN \(list: keys) ORDER BY key \(fragment: .forUpdate)")
    }

    /// Pauses a schedule that cannot be fired, with the reason, until somebody changes or resumes it.
    static func park(_ key: Int64, because failure: JobFailure, _ tx: borrowing Transaction) throws {
        try tx.execute(
            """
            UPDATE job_schedules SET state = 'paused', next_at = NULL, event_type = NULL, revision = revision + 1,
                error = \(failure.json.jsonText)
            WHERE key = \(key) AND state = 'active'
            """)
    }

    // MARK: Schedules that wait for events

    /// The subscription of the log that they share.
    static let subscription = "scheduler.events"

    /// Has the log followed from here on, where the schedule waits for events.
    static func follow(_ schedule: JobSchedule, now: Timestamp, _ tx: borrowing Transaction) throws {
        guard schedule.eventType != nil else { return }
        try tx.lock("scheduler.events")
        try EventLog.follow(subscription, now: now, in: tx)
    }

    /// Follows the log no more, as nothing waits for events: else the place would keep old events from leaving.
    /// - Returns: Whether that is so.
    static func unfollow(_ tx: borrowing Transaction) throws -> Bool {
        try tx.lock("scheduler.events")
        let waiting = try tx.first("SELECT 1 FROM job_schedules WHERE event_type IS NOT NULL LIMIT 1") {
            try $0[0] as Int
        }
        guard waiting == nil else { return false }
        try EventLog.unfollow(subscription, in: tx)
        return true
    }

    // MARK: Firings

    fileprivate static func hasUnfinishedRun(_ key: Int64, _ tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM jobs WHERE schedule_key = \(key) AND ended_at IS NULL LIMIT 1") {
            try $0[0] as Int
        } != nil
    }

    static func nextDue(_ tx: borrowing Transaction) throws -> Timestamp? {
        try tx.first("SELECT MIN(next_at) FROM job_schedules WHERE next_at IS NOT NULL") {
            try $0[0] as Timestamp?
        } ?? nil
    }

    /// Schedules that are due, by their keys.
    static func due(limit: Int, now: Timestamp, _ tx: borrowing Transaction) throws -> [Int64] {
        try tx.query("SELECT key FROM job_schedules WHERE next_at <= \(now) ORDER BY next_at LIMIT \(limit)") {
            try $0[0] as Int64
        }
    }

    /// Makes the runs of schedules that are due. Their rows are locked, so of several nodes one does it; and a firing is
    /// unique by its schedule and moment, whoever does.
    /// - Parameter key: The only one.
    /// - Returns: How many schedules.
    static func fire(
        limit: Int, only key: Int64? = nil, _ log: JobLog, _ tx: borrowing Transaction
    ) throws -> Int {
        var condition: SQL = "next_at <= \(log.now)"
        if let key { condition = "\(condition) AND key = \(key)" }
        let due = try tx.query(
            """
            SELECT \(columns: StoredSchedule.columns) FROM job_schedules WHERE \(condition)
            ORDER BY next_at LIMIT \(limit) \(fragment: .skipLocked)
            """, as: StoredSchedule.init(row:))
        // The keys of the runs that they end and make.
        if due.count > 1 { try Claim.lock(tx) }
        for stored in due {
            let plan = stored.schedule.plan(after: stored.through, now: log.now, anchor: stored.anchor)
            var skipped = plan.missed
            for firing in plan.due where !(try fire(stored, at: firing.at, log, tx)) { skipped += 1 }
            var (next, anchor) = (plan.next, stored.anchor)
            // The end of a run brings the next one; without a run it counts from here.
            if let rest = stored.schedule.rest, try !hasUnfinishedRun(stored.key, tx) {
                (next, anchor) = (log.now + rest, log.now)
            }
            let isOver = next == nil && stored.schedule.rest == nil
            try tx.execute(
                """
                UPDATE job_schedules SET through = \(plan.through), next_at = \(next), anchor = \(anchor),
                    skipped = skipped + \(skipped),
                    state = CASE WHEN \(isOver) = 1 AND event_type IS NULL THEN 'ended' ELSE state END,
                    ended_at = CASE WHEN \(isOver) = 1 AND event_type IS NULL THEN \(log.now) ELSE ended_at END
                WHERE key = \(stored.key)
                """)
        }
        return due.count
    }

    /// Schedules of a workspace that wait for events; at most 1,000. Those that cannot be read are parked.
    static func waitingForEvents(in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> [StoredSchedule] {
        var broken: [(key: Int64, failure: JobFailure)] = []
        let found = try tx.query(
            """
            SELECT \(columns: StoredSchedule.columns) FROM job_schedules
            WHERE workspace_id = \(workspace) AND event_type IS NOT NULL ORDER BY key LIMIT 1000
            """
        ) { row -> StoredSchedule? in
            do {
                let stored = try StoredSchedule(row: row)
                _ = try NewJob(stored.template)
                return stored
            } catch {
                broken.append((try row[0], JobFailure(error)))
                return nil
            }
        }
        for (key, failure) in broken { try park(key, because: failure, tx) }
        return found.compactMap(\.self)
    }

    static func noteSkipped(_ count: Int, of key: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE job_schedules SET skipped = skipped + \(count) WHERE key = \(key)")
    }

    /// Makes one run, unless those before it forbid it.
    /// - Parameter moment: `nil` for one that a person or an event asks for.
    /// - Returns: Whether there is one.
    @discardableResult
    static func fire(
        _ stored: StoredSchedule, at moment: Timestamp?, input: JSONValue? = nil, _ log: JobLog,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        var job = try NewJob(stored.template)
        if let input { job.target = job.target.given(input) }
        if let moment { job.runAt = stored.schedule.delayed(moment, of: stored.id) }
        guard try makeRoom(for: &job, of: stored, log, tx) else { return false }
        var origin = JobInsert.Origin(stored.principal, now: log.now)
        origin.firing = JobInsert.Firing(schedule: stored.key, due: moment)
        return try JobInsert([job], from: origin, ids: log.ids).run(in: tx).first?.isNew == true
    }

    /// What becomes of a firing while runs before it have not ended.
    private static func makeRoom(
        for job: inout NewJob, of stored: StoredSchedule, _ log: JobLog, _ tx: borrowing Transaction
    ) throws -> Bool {
        guard stored.schedule.overlapPolicy != .allowAll else { return true }
        let runs = try tx.query(
            """
            SELECT key, id, state FROM jobs WHERE schedule_key = \(stored.key) AND ended_at IS NULL
            ORDER BY key DESC LIMIT 1000
            """
        ) { row in (key: try row[0] as Int64, id: try row[1] as String, state: try row[2] as JobState) }
        guard let last = runs.first else { return true }
        switch stored.schedule.overlapPolicy {
        case .allowAll: return true
        case .skip: return false
        case .bufferOne:
            guard !runs.contains(where: { $0.state == .blocked }) else { return false }
        case .bufferAll: break
        case .cancelOther:
            for run in runs { try CancelStore.cancel(run.key, log, tx) }
        }
        job.dependencies = [NewJob.Dependency(job: last.id, on: .completion)]
        return true
    }

    // MARK: Ends of runs

    /// Counts runs that have ended with the schedules that made them.
    static func noteEnds(_ attempts: [AttemptEnd], _ tx: borrowing Transaction) throws {
        let runs = attempts.filter { $0.state.hasEnded && $0.job.scheduleKey != nil }
        for (key, ends) in Dictionary(grouping: runs, by: { $0.job.scheduleKey ?? 0 }).sorted(by: { $0.key < $1.key }) {
            let completed = ends.count { $0.state == .completed }
            guard let last = ends.max(by: { $0.endedAt < $1.endedAt }) else { continue }
            try tx.send(
                """
                UPDATE job_schedules SET runs_completed = runs_completed + \(completed),
                    runs_failed = runs_failed + \(ends.count - completed), last_run = \(last.runJSON.jsonText),
                    anchor = CASE WHEN rest IS NULL THEN anchor ELSE \(last.endedAt) END,
                    through = CASE WHEN rest IS NULL THEN through ELSE \(last.endedAt) END,
                    next_at = CASE WHEN rest IS NULL OR state <> 'active' OR is_withheld <> 0 THEN next_at
                                   ELSE \(last.endedAt.microseconds) + rest END
                WHERE key = \(key)
                """)
            tx.signal(.jobsDue)
        }
    }
}

extension ScheduleStore.Times {
    /// Of a schedule that begins to fire, again or, as if it had just been made, `anew`.
    init(
        of stored: StoredSchedule, _ schedule: JobSchedule, fires: Bool, anew: Bool = false, from now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        through = now
        anchor = anew || schedule.rest != nil ? now : stored.anchor
        // The end of a run that has not ended yet brings the next one.
        let waits = try schedule.rest != nil && ScheduleStore.hasUnfinishedRun(stored.key, tx)
        next = fires && !waits ? schedule.next(after: now, anchor: anchor) : nil
    }
}

extension AttemptEnd {
    /// As schedules show their last run.
    fileprivate var runJSON: JSONValue {
        [
            "id": .string(job.id), "state": .string(state.name),
            "due_at": job.dueAt.map { .string($0.description) } ?? .null,
            "started_at": .string(job.startedAt.description), "ended_at": .string(endedAt.description),
            "error": failure?.json ?? .null,
        ]
    }
}

extension JobSchedule {
    /// The type of the events that it waits for; `nil` for any other trigger.
    var eventType: String? {
        if case .on(let trigger) = trigger { trigger.type } else { nil }
    }
}

extension JobTarget {
    /// The same with `value` where the target takes its input, as far as it says nothing itself.
    func given(_ value: JSONValue) -> JobTarget {
        guard var members = input.objectValue else { return self }
        let place =
            switch kind {
            case "workflow": "input"
            case "http": "body"
            case "emit": "data"
            default: "event"
            }
        if members[place] == nil { members[place] = value }
        return JobTarget(kind: kind, input: .object(members))
    }
}
