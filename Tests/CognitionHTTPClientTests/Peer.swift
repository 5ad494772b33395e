import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A server on 127.0.0.1 that says exactly what a test tells it to.
struct Peer: Sendable {
    let port: Int

    func url(_ path: String = "/", host: String = "127.0.0.1", scheme: String = "http") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }
}

/// One connection, in the hands of a script.
struct PeerConnection {
    let channel: any Channel
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

    /// The head of the next request and as much of its body as `Content-Length` says; `nil` at the end of the
    /// connection.
    mutating func request() async throws -> String? {
        while true {
            let parts = unread.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 {
                let line = parts[0].split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
                let length = line.flatMap { Int($0.dropFirst(16)) } ?? 0
                if parts[1].utf8.count >= length {
                    unread = String(parts[1].dropFirst(length))
                    return parts[0] + "\r\n\r\n" + parts[1].prefix(length)
                }
            }
            guard let more = try await inbound.next(isolation: #isolation) else { return nil }
            unread += String(buffer: more)
        }
    }

    func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    func answer(_ status: String = "200 OK", headers: String = "", body: String = "") async throws {
        try await write("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
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
    tls: NIOSSLContext? = nil,
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
                try await withThrowingDiscardingTaskGroup { scripts in
                    for try await connection in connections {
                        scripts.addTask {
                            // A client that goes away in mid-script is what many tests are about.
                            try? await serve(connection, tls: tls, script)
                        }
                    }
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

/// Wraps an accepted connection only now, so that one which nobody comes to serve is simply dropped at the end of a
/// test.
private func serve(
    _ channel: any Channel, tls: NIOSSLContext?, _ script: @Sendable (inout PeerConnection) async throws -> Void
) async throws {
    let wrapped = try await channel.eventLoop.submit {
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
        return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
    }.get()
    try await wrapped.executeThenClose { inbound, outbound in
        try await channel.setOption(.autoRead, value: true).get()
        var connection = PeerConnection(channel: channel, inbound: inbound, outbound: outbound)
        try await script(&connection)
    }
}
