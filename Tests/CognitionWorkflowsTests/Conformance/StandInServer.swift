import CognitionCore
import CognitionHTTPClient
import Metrics
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server on 127.0.0.1 that stands in for public hosts, and the client that is led to it.
struct StandInServer: Sendable {
    struct Request: Sendable {
        let method: String
        /// The host that the client asked for.
        let host: String
        let path: String
        let query: String
        fileprivate let headers: HTTPHeaders
        let body: String

        /// The first header of that name, whatever its case.
        func header(_ name: String) -> String? { headers.first(name: name) }

        var json: JSONValue { (try? JSONValue(parsing: Array(body.utf8))) ?? .null }
    }

    struct Reply: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body = ""

        static func json(_ value: JSONValue, status: Int = 200) -> Reply {
            Reply(status: status, headers: [("Content-Type", "application/json")], body: value.jsonText)
        }

        static let nothing = Reply.json(["error": "there is nothing here"], status: 404)
    }

    fileprivate final class Log: Sendable {
        let requests = Mutex<[Request]>([])
    }

    let http: any OutboundHTTP
    private let log: Log

    /// What has been asked for, in the order in which it came.
    var requests: [Request] { log.requests.withLock { $0 } }

    /// Runs `body` beside a server that answers with `answer`.
    static func with<Result: Sendable>(
        _ answer: @escaping @Sendable (Request) -> Reply, _ body: (StandInServer) async throws -> Result
    ) async throws -> Result {
        let log = Log()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        StandInHandler { request in
                            log.requests.withLock { $0.append(request) }
                            return answer(request)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = OutboundHTTPClient(settings: HTTPClientSettings(), metrics: NOOPMetricsHandler.instance)
        let port = listener.localAddress?.port ?? 0
        do {
            let result = try await body(StandInServer(http: StandInHTTP(client: client, port: port), log: log))
            await client.shutdown()
            try await listener.close().get()
            return result
        } catch {
            await client.shutdown()
            try? await listener.close().get()
            throw error
        }
    }
}

/// Leads every request to the stand-in, which learns from a header for whom it stands.
private struct StandInHTTP: OutboundHTTP {
    let client: OutboundHTTPClient
    let port: Int

    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        var response = try await client.send(led(request))
        response.url = request.url
        return response
    }

    func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result {
        try await client.stream(
            led(request), firstByteTimeout: firstByteTimeout, idleTimeout: idleTimeout, body: body)
    }

    private func led(_ request: OutboundRequest) -> OutboundRequest {
        var request = request
        let parts = request.url.split(separator: "://", maxSplits: 1)
        let rest = parts.count == 2 ? parts[1] : ""
        let host = rest.prefix { $0 != "/" && $0 != "?" }
        request.headers.append(("X-Stand-In-For", String(host)))
        request.url = "http://127.0.0.1:\(port)" + rest.dropFirst(host.count)
        return request
    }
}

private final class StandInHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (StandInServer.Request) -> StandInServer.Reply
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(answer: @escaping @Sendable (StandInServer.Request) -> StandInServer.Reply) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var part):
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            let (path, query) = head.uri.splitOnce(at: "?")
            let reply = answer(
                StandInServer.Request(
                    method: head.method.rawValue, host: head.headers.first(name: "X-Stand-In-For") ?? "", path: path,
                    query: query, headers: head.headers, body: String(buffer: body)))
            var headers = HTTPHeaders(reply.headers)
            headers.add(name: "Content-Length", value: String(reply.body.utf8.count))
            let status = HTTPResponseStatus(statusCode: reply.status)
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))),
                promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

extension String {
    fileprivate func splitOnce(at separator: Character) -> (String, String) {
        guard let place = firstIndex(of: separator) else { return (self, "") }
        return (String(self[..<place]), String(self[index(after: place)...]))
    }
}
