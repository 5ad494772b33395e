import CognitionCore
import NIOCore
import NIOPosix

/// A connection to the server in the hands of a test: any bytes can be sent, and answers are read one by one.
struct RawSocket {
    private let channel: any Channel
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var unread: [UInt8] = []
    private var place = 0

    fileprivate init(
        _ channel: any Channel, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    func write(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

    func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// Says that nothing more comes.
    func finish() { outbound.finish() }

    /// The next answer with its whole body.
    ///
    /// - Parameter method: An answer to `HEAD` has no body.
    /// - Throws: `TestFailure` when the connection ends first, or the answer is no HTTP.
    mutating func answer(to method: String = "GET") async throws -> HTTPAnswer {
        var answer = try await head()
        guard method != "HEAD", answer.status != 204, answer.status >= 200 else { return answer }
        if answer["transfer-encoding"] == "chunked" {
            while let chunk = try await chunk() { answer.body += chunk }
        } else if let length = answer["content-length"].flatMap({ Int($0) }) {
            answer.body = try await bytes(length)
        } else {
            answer.body = await rest()
        }
        return answer
    }

    /// The next status line with its headers.
    mutating func head() async throws -> HTTPAnswer {
        let words = try await line().split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw TestFailure("no status line: \(words)")
        }
        var headers: [(name: String, value: String)] = []
        while true {
            let line = try await line()
            if line.isEmpty { return HTTPAnswer(status: status, headers: headers) }
            let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { throw TestFailure("no header: \(line)") }
            headers.append((pair[0].lowercased(), String(pair[1].drop { $0 == " " })))
        }
    }

    /// The next piece of a chunked body; `nil` at its end.
    mutating func chunk() async throws -> [UInt8]? {
        let size = try await line()
        guard let length = Int(size, radix: 16) else { throw TestFailure("no size of a chunk: \(size)") }
        let chunk = try await bytes(length)
        _ = try await line()
        return length == 0 ? nil : chunk
    }

    /// Everything until the other side has closed, however it did.
    mutating func rest() async -> [UInt8] {
        while await fill() {}
        defer { place = unread.count }
        return Array(unread[place...])
    }

    private mutating func line() async throws -> String {
        var end = place
        while true {
            while end < unread.count {
                if unread[end] == 0x0A {
                    let line = unread[place..<end]
                    place = end + 1
                    return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
                }
                end += 1
            }
            let before = place
            guard await fill() else { throw TestFailure("the connection has ended") }
            end -= before - place
        }
    }

    mutating func bytes(_ count: Int) async throws -> [UInt8] {
        while unread.count - place < count {
            guard await fill() else { throw TestFailure("the connection has ended in a body") }
        }
        defer { place += count }
        return Array(unread[place..<place + count])
    }

    /// - Returns: Whether there was more.
    private mutating func fill() async -> Bool {
        // A connection that was reset has ended like another.
        guard let more = try? await inbound.next(isolation: #isolation) else { return false }
        unread.removeFirst(place)
        place = 0
        unread += more.readableBytesView
        return true
    }
}

/// Lends a new connection to `body`.
func withSocket<Result: Sendable>(
    to port: Int, host: String = "127.0.0.1", _ body: (inout RawSocket) async throws -> Result
) async throws -> Result {
    let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .connect(host: host, port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                    wrappingChannelSynchronously: channel,
                    configuration: NIOAsyncChannel.Configuration(isOutboundHalfClosureEnabled: true))
            }
        }
    return try await connection.executeThenClose { inbound, outbound in
        var socket = RawSocket(connection.channel, inbound, outbound)
        return try await body(&socket)
    }
}
