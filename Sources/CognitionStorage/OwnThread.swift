import Foundation

/// A thread of its own for tasks that have to go on whatever others compute: a function that keeps all threads of the
/// process's pool busy must not cost a node its lease.
///
/// Tasks run there that name it as their preferred executor. They wait with ``sleep(for:)``, as timers of the pool would
/// come no sooner than the pool does.
package final class OwnThread: TaskExecutor, @unchecked Sendable {
    private struct Sleeper {
        let number: Int
        var until: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    // All of it is read and changed while `condition` is locked.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var sleepers: [Sleeper] = []
    private var sleeps = 0
    private var isStopped = false

    package init(_ name: String) {
        let thread = Thread { [self] in work() }
        thread.name = name
        thread.start()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.withLock {
            jobs.append(job)
            condition.signal()
        }
    }

    /// Waits without the pool's timers; ends early, without an error, when the task is cancelled.
    package func sleep(for duration: Duration) async {
        let number = condition.withLock {
            sleeps += 1
            return sleeps
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isTaken = condition.withLock {
                    guard !isStopped, !Task.isCancelled else { return false }
                    sleepers.append(Sleeper(number: number, until: .now + duration, continuation: continuation))
                    condition.signal()
                    return true
                }
                if !isTaken { continuation.resume() }
            }
        } onCancel: {
            condition.withLock {
                guard let place = sleepers.firstIndex(where: { $0.number == number }) else { return }
                sleepers[place].until = .now
                condition.signal()
            }
        }
    }

    /// Ends the thread once nothing is left to run.
    package func stop() {
        condition.withLock {
            isStopped = true
            condition.signal()
        }
    }

    private func work() {
        while let (jobs, awake) = next() {
            for sleeper in awake { sleeper.continuation.resume() }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    /// Waits for something to do; `nil` when there will be nothing any more.
    private func next() -> (jobs: [UnownedJob], awake: [Sleeper])? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            let now = ContinuousClock.now
            let awake = isStopped ? sleepers : sleepers.filter { $0.until <= now }
            if !jobs.isEmpty || !awake.isEmpty {
                sleepers = isStopped ? [] : sleepers.filter { $0.until > now }
                defer { jobs = [] }
                return (jobs, awake)
            }
            if isStopped { return nil }
            guard let first = sleepers.map(\.until).min() else {
                condition.wait()
                continue
            }
            let (seconds, attoseconds) = (first - now).components
            _ = condition.wait(until: Date(timeIntervalSinceNow: Double(seconds) + Double(attoseconds) / 1e18))
        }
    }
}
