import CognitionCore
import DequeModule
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One connection to a server. Commands go out in the order in which they were asked for, and their answers come in the same
/// order, so nobody waits for another's answer before sending; what is asked for in one turn of the event loop goes out together.
///
/// Nothing is repeated: whoever waits when the connection ends is told that nobody knows what became of the command.
final class RedisConnection: Sendable {
    /// What is told of channels, on the event loop.
    struct Ears: Sendable {
        let listens: @Sendable (_ channel: String) -> Void
        let hears: @Sendable (_ channel: String, _ message: [UInt8]) -> Void
    }

    private enum Waiter {
        case caller(CheckedContinuation<RESPValue, any Error>)
        /// Nobody: the caller was cancelled, or only a sign of life was asked for.
        case nobody
        /// The server answers with a push, or with an error.
        case subscription
    }

    private struct Pending {
        let ticket: Int
        var waiter: Waiter
        let bytes: Int
        let since: ContinuousClock.Instant
    }

    private struct State {
        var pending: Deque<Pending> = []
        var bytes = 0
        /// What the event loop has not taken yet.
        var outbox = ByteBuffer()
        var heardAt = ContinuousClock.now
        var end: RedisError?
    }

    private let channel: any Channel
    private let options: RedisOptions
    private let ears: Ears
    private let state = Mutex(State())
    private let tickets = Atomic<Int>(0)

    private init(_ channel: any Channel, _ options: RedisOptions, _ ears: Ears) {
        self.channel = channel
        self.options = options
        self.ears = ears
    }

