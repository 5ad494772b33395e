package import CognitionCore
package import CognitionStorage

/// Making jobs.
extension Scheduler {
    /// What became of a job that was asked for.
    package struct Made: Sendable {
        package let id: String
        /// Else it was there, with the same id or unique key.
        package let isNew: Bool
    }

    /// Jobs on their way into somebody's transaction: whether they exist is decided by its commit.
    package struct Enqueueing: Sendable {
        let insert: JobInsert

        /// - Returns: In the order of the jobs.
        /// - Throws: `scheduler.job_taken`, `scheduler.dependency_not_found`.
        package func write(in tx: borrowing Transaction) throws -> [Made] {
            try insert.run(in: tx).map { Made(id: $0.id, isNew: $0.isNew) }
        }
    }

    /// Checks jobs that come once, to be written as a part of another transaction.
    ///
    /// - Parameter jobs: 1...``bulkMax``; their dependencies may name each other.
    /// - Throws: `scheduler.job_invalid`, `scheduler.dependency_cycle`.
    package func enqueueing(_ jobs: [NewJob], as principal: Principal) throws -> Enqueueing {
        guard (1...Self.bulkMax).contains(jobs.count) else {
            throw SchedulerError(.jobInvalid, "a call makes 1 to \(Self.bulkMax) jobs")
        }
        if jobs.contains(where: { $0.schedule?.isRecurring == true }) {
            throw SchedulerError(.jobInvalid, "a job with a schedule that comes again is made alone")
        }
        let now = clock.now
        var origin = JobInsert.Origin(principal, now: now)
        origin.traceparent = TraceContext.current?.traceparent
        return Enqueueing(
            insert: try JobInsert(
                jobs.map { try $0.once(from: now) }, from: origin, ids: ids, queues: queueCache, arrivals: arrivals))
    }

    /// Writes jobs that come once, all or none.
    /// - Returns: In the order of the jobs; for a unique key that is held, the job that holds it.
    /// - Throws: As ``enqueueing(_:as:)`` and ``Enqueueing/write(in:)``.
    @discardableResult
    package func enqueue(_ jobs: [NewJob], as principal: Principal) async throws -> [Made] {
        let enqueueing = try enqueueing(jobs, as: principal)
        return try await database.write { tx in try enqueueing.write(in: tx) }
    }

    /// Makes a job, or a schedule that comes again and again.
    /// - Parameter renewsEnded: A schedule with the id that fires no more, because it was cancelled, is made anew.
    /// - Throws: `scheduler.job_taken`; else as ``enqueue(_:as:)``.
    package func create(_ job: NewJob, as principal: Principal, renewsEnded: Bool = false) async throws -> Made {
        guard let schedule = job.schedule, schedule.isRecurring else {
            try await checkFree(job, as: principal)
            return try await enqueue([job], as: principal)[0]
        }
        let (id, now) = (job.id ?? ids.next().description, clock.now)
        return try await database.write { tx in
            guard try JobReader.key(of: id, in: principal.workspace, tx) == nil else { throw SchedulerError.taken(id) }
            if try ScheduleStore.insert(job, schedule, id: id, by: principal, now: now, tx) != nil {
                return Made(id: id, isNew: true)
            }
            guard let found = try ScheduleStore.hold(id, in: principal.workspace, tx) else {
                throw SchedulerError.taken(id)
            }
            if renewsEnded, try ScheduleStore.renew(found, as: job, schedule, by: principal, now: now, tx) {
                return Made(id: id, isNew: true)
            }
            guard found.schedule == schedule, found.template == job.template else { throw SchedulerError.taken(id) }
            return Made(id: id, isNew: false)
        }
    }

    /// A schedule and a job do not share an id.
    private func checkFree(_ job: NewJob, as principal: Principal) async throws {
        guard let id = job.id else { return }
        let found = try await database.read { tx in try ScheduleStore.find(id, in: principal.workspace, tx) }
        if found != nil { throw SchedulerError.taken(id) }
    }
}

extension NewJob {
    /// The same with the moment that a schedule names that comes once.
    fileprivate func once(from now: Timestamp) throws -> NewJob {
        guard let schedule else { return self }
        var job = self
        job.options.schedule = schedule.json
        guard let due = schedule.next(after: now, anchor: now) else {
            guard case .at(let moment) = schedule.trigger, schedule.misfire != .skip,
                now - moment <= schedule.catchUpWindow
            else {
                throw SchedulerError(.scheduleInvalid, "the schedule names no moment that is still to come")
            }
            return job
        }
        job.runAt = due
        return job
    }
}

extension SchedulerError {
    static func taken(_ id: String) -> SchedulerError {
        SchedulerError(.jobTaken, "there is another job with the id \(id)")
    }

    static func notFound(_ id: String) -> SchedulerError {
        SchedulerError(.jobNotFound, "there is no job \(id)")
    }
}
