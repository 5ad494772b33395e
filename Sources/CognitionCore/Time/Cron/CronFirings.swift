/// What becomes of a time of the day that the clock leaps over, in spring.
package enum GapRule: String, Sendable, Hashable, CaseIterable {
    /// It comes as soon as the clock has leapt.
    case runAfter = "run_after"
    case skip
}

/// What becomes of a time of the day that the clock shows twice, in autumn.
package enum OverlapRule: String, Sendable, Hashable, CaseIterable {
    case first
    case both
}

/// A moment that a cron expression names in a time zone.
package struct CronFiring: Sendable, Hashable {
    package enum Decision: String, Sendable, Hashable, CaseIterable {
        case regular
        /// Its time does not exist on that day; it comes when the clock has leapt over it.
        case gapRunAfter = "gap_run_after"
        /// Its time does not exist on that day, and it does not come.
        case gapSkipped = "gap_skipped"
        /// The clock shows its time twice on that day; this is the first.
        case overlapFirst = "overlap_first"
        case overlapSecond = "overlap_second"
    }

    package let at: Timestamp
    package let decision: Decision

    /// Whether anything happens at that moment.
    package var isDue: Bool { decision != .gapSkipped }
}

/// The moments that a cron expression names in a time zone, in their order.
///
/// An expression with a `*` for its hour or minute follows the clock: what the clock leaps over is not there, and what it shows
/// twice comes twice. Any other names times of the day, for which the two rules say what happens then.
package struct CronFirings: Sequence, IteratorProtocol {
    private let expression: CronExpression
    private let gap: GapRule
    private let overlap: OverlapRule
    private var zone: ZoneOffsets
    /// Everything up to this second is told.
    private var cursor: Int64
    private var offset: Int64
    /// Changes of the clock up to this second are behind.
    private var passed: Int64 = .min
    /// Up to this second the clock shows what it has shown before.
    private var repeatsUntil: Int64 = .min

    /// - Parameters:
    ///   - moment: Those after it.
    ///   - offset: How many seconds the clock of the zone is ahead of UTC, at a second since 1970.
    package init(
        _ expression: CronExpression, after moment: Timestamp, gap: GapRule = .runAfter,
        overlap: OverlapRule = .first, offset: @escaping @Sendable (_ second: Int64) -> Int64
    ) {
        self.expression = expression
        self.gap = gap
        self.overlap = overlap
        zone = ZoneOffsets(offset)
        cursor = moment.secondsFloored
        self.offset = offset(cursor)
        // No clock is set back by more than a day.
        guard let change = zone.change(after: cursor - 86_400, upTo: cursor) else { return }
        repeatsUntil = change + offset(change - 1) - self.offset
        if overlap == .first, !expression.followsClock { cursor = Swift.max(cursor, repeatsUntil - 1) }
    }

    package mutating func next() -> CronFiring? {
        while let local = expression.nextLocal(after: cursor + offset) {
            let second = local - offset
            guard let change = zone.change(after: Swift.max(cursor, passed), upTo: second) else {
                cursor = second
                return firing(second, regularDecision(second))
            }
            // Nothing lies before the change.
            if let firing = pass(change) { return firing }
        }
        return nil
    }

    /// Goes on behind a change of the clock.
    /// - Returns: What the change itself leads to.
    private mutating func pass(_ change: Int64) -> CronFiring? {
        let before = offset
        offset = zone.offset(at: change)
        (cursor, passed) = (change - 1, change)
        repeatsUntil = Swift.max(change, change + before - offset)
        guard !expression.followsClock else { return nil }
        if offset > before {
            let local = expression.nextLocal(after: change + before - 1)
            guard let local, local < change + offset else { return nil }
            if gap == .runAfter { cursor = change }
            return firing(change, gap == .runAfter ? .gapRunAfter : .gapSkipped)
        }
        if overlap == .first { cursor = repeatsUntil - 1 }
        return nil
    }

    private mutating func regularDecision(_ second: Int64) -> CronFiring.Decision {
        guard !expression.followsClock else { return .regular }
        if second < repeatsUntil { return .overlapSecond }
        // No clock is set back by more than a day.
        guard let change = zone.change(after: second, upTo: second + 86_400) else { return .regular }
        let next = zone.offset(at: change)
        return next < offset && second >= change - (offset - next) ? .overlapFirst : .regular
    }

    private func firing(_ second: Int64, _ decision: CronFiring.Decision) -> CronFiring {
        CronFiring(at: Timestamp(microseconds: second * 1_000_000), decision: decision)
    }
}
