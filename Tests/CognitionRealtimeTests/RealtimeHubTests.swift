import CognitionCore
import CognitionEvents
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

@Suite struct RealtimeHubTests {
    private static let workspace = WorkspaceID("w")
    private static let execution = "01980000-0000-7000-8000-000000000001"

    private struct Source: ExecutionSource {
        let database: any Database
        let lookups = Lookups()

        final class Lookups: Sendable { let count = Mutex(0) }

        func execution(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
            TopicSnapshot(data: ["status": "running"], position: try await EventLog(database).head())
        }
        func workflow(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
            TopicSnapshot(data: [:], position: try await EventLog(database).head())
        }
        func canonicalWorkflowID(_ id: String) -> String { id }
        func workflowID(ofExecution id: String, in workspace: WorkspaceID) async throws -> String? {
            lookups.count.withLock { $0 += 1 }
            return "w.x"
        }
    }

    private struct Accounts: RealtimeAuthenticator {
        func caller(token: String, from address: String?) async throws -> RealtimeCaller { FakeConnection.ada }
        func isValid(_ caller: RealtimeCaller) -> Bool { true }
    }

    private final class Lane: FeedLane {
        let messages = Mutex<[FeedMessage]>([])
        func post(_ new: [FeedMessage]) { messages.withLock { $0 += new } }
        var isCongested: Bool { false }
    }

    private func append(_ type: String, _ data: JSONObject, to database: any Database) async throws {
        try await EventLog(database).append(
            [NewEvent(type, data: .object(data))], to: StreamName("execution", Self.execution),
            context: EventContext(
                Principal(actor: "engine", workspace: Self.workspace), time: FakeConnection.now, ids: UUIDGenerator()))
    }

