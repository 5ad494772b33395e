import CognitionCore
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import Testing

/// Rooms on two nodes of one database, without Redis.
@Suite struct RoomNodesTests {
    private let ada = RoomPeople.caller("ada")

    /// One that lasts as long as a test.
    private func lease(_ database: any Database, _ node: UUIDv7) -> NodeLease {
        var settings = NodeLease.Settings()
        settings.duration = .seconds(300)
        return NodeLease(database, node: node, settings: settings)
    }

    @Test("What is said on one node is told on the other, in order and once")
    func messages() async throws {
        try await withTestNodes(2, migrations: roomMigrations) { databases in
            let nodes = (0..<2).map { _ in UUIDGenerator().next() as UUIDv7 }
            let leases = zip(databases, nodes).map { lease($0, $1) }
            for lease in leases { try await lease.renew() }
            try await withHub(databases[0], lease: leases[0]) { one in
                try await withHub(databases[1], lease: leases[1]) { two in
                    _ = try await one.rooms.create("a", RoomSettings(), as: ada)
                    let peers = [RoomPeer(one), RoomPeer(two, as: "bob")]
                    for peer in peers {
                        peer.say(["action": "subscribe", "room": "a"])
                        _ = try await peer.waitFor("subscribed")
                    }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for hub in [one, two, one] {
                            group.addTask { for number in 0..<40 { try await hub.say("\(number)", in: "a") } }
                        }
                        try await group.waitForAll()
                    }
                    for peer in peers {
                        let messages = try await peer.waitFor("message", count: 120)
                        #expect(messages.map { $0["offset"]?.integerValue } == (1...120).map(Int64.init))
                    }
                    // Each has heard of the other.
                    try await peers[0].wait { $0.contains { $0["type"] == "presence" && $0["data"]?["user"] == "bob" } }
                    #expect(try await one.rooms.room("a", for: ada).present == 2)
                }
            }
        }
    }

    @Test("Random schedules on two nodes lose nothing and repeat nothing", arguments: [21, 22] as [UInt64])
    func schedules(seed: UInt64) async throws {
        try await withTestNodes(2, migrations: roomMigrations) { databases in
            var random = SplitMix64(seed: seed)
            let schedule = RoomSchedule(rooms: ["x", "y"], clients: 6)
            let steps = (0..<3).map { _ in RoomSchedule.steps(60, nodes: 2, using: &random) }
            try await withHub(databases[0]) { stays in
                try await schedule.makeRooms(on: stays)
                for steps in steps {
                    // The other node ends each time, with whatever it had under way.
                    try await withHub(databases[1]) { other in try await schedule.run(steps, on: [stays, other]) }
                }
                try await withHub(databases[1]) { other in
                    try await schedule.finish(on: [stays, other], "seed \(seed)")
                }
            }
        }
    }

    @Test("Who was on a node that has died is in its rooms no more")
    func ghosts() async throws {
        try await withTestNodes(2, migrations: roomMigrations) { databases in
            let (living, dying) = (
                lease(databases[0], UUIDGenerator().next()), lease(databases[1], UUIDGenerator().next())
            )
            for lease in [living, dying] { try await lease.renew() }
            try await withHub(databases[0], lease: living) { one in
                _ = try await one.rooms.create("a", RoomSettings(), as: ada)
                let watcher = RoomPeer(one)
                watcher.say(["action": "subscribe", "room": "a"])
                _ = try await watcher.waitFor("subscribed")
                try await withHub(databases[1], lease: dying) { two in
                    let peer = RoomPeer(two, as: "bob")
                    peer.say(["action": "subscribe", "room": "a"])
                    _ = try await peer.waitFor("subscribed")
                    try await watcher.wait {
                        $0.contains { $0["data"]?["event"] == "join" && $0["data"]?["user"] == "bob" }
                    }
                }
                // The hub is gone without having said anything; its lease holds for a while.
                #expect(try await one.rooms.room("a", for: ada).present == 2)
                try await databases[0].write { try NodeLease.end(dying.node, in: $0) }
                try await watcher.wait {
                    $0.contains { $0["data"]?["event"] == "leave" && $0["data"]?["user"] == "bob" }
                }
                #expect(try await one.rooms.room("a", for: ada).present == 1)
            }
        }
    }

    @Test("Whoever is on a node that says that it lives stays in its rooms, whatever the database's clock says")
    func clocks() async throws {
        try await withTestNodes(2, migrations: roomMigrations) { databases in
            func lease(_ database: any Database, _ node: UUIDv7) -> NodeLease {
                var settings = NodeLease.Settings()
                (settings.duration, settings.renewal) = (.seconds(1), .milliseconds(200))
                return NodeLease(database, node: node, settings: settings)
            }
            let other = UUIDGenerator().next() as UUIDv7
            let leases = (lease(databases[0], UUIDGenerator().next()), lease(databases[1], other))
            /// Says that the other node lives, by a clock that is an hour behind.
            @Sendable func say(_ number: Int) async throws {
                try await databases[1].write { tx in
                    try tx.execute(
                        """
                        INSERT INTO nodes (id, lease_until, joined_at)
                        VALUES (\(other), \(fragment: .now) - 3600000000 + \(number), 1)
                        ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until
                        """)
                }
            }
            try await say(0)
            try await withHub(databases[0], lease: leases.0) { one in
                _ = try await one.rooms.create("a", RoomSettings(), as: ada)
                try await withHub(databases[1], lease: leases.1) { two in
                    let peer = RoomPeer(two, as: "bob")
                    peer.say(["action": "subscribe", "room": "a"])
                    _ = try await peer.waitFor("subscribed")
                    // For longer than two looks and a lease.
                    let began = ContinuousClock.now
                    var number = 0
                    while ContinuousClock.now - began < .milliseconds(5_500) {
                        number += 1
                        try await say(number)
                        try await Task.sleep(for: .milliseconds(50))
                    }
                    #expect(try await one.rooms.room("a", for: ada).present == 1)
                }
                // Nobody says anything any more.
                while try await one.rooms.room("a", for: ada).present != 0 {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
    }
}