    /// Connects.
    /// - Parameter opening: Told of each connection that is tried, so that it can be ended from elsewhere.
    static func open(
        _ options: RedisOptions, tls: NIOSSLContext?, ears: Ears,
        opening: @escaping @Sendable (RedisConnection) -> Void
    ) async throws -> RedisConnection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.nanoseconds(options.connectTimeout.nanoseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
        do {
            return try await bootstrap.connect(host: options.host, port: options.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = RedisConnection(channel, options, ears)
                    if let tls {
                        // An address is no name; the certificate is then checked against the address.
                        let name = IPAddress(options.host) == nil ? options.host : nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        RedisHandler(connection, limits: options.limits))
                    opening(connection)
                    return connection
                }
            }
        } catch {
            throw RedisError(.redisUnreachable, "Redis at \(options.peer) cannot be reached", cause: error)
        }
    }

    /// Says who we are, and waits until the server takes commands.
    /// - Returns: What the server says of itself.
    func greet() async throws -> RESPValue {
        let deadline = channel.eventLoop.scheduleTask(in: .nanoseconds(options.connectTimeout.nanoseconds)) {
            self.end(RedisError(.redisTimeout, "Redis at \(self.options.peer) takes too long to greet"))
        }
        defer { deadline.cancel() }
        var hello = ["HELLO", "3"]
        if !options.password.isEmpty || !options.user.isEmpty {
            hello += ["AUTH", options.user.isEmpty ? "default" : options.user, options.password.reveal()]
        }
        hello += ["SETNAME", "cognitionos"]
        let greeting = try await greeted(hello)
        if options.database != 0 { _ = try await greeted(["SELECT", "\(options.database)"]) }
        let pause = TimeAmount.nanoseconds(
            min(options.commandTimeout / 4, options.pingInterval / 2).nanoseconds)
        channel.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { task in
            if !self.look() { task.cancel() }
        }
        return greeting
    }

    private func greeted(_ words: [String]) async throws -> RESPValue {
        let answer = try await send(words.map { Array($0.utf8) })
        if case .error(let text) = answer { throw RedisError.refusal(text, by: options.peer) }
        return answer
    }

    // MARK: Commands

    /// Sends a command and waits for its answer, which may be an error of the server's.
    /// - Throws: `RedisError`; `CancellationError` when the caller is cancelled, and the command may take effect all the same.
    func send(_ words: [[UInt8]]) async throws -> RESPValue {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                do {
                    try enqueue(words, ticket, .caller(continuation))
                } catch {
                    continuation.resume(throwing: error)
                }
                if Task.isCancelled { abandon(ticket) }
            }
        } onCancel: {
            abandon(ticket)
        }
    }

    func subscribe(to channel: String) {
        do {
            try enqueue([Array("SUBSCRIBE".utf8), Array(channel.utf8)], 0, .subscription)
        } catch {
            end(error)
        }
    }

    private func enqueue(_ words: [[UInt8]], _ ticket: Int, _ waiter: Waiter) throws(RedisError) {
        let command = Self.encoded(words)
        let count = command.readableBytes
        let (isFirst, refusal): (Bool, RedisError?) = state.withLock { state in
            if let end = state.end { return (false, end) }
            guard state.pending.count < options.commandsMax, state.bytes + count <= options.commandBytesMax else {
                return (
                    false,
                    RedisError(
                        .redisOverloaded,
                        "\(state.pending.count) commands of \(state.bytes) bytes wait for Redis already")
                )
            }
            defer { state.outbox.writeImmutableBuffer(command) }
            state.pending.append(Pending(ticket: ticket, waiter: waiter, bytes: count, since: .now))
            state.bytes += count
            return (state.outbox.readableBytes == 0, nil)
        }
        if let refusal { throw refusal }
        if isFirst { channel.eventLoop.execute { self.flush() } }
    }

    private static func encoded(_ words: [[UInt8]]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(words.reduce(16) { $0 + $1.count + 16 })
        buffer.writeString("*\(words.count)\r\n")
        for word in words {
            buffer.writeString("$\(word.count)\r\n")
            buffer.writeBytes(word)
            buffer.writeString("\r\n")
        }
        return buffer
    }

    /// Sends everything that has come together.
    private func flush() {
        let bytes = state.withLock { state in
            defer { state.outbox = ByteBuffer() }
            return state.outbox
        }
        if bytes.readableBytes > 0 { channel.writeAndFlush(bytes, promise: nil) }
    }

    /// The answer is for nobody any more.
    private func abandon(_ ticket: Int) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.pending.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            defer { state.pending[index].waiter = .nobody }
            return state.pending[index].waiter
        }
        if case .caller(let continuation) = waiter { continuation.resume(throwing: CancellationError()) }
    }

    // MARK: Answers

    fileprivate func heard() { state.withLock { $0.heardAt = .now } }

    fileprivate func take(_ value: RESPValue) throws(RedisError) {
        if case .push(let elements) = value { return try take(push: elements) }
        guard let pending = next() else { throw broken("an answer to nothing") }
        switch (pending.waiter, value) {
        case (.caller(let continuation), _): continuation.resume(returning: value)
        case (.nobody, _): break
        case (.subscription, .error(let text)): throw RedisError.refusal(text, by: options.peer)
        case (.subscription, _): throw broken("no push in answer to a subscription")
        }
    }

    private func take(push elements: [RESPValue]) throws(RedisError) {
        switch elements.first?.string {
        case "message":
            guard elements.count == 3, let channel = elements[1].string, case .bytes(let message) = elements[2] else {
                throw broken("a message without channel or text")
            }
            ears.hears(channel, message)
        case "subscribe":
            guard elements.count == 3, let channel = elements[1].string, takeSubscription() else {
                throw broken("a subscription that nobody asked for")
            }
            ears.listens(channel)
        // What else a server may tell does not concern us.
        default: break
        }
    }

    private func next() -> Pending? { state.withLock { Self.next(&$0) } }

    private static func next(_ state: inout State) -> Pending? {
        let pending = state.pending.popFirst()
        state.bytes -= pending?.bytes ?? 0
        return pending
    }

    /// - Returns: Whether it was a subscription's turn.
    private func takeSubscription() -> Bool {
        state.withLock { state in
            guard case .subscription = state.pending.first?.waiter else { return false }
            _ = Self.next(&state)
            return true
        }
    }

    fileprivate func broken(_ what: String) -> RedisError {
        RedisError(.redisProtocol, "what \(options.peer) sends is not what Redis would: \(what)")
    }

    // MARK: Life

    /// Gives the connection up when an answer takes too long, and asks for a sign of life after a silence.
    /// - Returns: Whether it goes on.
    private func look() -> Bool {
        let now = ContinuousClock.now
        let (isOver, isLate, isSilent) = state.withLock { state in
            (
                state.end != nil,
                state.pending.first.map { now - $0.since > options.commandTimeout } ?? false,
                state.pending.isEmpty && now - state.heardAt > options.pingInterval
            )
        }
        if isOver { return false }
        if isLate {
            end(RedisError(.redisTimeout, "Redis at \(options.peer) takes too long to answer"))
            return false
        }
        // One that cannot be sent has found the connection's end.
        if isSilent { try? enqueue([Array("PING".utf8)], 0, .nobody) }
        return true
    }

    /// Why it has ended.
    var failure: RedisError? { state.withLock { $0.end } }

    /// Ends the connection; whoever waits is told so. Only the first reason counts.
    func end(_ reason: RedisError) {
        let pending = state.withLock { state -> Deque<Pending> in
            guard state.end == nil else { return [] }
            state.end = reason
            defer { (state.pending, state.bytes, state.outbox) = ([], 0, ByteBuffer()) }
            return state.pending
        }
        let lost = RedisError(
            reason.code == .redisUnreachable ? .redisInterrupted : reason.code,
            "\(reason.message); the command may have taken effect", cause: reason.cause)
        for case .caller(let continuation) in pending.map(\.waiter) { continuation.resume(throwing: lost) }
        channel.close(promise: nil)
    }

    /// Returns when it has ended, which a cancelled task sees to.
    func untilEnd() async {
        await withTaskCancellationHandler {
            // A channel closes without an error.
            try? await channel.closeFuture.get()
        } onCancel: {
            end(RedisError(.redisClosed, "the client of Redis is closed"))
        }
    }

    fileprivate func lost(_ cause: (any Error)?) {
        end(RedisError(.redisUnreachable, "the connection to Redis at \(options.peer) was lost", cause: cause))
    }
}

/// Reads what the server sends.
private final class RedisHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: RedisConnection
    private var parser: RESPParser

    init(_ connection: RedisConnection, limits: RESPLimits) {
        self.connection = connection
        parser = RESPParser(limits: limits)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard connection.failure == nil else { return }
        connection.heard()
        parser.append(unwrapInboundIn(data))
        do {
            while let value = try parser.next() { try connection.take(value) }
        } catch let error as RedisError {
            connection.end(error)
        } catch {
            connection.end(connection.broken("\(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.lost(nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.lost(error) }
}

extension Duration {
    /// Whole nanoseconds of a short time.
    var nanoseconds: Int64 { microseconds.multipliedReportingOverflow(by: 1_000).partialValue }
}
