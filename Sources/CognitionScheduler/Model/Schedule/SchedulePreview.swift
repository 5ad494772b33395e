package import CognitionCore

/// What a schedule will do, and what it would have done during an outage.
package struct SchedulePreview: Sendable, Hashable {
    package static let counts = 1...1_000

    /// Nobody is there from `from` on, until `until`.
    package struct Outage: Sendable, Hashable {
        package let from: Timestamp
        package let until: Timestamp

        package init(from: Timestamp, until: Timestamp) {
            self.from = from
            self.until = until
        }
    }

    package struct Firing: Sendable, Hashable {
        /// When it is due, before its jitter.
        package let at: Timestamp
        package let decision: FiringDecision
        /// When it comes, where the outage has it come late.
        package let runsAt: Timestamp?
    }

    /// In order.
    package let firings: [Firing]
    /// How many firings of the outage are not made up for, those too that ``firings`` does not reach; 0 without an outage.
    package let missed: Int

    /// - Parameters:
    ///   - from: The first moment that is looked at.
    ///   - count: How many firings are wanted; 1...1,000. There are fewer when the schedule ends before, and none for `on`.
    ///   - anchor: When the schedule was made; `from` when it has not been.
    /// - Throws: `scheduler.schedule_invalid` for a count or an outage that cannot be.
    package init(
        of schedule: JobSchedule, from: Timestamp, count: Int, outage: Outage? = nil, anchor: Timestamp? = nil
    ) throws(SchedulerError) {
        guard Self.counts.contains(count) else {
            throw SchedulerError(
                .scheduleInvalid,
                "'count' of a preview is \(Self.counts.lowerBound) to \(Self.counts.upperBound), not \(count)")
        }
        if let outage, outage.until <= outage.from {
            throw SchedulerError(.scheduleInvalid, "'until' of an outage must be later than its 'from'")
        }
        let anchor = anchor ?? from
        let plan = outage.map { schedule.plan(after: $0.from.before, now: $0.until, anchor: anchor) }
        var decisions: [Timestamp: FiringDecision] = [:]
        for firing in plan?.due ?? [] { decisions[firing.at] = firing.decision }
        missed = plan?.missed ?? 0
        firings = schedule.firings(after: from.before, anchor: anchor).prefix(count).map { firing in
            guard let outage, outage.from <= firing.at, firing.at < outage.until, firing.decision.isDue else {
                return Firing(at: firing.at, decision: firing.decision, runsAt: nil)
            }
            guard let decision = decisions[firing.at] else {
                return Firing(at: firing.at, decision: .misfireSkipped, runsAt: nil)
            }
            return Firing(at: firing.at, decision: decision, runsAt: outage.until)
        }
    }
}
