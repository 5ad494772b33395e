import CognitionCore
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import Testing

/// Rooms that devices are in without asking: of their user and of their workspace.
@Suite struct HomeRoomTests {
    private static let ada = "01a1fd14-daa6-7125-8d4b-17e0939a7d11"
    private static let bob = "01a1fd14-daa6-7125-8d4b-17e0939a7d22"
    private static let room = "user:" + ada
    private static let admin = RoomPeople.caller(bob, [.readRooms, .publishToRooms, .manageRooms, .manageWorkspace])

    /// What `connected` says of a room.
    private func place(_ peer: RoomPeer, of room: String = Self.room) async throws -> JSONValue {
        let connected = try await peer.waitFor("connected")[0]
        let rooms = connected["data"]?["rooms"]?.arrayValue ?? []
        return try #require(rooms.first { $0["room"]?.stringValue == room })
    }

    private func offsets(_ peer: RoomPeer, _ count: Int) async throws -> [Int64?] {
        try await peer.waitFor("message", count: count).map { $0["offset"]?.integerValue }
    }

    @Test(
        "What is said to a user and to a workspace reaches every device, which count for nothing there",
        arguments: TestDatabase.engines)
    func devices(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                let peers = (0..<3).map { RoomPeer(hub, as: $0 < 2 ? Self.ada : Self.bob, joinsHomes: true) }
                for peer in peers.prefix(2) {
                    let place = try await place(peer)
                    #expect(place["offset"] == 0 && place["epoch"] == .string(hub.epoch + ".0"), "\(place)")
                }
                _ = try await peers[2].waitFor("connected")
                // Nothing is made for who only listens.
                #expect(try await hub.rooms.count() == 0)
                try await hub.say("for you", in: Self.room, as: Self.admin)
                try await hub.say("for all", in: "workspace:w", as: Self.admin)
                for peer in peers.prefix(2) {
                    let told = try await peer.waitFor("message", count: 2)
                    #expect(told.map { $0["data"]?["content"] } == ["for you", "for all"])
                    #expect(told.map { $0["offset"] } == [1, 1])
                }
                #expect(try await peers[2].waitFor("message").map { $0["data"]?["content"] } == ["for all"])
                #expect(try await hub.rooms.room("workspace:w", for: Self.admin).present == 0)
                #expect(hub.stats.activeSubscriptions == 0)
                // By an ordinary subscription one is in it as in any other, and told once.
                peers[0].say(["action": "subscribe", "room": .string("workspace:w"), "id": 1])
                _ = try await peers[0].waitFor("subscribed")
                try await hub.say("again", in: "workspace:w", as: Self.admin)
                #expect(try await offsets(peers[0], 3) == [1, 1, 2])
                #expect(try await hub.rooms.room("workspace:w", for: Self.admin).present == 1)
                peers[1].say(["action": "subscribe", "room": "plain", "quiet": true])
                #expect(try await peers[1].waitFor("error")[0]["data"]?["code"] == "realtime.action_invalid")
            }
        }
    }

    @Test(
        "Who comes back is told where rooms stand, and gets what was missed with since", arguments: TestDatabase.engines
    )
    func resumes(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await withHub(database) { hub in
                let first = RoomPeer(hub, as: Self.ada, joinsHomes: true)
                let never = try await place(first)
                first.disconnect()
                for number in 1...3 { try await hub.say("\(number)", in: Self.room, as: Self.admin) }
                let second = RoomPeer(hub, as: Self.ada, joinsHomes: true)
                let now = try await place(second)
                #expect(now["offset"] == 3)
                func resume(_ since: JSONValue?, _ count: Int) async throws {
                    let peer = RoomPeer(hub, as: Self.ada, joinsHomes: true)
                    _ = try await place(peer)
                    peer.say([
                        "action": "subscribe", "room": .string(Self.room), "quiet": true,
                        "since": ["epoch": since?["epoch"] ?? .null, "offset": since?["offset"] ?? .null],
                    ])
                    #expect(try await peer.waitFor("subscribed")[0]["data"]?["recovered"] == true)
                    #expect(try await offsets(peer, count) == (4 - Int64(count)...3).map { $0 })
                    peer.disconnect()
                }
                // There was no room when it was told so.
                try await resume(never, 3)
                try await resume(["epoch": now["epoch"] ?? .null, "offset": 1], 2)
                #expect(try await hub.rooms.room(Self.room, for: RoomPeople.caller(Self.ada)).present == 0)
                // A room that is deleted and used again has other numbers, and its devices are still there.
                try await hub.rooms.delete(Self.room, as: RoomPeople.caller(Self.ada))
                try await hub.say("new", in: Self.room, as: Self.admin)
                let told = try await second.waitFor("message")[0]
                #expect(told["offset"] == 1 && told["epoch"] != now["epoch"], "\(told)")
                #expect(second.messages.allSatisfy { $0["type"] != "unsubscribed" })
            }
        }
    }

    @Test("A room that another node makes is found")
    func nodes() async throws {
        try await withTestNodes(2, migrations: roomMigrations) { databases in
            try await withHub(databases[0]) { one in
                try await withHub(databases[1]) { two in
                    let peers = [one, two].map { RoomPeer($0, as: Self.ada, joinsHomes: true) }
                    for peer in peers { _ = try await place(peer) }
                    for number in 1...30 {
                        try await (number % 3 == 0 ? two : one).say("\(number)", in: Self.room, as: Self.admin)
                    }
                    for peer in peers { #expect(try await offsets(peer, 30) == (1...30).map { $0 }) }
                }
            }
        }
    }

    @Test(
        "Random schedules of devices that come and go lose nothing and repeat nothing",
        arguments: [31, 32, 33] as [UInt64])
    func schedules(seed: UInt64) async throws {
        try await withTestNodes(2, migrations: roomMigrations) { databases in
            try await withHub(databases[0]) { one in
                try await withHub(databases[1]) { two in
                    var random = SplitMix64(seed: seed)
                    let hubs = [one, two]
                    var devices = (0..<4).map { _ in HomeDevice() }
                    var said: Int64 = 0
                    for _ in 0..<120 {
                        let (device, hub) = (
                            Int.random(in: 0..<4, using: &random), hubs[Int.random(in: 0..<2, using: &random)]
                        )
                        switch Int.random(in: 0..<6, using: &random) {
                        case 0...2:
                            for _ in 0..<Int.random(in: 1...8, using: &random) {
                                said += 1
                                try await hub.say("\(said)", in: Self.room, as: Self.admin)
                            }
                        case 3, 4: try await devices[device].connect(to: hub, as: Self.ada, Self.room)
                        default: devices[device].disconnect(Self.room)
                        }
                        // Less than what a room keeps lies between two comings.
                        if said % 40 > 30 {
                            for index in devices.indices {
                                try await devices[index].connect(to: hub, as: Self.ada, Self.room)
                            }
                        }
                    }
                    try await one.say("last", in: Self.room, as: Self.admin)
                    said += 1
                    for index in devices.indices {
                        try await devices[index].connect(to: hubs[index % 2], as: Self.ada, Self.room)
                        try await devices[index].reach(said, Self.room)
                        #expect(devices[index].faults.isEmpty, "seed \(seed)")
                    }
                }
            }
        }
    }
}

