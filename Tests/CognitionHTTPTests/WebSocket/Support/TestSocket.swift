import CognitionCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A client that can do all that RFC 6455 forbids: it writes bytes and reads frames.
final class TestSocket: Sendable {
    enum Event: Equatable {
        /// The answer to what was written before the connection became a WebSocket.
        case http(status: Int, headers: [String: String], body: String)
        case frame(opcode: UInt8, payload: [UInt8])
        case closed
    }

    struct TimedOut: Error {}

    let channel: any Channel
    private let inbox: Inbox

    /// - Parameter pipelined: The connection stays HTTP.
    static func connect(_ port: Int) async throws -> TestSocket {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Reader(inbox)) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return TestSocket(channel, inbox)
    }

    private init(_ channel: any Channel, _ inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Connects and becomes a WebSocket; the handshake's answer is read.
    static func open(
        _ port: Int, token: String? = nil, path: String = "/ws/connect", headers: [(String, String)] = []
    ) async throws -> TestSocket {
        let socket = try await connect(port)
        socket.handshake(token: token, path: path, headers: headers)
        let answer = try await socket.next()
        guard case .http(101, _, _) = answer else { throw Refused(answer: answer) }
        return socket
    }

    struct Refused: Error { let answer: Event }

    func handshake(
        token: String? = nil, path: String = "/ws/connect", key: String? = "dGhlIHNhbXBsZSBub25jZQ==",
        version: String = "13", headers: [(String, String)] = []
    ) {
        let target = token.map { "\(path)?token=\($0)" } ?? path
        var text = "GET \(target) HTTP/1.1\r\nHost: localhost:8100\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        if let key { text += "Sec-WebSocket-Key: \(key)\r\n" }
        text += "Sec-WebSocket-Version: \(version)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        write(text + "\r\n")
    }

    // MARK: Writing

    func write(_ text: String) { write(bytes: Array(text.utf8)) }

    func write(bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    func send(_ message: JSONValue) { send(opcode: 1, message.jsonBytes) }

    /// - Parameter first: The bits beside the opcode: 0x80 is FIN.
    func send(opcode: UInt8, _ payload: [UInt8], first: UInt8 = 0x80, isMasked: Bool = true) {
        write(bytes: WireFrame(opcode, payload, first: first, key: isMasked ? [1, 2, 3, 4] : nil).bytes)
    }

    func sendClose(_ code: UInt16 = 1000) { send(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xFF)]) }

    /// From now on nothing is taken from the network.
    func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

    func resumeReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }

    func close() async { try? await channel.close() }  // it may be closed already

    // MARK: Reading

    /// - Throws: `TimedOut` when nothing comes.
    func next(within timeout: TimeAmount = .seconds(10)) async throws -> Event {
        guard let event = await inbox.next(within: timeout, on: channel.eventLoop) else { throw TimedOut() }
        return event
    }

    /// The next message; frames of the protocol itself are passed over.
    func message(within timeout: TimeAmount = .seconds(10)) async throws -> JSONValue {
        while true {
            switch try await next(within: timeout) {
            case .frame(1, let payload): return try JSONValue(parsing: payload)
            case .frame(9, let payload): send(opcode: 10, payload)
            case .frame(10, _): continue
            case let other: throw Refused(answer: other)
            }
        }
    }

    /// The next message of a type; others are passed over.
    func message(_ type: String, within timeout: TimeAmount = .seconds(10)) async throws -> JSONValue {
        while true {
            let message = try await message(within: timeout)
            if message["type"]?.stringValue == type { return message }
        }
    }

    /// The code of the next close frame; what comes before is passed over.
    func closeCode(within timeout: TimeAmount = .seconds(10)) async throws -> UInt16? {
        while true {
            switch try await next(within: timeout) {
            case .frame(8, let payload):
                return payload.count < 2 ? nil : UInt16(payload[0]) << 8 | UInt16(payload[1])
            case .closed: throw Refused(answer: .closed)
            default: continue
            }
        }
    }

    /// Waits for the end of the connection; what comes before is passed over.
    func end(within timeout: TimeAmount = .seconds(10)) async throws {
        while try await next(within: timeout) != .closed {}
    }
}

/// A frame as a client writes it, whether it may or not.
struct WireFrame: Sendable {
    let bytes: [UInt8]

