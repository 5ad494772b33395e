import CognitionCore
import CognitionHTTPClient
import CognitionLanguageModels
import Metrics
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A server on 127.0.0.1 that answers as a model provider would, or as one would not want it to.
struct ScriptedServer: Sendable {
    struct Request: Sendable {
        let path: String
        /// Names in lower case.
        let headers: [String: String]
        let body: JSONValue
    }

    struct Reply: Sendable {
        enum End: Sendable { case whole, silence, reset, cut }

        var status = "200 OK"
        var headers = ""
        /// Sent one after the other, each as a chunk of its own.
        var pieces: [[UInt8]] = []
        var end = End.whole

        /// An event stream, cut at random places.
        static func stream(_ text: String, seed: UInt64 = 1, end: End = .whole, headers: String = "") -> Reply {
            var random = SplitMix64(seed: seed)
            var pieces: [[UInt8]] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...60, using: &random))
                pieces.append(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            return Reply(
                headers: "Content-Type: text/event-stream; charset=utf-8\r\n\(headers)", pieces: pieces, end: end)
        }

        static func json(_ status: String = "200 OK", _ text: String, headers: String = "") -> Reply {
            Reply(
                status: status, headers: "Content-Type: application/json\r\n\(headers)", pieces: [Array(text.utf8)])
        }

        /// Takes the request and says nothing.
        static let silence = Reply(status: "", end: .silence)
        /// Takes the request and breaks the connection.
        static let reset = Reply(status: "", end: .reset)
    }

    let port: Int
    private let log: Log

    fileprivate final class Log: Sendable {
        let requests = Mutex<[Request]>([])
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { log.requests.withLock { $0 } }

    fileprivate init(port: Int, log: Log) {
        self.port = port
        self.log = log
    }
}

/// Runs `body` beside a server; `reply` gets the number of the request, from 0, and the request.
func withServer<Result: Sendable>(
    _ reply: @escaping @Sendable (Int, ScriptedServer.Request) -> ScriptedServer.Reply,
    _ body: @escaping @Sendable (ScriptedServer) async throws -> Result
) async throws -> Result {
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .serverChannelOption(.backlog, value: 256)
        .childChannelOption(.autoRead, value: false)
        .bind(host: "127.0.0.1", port: 0) { channel in channel.eventLoop.makeSucceededFuture(channel) }
    let log = ScriptedServer.Log()
    let server = ScriptedServer(port: listener.channel.localAddress?.port ?? 0, log: log)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { scripts in
                    for try await connection in connections {
                        scripts.addTask {
                            // Clients that go away in mid-answer are what many tests are about.
                            try? await serve(connection, log: log, reply)
                        }
                    }
                }
            }
            return nil
        }
        group.addTask { try await body(server) }
        defer { group.cancelAll() }
        while let next = try await group.next() {
            if let result = next { return result }
        }
        throw CancellationError()
    }
}

/// Lends a client that really connects.
func withHTTP<Result: Sendable>(_ body: (OutboundHTTPClient) async throws -> Result) async throws -> Result {
    let client = OutboundHTTPClient(settings: HTTPClientSettings(), metrics: NOOPMetricsHandler.instance)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Wraps an accepted connection only now, so that one which nobody comes to serve is simply dropped at the end of a
/// test.
private func serve(
    _ channel: any Channel, log: ScriptedServer.Log,
    _ reply: @Sendable (Int, ScriptedServer.Request) -> ScriptedServer.Reply
) async throws {
    let connection = try await channel.eventLoop.submit {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
    }.get()
    try await connection.executeThenClose { inbound, outbound in
        try await channel.setOption(.autoRead, value: true).get()
        var unread: [UInt8] = []
        for try await part in inbound {
            unread.append(contentsOf: part.readableBytesView)
            while let request = try takeRequest(from: &unread) {
                let number = log.requests.withLock { requests in
                    requests.append(request)
                    return requests.count - 1
                }
                let answer = reply(number, request)
                try await send(answer, to: outbound, channel)
                switch answer.end {
                case .whole, .silence: continue
                case .reset, .cut: return
                }
            }
        }
    }
}

private func send(
    _ reply: ScriptedServer.Reply, to outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ channel: any Channel
) async throws {
    if !reply.status.isEmpty {
        try await outbound.write(
            ByteBuffer(string: "HTTP/1.1 \(reply.status)\r\nTransfer-Encoding: chunked\r\n\(reply.headers)\r\n"))
    }
    for piece in reply.pieces {
        var buffer = ByteBuffer(string: String(piece.count, radix: 16) + "\r\n")
        buffer.writeBytes(piece)
        buffer.writeString("\r\n")
        try await outbound.write(buffer)
    }
    switch reply.end {
    case .whole: try await outbound.write(ByteBuffer(string: "0\r\n\r\n"))
    case .reset:
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close(mode: .all)
    case .silence, .cut: break
    }
}

private func takeRequest(from unread: inout [UInt8]) throws -> ScriptedServer.Request? {
    let text = String(decoding: unread, as: UTF8.self)
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let lines = parts[0].split(separator: "\r\n")
    let headers = Dictionary(
        lines.dropFirst().map { line in
            let pair = line.split(separator: ":", maxSplits: 1)
            return (pair[0].lowercased(), String(pair.last?.drop { $0 == " " } ?? ""))
        }, uniquingKeysWith: { first, _ in first })
    let length = headers["content-length"].flatMap { Int($0) } ?? 0
    guard parts[1].utf8.count >= length else { return nil }
    let body = String(decoding: Array(parts[1].utf8).prefix(length), as: UTF8.self)
    unread = Array(Array(parts[1].utf8).dropFirst(length))
    return ScriptedServer.Request(
        path: String(lines[0].split(separator: " ")[1]), headers: headers,
        body: length == 0 ? .null : try JSONValue(parsing: body))
}
