import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An HTTP server on 127.0.0.1 that does exactly what a test tells it to.
struct Peer: Sendable {
    let port: Int

    var base: String { "http://127.0.0.1:\(port)" }
}

struct PeerRequest: Sendable {
    let method: String
    let path: String
    /// By name in lower case.
    let headers: [String: String]
    let body: String
}

/// One connection, in the hands of a script.
struct PeerConnection {
    private let channel: any Channel
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var unread = ""

    fileprivate init(
        channel: any Channel, inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// The next request with as much of its body as `Content-Length` says; `nil` at the end of the connection.
    mutating func request() async throws -> PeerRequest? {
        while true {
            let parts = unread.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 {
                var lines = parts[0].split(separator: "\r\n")
                let words = lines.removeFirst().split(separator: " ")
                var headers: [String: String] = [:]
                for line in lines {
                    let pair = line.split(separator: ":", maxSplits: 1)
                    if pair.count == 2 { headers[pair[0].lowercased()] = pair[1].drop { $0 == " " }.description }
                }
                let length = headers["content-length"].flatMap { Int($0) } ?? 0
                if words.count == 3, parts[1].utf8.count >= length {
                    let body = String(decoding: parts[1].utf8.prefix(length), as: UTF8.self)
                    unread = String(decoding: parts[1].utf8.dropFirst(length), as: UTF8.self)
                    return PeerRequest(method: String(words[0]), path: String(words[1]), headers: headers, body: body)
                }
            }
            guard let more = try await inbound.next(isolation: #isolation) else { return nil }
            unread += String(buffer: more)
        }
    }

    func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    func answer(_ status: String = "200 OK", json: String) async throws {
        try await write(
            "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)")
    }

    /// Ends the connection with RST.
    func reset() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close(mode: .all)
    }

    /// Reads until the other side closes, however it does.
    mutating func waitForEnd() async {
        while let part = try? await inbound.next(isolation: #isolation) { _ = part }
    }
}

/// Runs `body` beside a server that runs `script` on each connection.
func withPeer<Result: Sendable>(
    _ script: @escaping @Sendable (inout PeerConnection) async throws -> Void,
    _ body: @escaping @Sendable (Peer) async throws -> Result
) async throws -> Result {
    let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .serverChannelOption(.backlog, value: 256)
        .childChannelOption(.autoRead, value: false)
        .bind(host: "127.0.0.1", port: 0) { channel in channel.eventLoop.makeSucceededFuture(channel) }
    let peer = Peer(port: server.channel.localAddress?.port ?? 0)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await server.executeThenClose { connections in
                await withDiscardingTaskGroup { scripts in
                    do {
                        for try await connection in connections {
                            // A client that goes away in mid-script is what many tests are about.
                            scripts.addTask { try? await serve(connection, script) }
                        }
                    } catch {
                        // The end of the test.
                    }
                    scripts.cancelAll()
                }
            }
            return nil
        }
        group.addTask { try await body(peer) }
        defer { group.cancelAll() }
        while let next = try await group.next() {
            if let result = next { return result }
        }
        throw CancellationError()
    }
}

/// Wraps an accepted connection only now, so that one which nobody comes to serve is simply dropped at the end of a test.
private func serve(
    _ channel: any Channel, _ script: @Sendable (inout PeerConnection) async throws -> Void
) async throws {
    let wrapped = try await channel.eventLoop.submit {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
    }.get()
    try await wrapped.executeThenClose { inbound, outbound in
        try await channel.setOption(.autoRead, value: true).get()
        var peer = PeerConnection(channel: channel, inbound: inbound, outbound: outbound)
        try await script(&peer)
    }
}