    /// - Parameters:
    ///   - first: The bits beside the opcode: 0x80 is FIN.
    ///   - key: `nil` for a frame that is not masked.
    init(_ opcode: UInt8, _ payload: [UInt8], first: UInt8 = 0x80, key: [UInt8]? = [1, 2, 3, 4]) {
        var frame: [UInt8] = [first | opcode]
        let mask: UInt8 = key == nil ? 0 : 0x80
        switch payload.count {
        case ...125: frame.append(mask | UInt8(payload.count))
        case ...0xFFFF: frame += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: frame += [mask | 127] + (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 0xFF) }
        }
        guard let key else {
            bytes = frame + payload
            return
        }
        frame += key
        // Large payloads are not to take long in a debug build.
        frame += key == [0, 0, 0, 0] ? payload : payload.enumerated().map { $1 ^ key[$0 & 3] }
        bytes = frame
    }

    /// Bytes as they are.
    init(raw bytes: [UInt8]) { self.bytes = bytes }

    static func text(_ payload: [UInt8], isLast: Bool = true) -> WireFrame {
        WireFrame(1, payload, first: isLast ? 0x80 : 0)
    }

    static func text(_ text: String, isLast: Bool = true) -> WireFrame { .text(Array(text.utf8), isLast: isLast) }

    static func continuation(_ payload: [UInt8], isLast: Bool = true) -> WireFrame {
        WireFrame(0, payload, first: isLast ? 0x80 : 0)
    }

    static func ping(_ payload: [UInt8] = []) -> WireFrame { WireFrame(9, payload) }

    static func pong(_ payload: [UInt8] = []) -> WireFrame { WireFrame(10, payload) }

    static func close(_ code: UInt16?, _ reason: [UInt8] = []) -> WireFrame {
        WireFrame(8, (code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []) + reason)
    }
}

private final class Inbox: Sendable {
    private struct State {
        var events: [TestSocket.Event] = []
        var waiter: CheckedContinuation<TestSocket.Event?, Never>?
        /// Ends the wait; not kept for longer, as it holds everything that has come.
        var timeout: Scheduled<Void>?
        var turn = 0
    }

    private let state = Mutex(State())

    func add(_ event: TestSocket.Event) {
        var timeout: Scheduled<Void>?
        var waiter: CheckedContinuation<TestSocket.Event?, Never>?
        state.withLock { state in
            waiter = state.waiter.take()
            timeout = state.timeout.take()
            if waiter == nil { state.events.append(event) } else { state.turn += 1 }
        }
        timeout?.cancel()
        waiter?.resume(returning: event)
    }

    func next(within timeout: TimeAmount, on eventLoop: any EventLoop) async -> TestSocket.Event? {
        await withCheckedContinuation { continuation in
            let (event, turn) = state.withLock { state in
                if !state.events.isEmpty { return (state.events.removeFirst(), 0) as (TestSocket.Event?, Int) }
                state.waiter = continuation
                return (nil, state.turn)
            }
            if let event { return continuation.resume(returning: event) }
            let task = eventLoop.scheduleTask(in: timeout) { () -> Void in self.giveUp(turn) }
            let isOver = state.withLock { state -> Bool in
                guard state.turn == turn else { return true }
                state.timeout = task
                return false
            }
            if isOver { task.cancel() }
        }
    }

    private func giveUp(_ turn: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<TestSocket.Event?, Never>? in
            guard state.turn == turn else { return nil }
            state.turn += 1
            return state.waiter.take()
        }
        waiter?.resume(returning: nil)
    }
}

/// Cuts what comes into an HTTP answer and then frames.
private final class Reader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let inbox: Inbox
    private var bytes = ByteBuffer()
    private var isUpgraded = false

    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var new = unwrapInboundIn(data)
        bytes.writeBuffer(&new)
        while readHTTP() || readFrame() {}
        bytes.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) { inbox.add(.closed) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func readHTTP() -> Bool {
        guard !isUpgraded else { return false }
        let view = bytes.readableBytesView
        guard let end = view.firstRange(of: Array("\r\n\r\n".utf8)) else { return false }
        let head = String(decoding: view[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in head.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard view.distance(from: end.upperBound, to: view.endIndex) >= length else { return false }
        bytes.moveReaderIndex(to: end.upperBound)
        let body = bytes.readString(length: length) ?? ""
        let status = Int(head[0].split(separator: " ")[1]) ?? 0
        isUpgraded = status == 101
        inbox.add(.http(status: status, headers: headers, body: body))
        return true
    }

    private func readFrame() -> Bool {
        guard isUpgraded else { return false }
        let start = bytes.readerIndex
        guard let first = bytes.readInteger(as: UInt8.self), let second = bytes.readInteger(as: UInt8.self) else {
            bytes.moveReaderIndex(to: start)
            return false
        }
        var length: Int? = Int(second)
        if second == 126 { length = bytes.readInteger(as: UInt16.self).map(Int.init) }
        if second == 127 { length = bytes.readInteger(as: UInt64.self).map(Int.init) }
        guard let length, let payload = bytes.readBytes(length: length) else {
            bytes.moveReaderIndex(to: start)
            return false
        }
        inbox.add(.frame(opcode: first & 0xF, payload: payload))
        return true
    }
}
