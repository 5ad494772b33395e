package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Looking at jobs.
extension Scheduler {
    /// - Throws: `scheduler.job_not_found`.
    package func job(_ id: String, in workspace: WorkspaceID) async throws -> JobView {
        try await database.read { try Self.job(id, in: workspace, $0) }
    }

    /// The same, and the position of the log at which it was so.
    package func jobSnapshot(
        _ id: String, in workspace: WorkspaceID
    ) async throws -> (view: JobView, position: Int64) {
        try await database.read { tx in (try Self.job(id, in: workspace, tx), try EventLog.head(in: tx)) }
    }

    private static func job(_ id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> JobView {
        if let job = try JobReader.find(id, in: workspace, tx) {
            var view = try job.view()
            guard job.parents > 0, var json = view.json.objectValue else { return view }
            json["depends_on"] = .array(
                try DependencyStore.parents(of: job.key, tx).map { parent in
                    [
                        "job": .string(parent.id), "on": .string(parent.wanted.rawValue),
                        "state": .string(parent.state.name),
                    ]
                })
            view.json = .object(json)
            return view
        }
        if let schedule = try ScheduleStore.find(id, in: workspace, tx) { return try schedule.view() }
        throw SchedulerError.notFound(id)
    }

    /// What a list shows.
    package struct Filter: Sendable {
        package var queue: String?
        /// As it is named on the wire.
        package var state: String?
        /// Only jobs that have all of these.
        package var tags: [(name: String, value: String)] = []
        /// Only schedules, or only jobs that come once; `nil` for both, without the runs of schedules.
        package var isRecurring: Bool?

        package init() {}
    }

    /// Jobs and schedules, by their ids from the highest down, which is the newest first for ids that were made here.
    /// - Parameter after: The id behind which the page begins.
    package func jobs(
        _ filter: Filter, in workspace: WorkspaceID, after id: String?, limit: Int
    ) async throws -> [JobView] {
        try await database.read { tx in
            var views: [JobView] = []
            if filter.isRecurring != true {
                views += try JobList.jobs(filter, in: workspace, after: id, limit: limit, tx)
            }
            if filter.isRecurring != false {
                views += try JobList.schedules(filter, in: workspace, after: id, limit: limit, tx)
            }
            return Array(views.sorted { $0.id > $1.id }.prefix(limit))
        }
    }

    /// The runs of a schedule, the newest first; of a job that comes once its attempts, the first one first.
    /// - Parameter key: Where the page before ended, its `last`.
    /// - Throws: `scheduler.job_not_found`.
    package func runs(
        of id: String, in workspace: WorkspaceID, before key: Int64?, limit: Int
    ) async throws -> (items: [JSONValue], last: Int64?) {
        try await database.read { tx in
            if let schedule = try ScheduleStore.find(id, in: workspace, tx) {
                let runs = try JobReader.runs(of: schedule.key, before: key, limit: limit, tx)
                return (try runs.map { try $0.view().json }, runs.count == limit ? runs.last?.key : nil)
            }
            guard let job = try JobReader.find(id, in: workspace, tx) else { throw SchedulerError.notFound(id) }
            let attempts = try JobReader.attempts(of: job, tx)
            let page = attempts.dropFirst(Int(key ?? 0)).prefix(limit)
            return (Array(page), page.endIndex < attempts.endIndex ? Int64(page.endIndex) : nil)
        }
    }
}

/// Pages of jobs and schedules.
enum JobList {
    static func jobs(
        _ filter: Scheduler.Filter, in workspace: WorkspaceID, after id: String?, limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [JobView] {
        var condition: SQL = "j.workspace_id = \(workspace) AND j.schedule_key IS NULL"
        if let id { condition = "\(condition) AND j.id < \(id)" }
        if let queue = filter.queue { condition = "\(condition) AND q.name = \(queue)" }
        if let state = filter.state { condition = "\(condition) AND j.state IN \(list: JobState.named(state))" }
        for tag in filter.tags {
            condition = """
                \(condition) AND j.id IN (SELECT t.id FROM job_tags t WHERE t.workspace_id = \(workspace)
                AND t.name = \(tag.name) AND t.value = \(tag.value))
                """
        }
        return try tx.query(
            "SELECT \(columns: StoredJob.columns) WHERE \(condition) ORDER BY j.id DESC LIMIT \(limit)"
        ) { try StoredJob(row: $0).view() }
    }

    static func schedules(
        _ filter: Scheduler.Filter, in workspace: WorkspaceID, after id: String?, limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [JobView] {
        var condition: SQL = "workspace_id = \(workspace)"
        if let id { condition = "\(condition) AND id < \(id)" }
        if let state = filter.state { condition = "\(condition) AND \(StoredSchedule.condition(ofState: state))" }
        for tag in filter.tags {
            condition = """
                \(condition) AND id IN (SELECT t.id FROM job_tags t WHERE t.workspace_id = \(workspace)
                AND t.name = \(tag.name) AND t.value = \(tag.value))
                """
        }
        guard let queue = filter.queue else {
            return try stored(condition, limit: limit, tx).map { try $0.view() }
        }
        // The queue stands in what the runs are made of; the text finds nearly those, and each is then looked at.
        condition = "\(condition) AND template LIKE \("%\"queue\":\"\(queue)\"%")"
        var (found, last): ([StoredSchedule], String?) = ([], nil)
        while found.count < limit {
            let behind: SQL = if let last { "\(condition) AND id < \(last)" } else { condition }
            let batch = try stored(behind, limit: Scheduler.pageMax, tx)
            found += batch.filter { $0.template["queue"]?.stringValue == queue }
            guard batch.count == Scheduler.pageMax else { break }
            last = batch.last?.id
        }
        return try found.prefix(limit).map { try $0.view() }
    }

    private static func stored(
        _ condition: SQL, limit: Int, _ tx: borrowing Transaction
    ) throws -> [StoredSchedule] {
        try tx.query(
            """
            SELECT \(columns: StoredSchedule.columns) FROM job_schedules WHERE \(condition)
            ORDER BY id DESC LIMIT \(limit)
            """, as: StoredSchedule.init(row:))
    }
}

extension StoredSchedule {
    /// Schedules that are shown in a state.
    static func condition(ofState name: String) -> SQL {
        switch name {
        case JobState.scheduled.name: "state = \(State.active) AND is_withheld = 0"
        case JobState.paused.name: "(state = \(State.paused) OR state = \(State.active) AND is_withheld = 1)"
        case JobState.completed.name: "state = \(State.ended)"
        default: "state = \(name)"
        }
    }
}
