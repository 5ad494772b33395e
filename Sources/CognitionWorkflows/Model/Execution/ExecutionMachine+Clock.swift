package import CognitionCore

/// A clock that somebody sets back.
///
/// What happens in an execution has moments that only grow, so that each tells how far it was. What is waited for goes by the
/// clock: by what it says now, and for what was waited for already, as if it had said so all the time.
extension ExecutionMachine {
    /// What the clock says at a moment of the execution.
    func clock(_ now: Timestamp) -> Timestamp { now - ahead }

    /// Moves everything that is waited for, so that it comes after the time that was meant.
    package mutating func clockWentBack(by step: Duration, now: Timestamp) {
        guard !hasEnded else { return }
        for number in tasks.numbers where number > 0 {
            guard let task = tasks[number] else { continue }
            guard task.wakeAt != nil || task.deadline != nil || task.progress.attempts?.attemptDeadline != nil else {
                continue
            }
            update(number) { task in
                task.wakeAt = task.wakeAt.map { $0 - step }
                task.deadline = task.deadline.map { $0 - step }
                task.progress.changeAttempts { $0.attemptDeadline = $0.attemptDeadline.map { $0 - step } }
            }
        }
        state.suspendedAt = state.suspendedAt.map { $0 - step }
        // The row has no deadline of the whole, only by how much it has moved.
        state.paused -= step
        tasks.change(0) { $0.deadline = $0.deadline.map { $0 - step } }
        passTime(now: now)
    }
}

/// What the clock says, and how far it was set back until then, all steps of the process's life together.
///
/// So two readings can be told apart that lie on either side of a step: what was made by one is moved to the other.
package struct ClockReading: Sendable {
    package var now: Timestamp
    package var setBack: Duration = .zero
}

/// Notices that the clock was set back while a process lives, by the clock that counts its life.
package struct ClockWatch: Sendable {
    /// Smaller steps are those of a clock that is kept right.
    package static let stepMin: Duration = .seconds(1)

    /// All steps together.
    package private(set) var setBack: Duration = .zero
    private var last: (wall: Timestamp, instant: ContinuousClock.Instant)?

    package init() {}

    /// - Returns: By how much the clock was set back since the last look, if it was.
    package mutating func note(_ now: Timestamp, at instant: ContinuousClock.Instant = .now) -> Duration? {
        defer { last = (now, instant) }
        guard let last, now < last.wall else { return nil }
        let step = last.wall + (instant - last.instant) - now
        guard step >= Self.stepMin else { return nil }
        setBack += step
        return step
    }
}
