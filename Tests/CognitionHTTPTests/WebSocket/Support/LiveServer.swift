import CognitionCore
import CognitionEvents
import CognitionHTTP
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A server with a WebSocket on a port of its own, over a log in memory.
struct LiveServer: Sendable {
    let port: Int
    let hub: RealtimeHub
    let database: any Database
    let accounts: TestAccounts
    let source: TestExecutions
    fileprivate let services: ServiceGroup

    var log: EventLog { EventLog(database) }

    /// Tells every connection that the server goes away.
    func shutDown() async { await services.triggerGracefulShutdown() }

    /// Appends events of executions, in a transaction each.
    @discardableResult
    func append(
        _ count: Int = 1, to execution: String = TestExecutions.first,
        in workspace: WorkspaceID = TestAccounts.workspace,
        padding: Int = 0
    ) async throws -> Int64 {
        var position: Int64 = 0
        for _ in 0..<count {
            position = try await source.advance(execution, in: workspace, of: database, padding: padding)
        }
        return position
    }
}

struct LiveSettings {
    var hub = RealtimeHub.Settings()
    var endpoint = WebSocketEndpoint.Settings()
    var channel = HTTP1WebSocketChannel.Configuration()

    /// Looks after its connections often, so that no test has to wait for long.
    static var quick: LiveSettings {
        var settings = LiveSettings()
        settings.endpoint.tick = .milliseconds(20)
        settings.hub.connectionsPerUserMax = 2_000
        return settings
    }
}

func withLiveServer(
    _ settings: LiveSettings = .quick, clock: any WallClock = SystemWallClock(),
    _ body: @Sendable (LiveServer) async throws -> Void
) async throws {
    try await withTestDatabase(.sqliteMemory, migrations: EventLog.migrations + Rooms.migrations) { database in
        let accounts = TestAccounts(clock: clock)
        let source = TestExecutions()
        let hub = try await RealtimeHub.open(
            database, source: source, authenticator: accounts, settings: settings.hub, wallClock: clock)
        let endpoint = WebSocketEndpoint(hub: hub, settings: settings.endpoint)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let ready = Ready()
        let server = try HTTPServerBuilder.http1WithWebSocket(configuration: settings.channel, upgrade: endpoint)
            .buildServer(
                configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: 0), backlog: 1_024),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger, responder: answer
            ) { channel in ready.set(channel.localAddress?.port ?? 0) }
        let services = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            group.addTask { try await services.run() }
            let port = await ready.wait()
            do {
                try await body(
                    LiveServer(
                        port: port, hub: hub, database: database, accounts: accounts, source: source, services: services
                    ))
            } catch {
                group.cancelAll()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.next()
            group.cancelAll()
        }
    }
}

/// Plain HTTP beside the socket: says how many bytes the body had.
@concurrent @Sendable private func answer(
    _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel
) async throws {
    var bytes = 0
    for try await buffer in request.body { bytes += buffer.readableBytes }
    let text = "\(request.method) \(request.uri.path) \(bytes)"
    var body = try await writer.writeHead(
        HTTPResponse(status: .ok, headerFields: [.contentLength: "\(text.utf8.count)"]))
    try await body.write(ByteBuffer(string: text))
    try await body.finish(nil)
}

private final class Ready: Sendable {
    private let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
    func set(_ port: Int) { continuation.yield(port) }
    func wait() async -> Int {
        for await port in stream { return port }
        return 0
    }
}

/// Tokens are `user`, `user@workspace` or either with `!seconds` to live; `bad` is none.
final class TestAccounts: RealtimeAuthenticator {
    static let workspace = WorkspaceID("w1")
    private let clock: any WallClock
    private let revoked = Mutex<Set<String>>([])

    init(clock: any WallClock) { self.clock = clock }

    func revoke(_ user: String) { revoked.withLock { _ = $0.insert(user) } }

    var revision: Int { revoked.withLock { $0.count } }

    func caller(token: String, from address: String?) async throws -> RealtimeCaller {
        if token == "bad" { throw RealtimeError(.realtimeUnauthenticated, "the token is not valid") }
        let parts = token.split(separator: "!")
        let names = parts[0].split(separator: "@")
        return RealtimeCaller(
            user: String(names[0]),
            principal: Principal(
                actor: "user:\(names[0])", workspace: WorkspaceID(names.count > 1 ? String(names[1]) : "w1"),
                permissions: names[0] == "nobody" ? [] : [.readWorkflows, .readRooms, .publishToRooms, .manageRooms]),
            expiresAt: clock.now + .seconds(parts.count > 1 ? Double(parts[1]) ?? 0 : 3_600))
    }

    func isValid(_ caller: RealtimeCaller) -> Bool { revoked.withLock { !$0.contains(caller.user) } }
}

/// Executions whose state is a counter: each event raises `progress`, and the snapshot is read with the log's end.
final class TestExecutions: ExecutionSource {
    static let first = "01980000-0000-7000-8000-000000000001"
    static let second = "01980000-0000-7000-8000-000000000002"
    static let elsewhere = "01980000-0000-7000-8000-000000000003"
    static let workflow = "default.demo"

    private let database = Mutex<(any Database)?>(nil)
    private let counts = Mutex<[String: Int64]>([:])

    func advance(
        _ execution: String, in workspace: WorkspaceID, of database: any Database, padding: Int
    ) async throws -> Int64 {
        self.database.withLock { $0 = database }
        let count = counts.withLock { counts in
            counts[execution, default: 0] += 1
            return counts[execution, default: 0]
        }
        var data: JSONObject = [
            "status": "running", "progress": .integer(min(99, count)), "task": 1, "name": "step",
            "reference": "/do/0/step", "attempt": 1, "count": .integer(count),
        ]
        if padding > 0 { data["error"] = .string(String(repeating: "x", count: padding)) }
        let event = NewEvent("task.started", data: .object(data))
        let context = EventContext(
            Principal(actor: "engine", workspace: workspace), time: SystemWallClock().now, ids: UUIDGenerator())
        let receipt = try await EventLog(database).append(
            [event], to: StreamName("execution", execution), context: context)
        _ = receipt
        return try await EventLog(database).head()
    }

    func execution(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        let isThere = [Self.first, Self.second].contains(id) && workspace == TestAccounts.workspace
        guard isThere || (id == Self.elsewhere && workspace.name == "w2") else {
            throw RealtimeError(
                ErrorCode("workflow.execution_not_found", category: .notFound), "there is no execution \(id)")
        }
        return TopicSnapshot(
            data: [
                "execution_id": .string(id), "workflow_id": .string(Self.workflow), "status": "running", "progress": 1,
            ], position: try await head())
    }

    func workflow(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        guard id == Self.workflow else {
            throw RealtimeError(ErrorCode("workflow.not_found", category: .notFound), "there is no workflow \(id)")
        }
        return TopicSnapshot(data: ["workflow_id": .string(id)], position: try await head())
    }

    func canonicalWorkflowID(_ id: String) -> String { id.contains(".") ? id : "default.\(id)" }

    func workflowID(ofExecution id: String, in workspace: WorkspaceID) async throws -> String? { Self.workflow }

    private func head() async throws -> Int64 {
        guard let database = database.withLock({ $0 }) else { return 0 }
        return try await EventLog(database).head()
    }
}
