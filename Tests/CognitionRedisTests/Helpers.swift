import CognitionCore
import CognitionRedis
import CognitionTestSupport
import Logging
import Metrics
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Tracing

/// Lends a client that runs; it need not be connected.
func withClient<Value: Sendable>(
    _ options: RedisOptions, metrics: any MetricsFactory = NOOPMetricsHandler.instance,
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, tracer: (any Tracer)? = nil,
    _ body: @escaping @Sendable (RedisClient) async throws -> Value
) async throws -> Value {
    let client = try RedisClient(options, logger: logger, metrics: metrics, tracer: tracer)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            await client.run()
            return nil
        }
        group.addTask { try await body(client) }
        defer { group.cancelAll() }
        while let next = try await group.next() {
            if let value = next { return value }
        }
        throw CancellationError()
    }
}

/// Options that fit tests: nobody waits for long.
func options(of port: Int, _ change: (inout RedisOptions) -> Void = { _ in }) -> RedisOptions {
    var options = RedisOptions(host: "127.0.0.1", port: port)
    options.reconnectMax = .milliseconds(50)
    change(&options)
    return options
}

extension RedisClient {
    /// Waits until commands are answered.
    func connected() async throws { try await eventually { standing.isConnected } }
}

/// Waits until `condition` holds; what tests wait for comes from another process.
func eventually(_ condition: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "it did not come to pass in time", sourceLocation: sourceLocation)
        await Task.yield()
    }
}

/// The code of the error that `work` throws.
func code(of work: () async throws -> Void) async -> String? {
    do {
        try await work()
        return nil
    } catch {
        return (error as? any CodedError)?.code.name ?? "\(error)"
    }
}

/// Remembers what a channel was told.
final class Ear: Sendable {
    private let state = Mutex<(messages: [String], starts: Int)>(([], 0))

    var messages: [String] { state.withLock { $0.messages } }
    var starts: Int { state.withLock { $0.starts } }

    func listen(_ client: RedisClient, to channel: String) {
        client.listen(to: channel) { [self] in
            state.withLock { $0.starts += 1 }
        } onMessage: { [self] message in
            state.withLock { $0.messages.append(String(decoding: message, as: UTF8.self)) }
        }
    }
}

/// A greeting as a server gives it.
let greeting = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n"

/// One connection to a server that says what a test tells it to.
struct PeerConnection {
    fileprivate var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private(set) var received = ""

    fileprivate init(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// Waits until `text` was received; what was before it is forgotten.
    mutating func expect(_ text: String) async throws {
        while true {
            if let range = received.firstRange(of: text) {
                received.removeSubrange(..<range.upperBound)
                return
            }
            guard let more = try await inbound.next(isolation: #isolation) else { throw CancellationError() }
            received += String(buffer: more)
        }
    }

    mutating func greet() async throws {
        try await expect("cognitionos\r\n")
        try await write(greeting)
    }

    /// Reads until the other side closes.
    mutating func waitForEnd() async {
        while let part = try? await inbound.next(isolation: #isolation) { _ = part }
    }
}

/// Runs `body` beside a server that runs `script` on each connection.
func withPeer<Value: Sendable>(
    _ script: @escaping @Sendable (inout PeerConnection) async throws -> Void,
    _ body: @escaping @Sendable (_ port: Int) async throws -> Value
) async throws -> Value {
    let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelOption(.autoRead, value: false)
        .bind(host: "127.0.0.1", port: 0) { channel in channel.eventLoop.makeSucceededFuture(channel) }
    let port = server.channel.localAddress?.port ?? 0
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            try await server.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { scripts in
                    for try await connection in connections {
                        scripts.addTask {
                            // A client that goes away in mid-script is what some tests are about.
                            try? await serve(connection, script)
                        }
                    }
                }
            }
            return nil
        }
        group.addTask { try await body(port) }
        defer { group.cancelAll() }
        while let next = try await group.next() {
            if let value = next { return value }
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
        var peer = PeerConnection(inbound, outbound)
        try await script(&peer)
    }
}