    @Test("The epoch stays with the log until it is forgotten", arguments: TestDatabase.engines)
    func epoch(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EventLog.migrations + Rooms.migrations) { database in
            let source = Source(database: database)
            func open() async throws -> String {
                try await RealtimeHub.open(database, source: source, authenticator: Accounts()).epoch
            }
            let first = try await open()
            #expect(UUIDv7(first) != nil)
            #expect(try await open() == first)
            try await database.write { try EpochStore.forget(in: $0) }
            #expect(try await open() != first)
        }
    }

    @Test(
        "What somebody waits for is encoded and handed over in its order; the rest is not",
        arguments: TestDatabase.engines)
    func feed(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EventLog.migrations + Rooms.migrations) { database in
            let source = Source(database: database)
            try await append(
                "execution.started", ["workflow_id": "w.x", "status": "running", "progress": 0], to: database)
            let hub = try await RealtimeHub.open(database, source: source, authenticator: Accounts())
            let lane = Lane()
            hub.add(lane)
            let other = Topic.execution(Self.workspace, "other")
            hub.subscribed(to: other)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await hub.run() }
                try await append("task.started", ["task": 1, "name": "a", "status": "running"], to: database)
                hub.subscribed(to: .workflow(Self.workspace, "w.x"))
                let start = try await EventLog(database).head()
                try await append(
                    "task.faulted",
                    [
                        "task": 1, "name": "a", "attempt": 2, "status": "running", "progress": 50,
                        "error": .string(String(repeating: "x", count: 40_000)),
                    ], to: database)
                try await append(
                    "execution.completed", ["workflow_id": "w.x", "status": "completed", "progress": 100], to: database)
                while lane.messages.withLock({ $0.last?.position }) != start + 2 {
                    try await Task.sleep(for: .milliseconds(2))
                }
                group.cancelAll()
            }
            let messages = lane.messages.withLock { $0 }.suffix(2).map { (try? JSONValue(parsing: $0.json)) ?? .null }
            #expect(messages[0]["data"]?["workflow_id"] == "w.x")
            #expect(messages[0]["data"]?["task"]?["status"] == "faulted")
            #expect(messages[0]["data"]?["task"]?["attempt"] == 2)
            // Too large a message leaves out the details.
            #expect(messages[0]["data"]?["task"]?["error"] == nil)
            #expect(messages[1]["data"]?["task"] == nil)
            #expect(messages[1]["data"]?["status"] == "completed")
            #expect(messages[1]["epoch"]?.stringValue == hub.epoch)
            #expect(source.lookups.count.withLock { $0 } == 1)
        }
    }

    @Test("What was missed is read from the log, and too much is not", arguments: TestDatabase.engines)
    func load(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EventLog.migrations + Rooms.migrations) { database in
            var settings = RealtimeHub.Settings()
            settings.pendingMax = 10
            let hub = try await RealtimeHub.open(
                database, source: Source(database: database), authenticator: Accounts(), settings: settings)
            for _ in 0..<30 { try await append("task.started", ["task": 1], to: database) }
            for topic in [Topic.execution(Self.workspace, Self.execution), .workflow(Self.workspace, "w.x")] {
                let start = try await hub.load(topic, since: FeedPlace(epoch: hub.epoch, offset: 20))
                #expect(start.recovered == true)
                #expect(start.messages.map(\.position) == Array(21...30))
                #expect(start.position == 30)
                #expect(try await hub.load(topic, since: FeedPlace(epoch: hub.epoch, offset: 19)).recovered == false)
                #expect(try await hub.load(topic, since: FeedPlace(epoch: "other", offset: 25)).recovered == false)
                #expect(try await hub.load(topic, since: FeedPlace(epoch: hub.epoch, offset: 31)).recovered == false)
                #expect(try await hub.load(topic, since: nil).from == 30)
            }
        }
    }

    /// Every job and queue is there.
    private struct Jobs: JobSource {
        let database: any Database

        private func snapshot(_ data: JSONObject) async throws -> TopicSnapshot {
            TopicSnapshot(data: data, position: try await EventLog(database).head())
        }
        func job(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
            guard id != "none" else { throw RealtimeError(.roomNotFound, "there is no job") }
            return try await snapshot(["job_id": .string(id)])
        }
        func queue(_ name: String, in workspace: WorkspaceID) async throws -> TopicSnapshot { try await snapshot([:]) }
        func jobs(in workspace: WorkspaceID) async throws -> TopicSnapshot { try await snapshot([:]) }
    }

    private static let watcher = RoomPeople.caller("ada", in: workspace, [.readJobs, .readWorkflows])

    @Test("Rooms of the log tell of jobs and executions, live and from any place", arguments: TestDatabase.engines)
    func logRooms(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EventLog.migrations + Rooms.migrations) { database in
            let hub = try await RealtimeHub.open(
                database, source: Source(database: database), jobs: Jobs(database: database), authenticator: Accounts())
            let lane = Lane()
            hub.add(lane)
            func end(_ job: String, _ queue: String, of schedule: String? = nil) async throws {
                var data: JSONObject = ["job_id": .string(job), "queue": .string(queue), "kind": "http", "attempt": 1]
                data["schedule_id"] = schedule.map(JSONValue.string)
                try await EventLog(database).append(
                    [NewEvent("job.completed", data: .object(data))], to: StreamName("job_queue", queue),
                    context: EventContext(
                        Principal(actor: "scheduler", workspace: Self.workspace), time: FakeConnection.now,
                        ids: UUIDGenerator()))
            }
            func topic(_ room: String) throws -> Topic { try #require(try hub.logRoom(room, for: Self.watcher)) }
            let (job, schedule) = (try topic("job:one"), try topic("job:nightly"))
            let (queue, all) = (try topic("queue:q"), try topic("jobs:w"))
            #expect(try topic("execution:\(Self.execution.uppercased())") == .execution(Self.workspace, Self.execution))
            #expect(try topic("workflow:w.x") == .workflow(Self.workspace, "w.x"))
            hub.subscribed(to: queue)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await hub.run() }
                try await end("one", "q")
                try await append("execution.started", ["workflow_id": "w.x", "status": "running"], to: database)
                try await end("two", "other")
                try await end("three", "q", of: "nightly")
                while lane.messages.withLock({ $0.count }) < 2 { try await Task.sleep(for: .milliseconds(2)) }
                group.cancelAll()
            }
            let told = lane.messages.withLock { $0 }.map { (try? JSONValue(parsing: $0.json)) ?? .null }
            #expect(told.map { $0["data"]?["job_id"] } == ["one", "three"] && told.map { $0["offset"] } == [1, 4])
            #expect(told[0]["type"] == "job_status" && told[0]["data"]?["status"] == "completed")

            func offsets(_ topic: Topic, _ piece: Rooms.Piece = .after(0), limit: Int = 10) async throws -> [Int64] {
                try await hub.history(of: topic, piece, limit: limit).messages.map(\.position)
            }
            #expect(try await offsets(job) == [1])
            #expect(try await offsets(schedule) == [4])
            #expect(try await offsets(queue) == [1, 4])
            #expect(try await offsets(all) == [1, 3, 4])
            #expect(try await offsets(all, .newest, limit: 2) == [3, 4])
            #expect(try await offsets(all, .before(4), limit: 1) == [3])
            #expect(try await offsets(all, .after(1), limit: 1) == [3])
            #expect(try await offsets(.workflow(Self.workspace, "w.x")) == [2])
            let page = try await hub.history(of: all, .after(1), limit: 1)
            #expect(page.position == 3 && page.head == 4 && page.epoch == hub.epoch)
            let start = try await hub.load(all, since: FeedPlace(epoch: hub.epoch, offset: 1))
            #expect(start.recovered == true && start.messages.map(\.position) == [3, 4])
            // A page of several topics, as a slow client reads it.
            #expect(
                try await hub.page(after: 0, topics: [queue, .workflow(Self.workspace, "w.x")]).messages.count == 3)
            await #expect(throws: RealtimeError.self) {
                try await hub.history(of: try topic("job:none"), .newest, limit: 1)
            }
        }
    }

    @Test("Rooms of the log are for those who may see what they tell, and nobody publishes there")
    func logRoomAccess() async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EventLog.migrations + Rooms.migrations) { database in
            let hub = try await RealtimeHub.open(
                database, source: Source(database: database), jobs: Jobs(database: database), authenticator: Accounts())
            func code(_ body: () async throws -> Void) async -> ErrorCode? {
                do { try await body() } catch let error as RealtimeError { return error.code } catch {}
                return nil
            }
            let reader = RoomPeople.caller("ada", in: Self.workspace, [.readRooms, .publishToRooms, .readWorkflows])
            #expect(await code { _ = try hub.logRoom("job:one", for: reader) } == .realtimeForbidden)
            #expect(await code { _ = try hub.logRoom("jobs:other", for: Self.watcher) } == .roomNotFound)
            #expect(try hub.logRoom("a", for: reader) == nil)
            #expect(try hub.logRoom("user:\(Self.execution)", for: reader) == nil)
            for room in ["execution:a", "workflow:w.x", "job:one", "queue:q", "jobs:w"] {
                #expect(await code { _ = try RoomName.parse(room) } == .roomReadOnly)
                #expect(await code { try await hub.rooms.delete(room, as: reader) } == .roomReadOnly)
            }
            #expect(await code { _ = try RoomName.parse("search:x") } == .roomNotFound)
        }
    }

    @Test("Places are counted, and can be taken again")
    func places() async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EventLog.migrations + Rooms.migrations) { database in
            var settings = RealtimeHub.Settings()
            settings.connectionsPerUserMax = 2
            settings.connectionsMax = 1
            let hub = try await RealtimeHub.open(
                database, source: Source(database: database), authenticator: Accounts(), settings: settings)
            func admit(_ user: String, _ number: UInt64) -> Bool {
                hub.admit(user, UUIDv7(high: 1, low: number)) { Issue.record("\(user) \(number) gave way") }
            }
            #expect(admit("ada", 1))
            #expect(admit("ada", 2))
            #expect(!admit("ada", 3))
            #expect(admit("bob", 4))
            hub.release("ada", UUIDv7(high: 1, low: 1))
            #expect(admit("ada", 5))
            #expect(hub.connect(from: nil) == nil)
            #expect(hub.connect(from: "::1") == .server)
            hub.disconnected(from: nil)
            #expect(hub.connect(from: nil) == nil)
            #expect(hub.stats.connectedClients == 1)
            #expect(hub.stats.authenticatedConnections == 3)
        }
    }

    @Test("The oldest connection of a user gives way, once, and addresses are counted each for itself")
    func giveWay() async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EventLog.migrations + Rooms.migrations) { database in
            var settings = RealtimeHub.Settings()
            settings.connectionsPerUserMax = 2
            settings.connectionsPerAddressMax = 1
            settings.evictsOldest = true
            let hub = try await RealtimeHub.open(
                database, source: Source(database: database), authenticator: Accounts(), settings: settings)
            let gone = Mutex<[UInt64]>([])
            func admit(_ user: String, _ number: UInt64) -> Bool {
                hub.admit(user, UUIDv7(high: 1, low: number)) { gone.withLock { $0.append(number) } }
            }
            for number in 1...4 as ClosedRange<UInt64> { #expect(admit("ada", number)) }
            #expect(admit("bob", 9))
            #expect(gone.withLock { $0 } == [1, 2])
            // They end after that, and have no place to give back.
            hub.release("ada", UUIDv7(high: 1, low: 1))
            hub.release("ada", UUIDv7(high: 1, low: 2))
            #expect(admit("ada", 5))
            #expect(gone.withLock { $0 } == [1, 2, 3])
            for number in [3, 4, 5] as [UInt64] { hub.release("ada", UUIDv7(high: 1, low: number)) }
            #expect(admit("ada", 6) && admit("ada", 7))
            #expect(gone.withLock { $0 } == [1, 2, 3])
            #expect(hub.stats.authenticatedConnections == 3)

            #expect(hub.connect(from: "10.0.0.1") == nil)
            #expect(hub.connect(from: "10.0.0.1") == .address)
            #expect(hub.connect(from: "10.0.0.2") == nil)
            hub.disconnected(from: "10.0.0.1")
            #expect(hub.connect(from: "10.0.0.1") == nil)
        }
    }
}
