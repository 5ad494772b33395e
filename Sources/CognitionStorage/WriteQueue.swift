import Dispatch
import Synchronization

/// The threads that write, one or a few, and the requests that wait for them.
///
/// While a round is being made durable the next requests gather, so the disk's own speed sets how many share a commit;
/// an idle writer takes a request at once. At most ``waitingMax`` requests wait; one more is refused as overloaded.
package final class WriteQueue: Sendable {
    package static let waitingMax = 16_384

    private enum Entry {
        case write(any WriteRequest)
        case job(ConnectionJob)
    }

    private struct State {
        var entries = Backlog<Entry>()
        /// Threads that wait for `work` and have not been woken yet.
        var idle = 0
        var isClosing = false
    }

    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let signals: Signals
    private let metrics: StorageMetrics
    private let requestsMax: Int?
    private let ended = Latch()

    /// - Parameter requestsMax: How many requests may share a transaction; `nil` for as many as a round takes.
    package init(signals: Signals, metrics: StorageMetrics, requestsMax: Int? = nil) {
        self.signals = signals
        self.requestsMax = requestsMax
        self.metrics = metrics
    }

    /// Requests that wait for their turn.
    package var waiting: Int { state.withLock { $0.entries.count } }

    /// Starts `count` threads and returns once each has its connection; when one fails, ``close()`` ends the others.
    package func start(
        _ name: String, count: Int = 1, open: @escaping @Sendable () throws -> any StorageConnection
    ) async throws {
        for number in 1...count {
            let name = count == 1 ? name : "\(name)-\(number)"
            try await StorageThread.start(name, until: ended, open: open) { connection in
                let rounds = RoundRunner(
                    connection: connection, signals: self.signals, metrics: self.metrics,
                    requestsMax: self.requestsMax)
                while let entry = self.next() {
                    switch entry {
                    case .write(let request): rounds.run(from: request) { self.nextWrite() }
                    case .job(let job): job.run(on: connection)
                    }
                }
            }
        }
    }

    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        try await StorageSpan.around("write") { log in
            let cancellation = Cancellation()
            let body = WriteCompanion.accompanied(body)
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let request = TypedWriteRequest(
                        body: body, continuation: continuation, cancellation: cancellation, log: log)
                    if let refusal = submit(.write(request)) { request.fail(refusal) }
                }
            } onCancel: {
                cancellation.cancel()
            }
        }
    }

    /// Lends the connection between two rounds, in turn with the writes; it has no transaction open.
    package func exclusively<Value: Sendable>(
        _ body: @escaping @Sendable (any StorageConnection) throws -> Value
    ) async throws -> Value {
        try await ConnectionJob.perform(body) { job in
            if let refusal = submit(.job(job)) { job.refuse(refusal) }
        }
    }

    /// Lets the queued requests finish and returns once every connection is closed.
    package func close() async {
        let idle = state.withLock { state in
            state.isClosing = true
            defer { state.idle = 0 }
            return state.idle
        }
        for _ in 0..<idle { work.signal() }
        await ended.wait()
    }

    /// - Returns: Why the entry is not taken.
    private func submit(_ entry: Entry) -> StorageError? {
        enum Outcome { case wake, queued, refused(StorageError) }
        let outcome: Outcome = state.withLock { state in
            if state.isClosing { return .refused(.closed) }
            if state.entries.count >= Self.waitingMax { return .refused(.overloaded(waiting: Self.waitingMax)) }
            state.entries.append(entry)
            metrics.writesWait(state.entries.count)
            guard state.idle > 0 else { return .queued }
            state.idle -= 1
            return .wake
        }
        switch outcome {
        case .wake: work.signal()
        case .queued: break
        case .refused(let error):
            metrics.failed(error)
            return error
        }
        return nil
    }

    /// The next entry whose caller has not gone away; waits for one, and is `nil` when the queue has closed and none is left.
    private func next() -> Entry? {
        while true {
            let (entry, isClosing) = state.withLock { state -> (Entry?, Bool) in
                let entry = state.entries.popFirst()
                metrics.writesWait(state.entries.count)
                if let entry { return (entry, false) }
                if !state.isClosing { state.idle += 1 }
                return (nil, state.isClosing)
            }
            switch entry {
            case .write(let request) where request.isCancelled: request.fail(CancellationError())
            case .some(let entry): return entry
            case nil where isClosing: return nil
            case nil: work.wait()
            }
        }
    }

    /// The next write that can join a round: `nil` when none waits, or when a job is before it.
    private func nextWrite() -> (any WriteRequest)? {
        while true {
            let request = state.withLock { state -> (any WriteRequest)? in
                guard case .write(let request) = state.entries.first else { return nil }
                _ = state.entries.popFirst()
                return request
            }
            guard let request else { return nil }
            if !request.isCancelled { return request }
            request.fail(CancellationError())
        }
    }
}
