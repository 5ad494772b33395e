package import CognitionCore

extension JobSchedule {
    /// How many firings that are in time one plan takes.
    package static let dueMax = 1_000
    /// How many late firings of a cron expression are counted.
    package static let countedMax = 10_000

    /// What has to be done at `now`, when everything up to and with `last` is dealt with.
    ///
    /// What is late by no more than ``grace`` and the jitter comes as if it were in time. Of what is later the misfire policy
    /// makes up for the last ones, as far as they lie within the catch-up window. However long nobody was there, some 10,000
    /// firings are looked at.
    ///
    /// - Parameter anchor: When the schedule was made.
    /// - Returns: Nothing to do when `now` does not lie after `last`.
    package func plan(after last: Timestamp, now: Timestamp, anchor: Timestamp) -> SchedulePlan {
        guard now > last else {
            return SchedulePlan(due: [], missed: 0, through: last, next: next(after: last, anchor: anchor))
        }
        let lateUntil = max(last, (now - Self.grace - jitter).before)
        let late = makeUp(after: last, upTo: lateUntil, now: now, anchor: anchor)
        var (due, room) = (late.fired, Self.dueMax)
        for firing in firings(after: lateUntil, anchor: anchor) where firing.decision.isDue {
            guard firing.at <= now, room > 0 else {
                let through = firing.at <= now ? due.last?.at : now
                return SchedulePlan(due: due, missed: late.missed, through: through ?? now, next: firing.at)
            }
            due.append(firing)
            room -= 1
        }
        return SchedulePlan(due: due, missed: late.missed, through: now, next: nil)
    }

    private func makeUp(
        after last: Timestamp, upTo end: Timestamp, now: Timestamp, anchor: Timestamp
    ) -> (fired: [PlannedFiring], missed: Int) {
        guard end > last else { return ([], 0) }
        let window = max(last, (now - catchUpWindow).before)
        let fired = latest(misfire.limit, after: window, upTo: end, anchor: anchor)
        let count = self.count(after: last, upTo: end, anchor: anchor)
        return (fired.map { PlannedFiring(at: $0, decision: .misfireFired) }, max(0, count - fired.count))
    }

    /// How many are due; of a cron expression ``countedMax`` at most.
    private func count(after low: Timestamp, upTo high: Timestamp, anchor: Timestamp) -> Int {
        if let grid = grid(anchor: anchor) { return grid.count(after: low, upTo: highest(high)) }
        return due(Self.countedMax, after: low, upTo: high, anchor: anchor).count
    }

    /// The last ones that are due, at most `limit`, in order.
    private func latest(
        _ limit: Int, after low: Timestamp, upTo high: Timestamp, anchor: Timestamp
    ) -> [Timestamp] {
        guard limit > 0, high > low else { return [] }
        if let grid = grid(anchor: anchor) { return grid.latest(limit, after: low, upTo: highest(high)) }
        let first = due(limit + Self.dueMax, after: low, upTo: high, anchor: anchor)
        if first.count < limit + Self.dueMax { return first.suffix(limit) }
        // They stand on whole seconds. After which second are there just so many?
        var (many, few) = (low.secondsFloored, high.secondsFloored)
        while few - many > 1 {
            let middle = many + (few - many) / 2
            let count = due(limit, after: Timestamp(seconds: middle), upTo: high, anchor: anchor).count
            if count == limit { many = middle } else { few = middle }
        }
        return due(limit, after: Timestamp(seconds: many), upTo: high, anchor: anchor)
    }

    /// The first ones that are due, at most `limit`.
    private func due(
        _ limit: Int, after low: Timestamp, upTo high: Timestamp, anchor: Timestamp
    ) -> [Timestamp] {
        var found: [Timestamp] = []
        for firing in firings(after: low, anchor: anchor) {
            guard firing.at <= high, found.count < limit else { break }
            if firing.decision.isDue { found.append(firing.at) }
        }
        return found
    }

    private func grid(anchor: Timestamp) -> IntervalGrid? {
        guard case .every(let interval) = trigger else { return nil }
        return grid(every: interval, anchor: anchor)
    }

    func grid(every interval: Duration, anchor: Timestamp) -> IntervalGrid {
        IntervalGrid(every: interval, from: start ?? anchor, includesBase: start != nil)
    }

    private func highest(_ moment: Timestamp) -> Timestamp { end.map { min(moment, $0.before) } ?? moment }
}

extension Timestamp {
    /// The last moment before it.
    var before: Timestamp { self - .microseconds(1) }

    fileprivate init(seconds: Int64) { self.init(microseconds: seconds * 1_000_000) }
}
