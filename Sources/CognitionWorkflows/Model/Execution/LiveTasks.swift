import CognitionCore
import HeapModule

/// The tasks of an execution that have not ended, by number.
///
/// What each transition asks of all of them (the earliest moment, whether everything waits) is kept up to date with each
/// change, so that an execution with ten thousand tasks side by side does not look at all of them each time one ends.
struct LiveTasks: Sendable {
    private struct Moment: Sendable, Comparable {
        let moment: Timestamp
        let number: Int

        static func < (one: Moment, other: Moment) -> Bool {
            (one.moment, one.number) < (other.moment, other.number)
        }
    }

    /// What a task adds to what is known of all.
    private struct Share: Equatable {
        /// Nothing runs inside of it.
        let isInnermost: Bool
        let isWaiting: Bool
        let reason: StatusReason?
        let moment: Timestamp?

        init(_ task: borrowing LiveTask) {
            isInnermost = task.children.isEmpty
            isWaiting = task.status == .waiting
            reason = task.reason
            moment = task.nextMoment
        }
    }

    private var byNumber: [Int: LiveTask] = [:]
    /// Every task's moment, and moments that have been given up since.
    private var moments = Heap<Moment>()
    private var busyCount = 0
    private var reasons: [StatusReason: Int] = [:]

    var count: Int { byNumber.count }
    var numbers: Dictionary<Int, LiveTask>.Keys { byNumber.keys }
    var all: Dictionary<Int, LiveTask>.Values { byNumber.values }

    /// Each innermost task waits.
    var areWaiting: Bool { busyCount == 0 }
    /// Why they wait; of several reasons the first by name.
    var reason: StatusReason? { reasons.keys.min { $0.rawValue < $1.rawValue } }

    subscript(number: Int) -> LiveTask? { byNumber[number] }

    mutating func insert(_ task: LiveTask) {
        remove(task.number)
        count(Share(task), of: task.number)
        byNumber[task.number] = task
    }

    @discardableResult
    mutating func remove(_ number: Int) -> LiveTask? {
        guard let task = byNumber.removeValue(forKey: number) else { return nil }
        discount(Share(task))
        return task
    }

    /// Changes a task where it is.
    ///
    /// - Returns: False when there is none with this number.
    @discardableResult
    mutating func change(_ number: Int, _ change: (inout LiveTask) -> Void) -> Bool {
        let shares = byNumber[number]?.apply { task in
            let before = Share(task)
            change(&task)
            return (before: before, after: Share(task))
        }
        guard let shares else { return false }
        guard shares.before != shares.after else { return true }
        discount(shares.before)
        count(shares.after, of: number, knownMoment: shares.before.moment)
        return true
    }

    /// When time alone changes something next, and in which task; of several the one with the smallest number.
    mutating func earliest() -> (moment: Timestamp, number: Int)? {
        while let first = moments.min {
            if byNumber[first.number]?.nextMoment == first.moment { return (first.moment, first.number) }
            moments.removeMin()
        }
        return nil
    }

    private mutating func count(_ share: Share, of number: Int, knownMoment: Timestamp? = nil) {
        if let moment = share.moment, moment != knownMoment { remember(Moment(moment: moment, number: number)) }
        guard share.isInnermost else { return }
        if !share.isWaiting { busyCount += 1 }
        if let reason = share.reason { reasons[reason, default: 0] += 1 }
    }

    private mutating func remember(_ moment: Moment) {
        moments.insert(moment)
        guard moments.count > 2 * byNumber.count + 64 else { return }
        let kept = moments.unordered.filter { $0 == moment || byNumber[$0.number]?.nextMoment == $0.moment }
        moments = Heap(kept)
    }

    private mutating func discount(_ share: Share) {
        guard share.isInnermost else { return }
        if !share.isWaiting { busyCount -= 1 }
        guard let reason = share.reason, let count = reasons[reason] else { return }
        reasons[reason] = count > 1 ? count - 1 : nil
    }
}
