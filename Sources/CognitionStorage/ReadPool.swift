import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reading threads, each with its own connection, and the bodies that wait for one.
///
/// At most ``waitingMax`` bodies wait; one more is refused as overloaded.
package final class ReadPool: Sendable {
    package static let waitingMax = 16_384

    private struct State {
        var jobs = Backlog<ConnectionJob>()
        /// Threads that wait for `work` and have not been woken yet.
        var idle = 0
        var isClosing = false
    }

    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let metrics: StorageMetrics
    private let ended = Latch()

    package init(metrics: StorageMetrics) { self.metrics = metrics }

    /// Starts `count` threads and returns once each has its connection; when one fails, ``close()`` ends the others.
    package func start(
        _ name: String, count: Int, open: @escaping @Sendable () throws -> any StorageConnection
    ) async throws {
        for number in 1...count {
            try await StorageThread.start("\(name)-\(number)", until: ended, open: open) { connection in
                while let job = self.next() { job.run(on: connection) }
            }
        }
    }

    /// Runs `body` in a read transaction; cancellation before it starts throws `CancellationError`.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        let (metrics, requested) = (metrics, ContinuousClock.now)
        return try await StorageSpan.around("read") { log in
            try await exclusively { connection in
                try metrics.read(since: requested) { try connection.read(body, notedIn: log) }
            }
        }
    }

    /// Lends a connection that has no transaction open.
    package func exclusively<Value: Sendable>(
        _ body: @escaping @Sendable (any StorageConnection) throws -> Value
    ) async throws -> Value {
        try await ConnectionJob.perform(body, submit: submit)
    }

    /// Lets the queued bodies finish and returns once every connection is closed.
    package func close() async {
        let idle = state.withLock { state in
            state.isClosing = true
            defer { state.idle = 0 }
            return state.idle
        }
        for _ in 0..<idle { work.signal() }
        await ended.wait()
    }

    private func submit(_ job: ConnectionJob) {
        enum Outcome { case wake, queued, refused(StorageError) }
        let outcome: Outcome = state.withLock { state in
            if state.isClosing { return .refused(.closed) }
            if state.jobs.count >= Self.waitingMax { return .refused(.overloaded(waiting: Self.waitingMax)) }
            state.jobs.append(job)
            metrics.readsWait(state.jobs.count)
            guard state.idle > 0 else { return .queued }
            state.idle -= 1
            return .wake
        }
        switch outcome {
        case .wake: work.signal()
        case .queued: break
        case .refused(let error):
            metrics.failed(error)
            job.refuse(error)
        }
    }

    /// The next job; waits for one, and is `nil` when the pool has closed and none is left.
    private func next() -> ConnectionJob? {
        while true {
            // Under load the next job comes within a moment, and a thread that is awake takes it without being woken.
            for isLastLook in [false, true] {
                switch look(waits: isLastLook) {
                case .job(let job): return job
                case .closed: return nil
                case .nothing: if !isLastLook { sched_yield() }
                }
            }
            work.wait()
        }
    }

    private enum Look {
        case job(ConnectionJob)
        case closed
        case nothing
    }

    /// - Parameter waits: The thread will wait for `work` when there is nothing.
    private func look(waits: Bool) -> Look {
        state.withLock { state in
            if let job = state.jobs.popFirst() {
                metrics.readsWait(state.jobs.count)
                return .job(job)
            }
            if state.isClosing { return .closed }
            if waits { state.idle += 1 }
            return .nothing
        }
    }
}
