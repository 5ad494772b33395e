package import CognitionCore

extension Scheduler {
    /// What a schedule would do that was made at `from`.
    ///
    /// - Parameters:
    ///   - from: `nil` for now.
    ///   - count: 1...1,000.
    ///   - outage: Nobody is there meanwhile.
    /// - Throws: `scheduler.schedule_invalid`.
    package func preview(
        of schedule: JobSchedule, from: Timestamp?, count: Int, outage: SchedulePreview.Outage? = nil
    ) throws -> SchedulePreview {
        try SchedulePreview(of: schedule, from: from ?? clock.now, count: count, outage: outage)
    }
}
