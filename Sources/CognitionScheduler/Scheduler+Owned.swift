package import CognitionCore
package import CognitionStorage

/// Schedules that something else declares, such as the definition of a workflow.
///
/// They are written in the transaction that declares them. What is declared is not changed by hand; pausing, triggering and
/// explaining them, and everything that is not declared, is as for any other.
extension Scheduler {
    /// A schedule as its owner wants it to stand.
    package struct Declaration: Sendable {
        /// Unique in the workspace, and of a form that no user can give.
        package let id: String
        /// For people, such as `workflow default.digest`.
        package let owner: String
        /// With a schedule that recurs.
        package let job: NewJob
        /// It is there and does not fire.
        package let isWithheld: Bool

        package init(id: String, owner: String, job: NewJob, isWithheld: Bool) {
            self.id = id
            self.owner = owner
            self.job = job
            self.isWithheld = isWithheld
        }
    }

    /// Has a schedule stand as it is declared, in the name of `principal`: made, made anew when what is declared has changed, or
    /// left as it is.
    /// - Returns: Whether it counts from now on.
    package func declare(
        _ declaration: Declaration, as principal: Principal, now: Timestamp, in tx: borrowing Transaction
    ) throws -> Bool {
        let job = declaration.job
        guard let schedule = job.schedule, schedule.isRecurring else {
            throw SchedulerError(.scheduleInvalid, "what declares a schedule declares one that recurs")
        }
        func held() throws -> StoredSchedule? { try ScheduleStore.hold(declaration.id, in: principal.workspace, tx) }
        guard var stored = try held() else {
            _ = try ScheduleStore.insert(
                job, schedule, id: declaration.id, owner: declaration.owner, by: principal, now: now, tx)
            if declaration.isWithheld, let made = try held() {
                try ScheduleStore.set(.active, isWithheld: true, of: made, now: now, tx)
            }
            return true
        }
        let isOther = stored.schedule != schedule || stored.declared != NewJob.declared(in: job.template)
        // One that has come to its own end stays there.
        if stored.state == .cancelled || isOther,
            try ScheduleStore.renew(
                stored, as: job, schedule, isWithheld: declaration.isWithheld, by: principal, now: now, tx)
        {
            return true
        }
        if isOther {
            var template = stored.template.objectValue ?? [:]
            for member in NewJob.declaredMembers { template[member] = job.template[member] }
            try ScheduleStore.update(
                stored, schedule, .object(template), name: job.name, by: principal.actor, isAnew: true, now: now, tx)
            stored = try held() ?? stored
        }
        if stored.isWithheld != declaration.isWithheld {
            try ScheduleStore.set(stored.state, isWithheld: declaration.isWithheld, of: stored, now: now, tx)
        }
        return isOther
    }

    /// Ends a schedule that nothing declares any more; runs that it has made go on.
    package func withdraw(
        _ id: String, in workspace: WorkspaceID, now: Timestamp, in tx: borrowing Transaction
    ) throws {
        guard let stored = try ScheduleStore.hold(id, in: workspace, tx), stored.state != .cancelled else { return }
        try ScheduleStore.set(.cancelled, of: stored, now: now, tx)
    }

    /// Fires a schedule that fires when its owner says so, unless it is paused or runs before it forbid it.
    /// - Parameter input: What its target is given, as far as it says nothing itself.
    /// - Returns: Whether there is a run.
    @discardableResult
    package func fire(
        _ id: String, input: JSONValue, in workspace: WorkspaceID, now: Timestamp, in tx: borrowing Transaction
    ) throws -> Bool {
        guard let stored = try ScheduleStore.hold(id, in: workspace, tx), stored.schedule.trigger == .owner else {
            return false
        }
        let isOpen = stored.isFiring && stored.schedule.isOpen(at: now)
        if try isOpen && ScheduleStore.fire(stored, at: nil, input: input, JobLog(now: now, ids: ids), tx) {
            return true
        }
        try ScheduleStore.noteSkipped(1, of: stored.key, tx)
        return false
    }

    /// A schedule that fires or could; `nil` for one that is not there, or was withdrawn.
    package func declared(
        _ id: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> JobView? {
        guard let stored = try ScheduleStore.find(id, in: workspace, tx), stored.state != .cancelled else { return nil }
        return try stored.view()
    }
}

extension NewJob {
    /// Members of a template that the owner of a schedule declares; the schedule itself is one more.
    static let declaredMembers = ["name", "target"]

    static func declared(in template: JSONValue) -> [JSONValue?] { declaredMembers.map { template[$0] } }
}

extension StoredSchedule {
    var declared: [JSONValue?] { NewJob.declared(in: template) }

    /// - Throws: `scheduler.job_owned` when one of the members is declared by what the schedule belongs to.
    func checkIsOwn(_ members: [String]) throws {
        guard let owner,
            let member = members.first(where: { ($0 == "schedule") || NewJob.declaredMembers.contains($0) })
        else { return }
        throw SchedulerError(.jobOwned, "'\(member)' of \(id) is what \(owner) declares; change that")
    }
}
