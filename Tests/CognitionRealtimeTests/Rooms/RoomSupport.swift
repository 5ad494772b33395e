import CognitionCore
import CognitionEvents
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import Dispatch
import Synchronization
import Testing

/// Nothing but rooms is watched here.
struct NoExecutions: ExecutionSource {
    func execution(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        TopicSnapshot(data: [:], position: 0)
    }
    func workflow(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        TopicSnapshot(data: [:], position: 0)
    }
    func canonicalWorkflowID(_ id: String) -> String { id }
    func workflowID(ofExecution id: String, in workspace: WorkspaceID) async throws -> String? { nil }
}

struct AnyToken: RealtimeAuthenticator {
    func caller(token: String, from address: String?) async throws -> RealtimeCaller { FakeConnection.ada }
    func isValid(_ caller: RealtimeCaller) -> Bool { true }
}

/// Everybody whose id begins with the workspace's name belongs to it.
struct UsersByName: RoomDirectory {
    func isMember(_ user: String, of workspace: WorkspaceID) async throws -> Bool { !user.hasPrefix("stranger") }
}

enum RoomPeople {
    static let workspace = WorkspaceID("w")

    static func caller(
        _ user: String, in workspace: WorkspaceID = workspace,
        _ permissions: Set<Permission> = [.readRooms, .publishToRooms, .manageRooms]
    ) -> RoomCaller {
        RoomCaller(
            user: user, principal: Principal(actor: "user:\(user)", workspace: workspace, permissions: permissions))
    }
}

let roomMigrations = NodeLease.migrations + EventLog.migrations + Rooms.migrations

/// Lends a hub that runs.
func withHub(
    _ database: any Database, lease: NodeLease? = nil, _ change: (inout RealtimeHub.Settings) -> Void = { _ in },
    _ body: @Sendable (RealtimeHub) async throws -> Void
) async throws {
    var settings = RealtimeHub.Settings()
    settings.presenceGrace = .milliseconds(200)
    change(&settings)
    let hub = try await RealtimeHub.open(
        database, source: NoExecutions(), authenticator: AnyToken(), directory: UsersByName(), lease: lease,
        settings: settings)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await hub.run() }
        try await body(hub)
        group.cancelAll()
    }
}

extension RealtimeHub {
    /// Sends a text to a room.
    @discardableResult
    func say(
        _ text: String, in room: String, as caller: RoomCaller = RoomPeople.caller("ada"), type: String? = nil,
        key: String? = nil
    ) async throws -> Published {
        let name = try #require(RoomName(room))
        return try await publish(
            Publication(to: name, .string(text), type: type, idempotencyKey: key, from: caller))
    }
}

/// One connection with an event loop of its own, over a real hub. Everything but `inbox` is touched on `queue` only, which is
/// why it may be shared.
final class RoomPeer: @unchecked Sendable {
    private let queue = DispatchQueue(label: "room peer")
    private let hub: RealtimeHub
    private let fanout = Fanout<RoomPeer>()
    private var session: ClientSession<RoomPeer>?
    /// Messages that can be written before there is no room.
    private var room = Int.max
    private var closed: CloseReason?
    private let inbox = Mutex<[JSONValue]>([])

    private struct Lane: FeedLane {
        let peer: RoomPeer
        func post(_ messages: [FeedMessage]) {
            peer.queue.async { for piece in FeedPiece.pieces(of: messages) { peer.fanout.deliver(piece) } }
        }
        var isCongested: Bool { false }
    }

    init(
        _ hub: RealtimeHub, as user: String = "ada", in workspace: WorkspaceID = RoomPeople.workspace,
        joinsHomes: Bool = false
    ) {
        self.hub = hub
        let caller = RealtimeCaller(
            user: user,
            principal: Principal(
                actor: "user:\(user)", workspace: workspace, permissions: [.readRooms, .publishToRooms]),
            expiresAt: Timestamp(microseconds: .max / 2))
        queue.sync {
            session = ClientSession(
                UUIDv7(high: 1, low: 1), port: self, rules: hub.rules, caller: caller, joinsHomes: joinsHomes)
        }
        hub.add(Lane(peer: self))
        if joinsHomes { queue.async { self.session?.begin() } }
    }

    func say(_ message: JSONValue) {
        queue.async { self.session?.receive(message.jsonText, now: SystemWallClock().now) }
    }

    /// The client takes so many messages more, and then no more.
    func setRoom(_ count: Int) {
        queue.async {
            self.room = count
            self.session?.hasRoom()
        }
    }

    /// The connection ends, in whatever state it is.
    func disconnect() { queue.sync { end() } }

    private func end() {
        session?.end()
        session = nil
    }

    var closeReason: CloseReason? { queue.sync { closed } }

    /// Everything that has come so far.
    var messages: [JSONValue] { inbox.withLock { $0 } }

