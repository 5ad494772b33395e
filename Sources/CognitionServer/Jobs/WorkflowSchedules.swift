import CognitionCore
import CognitionScheduler
import CognitionStorage
import CognitionWorkflows

/// Keeps the schedules of workflows as schedules of jobs, each with the workflow as its target: `workflow.NAMESPACE.NAME`.
struct WorkflowSchedules: ScheduleKeeper {
    private let scheduler: Scheduler

    init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    /// An id that no user can give.
    static func id(of workflow: WorkflowID) -> String { "workflow.\(workflow)" }

    // MARK: What is declared

    func fault(in schedule: ScheduleDefinition) -> String? { Self.fault(in: schedule) }

    static func fault(in schedule: ScheduleDefinition) -> String? {
        do throws(SchedulerError) {
            _ = try Self.schedule(schedule)
            return nil
        } catch {
            return error.message
        }
    }

    private static func schedule(_ definition: ScheduleDefinition) throws(SchedulerError) -> JobSchedule {
        var members = definition.options
        let trigger: (name: String, value: JSONValue) =
            switch definition.trigger {
            case .every(let interval): ("every", .string(interval.iso8601))
            case .cron(let expression): ("cron", .string(expression.text))
            case .after(let pause): ("after_run", .string(pause.iso8601))
            case .on: ("owner", true)
            }
        let known = JobSchedule.optionNames
        if let unknown = members.keys.first(where: { !known.contains($0) }) {
            throw SchedulerError(
                .scheduleInvalid,
                "'metadata.schedule' has no member '\(unknown.prefix(64))'; it takes \(known.joined(separator: ", "))")
        }
        // As the DSL has it: a start does not ask for the end of the one before.
        if members["overlap_policy"] == nil { members["overlap_policy"] = .string(OverlapPolicy.allowAll.rawValue) }
        // The end of an execution is what the next one waits for.
        if case .after = definition.trigger { members["overlap_policy"] = .string(OverlapPolicy.skip.rawValue) }
        members[trigger.name] = trigger.value
        return try JobSchedule(.object(members), isOwned: true)
    }

    private static func job(_ declared: DeclaredSchedule) throws -> NewJob {
        var job = try NewJob([
            "name": .string("workflow \(declared.workflow)"), "queue": .string(QueueSettings.workflowQueue),
            "target": [
                "workflow": ["id": .string(declared.workflow.description), "version": .string(declared.version)]
            ],
            "tags": ["workflow": .string(declared.workflow.description)],
            // The workflow says itself what is tried again, and how long it may take.
            "retry": ["rules": [["error": "workflow.*", "action": "discard"]]],
            "timeout_seconds": JSONValue(JobOptions.timeoutSecondsMax),
        ])
        job.schedule = try schedule(declared.definition)
        return job
    }

    // MARK: What stands

    func keep(_ schedule: DeclaredSchedule, now: Timestamp, in tx: borrowing Transaction) throws -> Bool {
        try scheduler.declare(
            Scheduler.Declaration(
                id: Self.id(of: schedule.workflow), owner: "workflow \(schedule.workflow)", job: Self.job(schedule),
                isWithheld: !schedule.isActive),
            as: Principal(actor: schedule.actor, workspace: schedule.workspace), now: now, in: tx)
    }

    func drop(
        _ workflow: WorkflowID, in workspace: WorkspaceID, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        try scheduler.withdraw(Self.id(of: workflow), in: workspace, now: now, in: tx)
    }

    func start(
        _ workflow: WorkflowID, input: JSONValue, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try scheduler.fire(Self.id(of: workflow), input: input, in: workspace, now: now, in: tx)
    }

    func standing(
        of workflow: WorkflowID, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> ScheduleStanding? {
        guard let job = try scheduler.declared(Self.id(of: workflow), in: workspace, tx)?.json else { return nil }
        return ScheduleStanding(
            job: Self.id(of: workflow), isActive: job["state"] == "scheduled",
            nextAt: job["next_run"]?.stringValue.flatMap { Timestamp($0) },
            runsCompleted: job["runs_completed"]?.integerValue ?? 0, runsFailed: job["runs_failed"]?.integerValue ?? 0,
            lastRun: job["last_run"] ?? .null)
    }
}
