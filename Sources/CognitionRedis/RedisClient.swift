import CognitionCore
package import Logging
package import Metrics
import NIOSSL
import Synchronization
package import Tracing

/// A client of one Redis server, 6 or newer, over one connection that all share.
///
/// ``run()`` keeps the connection: when it is lost, it is made again, at growing intervals, and every channel is listened to anew.
/// Commands never wait for a connection: where there is none, they fail at once (`redis.unreachable`), and those under way when
/// one is lost fail too (`redis.interrupted`). An outage is logged once, and its end once.
package final class RedisClient: NodeMessages, Sendable {
    private struct Listener {
        let onStart: @Sendable () -> Void
        let onMessage: @Sendable ([UInt8]) -> Void
    }

    private struct State {
        /// Takes commands.
        var connection: RedisConnection?
        /// Tried, and to be ended when the client is.
        var opening: [RedisConnection] = []
        var listeners: [String: Listener] = [:]
        var failure = RedisError(.redisUnreachable, "it has not been reached yet")
        var outageSince: ContinuousClock.Instant?
        var version: String?
        /// Whether the server has answered that question, as far as it was asked.
        var tellsMemory = true
    }

    package let options: RedisOptions
    private let tls: NIOSSLContext?
    private let logger: Logger
    private let metrics: RedisMetrics
    private let tracer: (any Tracer)?
    private let state = Mutex(State())

    /// - Parameter tracer: `nil` for that of the process.
    /// - Throws: `redis.configuration_invalid` when the certificates cannot be used.
    package init(
        _ options: RedisOptions, logger: Logger, metrics: any MetricsFactory = MetricsSystem.factory,
        tracer: (any Tracer)? = nil
    ) throws {
        self.tracer = tracer
        self.options = options
        tls = try options.tlsContext()
        self.logger = logger
        self.metrics = RedisMetrics(factory: metrics)
    }

    // MARK: Commands

    /// Runs one command.
    /// - Returns: Its answer, which is no error.
    /// - Throws: `RedisError`; `CancellationError`, and the command may take effect all the same.
    package func command(_ name: String, _ arguments: [UInt8]...) async throws -> RESPValue {
        try await CommandSpan.around(name, of: options, by: tracer) {
            let start = ContinuousClock.now
            do {
                let answer = try await connection().send([Array(name.utf8)] + arguments)
                if case .error(let text) = answer { throw RedisError.answered(text) }
                metrics.took(ContinuousClock.now - start, failure: nil)
                return answer
            } catch {
                metrics.took(ContinuousClock.now - start, failure: error)
                throw error
            }
        }
    }

    private func connection() throws -> RedisConnection {
        try state.withLock { state in
            if let connection = state.connection { return connection }
            guard state.failure.code != .redisClosed else { throw state.failure }
            throw RedisError(
                .redisUnreachable, "there is no connection to Redis: \(state.failure.message)", cause: state.failure)
        }
    }

    package func ping() async throws { _ = try await command("PING") }

    /// Bytes that the server says it uses; `nil` where it does not say, e.g. because this user may not ask.
    package func memoryUsed() async -> Int64? {
        guard state.withLock(\.tellsMemory) else { return nil }
        guard let answer = try? await command("INFO", Array("memory".utf8)), let text = answer.string else {
            state.withLock { $0.tellsMemory = false }
            return nil
        }
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        return line.flatMap { Int64($0.dropFirst("used_memory:".count)) }
    }

    /// - Returns: `nil` when there is no such key, or it has expired.
    package func value(of key: String) async throws -> [UInt8]? {
        guard case .bytes(let bytes) = try await command("GET", Array(key.utf8)) else { return nil }
        return bytes
    }

    /// - Parameter life: How long the value is kept; at least a millisecond.
    package func set(_ key: String, to value: [UInt8], for life: Duration) async throws {
        let milliseconds = max(1, life.microseconds / 1_000)
        _ = try await command("SET", Array(key.utf8), value, Array("PX".utf8), Array("\(milliseconds)".utf8))
    }

    /// - Returns: Whether there was one.
    @discardableResult
    package func remove(_ key: String) async throws -> Bool {
        try await command("DEL", Array(key.utf8)) == .integer(1)
    }

    package func publish(_ message: [UInt8], to channel: String) async throws {
        _ = try await command("PUBLISH", Array(channel.utf8), message)
        metrics.published.increment()
    }

    /// Listens as long as the client lives; a channel has one listener.
    package func listen(
        to channel: String, onStart: @escaping @Sendable () -> Void,
        onMessage: @escaping @Sendable ([UInt8]) -> Void
    ) {
        let connection = state.withLock { state in
            precondition(state.listeners[channel] == nil, "a channel has one listener")
            state.listeners[channel] = Listener(onStart: onStart, onMessage: onMessage)
            return state.connection
        }
        connection?.subscribe(to: channel)
    }

    // MARK: Standing

    /// What a health check tells.
    package struct Standing: Sendable {
        package let isConnected: Bool
        /// What the server calls its version.
        package let version: String?
        /// Why there is no connection.
        package let failure: RedisError?
    }

    package var standing: Standing {
        state.withLock { state in
            Standing(
                isConnected: state.connection != nil, version: state.version,
                failure: state.connection == nil ? state.failure : nil)
        }
    }

    /// Connects once and says good-bye, to see whether that is possible.
    /// - Returns: The server's version.
    /// - Throws: `RedisError` that says why not.
    package static func probe(_ options: RedisOptions) async throws -> String {
        let ears = RedisConnection.Ears(listens: { _ in }, hears: { _, _ in })
        let connection = try await RedisConnection.open(options, tls: options.tlsContext(), ears: ears) { _ in }
        defer { connection.end(RedisError(.redisClosed, "the client of Redis is closed")) }
        return try await connection.greet()["version"]?.string ?? "of a version unknown"
    }

    // MARK: Life

    /// Keeps the connection until the task is cancelled, and then returns.
    package func run() async {
        let policy = RetryPolicy(
            delay: .milliseconds(50), backoff: .exponential(), delayMax: options.reconnectMax, jitter: .full)
        var random = SystemRandomNumberGenerator()
        var attempt = 0
        while !Task.isCancelled {
            let start = ContinuousClock.now
            await connectOnce()
            // A server that takes connections only to end them is not asked more often than one that takes none.
            attempt = ContinuousClock.now - start > options.reconnectMax * 2 ? 1 : attempt + 1
            // Its only error is cancellation, which the loop looks at.
            try? await Task.sleep(for: policy.delay(afterAttempt: attempt, using: &random))
        }
        state.withLock { $0.failure = RedisError(.redisClosed, "the client of Redis is closed") }
    }

    /// Connects, and returns when the connection has ended.
    private func connectOnce() async {
        do {
            let connection = try await withTaskCancellationHandler {
                let connection = try await RedisConnection.open(options, tls: tls, ears: ears) { connection in
                    self.state.withLock { $0.opening.append(connection) }
                    if Task.isCancelled { self.endOpening() }
                }
                return connection
            } onCancel: {
                endOpening()
            }
            do {
                let greeting = try await connection.greet()
                begin(connection, greeting)
            } catch {
                connection.end(error as? RedisError ?? RedisError(.redisClosed, "the client of Redis is closed"))
            }
            await connection.untilEnd()
            end(connection.failure)
        } catch {
            end(error as? RedisError)
        }
    }

    private func endOpening() {
        for connection in state.withLock({ $0.opening }) {
            connection.end(RedisError(.redisClosed, "the client of Redis is closed"))
        }
    }

    private func begin(_ connection: RedisConnection, _ greeting: RESPValue) {
        let (channels, outageSince) = state.withLock { state in
            state.connection = connection
            state.version = greeting["version"]?.string
            defer { state.outageSince = nil }
            return (state.listeners.keys.sorted(), state.outageSince)
        }
        for channel in channels { connection.subscribe(to: channel) }
        metrics.isConnected(true)
        guard let outageSince else { return logger.debug("Redis reached", metadata: ["redis.peer": "\(options.peer)"]) }
        let outage = ContinuousClock.now - outageSince
        logger.notice("Redis reached again", metadata: ["outage.ms": "\(outage.microseconds / 1_000)"])
    }

    private func end(_ failure: RedisError?) {
        let failure = failure ?? RedisError(.redisUnreachable, "the connection to Redis was lost")
        let isNew = state.withLock { state in
            state.connection = nil
            state.opening = []
            state.failure = failure
            defer { state.outageSince = state.outageSince ?? .now }
            return state.outageSince == nil
        }
        metrics.isConnected(false)
        guard isNew, failure.code != .redisClosed else { return }
        var metadata: Logger.Metadata = ["error": "\(failure)"]
        if let cause = failure.cause { metadata["cause"] = "\(cause)" }
        logger.warning("Redis not reached", metadata: metadata)
    }

    private var ears: RedisConnection.Ears {
        RedisConnection.Ears { [weak self] channel in
            self?.listener(of: channel)?.onStart()
        } hears: { [weak self] channel, message in
            guard let self, let listener = listener(of: channel) else { return }
            metrics.received.increment()
            listener.onMessage(message)
        }
    }

    private func listener(of channel: String) -> Listener? { state.withLock { $0.listeners[channel] } }
}
