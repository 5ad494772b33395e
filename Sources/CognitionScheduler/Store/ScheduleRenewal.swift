import CognitionCore
import CognitionStorage

extension ScheduleStore {
    /// Makes a schedule anew that fires no more, under its id; its runs stay with it.
    /// - Parameter stored: Held to the commit.
    /// - Returns: Whether it did not fire any more.
    static func renew(
        _ stored: StoredSchedule, as job: NewJob, _ schedule: JobSchedule, by principal: Principal, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        guard stored.state == .cancelled || stored.state == .ended else { return false }
        try tx.execute(
            """
            UPDATE job_schedules SET name = \(job.name), schedule = \(schedule.json.jsonText),
                template = \(job.template.jsonText), state = 'active', anchor = \(now), through = \(now),
                next_at = \(schedule.next(after: now, anchor: now)), event_type = \(schedule.eventType),
                revision = revision + 1, actor = \(principal.actor), created_at = \(now), ended_at = NULL,
                error = NULL
            WHERE key = \(stored.key)
            """)
        try follow(schedule, now: now, tx)
        try TagStore.remove(stored.tags, from: stored.id, in: stored.workspace, tx)
        try TagStore.add(job.tags, to: stored.id, in: stored.workspace, tx)
        tx.signal(.jobsDue)
        return true
    }
}
