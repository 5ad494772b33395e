package import CognitionCore

/// How a firing came about, or why it does not come.
package enum FiringDecision: String, Sendable, Hashable, CaseIterable {
    case regular
    /// Its time does not exist on that day; it comes when the clock has leapt over it.
    case gapRunAfter = "gap_run_after"
    /// Its time does not exist on that day, and it does not come.
    case gapSkipped = "gap_skipped"
    /// The clock shows its time twice on that day; this is the first.
    case overlapFirst = "overlap_first"
    case overlapSecond = "overlap_second"
    /// Nobody was there for it, and it is not made up for.
    case misfireSkipped = "misfire_skipped"
    /// Nobody was there for it; it comes late.
    case misfireFired = "misfire_fired"

    init(_ decision: CronFiring.Decision) {
        self =
            switch decision {
            case .regular: .regular
            case .gapRunAfter: .gapRunAfter
            case .gapSkipped: .gapSkipped
            case .overlapFirst: .overlapFirst
            case .overlapSecond: .overlapSecond
            }
    }

    /// Whether something happens.
    package var isDue: Bool { self != .gapSkipped && self != .misfireSkipped }
}

/// A moment that a schedule names, before its jitter, and what becomes of it.
package struct PlannedFiring: Sendable, Hashable {
    package let at: Timestamp
    package let decision: FiringDecision
}

/// What has to be done now for a schedule.
package struct SchedulePlan: Sendable, Hashable {
    /// To be fired now, in order; those that come late stand first.
    package let due: [PlannedFiring]
    /// How many were late and are not made up for. Of more than ``JobSchedule/countedMax`` of a cron expression it is as many at
    /// least.
    package let missed: Int
    /// Everything up to here is dealt with: what the next plan is asked `after`. It lies before `now` when more was due than one
    /// plan takes.
    package let through: Timestamp
    /// The first due firing after `through`.
    package let next: Timestamp?
}
