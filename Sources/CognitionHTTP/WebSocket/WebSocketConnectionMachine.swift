package import CognitionRealtime
package import NIOCore
package import NIOWebSocket

/// What a WebSocket connection does next (RFC 6455): told of frames and of the time, it answers with an action.
///
/// Holds no socket and reads no clock, and is small, as there is one for each connection.
package struct WebSocketConnectionMachine {
    package struct Limits: Sendable {
        /// Of a whole message, however it is cut.
        package var messageBytesMax: Int
        package var fragmentsMax = 1_024
        /// How often the client is pinged.
        package var heartbeat: TimeAmount
        /// Without any frame for so long, or without taking a byte, a client is gone.
        package var timeout: TimeAmount
        /// Without a subscription or an action for so long, a client has nothing to do here.
        package var idleTimeout: TimeAmount
        /// A client without a token has to send one within this time.
        package var authenticationTimeout: TimeAmount
        /// How long the end of a connection may take.
        package var closeTimeout: TimeAmount
        /// What a client may send on the long run; `nil` for anything.
        package var rate: Rate?

        package init(
            messageBytesMax: Int = 64 << 10, heartbeat: TimeAmount = .seconds(30), timeout: TimeAmount = .seconds(60),
            idleTimeout: TimeAmount = .seconds(300), authenticationTimeout: TimeAmount = .seconds(10),
            closeTimeout: TimeAmount = .seconds(5), rate: Rate? = nil
        ) {
            self.messageBytesMax = messageBytesMax
            self.heartbeat = heartbeat
            self.timeout = timeout
            self.idleTimeout = idleTimeout
            self.authenticationTimeout = authenticationTimeout
            self.closeTimeout = closeTimeout
            self.rate = rate
        }
    }

    /// A bucket of tokens (GCRA, as in `RateLimiter`): each message and each ping takes one.
    package struct Rate: Sendable, Hashable {
        /// In which one token comes.
        let interval: TimeAmount
        /// In which an empty bucket fills.
        let burst: TimeAmount

        /// - Parameters:
        ///   - messages: A second; at least 1.
        ///   - burst: Messages at once; at least 1.
        package init(messages: Int, burst: Int) {
            interval = .nanoseconds(1_000_000_000 / Int64(max(1, messages)))
            self.burst = .nanoseconds(interval.nanoseconds * Int64(max(1, burst)))
        }
    }

    package enum Action: Equatable {
        case nothing
        /// A whole message, which is UTF-8.
        case deliver(String)
        case ping
        case pong(ByteBuffer)
        /// Send a close frame, and wait for the client's.
        case sayGoodbye(CloseReason)
        /// Send a close frame; what the client still sends cannot be read.
        case hangUp(CloseReason)
        /// Send the client's own code back, and close the channel.
        case answerClose(UInt16?)
        /// Close the channel.
        case end
    }

    private enum State: Equatable {
        /// May become `closing` or `closed`.
        case open
        /// A close frame was sent; may become `closed`.
        case closing(deadline: NIODeadline)
        case closed
    }

    /// A message of which more is to come.
    private struct Fragments {
        var bytes: ByteBuffer
        var count: Int
    }

    private let limits: Limits
    private var state = State.open
    private var fragments: Fragments?
    private var lastFrame: NIODeadline
    private var lastAction: NIODeadline
    private var lastPing: NIODeadline
    private var unwritableSince: NIODeadline?
    /// Until a token was accepted.
    private var authenticationDeadline: NIODeadline?
    /// When the bucket of messages is full.
    private var fullAt: NIODeadline

    package init(limits: Limits, isAuthenticated: Bool, now: NIODeadline) {
        self.limits = limits
        lastFrame = now
        lastAction = now
        lastPing = now
        fullAt = now
        authenticationDeadline = isAuthenticated ? nil : now + limits.authenticationTimeout
    }

    package var isOpen: Bool { state == .open }

    package mutating func authenticated() { authenticationDeadline = nil }

    package mutating func writabilityChanged(_ isWritable: Bool, now: NIODeadline) {
        unwritableSince = isWritable ? nil : unwritableSince ?? now
    }

    // MARK: The rate

    /// Until when nothing further should be read from the client; what was read is done all the same.
    package func heldUntil(_ now: NIODeadline) -> NIODeadline? {
        guard let rate = limits.rate else { return nil }
        let until = fullAt - rate.burst
        return until > now ? until : nil
    }

    private mutating func takeToken(_ now: NIODeadline) {
        guard let rate = limits.rate else { return }
        // What one read brings may be a lot, but is no reason to be silent for longer than a client may be.
        fullAt = min(max(fullAt, now) + rate.interval, now + rate.burst + limits.timeout)
    }

    // MARK: Frames

    package mutating func received(_ frame: WebSocketFrame, now: NIODeadline) -> Action {
        switch state {
        case .closed: return .nothing
        case .closing:
            guard frame.opcode == .connectionClose else { return .nothing }
            state = .closed
            return .end
        case .open: break
        }
        lastFrame = now
        switch frame.opcode {
        case .text: return begin(frame, now: now)
        case .continuation: return proceed(frame, now: now)
        case .binary: return sayGoodbye(.binary, now: now)
        case .ping:
            takeToken(now)
            return .pong(frame.unmaskedData)
        case .pong: return .nothing
        case .connectionClose: return closed(by: frame, now: now)
        default: preconditionFailure("the frame reader refuses other opcodes")
        }
    }

    private mutating func begin(_ frame: WebSocketFrame, now: NIODeadline) -> Action {
        guard fragments == nil else { return hangUp(.protocolError("a message began inside another"), now) }
        let bytes = frame.unmaskedData
        guard bytes.readableBytes <= limits.messageBytesMax else { return tooLarge(now) }
        guard frame.fin else {
            fragments = Fragments(bytes: bytes, count: 1)
            return .nothing
        }
        return deliver(bytes, now: now)
    }

    private mutating func proceed(_ frame: WebSocketFrame, now: NIODeadline) -> Action {
        guard var message = fragments.take() else {
            return hangUp(.protocolError("a continuation of nothing"), now)
        }
        var bytes = frame.unmaskedData
        guard message.bytes.readableBytes + bytes.readableBytes <= limits.messageBytesMax else { return tooLarge(now) }
        guard message.count < limits.fragmentsMax else {
            return hangUp(.tooLarge("a message has at most \(limits.fragmentsMax) fragments"), now)
        }
        message.bytes.writeBuffer(&bytes)
        message.count += 1
        guard frame.fin else {
            fragments = message
            return .nothing
        }
        return deliver(message.bytes, now: now)
    }

    private mutating func deliver(_ bytes: ByteBuffer, now: NIODeadline) -> Action {
        guard let text = bytes.readableBytesView.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            return hangUp(.notUTF8, now)
        }
        lastAction = now
        takeToken(now)
        return .deliver(text)
    }

    private mutating func tooLarge(_ now: NIODeadline) -> Action {
        hangUp(.tooLarge("a message has at most \(limits.messageBytesMax) bytes"), now)
    }

    private mutating func closed(by frame: WebSocketFrame, now: NIODeadline) -> Action {
        var payload = frame.unmaskedData
        guard payload.readableBytes > 0 else {
            state = .closed
            return .answerClose(nil)
        }
        guard let code = payload.readInteger(as: UInt16.self), Self.mayBeSent(code) else {
            return hangUp(.protocolError("not a close code"), now)
        }
        guard payload.readableBytesView.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) != nil else {
            return hangUp(.notUTF8, now)
        }
        state = .closed
        return .answerClose(code)
    }

    /// Codes that RFC 6455 (7.4) and the IANA registry leave to be sent in a frame.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    // MARK: The end

    /// What could not be read as frames.
    package mutating func failed(_ reason: CloseReason, now: NIODeadline) -> Action {
        isOpen ? hangUp(reason, now) : .nothing
    }

    package mutating func sayGoodbye(_ reason: CloseReason, now: NIODeadline) -> Action {
        guard isOpen else { return .nothing }
        state = .closing(deadline: now + limits.closeTimeout)
        fragments = nil
        return .sayGoodbye(reason)
    }

    private mutating func hangUp(_ reason: CloseReason, _ now: NIODeadline) -> Action {
        state = .closing(deadline: now + limits.closeTimeout)
        fragments = nil
        return .hangUp(reason)
    }

    /// The client sends nothing more: whatever was to come is over.
    package mutating func inputClosed() -> Action {
        state = .closed
        fragments = nil
        return .end
    }

    // MARK: Time

    /// Called about once a second.
    package mutating func tick(now: NIODeadline, isSubscribed: Bool) -> Action {
        switch state {
        case .closed: return .nothing
        case .closing(let deadline):
            guard now >= deadline else { return .nothing }
            state = .closed
            return .end
        case .open: break
        }
        // First, as nothing is read from a client that takes nothing.
        if let unwritableSince, now >= unwritableSince + limits.timeout { return sayGoodbye(.tooSlow, now: now) }
        if let authenticationDeadline, now >= authenticationDeadline { return sayGoodbye(.notAuthenticated, now: now) }
        // Who is not read from is not silent.
        if heldUntil(now) != nil { lastFrame = now }
        if unwritableSince == nil, now >= lastFrame + limits.timeout { return sayGoodbye(.silent, now: now) }
        if isSubscribed { lastAction = now }
        if now >= lastAction + limits.idleTimeout { return sayGoodbye(.idle, now: now) }
        guard unwritableSince == nil, now >= lastPing + limits.heartbeat else { return .nothing }
        lastPing = now
        return .ping
    }
}