    /// Waits until something has come.
    func wait(
        _ what: String = "a message", within limit: Duration = .seconds(20), until isThere: ([JSONValue]) -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while !isThere(messages) {
            guard ContinuousClock.now < deadline else {
                Issue.record("\(what) has not come: \(messages.suffix(5).map(\.jsonText))")
                throw CancellationError()
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    func waitFor(_ type: String, count: Int = 1) async throws -> [JSONValue] {
        try await wait(type) { $0.count { $0["type"]?.stringValue == type } >= count }
        return messages.filter { $0["type"]?.stringValue == type }
    }

    private func answer(_ body: @escaping @Sendable (RoomPeer) -> Void) { queue.async { body(self) } }
}

extension RoomPeer: SessionPort {
    var lastTaken: Int64 { session?.lastTaken ?? 0 }
    func take(_ message: FeedMessage) { session?.take(message) }
    func take(_ message: FeedMessage, for subscription: TopicSubscription<RoomPeer>) {
        session?.take(message, for: subscription)
    }
    func take(_ run: RoomRun, for subscription: TopicSubscription<RoomPeer>) {
        session?.take(run, for: subscription)
    }
    func send(_ json: [UInt8]) {
        let message = (try? JSONValue(parsing: json)) ?? .null  // null fails any test
        inbox.withLock { $0.append(message) }
    }
    func write(_ message: FeedMessage) -> Bool {
        guard room > 0 else { return false }
        room -= 1
        send(message.json)
        return true
    }
    func write(_ run: RoomRun) -> Int { run.messages.prefix { write($0) }.count }
    var hasRoom: Bool { room > 0 }
    func watchText(of subscription: TopicSubscription<RoomPeer>) -> (any LiveText)? { nil }
    func verify(_ token: Secret, answering id: JSONValue?) {}
    func load(_ subscription: TopicSubscription<RoomPeer>, since: FeedPlace?, answering id: JSONValue?) {}
    func read(after position: Int64, for subscriptions: [TopicSubscription<RoomPeer>]) {}
    func attend(_ topics: [Topic], answering id: JSONValue?) {
        let hub = hub
        Task {
            let result: Result<[RoomPlace], any Error>
            do { result = .success(try await hub.attend(topics)) } catch { result = .failure(error) }
            answer { $0.session?.attended(result, answering: id, now: SystemWallClock().now) }
        }
    }
    func enter(
        _ subscription: TopicSubscription<RoomPeer>, as caller: RoomCaller, since: FeedPlace?, answering id: JSONValue?
    ) {
        let (hub, topic, isQuiet, box) = (hub, subscription.topic, subscription.isQuiet, Box(subscription))
        Task {
            let result: Result<RoomStart, any Error>
            do { result = .success(try await hub.enter(topic, as: caller, since: since, isQuiet: isQuiet)) } catch {
                result = .failure(error)
            }
            answer { peer in
                guard let session = peer.session else {
                    if case .success(let start) = result { start.seat.leave() }
                    return
                }
                session.entered(box.value, result, answering: id, now: SystemWallClock().now)
            }
        }
    }
    func catchUp(_ subscription: TopicSubscription<RoomPeer>, after offset: Int64, _ reading: RoomReading) {
        let (hub, key, box) = (hub, subscription.roomKey, Box(subscription))
        Task {
            let result: Result<RoomCatchUp, any Error>
            do { result = .success(try await hub.catchUp(key, after: offset, reading)) } catch {
                result = .failure(error)
            }
            answer { $0.session?.caughtUp(box.value, result) }
        }
    }
    func publish(_ publication: Publication, answering id: JSONValue?) {
        let room = publication.room
        hub.publish(publication) { [self] result in
            answer { $0.session?.published(result, to: room, answering: id, now: SystemWallClock().now) }
        }
    }
    func renew(_ caller: RealtimeCaller) {}
    func readmit(_ subscription: TopicSubscription<RoomPeer>, as caller: RoomCaller) {}
    func join(_ subscription: TopicSubscription<RoomPeer>) {
        fanout.add(subscription)
        hub.subscribed(to: subscription.topic, isAutomatic: subscription.isAutomatic)
    }
    func leave(_ subscription: TopicSubscription<RoomPeer>) {
        fanout.remove(subscription)
        hub.unsubscribed(from: subscription.topic, isAutomatic: subscription.isAutomatic)
    }
    func disconnect(_ reason: CloseReason) {
        closed = reason
        end()
    }
    func backlogEnded() {}
    var stats: RealtimeStats { hub.stats }
    func countError() {}
    func countSlow(_ outcome: RealtimeMetrics.SlowOutcome) {}

    /// Goes through a task and back to the queue that it is used on.
    private struct Box: @unchecked Sendable {
        let value: TopicSubscription<RoomPeer>
        init(_ value: TopicSubscription<RoomPeer>) { self.value = value }
    }
}

/// What one client has been told of one room, over all of its connections: no message twice, none out of order, and none
/// missing that was not said to be.
struct RoomLedger {
    private(set) var last: Int64?
    private(set) var epoch: String?
    private(set) var contents: [Int64: JSONValue] = [:]
    private(set) var gaps = 0
    private(set) var faults: [String] = []

    /// Where the client goes on.
    var since: JSONValue {
        guard let epoch, let last else { return .null }
        return ["epoch": .string(epoch), "offset": .integer(last)]
    }

    /// Takes what one connection has brought.
    mutating func take(_ messages: [JSONValue]) {
        for message in messages {
            let offset = message["offset"]?.integerValue ?? -1
            switch message["type"]?.stringValue {
            case "subscribed":
                if let last, epoch == message["epoch"]?.stringValue {
                    if offset != last { faults.append("goes on at \(offset), not at \(last)") }
                }
                epoch = message["epoch"]?.stringValue
                last = offset
            case "message":
                if offset != (last ?? 0) + 1 { faults.append("\(offset) after \(last ?? -1)") }
                if epoch != message["epoch"]?.stringValue { faults.append("another epoch") }
                if let old = contents[offset], old != message["data"]?["id"] { faults.append("\(offset) is another") }
                contents[offset] = message["data"]?["id"]
                last = offset
            case "gap":
                let (from, to) = (
                    message["data"]?["from"]?.integerValue ?? -1, message["data"]?["to"]?.integerValue ?? -1
                )
                if from != (last ?? 0) + 1 || to < from || offset != to {
                    faults.append("a gap \(from)–\(to) after \(last ?? -1)")
                }
                gaps += 1
                last = to
            default: break
            }
        }
    }
}
