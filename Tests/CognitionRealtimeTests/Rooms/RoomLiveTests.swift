import CognitionCore
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import Testing

/// Rooms as connections see them.
@Suite struct RoomLiveTests {
    private let ada = RoomPeople.caller("ada")

    private func subscribe(_ peer: RoomPeer, _ room: String, since: JSONValue = .null, presence: Bool = false) {
        peer.say(["action": "subscribe", "room": .string(room), "since": since, "presence": .bool(presence)])
    }

    private func ledger(_ peer: RoomPeer) -> RoomLedger {
        var ledger = RoomLedger()
        ledger.take(peer.messages)
        return ledger
    }

    @Test("What is said is acknowledged, and told to everybody with its number", arguments: TestDatabase.engines)
    func publishes(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                _ = try await hub.rooms.create("a", RoomSettings(), as: ada)
                let (one, two) = (RoomPeer(hub), RoomPeer(hub, as: "bob"))
                for peer in [one, two] {
                    subscribe(peer, "a")
                    _ = try await peer.waitFor("subscribed")
                }
                for number in 1...100 {
                    one.say([
                        "action": "publish", "room": "a", "content": ["n": .integer(Int64(number))], "type": "chat",
                        "id": .integer(Int64(number)),
                    ])
                }
                one.say(["action": "ping", "id": "last"])
                let acks = try await one.waitFor("ack", count: 100)
                #expect(acks.map { $0["id"]?.integerValue } == (1...100).map(Int64.init))
                #expect(acks.map { $0["data"]?["offset"]?.integerValue } == (1...100).map(Int64.init))
                _ = try await one.waitFor("pong")
                // Answers come in the order of the requests.
                #expect(
                    one.messages.lastIndex { $0["type"] == "ack" } ?? 0 < one.messages.firstIndex {
                        $0["type"] == "pong"
                    } ?? 0)
                for peer in [one, two] {
                    let messages = try await peer.waitFor("message", count: 100)
                    #expect(messages.map { $0["offset"]?.integerValue } == (1...100).map(Int64.init))
                    #expect(messages[6]["data"]?["content"] == ["n": 7])
                    #expect(messages[6]["data"]?["sender"] == "ada" && messages[6]["data"]?["type"] == "chat")
                    #expect(messages[6]["data"]?["room"] == "a")
                }
                two.say(["action": "publish", "room": "nowhere", "content": 1, "id": 1])
                #expect(try await two.waitFor("error")[0]["data"]?["code"] == "realtime.room_not_found")
            }
        }
    }

    @Test("Who comes back gets what was missed, then what comes", arguments: TestDatabase.engines)
    func recovers(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                var settings = RoomSettings()
                settings.history = .last(50)
                let room = try await hub.rooms.create("a", settings, as: ada)
                for number in 1...60 { try await hub.say("\(number)", in: "a") }
                func since(_ epoch: String, _ offset: Int64) -> JSONValue {
                    ["epoch": .string(epoch), "offset": .integer(offset)]
                }
                // How far back the client was, whether it gets all of that, and how many messages it has then.
                let cases: [(back: Int64?, epoch: String, recovered: JSONValue, count: Int, gaps: Int)] = [
                    (30, room.epoch, true, 30, 0), (50, room.epoch, true, 50, 0), (0, room.epoch, true, 0, 0),
                    (51, room.epoch, false, 50, 1), (60, room.epoch, false, 50, 1), (30, "other", false, 0, 0),
                    (-1, room.epoch, false, 0, 0), (nil, "", .null, 0, 0),
                ]
                for (index, expected) in cases.enumerated() {
                    let end = try await hub.rooms.room("a", for: ada).lastOffset
                    let peer = RoomPeer(hub)
                    subscribe(peer, "a", since: expected.back.map { since(expected.epoch, end - $0) } ?? .null)
                    let subscribed = try await peer.waitFor("subscribed")[0]
                    #expect(subscribed["data"]?["recovered"] ?? .null == expected.recovered, "\(index)")
                    let last = try await hub.say("more", in: "a").offset
                    try await peer.wait { $0.last?["offset"]?.integerValue == last }
                    let ledger = ledger(peer)
                    #expect(ledger.faults.isEmpty, "\(index): \(ledger.faults)")
                    #expect(ledger.gaps == expected.gaps, "\(index)")
                    #expect(ledger.contents.count == expected.count + 1, "\(index)")
                }
            }
        }
    }

    @Test("A slow client gets what the room's policy says, and is told of the rest", arguments: TestDatabase.engines)
    func slow(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                for policy in SlowPolicy.allCases {
                    var settings = RoomSettings()
                    settings.slow = policy
                    settings.history = .last(2_000)
                    let id = "slow-" + policy.rawValue
                    _ = try await hub.rooms.create(id, settings, as: ada)
                    let (slow, quick) = (RoomPeer(hub), RoomPeer(hub, as: "bob"))
                    for peer in [slow, quick] {
                        subscribe(peer, id)
                        _ = try await peer.waitFor("subscribed")
                    }
                    slow.setRoom(5)
                    for number in 1...400 {
                        try await hub.say("\(number)", in: id, type: number % 2 == 0 ? "even" : "odd")
                    }
                    // Nobody waits for the slow one.
                    _ = try await quick.waitFor("message", count: 400)
                    #expect(slow.messages.count { $0["type"] == "message" } == 5)
                    slow.setRoom(.max)
                    try await slow.wait { $0.last?["offset"]?.integerValue == 400 }
                    let ledger = ledger(slow)
                    #expect(ledger.faults.isEmpty, "\(policy): \(ledger.faults)")
                    switch policy {
                    case .disconnect: #expect(ledger.contents.count == 400 && ledger.gaps == 0)
                    case .dropOldest: #expect(ledger.contents.count == 105 && ledger.gaps == 1)
                    case .conflate:
                        #expect(ledger.contents.keys.sorted() == [1, 2, 3, 4, 5, 399, 400] && ledger.gaps == 1)
                    }
                    try await hub.say("and on", in: id)
                    try await slow.wait { $0.last?["offset"]?.integerValue == 401 }
                }
            }
        }
    }

    @Test("A slow client that cannot be told everything is closed where it must be", arguments: TestDatabase.engines)
    func tooSlow(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                var settings = RoomSettings()
                settings.history = .last(10)
                _ = try await hub.rooms.create("a", settings, as: ada)
                let slow = RoomPeer(hub)
                subscribe(slow, "a")
                _ = try await slow.waitFor("subscribed")
                slow.setRoom(2)
                for number in 1...30 { try await hub.say("\(number)", in: "a") }
                slow.setRoom(.max)
                let deadline = ContinuousClock.now + .seconds(10)
                while slow.closeReason == nil, ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(2))
                }
                #expect(slow.closeReason?.code == 4429)
                #expect(ledger(slow).faults.isEmpty)
            }
        }
    }

    @Test("Users come with the first connection and go a while after the last", arguments: TestDatabase.engines)
    func presence(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                _ = try await hub.rooms.create("a", RoomSettings(), as: ada)
                let watcher = RoomPeer(hub)
                subscribe(watcher, "a", presence: true)
                #expect(try await watcher.waitFor("subscribed")[0]["data"]?["present"] == ["ada"])
                func events() -> [String] {
                    watcher.messages.filter { $0["type"] == "presence" && $0["data"]?["user"] == "bob" }
                        .compactMap { $0["data"]?["event"]?.stringValue }
                }
                let (first, second) = (RoomPeer(hub, as: "bob"), RoomPeer(hub, as: "bob"))
                for peer in [first, second] {
                    subscribe(peer, "a")
                    _ = try await peer.waitFor("subscribed")
                }
                try await watcher.wait { _ in events() == ["join"] }
                #expect(
                    try await hub.rooms.people(of: "a", for: ada, limit: 10).filter(\.isPresent).map(\.user) == [
                        "ada", "bob",
                    ])
                first.disconnect()
                second.disconnect()
                // Back within the grace: nothing has happened.
                let third = RoomPeer(hub, as: "bob")
                subscribe(third, "a")
                _ = try await third.waitFor("subscribed")
                try await Task.sleep(for: .milliseconds(500))
                #expect(events() == ["join"])
                third.say(["action": "unsubscribe", "room": "a"])
                try await watcher.wait { _ in events() == ["join", "leave"] }
                #expect(try await hub.rooms.room("a", for: ada).present == 1)
            }
        }
    }

    @Test("No more users are in a room at once than there may be", arguments: TestDatabase.engines)
    func full(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                var settings = RoomSettings()
                settings.membersMax = 4
                _ = try await hub.rooms.create("a", settings, as: ada)
                let peers = (0..<12).map { RoomPeer(hub, as: "user\($0)") }
                for peer in peers { subscribe(peer, "a") }
                for peer in peers { try await peer.wait { !$0.isEmpty } }
                let codes = peers.map { $0.messages[0]["data"]?["code"]?.stringValue ?? "" }
                #expect(codes.count { $0.isEmpty } == 4)
                #expect(codes.count { $0 == "realtime.room_full" } == 8)
                // One goes, another comes.
                peers.first { $0.messages[0]["type"] == "subscribed" }?.disconnect()
                try await Task.sleep(for: .milliseconds(600))
                let late = RoomPeer(hub, as: "late")
                subscribe(late, "a")
                _ = try await late.waitFor("subscribed")
            }
        }
    }

    @Test(
        "Who is taken out of a private room, or whose room is deleted, leaves it at once",
        arguments: TestDatabase.engines)
    func revoked(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                var settings = RoomSettings()
                settings.isPrivate = true
                _ = try await hub.rooms.create("a", settings, as: ada)
                _ = try await hub.rooms.add("bob", to: "a", as: ada)
                let (owner, member) = (RoomPeer(hub), RoomPeer(hub, as: "bob"))
                for peer in [owner, member] {
                    subscribe(peer, "a")
                    _ = try await peer.waitFor("subscribed")
                }
                try await hub.rooms.remove("bob", from: "a", as: ada)
                #expect(try await member.waitFor("unsubscribed")[0]["data"]?["reason"] == "removed")
                try await hub.say("only us", in: "a")
                _ = try await owner.waitFor("message")
                #expect(!member.messages.contains { $0["type"] == "message" })
                try await hub.rooms.delete("a", as: ada)
                #expect(try await owner.waitFor("unsubscribed")[0]["data"]?["reason"] == "deleted")
            }
        }
    }

    /// Connections that come, go, fall behind and are cut off in any order, of nodes that are ended and begun again, while
    /// others write: each client is told everything in order, once, or told that it was not.
    @Test(
        "Random schedules lose nothing and repeat nothing", arguments: TestDatabase.engines, [11, 12, 13] as [UInt64])
    func schedules(on engine: TestDatabase.Engine, seed: UInt64) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            var random = SplitMix64(seed: seed)
            let schedule = RoomSchedule(rooms: ["x", "y"], clients: 6)
            for life in 0..<3 {
                let steps = RoomSchedule.steps(60, using: &random)
                try await withHub(database) { hub in
                    if life == 0 { try await schedule.makeRooms(on: hub) }
                    try await schedule.run(steps, on: [hub])
                }
            }
            try await withHub(database) { hub in try await schedule.finish(on: [hub], "seed \(seed)") }
        }
    }
}
