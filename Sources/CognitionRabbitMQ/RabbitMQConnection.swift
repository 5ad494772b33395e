import CRabbitMQ
import CognitionCore
package import CognitionEvents

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One open connection with one channel; confined to one thread. Every call waits for its answer.
///
/// After an error it is of no use any more: the broker closes a channel on which something has failed.
package final class RabbitMQConnection {
    let options: RabbitMQOptions
    let state: amqp_connection_state_t
    let channel: amqp_channel_t = 1
    /// Names the connection among those of a thread.
    let session: UInt64
    /// Bytes of a frame that the broker takes.
    private var frameBytes = 0
    private var confirms = ConfirmTracker()
    /// The broker had no queue for a message that was for one.
    private var hasReturned = false
    private var inflow = Inflow()
    /// The broker hands out messages by itself.
    private(set) var isConsuming = false
    /// More had come at once than there was room for.
    private(set) var hasOverflown = false
    /// Something came that the library cannot read, or the broker could not send something.
    private(set) var hasUnreadableInput = false
    /// The broker takes nothing at the moment.
    private(set) var isBlocked = false { didSet { whenBlocked?(isBlocked) } }
    /// Told when that changes, which may be while messages are waited for.
    var whenBlocked: ((Bool) -> Void)?

    private static let consumer = "inbox"
    /// How long the broker is waited for when it is left.
    private static let farewell: Duration = .seconds(2)
    /// Messages in flight are few; the kernel gives up on a peer that takes nothing for so long.
    private static let deafnessMaxMilliseconds: Int32 = 15_000

    /// Connects and logs in.
    /// - Throws: `bus.unavailable`, `bus.refused`.
    package convenience init(_ options: RabbitMQOptions) throws(EventError) { try self.init(options, session: 0) }

    /// - Parameter whenConnected: Told the descriptor of the socket before anything is waited for on it, and -1 before that is
    ///   closed after a failure.
    init(
        _ options: RabbitMQOptions, session: UInt64, whenConnected: (Int32) -> Void = { _ in }
    ) throws(EventError) {
        self.options = options
        self.session = session
        guard let state = amqp_new_connection() else { preconditionFailure("no memory for a connection") }
        self.state = state
        do throws(EventError) {
            try connect()
            whenConnected(descriptor)
            try logIn()
            if amqp_channel_open(state, channel) == nil { throw failure("opens no channel") }
        } catch {
            whenConnected(-1)
            throw error
        }
    }

    deinit { amqp_destroy_connection(state) }

    /// Takes leave of the broker.
    package func close() {
        var limit = timeval(min(options.answerTimeout, Self.farewell))
        amqp_set_rpc_timeout(state, &limit)
        amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    /// What to wait on for input; -1 when there is none.
    var descriptor: Int32 { amqp_get_sockfd(state) }

    // MARK: Opening

    private func connect() throws(EventError) {
        guard let socket = options.isEncrypted ? amqp_ssl_socket_new(state) : amqp_tcp_socket_new(state) else {
            preconditionFailure("no memory for a socket")
        }
        if options.isEncrypted {
            amqp_ssl_socket_set_verify_peer(socket, 1)
            amqp_ssl_socket_set_verify_hostname(socket, 1)
            let status = amqp_ssl_socket_set_cacert(socket, options.rootCertificates)
            guard status == 0 else {
                throw EventError(
                    .busRefused, "the certificates for RabbitMQ, \(options.rootCertificates), cannot be read")
            }
        }
        var limit = timeval(options.connectTimeout)
        amqp_set_handshake_timeout(state, &limit)
        var answer = timeval(options.answerTimeout)
        amqp_set_rpc_timeout(state, &answer)
        let status = amqp_socket_open_noblock(socket, options.host, Int32(options.port), &limit)
        guard status == 0 else {
            let isOfCertificate = [
                AMQP_STATUS_SSL_PEER_VERIFY_FAILED.rawValue, AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED.rawValue,
            ].contains(status)
            let error = RabbitMQFailure.unavailable("RabbitMQ at \(options.place) is not reached", status)
            throw isOfCertificate ? EventError(.busRefused, error.message) : error
        }
        var milliseconds = Self.deafnessMaxMilliseconds
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<Int32>.size))
    }

    private func logIn() throws(EventError) {
        let reply = AMQPArena.lend { arena in
            var properties = arena.table([
                ("connection_name", arena.value(.text(options.connectionName))),
                ("product", arena.value(.text("CognitionOS"))),
                // So that the broker says when it takes nothing.
                ("capabilities", arena.value(arena.table(["connection.blocked": .flag(true)]))),
            ])
            return amqp_login_by_password(
                state, options.virtualHost, 0, Int32(options.frameBytesMax),
                Int32(options.heartbeat.components.seconds),
                &properties, options.user, options.password.reveal())
        }
        guard reply.reply_type == AMQP_RESPONSE_NORMAL else {
            throw RabbitMQFailure.error("RabbitMQ at \(options.place) does not let user '\(options.user)' in", reply)
        }
        frameBytes = Int(amqp_get_frame_max(state))
        guard options.frameRoom > 0 else { return }
        amqp_tune_connection(
            state, amqp_get_channel_max(state), Int32(frameBytes + options.frameRoom), amqp_get_heartbeat(state))
    }

    /// What the broker says of itself, e.g. `version`.
    package func serverProperty(_ name: String) -> String? {
        guard let table = amqp_get_server_properties(state)?.pointee else { return nil }
        let entries = (0..<Int(table.num_entries)).map { table.entries[$0] }
        guard let value = entries.first(where: { $0.key.text == name })?.value,
            value.kind == UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
        else { return nil }
        return value.value.bytes.text
    }

    // MARK: Exchanges and queues

    package func declareExchange(_ name: String, type: String = "topic") throws(EventError) {
        let reply = AMQPArena.lend { arena in
            amqp_exchange_declare(
                state, channel, arena.bytes(name), arena.bytes(type), 0, 1, 0, 0, amqp_table_t())
        }
        if reply == nil { throw failure("refuses the exchange '\(name)'") }
    }

    package func deleteExchange(_ name: String) throws(EventError) {
        let reply = AMQPArena.lend { arena in amqp_exchange_delete(state, channel, arena.bytes(name), 0) }
        if reply == nil { throw failure("does not delete the exchange '\(name)'") }
    }

    /// Makes a durable queue, unless there is one.
    /// - Returns: How many messages wait in it.
    @discardableResult
    package func declareQueue(
        _ name: String, _ arguments: [String: RabbitMQMessage.Header] = [:]
    ) throws(EventError) -> Int {
        let reply = AMQPArena.lend { arena in
            amqp_queue_declare(state, channel, arena.bytes(name), 0, 1, 0, 0, arena.table(arguments))
        }
        guard let reply else { throw failure("refuses the queue '\(name)'") }
        return Int(reply.pointee.message_count)
    }

    /// How many messages wait in a queue; `nil` when there is none of that name.
    package func count(of queue: String) throws(EventError) -> Int? {
        let reply = AMQPArena.lend { arena in
            amqp_queue_declare(state, channel, arena.bytes(queue), 1, 1, 0, 0, amqp_table_t())
        }
        if let reply { return Int(reply.pointee.message_count) }
        guard try isMissing() else { throw failure("does not let the queue '\(queue)' be looked at") }
        return nil
    }

    /// Whether there is an exchange of that name.
    package func hasExchange(_ name: String) throws(EventError) -> Bool {
        let reply = AMQPArena.lend { arena in
            amqp_exchange_declare(state, channel, arena.bytes(name), arena.bytes("topic"), 1, 1, 0, 0, amqp_table_t())
        }
        if reply != nil { return true }
        guard try isMissing() else { throw failure("does not let the exchange '\(name)' be looked at") }
        return false
    }

    /// Whether the broker has just said that there is no such thing; then the channel, which it has closed, is open again.
    private func isMissing() throws(EventError) -> Bool {
        let reply = amqp_get_rpc_reply(state)
        guard reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION, reply.reply.id == amqp_method_channel_close,
            let close = reply.reply.decoded?.assumingMemoryBound(to: amqp_channel_close_t.self).pointee,
            Int32(close.reply_code) == AMQP_NOT_FOUND
        else { return false }
        var confirmation = amqp_channel_close_ok_t()
        let status = amqp_send_method(state, channel, amqp_method_channel_close_ok, &confirmation)
        guard status == 0 else { throw lost(status) }
        if amqp_channel_open(state, channel) == nil { throw failure("opens no channel") }
        return true
    }

    package func bind(_ queue: String, to exchange: String, routingKey: String) throws(EventError) {
        let reply = AMQPArena.lend { arena in
            amqp_queue_bind(
                state, channel, arena.bytes(queue), arena.bytes(exchange), arena.bytes(routingKey), amqp_table_t())
        }
        if reply == nil { throw failure("does not bind '\(queue)' to '\(exchange)'") }
    }

    // MARK: Sending

    /// From here on messages are confirmed.
    package func confirmMessages() throws(EventError) {
        if amqp_confirm_select(state, channel) == nil { throw failure("does not confirm messages") }
    }

    /// Whether the broker takes the message: its properties travel in one frame.
    func fits(_ message: RabbitMQMessage) -> Bool { message.headBytes <= frameBytes }

    /// - Parameters:
    ///   - message: One that ``fits(_:)``.
    ///   - exchange: Empty for the queue that the key names; it has to be there.
    package func send(_ message: RabbitMQMessage, to exchange: String, routingKey: String) throws(EventError) {
        let status = AMQPArena.lend { arena in
            var properties = arena.properties(message)
            return amqp_basic_publish(
                state, channel, arena.bytes(exchange), arena.bytes(routingKey), exchange.isEmpty ? 1 : 0, 0,
                &properties,
                arena.bytes(message.body))
        }
        guard status == 0 else { throw lost(status) }
        confirms.sent()
    }

    /// Waits until everything that was sent is in the broker's care.
    /// - Throws: `bus.unavailable` when that has not come in time, or not at all.
    package func waitForConfirms() throws(EventError) {
        var deadline = ContinuousClock.now + options.answerTimeout
        while !confirms.isEmpty {
            // A broker that says that it takes nothing now may be waited for.
            if isBlocked { deadline = .now + options.answerTimeout }
            guard try readFrame(within: min(deadline - .now, .seconds(1))) || ContinuousClock.now < deadline else {
                throw EventError(.busUnavailable, "RabbitMQ at \(options.place) has not confirmed messages in time")
            }
            if confirms.hasRefusal {
                throw EventError(.busUnavailable, "RabbitMQ at \(options.place) could not keep a message")
            }
            if hasReturned {
                throw EventError(.busUnavailable, "RabbitMQ at \(options.place) has no queue for a message any more")
            }
        }
    }

    // MARK: Taking

    /// The next message of a queue, to be acknowledged; `nil` when there is none.
    package func take(from queue: String) throws(EventError) -> RabbitMQDelivery? {
        let reply = AMQPArena.lend { arena in amqp_basic_get(state, channel, arena.bytes(queue), 0) }
        guard reply.reply_type == AMQP_RESPONSE_NORMAL else {
            throw RabbitMQFailure.error("RabbitMQ at \(options.place) gives nothing of '\(queue)'", reply)
        }
        guard reply.reply.id == amqp_method_basic_get_ok,
            let got = reply.reply.decoded?.assumingMemoryBound(to: amqp_basic_get_ok_t.self).pointee
        else { return nil }
        let (key, tag, isRedelivered) = (got.routing_key.text, got.delivery_tag, got.redelivered != 0)
        var message = amqp_message_t()
        let read = amqp_read_message(state, channel, &message, 0)
        guard read.reply_type == AMQP_RESPONSE_NORMAL else {
            throw RabbitMQFailure.error("the connection to RabbitMQ at \(options.place) was lost", read)
        }
        defer {
            amqp_destroy_message(&message)
            amqp_maybe_release_buffers(state)
        }
        return RabbitMQDelivery(
            message: RabbitMQMessage(message.properties, body: message.body.copy), routingKey: key, tag: tag,
            isRedelivered: isRedelivered, isTooLong: false)
    }

    /// The next message of a queue, to be acknowledged, as far as it is looked at; `nil` when there is none.
    func get(from queue: String) throws(EventError) -> RabbitMQDelivery? {
        let reply = AMQPArena.lend { arena in amqp_basic_get(state, channel, arena.bytes(queue), 0) }
        guard reply.reply_type == AMQP_RESPONSE_NORMAL else { throw failure("gives nothing of '\(queue)'", reply) }
        guard reply.reply.id == amqp_method_basic_get_ok,
            let got = reply.reply.decoded?.assumingMemoryBound(to: amqp_basic_get_ok_t.self).pointee
        else { return nil }
        inflow.begin(Incoming(got))
        let deadline = ContinuousClock.now + options.answerTimeout
        while inflow.isEmpty {
            guard try readFrame(within: deadline - .now) || ContinuousClock.now < deadline else {
                throw EventError(.busUnavailable, "RabbitMQ at \(options.place) has not sent a message in time")
            }
        }
        return inflow.take().first
    }

    /// From here on the broker hands out the messages of a queue, at most `prefetch` that were not acknowledged.
    func consume(_ queue: String, prefetch: Int) throws(EventError) {
        if amqp_basic_qos(state, channel, 0, UInt16(clamping: prefetch), 0) == nil { throw failure("sets no prefetch") }
        let reply = AMQPArena.lend { arena in
            amqp_basic_consume(
                state, channel, arena.bytes(queue), arena.bytes(Self.consumer), 0, 0, 0, amqp_table_t())
        }
        if reply == nil { throw failure("hands out nothing of '\(queue)'") }
        isConsuming = true
    }

    /// Messages that have come; waits for the first as long as `limit`.
    func receive(within limit: Duration) throws(EventError) -> [RabbitMQDelivery] {
        let deadline = ContinuousClock.now + limit
        while inflow.isEmpty, ContinuousClock.now < deadline { _ = try readFrame(within: deadline - .now) }
        try pump()
        return inflow.take()
    }

    /// Gives back what there was no room for, and has nothing handed out any more.
    private func shed() throws(EventError) {
        guard inflow.hasSurplus else { return }
        hasOverflown = true
        isConsuming = false
        let reply = AMQPArena.lend { arena in amqp_basic_cancel(state, channel, arena.bytes(Self.consumer)) }
        if reply == nil { throw failure("goes on handing out messages") }
        // What was on its way before the answer.
        while try readFrame(within: .zero) {}
        for tag in inflow.takeSurplus() {
            let status = amqp_basic_nack(state, channel, tag, 0, 1)
            guard status == 0 else { throw lost(status) }
        }
    }

    package func acknowledge(_ tag: UInt64) throws(EventError) {
        inflow.forget(tag)
        let status = amqp_basic_ack(state, channel, tag, 0)
        guard status == 0 else { throw lost(status) }
    }

    /// Has the broker move a message to the dead letters.
    func reject(_ tag: UInt64) throws(EventError) {
        inflow.forget(tag)
        let status = amqp_basic_reject(state, channel, tag, 0)
        guard status == 0 else { throw lost(status) }
    }

    // MARK: Input

    /// Reads what has come, answers heartbeats, and waits for nothing.
    func pump() throws(EventError) {
        while try readFrame(within: .zero) {}
        try shed()
    }

    /// - Returns: Whether there was one.
    private func readFrame(within limit: Duration) throws(EventError) -> Bool {
        amqp_maybe_release_buffers(state)
        var frame = amqp_frame_t()
        var timeout = timeval(max(.zero, limit))
        let status = amqp_simple_wait_frame_noblock(state, &frame, &timeout)
        if status == AMQP_STATUS_TIMEOUT.rawValue { return false }
        guard status == 0 else {
            hasUnreadableInput = status == AMQP_STATUS_BAD_AMQP_DATA.rawValue
            throw lost(status)
        }
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD: try handle(frame.payload.method)
        case AMQP_FRAME_HEADER:
            guard frame.payload.properties.class_id == UInt16(AMQP_BASIC_CLASS),
                let decoded = frame.payload.properties.decoded
            else { break }
            inflow.begin(
                decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee,
                bodyBytes: frame.payload.properties.body_size)
        case AMQP_FRAME_BODY: inflow.add(frame.payload.body_fragment)
        default: break
        }
        return true
    }

    private func handle(_ method: amqp_method_t) throws(EventError) {
        switch method.id {
        case amqp_method_basic_ack:
            guard let ack = method.decoded?.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee else { return }
            confirms.settle(ack.delivery_tag, isMultiple: ack.multiple != 0, isConfirmed: true)
        case amqp_method_basic_nack:
            guard let nack = method.decoded?.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee else { return }
            confirms.settle(nack.delivery_tag, isMultiple: nack.multiple != 0, isConfirmed: false)
        case amqp_method_basic_deliver:
            guard let deliver = method.decoded?.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee else {
                return
            }
            inflow.begin(Incoming(deliver))
        // Comes before the confirmation of the same message.
        case amqp_method_basic_return: hasReturned = true
        case amqp_method_basic_cancel:
            throw EventError(.busUnavailable, "RabbitMQ at \(options.place) has taken the queue away")
        case amqp_method_connection_blocked: isBlocked = true
        case amqp_method_connection_unblocked: isBlocked = false
        case amqp_method_channel_close, amqp_method_connection_close:
            hasUnreadableInput = RabbitMQFailure.isInternal(method)
            throw RabbitMQFailure.refusal("RabbitMQ at \(options.place) has hung up", method)
        default: return
        }
    }

    // MARK: Failures

    func failure(_ what: String) -> EventError { failure(what, amqp_get_rpc_reply(state)) }

    private func failure(_ what: String, _ reply: amqp_rpc_reply_t) -> EventError {
        switch reply.reply_type {
        case AMQP_RESPONSE_SERVER_EXCEPTION: hasUnreadableInput = RabbitMQFailure.isInternal(reply.reply)
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            hasUnreadableInput = reply.library_error == AMQP_STATUS_BAD_AMQP_DATA.rawValue
        default: break
        }
        return RabbitMQFailure.error("RabbitMQ at \(options.place) \(what)", reply)
    }

    func lost(_ status: Int32) -> EventError {
        RabbitMQFailure.unavailable("the connection to RabbitMQ at \(options.place) was lost", status)
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
