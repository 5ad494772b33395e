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

    /// Ten steps of `nice`: beside a busy thread of normal priority, one of these gets about a tenth of a core.
    private static let niceness: Int32 = 10

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

    private func serve() {
        // On Linux priorities belong to threads, and 0 names the one that calls. Where it fails, logins cost others more.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
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
