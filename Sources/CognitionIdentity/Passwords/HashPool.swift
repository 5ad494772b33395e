import CognitionStorage
import Dispatch
import Foundation
import Glibc
import Synchronization

/// Threads of low priority and what waits for them, first come, first served.
final class HashPool: Sendable {
    struct Job: Sendable {
        let id: Int
        let cancellation: Cancellation
        let run: @Sendable (CryptMemory) -> Void
        let refuse: @Sendable (any Error) -> Void
    }

    private struct State {
        var waiting: [Job] = []
        var lastID = 0
        var threads = 0
        var isClosing = false
    }

    /// Linux's `SCHED_IDLE`, which the C headers show to C alone.
    private static let idleClass: Int32 = 5

    private let waitingMax: Int
    private let metrics: IdentityMetrics
    private let state = Mutex(State())
    /// Signalled once for each job; a signal that is left over wakes a thread for nothing.
    private let work = DispatchSemaphore(value: 0)

    init(waitingMax: Int, metrics: IdentityMetrics) {
        self.waitingMax = waitingMax
        self.metrics = metrics
    }

    func start(threads: Int) {
        state.withLock { $0.threads = threads }
        for number in 1...threads {
            let thread = Thread { self.serve() }
            thread.name = "password-\(number)"
            thread.start()
        }
    }

    func nextID() -> Int {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    func add(_ job: Job) {
        let refusal = state.withLock { state -> (any Error)? in
            if job.cancellation.isCancelled { return CancellationError() }
            guard state.waiting.count < waitingMax else {
                return IdentityError(
                    .identityBusy, "\(waitingMax) passwords wait to be checked already; try again shortly")
            }
            state.waiting.append(job)
            // Inside of the lock, so that the last value is the true one.
            metrics.recordQueue(state.waiting.count)
            return nil
        }
        if let refusal { job.refuse(refusal) } else { work.signal() }
    }

    /// Takes a job back that no thread has begun.
    func remove(_ id: Int) {
        let removed = state.withLock { state -> Job? in
            guard let place = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
            defer { metrics.recordQueue(state.waiting.count) }
            return state.waiting.remove(at: place)
        }
        removed?.refuse(CancellationError())
    }

    /// Lets the threads end; whoever waits has a reference to the owner, so nobody does.
    func close() {
        let threads = state.withLock { state in
            state.isClosing = true
            return state.threads
        }
        for _ in 0..<threads { work.signal() }
    }

    /// Puts the calling thread into the kernel's idle class: any other thread that has something to do takes its core at
    /// once, where a low priority would let it end its slice of some milliseconds first. Where it fails, logins cost others
    /// more.
    private func yieldToOthers() {
        var parameter = sched_param()
        _ = sched_setscheduler(0, Self.idleClass, &parameter)
    }

    private func serve() {
        yieldToOthers()
        let memory = CryptMemory()
        while true {
            let (job, isClosing) = state.withLock { state -> (Job?, Bool) in
                guard !state.waiting.isEmpty else { return (nil, state.isClosing) }
                defer { metrics.recordQueue(state.waiting.count) }
                return (state.waiting.removeFirst(), false)
            }
            if let job {
                job.run(memory)
            } else if isClosing {
                return
            } else {
                work.wait()
            }
        }
    }
}
