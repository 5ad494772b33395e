package import CognitionCore

/// When a job runs.
///
/// A pure value: what is due, what is made up for after an outage and what comes next follow from it and from the moments that
/// it is asked with. Times of the day are those of its time zone; every moment that goes in or comes out is UTC.
package struct JobSchedule: Sendable, Hashable {
    package enum Trigger: Sendable, Hashable {
        /// At times that the calendar and the clock of the time zone name.
        case cron(CronExpression)
        /// Each time so much has passed, counted from `start`, which is the first one itself; without it from when the schedule
        /// was made, so that the first one is an interval later.
        case every(Duration)
        /// Once, then.
        case at(Timestamp)
        /// Once, so long after the schedule was made.
        case after(Duration)
        /// So long after the end of the run before; the first one so long after the schedule was made.
        case afterRun(Duration)
        /// At each such event of the log.
        case on(EventTrigger)
        /// Whenever what the schedule belongs to says so.
        case owner
    }

    package let trigger: Trigger
    let zone: ScheduleZone
    package let gap: GapRule
    package let overlap: OverlapRule
    /// Each firing comes later by a draw from zero up to this; see ``delayed(_:of:)``.
    package let jitter: Duration
    /// The first moment that it may fire at.
    package let start: Timestamp?
    /// The first moment that it does not fire at any more.
    package let end: Timestamp?
    package let misfire: MisfirePolicy
    /// What is later than this is never made up for.
    package let catchUpWindow: Duration
    package let overlapPolicy: OverlapPolicy

    /// How late a firing may come, beyond its jitter, and still count as one that has come in time.
    package static let grace: Duration = .seconds(5)

    /// - Parameter isOwned: It may be one that something else declares and fires, which nobody asks for by hand.
    /// - Throws: `scheduler.schedule_invalid`, with the name of the member and what it may be.
    package init(_ json: JSONValue, isOwned: Bool = false) throws(SchedulerError) {
        let reader = try ScheduleReader(json, of: "a schedule", known: Self.members + (isOwned ? ["owner"] : []))
        trigger = isOwned && reader.has("owner") ? .owner : try Self.trigger(reader)
        zone = try reader.zone("timezone") ?? .utc
        gap = try reader.word("gap") ?? .runAfter
        overlap = try reader.word("overlap") ?? .first
        jitter = try reader.duration("jitter", in: Self.jitters) ?? .zero
        start = try reader.moment("start")
        end = try reader.moment("end")
        misfire = try reader.misfire("misfire") ?? .fireOnce
        catchUpWindow =
            try reader.duration("catch_up_window", in: Self.catchUpWindows) ?? Self.defaultCatchUpWindow(of: trigger)
        overlapPolicy = try reader.word("overlap_policy") ?? .skip
        try checkBounds()
    }

    /// IANA name of the time zone whose clock a cron expression means.
    package var timezone: String { zone.name }

    /// Whether it may fire more than once.
    package var isRecurring: Bool { trigger.isRecurring }

    /// The first due firing after `moment`, before its jitter.
    /// - Parameter anchor: When the schedule was made; of one that counts from the ends of its runs the last end.
    /// - Returns: `nil` when none comes any more, and always for `on`, which no clock knows of.
    package func next(after moment: Timestamp, anchor: Timestamp) -> Timestamp? {
        firings(after: moment, anchor: anchor).first { $0.decision.isDue }?.at
    }

    /// How long after the end of a run the next one comes; `nil` for what does not wait for that.
    package var rest: Duration? {
        if case .afterRun(let rest) = trigger { rest } else { nil }
    }

    /// Whether `moment` lies within `start` and `end`: for events, which come at any time.
    package func isOpen(at moment: Timestamp) -> Bool {
        start.map { $0 <= moment } ?? true && end.map { moment < $0 } ?? true
    }

    /// When the firing that is due at `due` comes with its jitter.
    ///
    /// The draw is the same each time for the same schedule and moment, on every node: the first 64 bits of the SHA-256 of both,
    /// scaled to `0..<jitter` in microseconds.
    package func delayed(_ due: Timestamp, of id: String) -> Timestamp {
        guard jitter > .zero else { return due }
        let digest = SHA256Digest(of: Array("\(id) \(due.microseconds)".utf8))
        let chance = digest.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let delay = chance.multipliedFullWidth(by: UInt64(jitter.microseconds)).high
        return due + .microseconds(Int64(delay))
    }

    /// What it names after `moment`, in order, with what the clock leaps over.
    func firings(after moment: Timestamp, anchor: Timestamp) -> ScheduleFirings {
        ScheduleFirings(self, after: moment, anchor: anchor)
    }
}

extension JobSchedule.Trigger {
    package var isRecurring: Bool {
        switch self {
        case .cron, .every, .afterRun, .on, .owner: true
        case .at, .after: false
        }
    }
}
