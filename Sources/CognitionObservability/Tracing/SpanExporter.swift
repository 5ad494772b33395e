package import CognitionCore
package import Logging
import Synchronization

/// Sends spans to a receiver of OTLP/HTTP in batches, by the rules of its specification,
/// https://opentelemetry.io/docs/specs/otlp/#otlphttp-response: 429, 502, 503, 504 and a connection that fails are tried
/// again, after `Retry-After` or with growing delays; what else is no success is not.
///
/// One request at a time; meanwhile spans wait in the ``SpanQueue``, which is bounded.
package final class SpanExporter: Sendable {
    package struct Settings: Sendable {
        /// Of the receiver, `/v1/traces` included.
        package var url: String
        package var headers: [(name: String, value: String)] = []
        /// For one request.
        package var timeout: Duration = .seconds(10)
        /// How long a span waits for its batch to become full.
        package var delay: Duration = .seconds(5)
        /// How long one batch is tried for.
        package var patience: Duration = .seconds(60)
        /// How long a request that is under way when ``SpanExporter/run()`` ends may still take. The receiver may have its
        /// spans already, and would get them twice.
        package var linger: Duration = .seconds(3)
        /// How long ``SpanExporter/flush()`` takes at most.
        package var flushTimeout: Duration = .seconds(5)

        package init(url: String) { self.url = url }
    }

    private enum Answer {
        case taken(rejected: Int, reason: String)
        case again(after: Duration?, reason: String)
        case refused(reason: String)
    }

    private struct State {
        /// Taken from the queue and not yet with the receiver.
        var batch: [SpanRecord] = []
        var isFailing = false
    }

    private let settings: Settings
    private let queue: SpanQueue
    private let encoder: OTLPEncoder
    private let http: any OutboundHTTP
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let logger: Logger
    private let state = Mutex(State())

    private static let retry = RetryPolicy(
        delay: .seconds(1), backoff: .exponential(), delayMax: .seconds(15), jitter: .full)

    /// - Parameters:
    ///   - resource: What sends the spans, by the semantic conventions.
    ///   - http: Reaches the receiver; of its own use no spans are made.
    package init(
        _ queue: SpanQueue, settings: Settings, resource: [(name: String, value: String)], http: any OutboundHTTP,
        clock: any Clock<Duration> = ContinuousClock(), wallClock: any WallClock = SystemWallClock(), logger: Logger
    ) {
        self.settings = settings
        self.queue = queue
        encoder = OTLPEncoder(resource: resource, version: Release.version)
        self.http = http
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Exports until the task is cancelled, and waits for the answer to what is under way then; what is left is for
    /// ``flush()``.
    package func run() async {
        while !Task.isCancelled {
            await waitForBatch()
            repeat {
                await exportNext(within: settings.patience, linger: settings.linger)
            } while queue.hasFullBatch && !Task.isCancelled
        }
    }

    /// Sends what is left, as far as the receiver takes it within the time there is; the rest is counted as failed.
    package func flush() async {
        let (clock, limit) = (clock, settings.flushTimeout)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled, !self.queue.isEmpty || self.state.withLock({ !$0.batch.isEmpty }) {
                    await self.exportNext(within: limit, linger: .zero)
                }
            }
            group.addTask { try? await clock.sleep(for: limit) }  // its only error is cancellation, the end of the race
            await group.next()
            group.cancelAll()
        }
        var lost = state.withLock { state in
            defer { state.batch = [] }
            return state.batch.count
        }
        while case let batch = queue.take(), !batch.isEmpty { lost += batch.count }
        if lost > 0 {
            queue.count(lost, .failed)
            logger.warning("Spans were not exported", metadata: ["trace.spans": "\(lost)"])
        }
    }

    private func waitForBatch() async {
        guard !queue.hasFullBatch else { return }
        let (clock, delay, queue) = (clock, settings.delay, queue)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.waitForFullBatch() }
            group.addTask { try? await clock.sleep(for: delay) }  // its only error is cancellation, the end of the race
            await group.next()
            group.cancelAll()
        }
    }

    /// Sends one batch until it is taken or refused, its time is over, or the task is cancelled: then it is kept.
    /// - Parameter linger: How long a request goes on after the cancellation.
    private func exportNext(within patience: Duration, linger: Duration) async {
        let batch = state.withLock { state in
            if state.batch.isEmpty { state.batch = queue.take() }
            return state.batch
        }
        guard !batch.isEmpty else { return }
        let body = encoder.request(batch)
        let start = ContinuousClock.now
        var attempt = 0
        while true {
            attempt += 1
            switch await send(body, linger: linger) {
            case nil: return
            case .taken(let rejected, let reason):
                let rejected = min(rejected, batch.count)
                queue.count(batch.count - rejected, .exported)
                if rejected > 0 { queue.count(rejected, .rejected) }
                return done(rejected > 0 ? "the receiver has rejected \(rejected) spans: \(reason)" : nil)
            case .refused(let reason):
                queue.count(batch.count, .failed)
                return done(reason)
            case .again(let wish, let reason):
                note(failure: reason)
                var random = SystemRandomNumberGenerator()
                let delay = wish ?? Self.retry.delay(afterAttempt: attempt, using: &random)
                guard delay < patience - (ContinuousClock.now - start) else {
                    queue.count(batch.count, .failed)
                    return done(reason)
                }
                do { try await clock.sleep(for: delay) } catch { return }
            }
        }
    }

    /// The batch needs no further attempt.
    private func done(_ failure: String?) {
        state.withLock { $0.batch = [] }
        note(failure: failure)
    }

    /// Says once that spans do not arrive, and once that they do again.
    private func note(failure: String?) {
        let hasChanged = state.withLock { state in
            defer { state.isFailing = failure != nil }
            return state.isFailing != (failure != nil)
        }
        guard hasChanged else { return }
        if let failure {
            logger.warning(
                "Spans do not arrive", metadata: ["trace.receiver": "\(settings.url)", "error": "\(failure)"])
        } else {
            logger.notice("Spans arrive again", metadata: ["trace.receiver": "\(settings.url)"])
        }
    }

    /// - Returns: `nil` when the task was cancelled.
    private func send(_ body: [UInt8], linger: Duration) async -> Answer? {
        let clock = clock
        // Unstructured, because the end of the loop must not cut it off at once.
        let request = Task { await self.request(body) }
        return await withTaskCancellationHandler {
            await request.value
        } onCancel: {
            guard linger > .zero else { return request.cancel() }
            Task {
                try? await clock.sleep(for: linger)  // nobody cancels it
                request.cancel()
            }
        }
    }

    /// - Returns: `nil` when the task was cancelled.
    private func request(_ body: [UInt8]) async -> Answer? {
        let request = OutboundRequest(
            method: "POST", url: settings.url, headers: [("Content-Type", "application/json")] + settings.headers,
            body: body, timeout: settings.timeout, bodyBytesMax: 1 << 20)
        let answer: OutboundResponse
        do {
            answer = try await http.send(request)
        } catch let error as OutboundHTTPError {
            return switch error.code {
            case OutboundHTTPError.refused, OutboundHTTPError.invalidURL: .refused(reason: error.message)
            default: .again(after: nil, reason: error.message)
            }
        } catch {
            return Task.isCancelled ? nil : .again(after: nil, reason: "\(type(of: error))")
        }
        switch answer.status {
        case 200...299:
            let partial = (try? JSONValue(parsing: answer.body))?["partialSuccess"]
            return .taken(
                rejected: partial.map(Self.rejected) ?? 0, reason: partial?["errorMessage"]?.stringValue ?? "")
        case 429, 502, 503, 504:
            let wish = RetryAfter.read(now: wallClock.now) { answer.header($0) }
            return .again(after: wish, reason: "the receiver answers \(answer.status)")
        default:
            return .refused(reason: "the receiver answers \(answer.status)")
        }
    }

    /// A 64-bit number is a text in this JSON, or a number.
    private static func rejected(_ partial: JSONValue) -> Int {
        guard let count = partial["rejectedSpans"] else { return 0 }
        return max(0, count.stringValue.flatMap { Int($0) } ?? count.integerValue.map(Int.init) ?? 0)
    }
}
