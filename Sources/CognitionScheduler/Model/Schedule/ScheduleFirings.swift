import CognitionCore

/// What a schedule names after a moment, in order and without end, those times too that the clock leaps over.
struct ScheduleFirings: Sequence, IteratorProtocol {
    private enum Source {
        case cron(CronFirings)
        case grid(IntervalGrid, index: Int64)
        case once(Timestamp?)
    }

    private var source: Source
    private let end: Timestamp?
    /// How many in a row do not come.
    private var skipped = 0

    /// A schedule that the clock leaps over so often in a row never fires.
    private static let skippedMax = 100

    init(_ schedule: JobSchedule, after moment: Timestamp, anchor: Timestamp) {
        end = schedule.end
        switch schedule.trigger {
        case .cron(let expression):
            let first = schedule.start.map { Swift.max(moment, $0.before) } ?? moment
            source = .cron(
                CronFirings(
                    expression, after: first, gap: schedule.gap, overlap: schedule.overlap, offset: schedule.zone.offset
                ))
        case .every(let interval):
            let grid = schedule.grid(every: interval, anchor: anchor)
            source = .grid(grid, index: grid.index(after: moment))
        case .at(let due): source = .once(due > moment ? due : nil)
        case .after(let delay), .afterRun(let delay):
            source = .once(anchor + delay > moment ? anchor + delay : nil)
        case .on, .owner: source = .once(nil)
        }
    }

    mutating func next() -> PlannedFiring? {
        guard skipped < Self.skippedMax, let firing = following(), end.map({ firing.at < $0 }) ?? true else {
            return nil
        }
        skipped = firing.decision.isDue ? 0 : skipped + 1
        return firing
    }

    private mutating func following() -> PlannedFiring? {
        switch source {
        case .cron(var firings):
            let firing = firings.next()
            source = .cron(firings)
            return firing.map { PlannedFiring(at: $0.at, decision: FiringDecision($0.decision)) }
        case .grid(let grid, let index):
            guard let moment = grid.moment(index) else { return nil }
            source = .grid(grid, index: index + 1)
            return PlannedFiring(at: moment, decision: .regular)
        case .once(let moment):
            source = .once(nil)
            return moment.map { PlannedFiring(at: $0, decision: .regular) }
        }
    }
}

/// Moments that lie one interval apart, numbered from their base.
struct IntervalGrid {
    private let base: Int64
    /// Microseconds.
    private let step: Int64
    private let first: Int64

    /// - Parameters:
    ///   - interval: At least a microsecond.
    ///   - includesBase: The base is the first of them, else the moment an interval later.
    init(every interval: Duration, from base: Timestamp, includesBase: Bool) {
        self.base = base.microseconds
        step = max(1, interval.microseconds)
        first = includesBase ? 0 : 1
    }

    /// The number of the first one after `moment`.
    func index(after moment: Timestamp) -> Int64 {
        let (distance, overflow) = moment.microseconds.subtractingReportingOverflow(base)
        guard !overflow else { return moment.microseconds < base ? first : .max }
        let passed = distance.floorDivided(by: step).quotient
        return passed == .max ? .max : max(first, passed + 1)
    }

    /// `nil` beyond the end of time.
    func moment(_ index: Int64) -> Timestamp? {
        let (distance, overflow) = index.multipliedReportingOverflow(by: step)
        let (moment, spilled) = base.addingReportingOverflow(distance)
        return overflow || spilled ? nil : Timestamp(microseconds: moment)
    }

    func count(after low: Timestamp, upTo high: Timestamp) -> Int {
        max(0, Int(index(after: high) - index(after: low)))
    }

    /// The last ones, at most `limit`, in order.
    func latest(_ limit: Int, after low: Timestamp, upTo high: Timestamp) -> [Timestamp] {
        let end = index(after: high)
        let begin = max(index(after: low), end - Int64(limit))
        return begin < end ? (begin..<end).compactMap(moment) : []
    }
}
