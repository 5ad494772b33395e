import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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

    // All of it is read and changed while `bell` is locked.
    private let bell = Bell()
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
        bell.withLock {
            jobs.append(job)
            bell.ring()
        }
    }

    /// Waits without the pool's timers; ends early, without an error, when the task is cancelled.
    package func sleep(for duration: Duration) async {
        let number = bell.withLock {
            sleeps += 1
            return sleeps
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isTaken = bell.withLock {
                    guard !isStopped, !Task.isCancelled else { return false }
                    sleepers.append(Sleeper(number: number, until: .now + duration, continuation: continuation))
                    bell.ring()
                    return true
                }
                if !isTaken { continuation.resume() }
            }
        } onCancel: {
            bell.withLock {
                guard let place = sleepers.firstIndex(where: { $0.number == number }) else { return }
                sleepers[place].until = .now
                bell.ring()
            }
        }
    }

    /// Ends the thread once nothing is left to run.
    package func stop() {
        bell.withLock {
            isStopped = true
            bell.ring()
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
        bell.withLock {
            while true {
                let now = ContinuousClock.now
                let awake = isStopped ? sleepers : sleepers.filter { $0.until <= now }
                if !jobs.isEmpty || !awake.isEmpty {
                    sleepers = isStopped ? [] : sleepers.filter { $0.until > now }
                    defer { jobs = [] }
                    return (jobs, awake)
                }
                if isStopped { return nil }
                bell.wait(atMost: sleepers.map(\.until).min().map { $0 - now })
            }
        }
    }
}

/// A lock that one thread waits at for a ring. Its time is not that of the calendar, which somebody may set back.
private final class Bell: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        #if canImport(Glibc)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        #endif
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Called by whoever holds the lock.
    func ring() { pthread_cond_signal(condition) }

    /// Lets go of the lock until a ring, or until the time is over; called by whoever holds it.
    func wait(atMost duration: Duration?) {
        guard let duration else {
            pthread_cond_wait(condition, mutex)
            return
        }
        let (seconds, attoseconds) = max(.zero, duration).components
        #if canImport(Glibc)
            var end = timespec()
            clock_gettime(CLOCK_MONOTONIC, &end)
            end.tv_sec += Int(seconds)
            end.tv_nsec += Int(attoseconds / 1_000_000_000)
            if end.tv_nsec >= 1_000_000_000 {
                (end.tv_sec, end.tv_nsec) = (end.tv_sec + 1, end.tv_nsec - 1_000_000_000)
            }
            pthread_cond_timedwait(condition, mutex, &end)
        #else
            var length = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
            pthread_cond_timedwait_relative_np(condition, mutex, &length)
        #endif
    }
}