/// A device that does after a lost connection what clients are to do.
private struct HomeDevice {
    private var peer: RoomPeer?
    private var place: JSONValue?
    private(set) var faults: [String] = []
    /// Of this connection: what comes before it is told again.
    private var waitsForAnswer = false

    mutating func connect(to hub: RealtimeHub, as user: String, _ room: String) async throws {
        disconnect(room)
        let peer = RoomPeer(hub, as: user, joinsHomes: true)
        let connected = try await peer.waitFor("connected")[0]
        let now = connected["data"]?["rooms"]?.arrayValue?.first { $0["room"]?.stringValue == room }
        self.peer = peer
        waitsForAnswer = false
        guard let place, place["epoch"] != now?["epoch"] || place["offset"] != now?["offset"] else {
            place = place ?? now
            return
        }
        waitsForAnswer = true
        peer.say([
            "action": "subscribe", "room": .string(room), "quiet": true, "id": 1,
            "since": ["epoch": place["epoch"] ?? .null, "offset": place["offset"] ?? .null],
        ])
    }

    mutating func disconnect(_ room: String) {
        guard let peer = peer.take() else { return }
        peer.disconnect()
        take(peer.messages, room)
    }

    /// Waits until the last message is there, and ends.
    mutating func reach(_ offset: Int64, _ room: String) async throws {
        if place?["offset"]?.integerValue != offset {
            try await peer?.wait("the last message") { $0.contains { $0["offset"]?.integerValue == offset } }
        }
        disconnect(room)
        if place?["offset"]?.integerValue != offset { faults.append("ended at \(place?.jsonText ?? "nothing")") }
    }

    private mutating func take(_ messages: [JSONValue], _ room: String) {
        for message in messages {
            let (epoch, offset) = (message["epoch"]?.stringValue ?? "", message["offset"]?.integerValue ?? -1)
            switch message["type"]?.stringValue {
            case "subscribed":
                waitsForAnswer = false
                if message["data"]?["recovered"] != true { faults.append("not recovered: \(message.jsonText)") }
            case "message" where !waitsForAnswer && message["data"]?["room"]?.stringValue == room:
                let old = place?["epoch"]?.stringValue ?? ""
                if offset != (place?["offset"]?.integerValue ?? 0) + 1 {
                    faults.append("\(offset) after \(place?.jsonText ?? "")")
                }
                if old != epoch, !old.hasSuffix(".0") { faults.append("another epoch") }
                place = ["epoch": .string(epoch), "offset": .integer(offset)]
            case "gap", "unsubscribed", "error": faults.append(message.jsonText)
            default: break
            }
        }
    }
}
