import CognitionCore
import CognitionRealtime
import CognitionStorage
import CognitionTestSupport
import Testing

/// Rooms as rows: who sees them, who is in them, and what is in them.
@Suite struct RoomsTests {
    private let ada = RoomPeople.caller("ada")
    private let bob = RoomPeople.caller("bob")
    private let eve = RoomPeople.caller("eve")

    private func withRooms(_ engine: TestDatabase.Engine, _ body: (Rooms) async throws -> Void) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            try await body(try await Rooms.open(database, directory: UsersByName(), ids: UUIDGenerator()))
        }
    }

    private func publication(
        _ text: String, to room: String, as caller: RoomCaller, key: String? = nil
    ) throws -> Publication {
        try Publication(to: try #require(RoomName(room)), .string(text), idempotencyKey: key, from: caller)
    }

    @Test("A private room is not there for others, whatever they ask", arguments: TestDatabase.engines)
    func privacy(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            var settings = RoomSettings()
            settings.isPrivate = true
            _ = try await rooms.create("secret", settings, as: ada)
            _ = try await rooms.create("open", RoomSettings(), as: ada)
            _ = try await rooms.publish([try publication("a", to: "secret", as: ada)])
            let elsewhere = RoomPeople.caller("ada", in: WorkspaceID("other"))
            for stranger in [eve, elsewhere] {
                func refused(_ body: () async throws -> Void) async {
                    await #expect(throws: RealtimeError.self) { try await body() }
                }
                await refused { _ = try await rooms.room("secret", for: stranger) }
                await refused { _ = try await rooms.history(of: "secret", .newest, limit: 10, for: stranger) }
                await refused { _ = try await rooms.people(of: "secret", for: stranger, limit: 10) }
                await refused { try await rooms.delete("secret", as: stranger) }
                await refused { _ = try await rooms.add("eve", to: "secret", as: stranger) }
                let outcome = try await rooms.publish([try publication("b", to: "secret", as: stranger)])[0]
                #expect(throws: RealtimeError.self) { try outcome.get() }
            }
            #expect(try await rooms.list(for: eve, limit: 10).map(\.id.text) == ["open"])
            #expect(try await rooms.list(for: elsewhere, limit: 10).isEmpty)
            #expect(try await rooms.list(for: ada, limit: 10).map(\.id.text) == ["open", "secret"])

            #expect(try await rooms.add("bob", to: "secret", as: ada))
            #expect(try await rooms.add("bob", to: "secret", as: ada) == false)
            #expect(try await rooms.history(of: "secret", .newest, limit: 10, for: bob).messages.count == 1)
            #expect(try await rooms.people(of: "secret", for: bob, limit: 10).map(\.user) == ["ada", "bob"])
            // A member does not decide on others, and may go.
            await #expect(throws: RealtimeError.self) { _ = try await rooms.add("eve", to: "secret", as: bob) }
            try await rooms.remove("bob", from: "secret", as: bob)
            await #expect(throws: RealtimeError.self) { _ = try await rooms.room("secret", for: bob) }
            await #expect(throws: RealtimeError.self) { _ = try await rooms.add("stranger", to: "secret", as: ada) }
        }
    }

    @Test("Offsets are dense from 1 on, whoever writes at the same time", arguments: TestDatabase.engines)
    func offsets(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            for id in ["a", "b", "c"] { _ = try await rooms.create(id, RoomSettings(), as: ada) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<20 {
                            let names = ["c", "a", "b", "a"].shuffled()
                            let batch = try names.map { try publication("\(writer)-\(number)", to: $0, as: ada) }
                            for outcome in try await rooms.publish(batch) { _ = try outcome.get() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            for (id, count) in [("a", 160), ("b", 80), ("c", 80)] {
                let room = try await rooms.room(id, for: ada)
                #expect(room.lastOffset == Int64(count))
                let page = try await rooms.history(of: id, .after(0), limit: 500, for: ada)
                #expect(page.messages.map(\.offset) == Array(room.firstOffset...room.lastOffset))
            }
        }
    }

    @Test(
        "The same key of the same sender is the same message, also twice in one batch", arguments: TestDatabase.engines)
    func idempotency(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            _ = try await rooms.create("a", RoomSettings(), as: ada)
            let first = try await rooms.publish([
                try publication("1", to: "a", as: ada, key: "k"), try publication("1", to: "a", as: ada, key: "k"),
                try publication("2", to: "a", as: bob, key: "k"), try publication("3", to: "a", as: ada),
            ]).map { try $0.get() }
            #expect(first.map(\.offset) == [1, 1, 2, 3])
            #expect(first.map(\.isRepeat) == [false, true, false, false])
            #expect(first[0].id == first[1].id)
            // At the same time, from several sides.
            let published = try await withThrowingTaskGroup(of: Published.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await rooms.publish([try publication("4", to: "a", as: ada, key: "k4")])[0].get()
                    }
                }
                return try await group.reduce(into: [Published]()) { $0.append($1) }
            }
            #expect(Set(published.map(\.offset)) == [4])
            #expect(published.count { !$0.isRepeat } == 1)
            #expect(try await rooms.room("a", for: ada).lastOffset == 4)
        }
    }

    @Test("No more members than there may be, whoever is let in at the same time", arguments: TestDatabase.engines)
    func membersMax(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            var settings = RoomSettings()
            settings.isPrivate = true
            settings.membersMax = 5
            _ = try await rooms.create("small", settings, as: ada)
            let admitted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        do {
                            return try await rooms.add("user\(number)", to: "small", as: ada)
                        } catch let error as RealtimeError where error.code == .roomFull {
                            return false
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            // The owner is one of them.
            #expect(admitted == 4)
            #expect(try await rooms.people(of: "small", for: ada, limit: 100).count == 5)
        }
    }

    @Test("The history has as many messages as it should, and all of a durable room", arguments: TestDatabase.engines)
    func history(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            var settings = RoomSettings()
            settings.history = .last(10)
            _ = try await rooms.create("short", settings, as: ada)
            settings.history = .durable
            _ = try await rooms.create("long", settings, as: ada)
            for id in ["short", "long"] {
                let batch = try (1...30).map { try publication("\($0)", to: id, as: ada) }
                _ = try await rooms.publish(batch)
            }
            func offsets(_ id: String, _ piece: Rooms.Piece, _ limit: Int) async throws -> [Int64] {
                try await rooms.history(of: id, piece, limit: limit, for: ada).messages.map(\.offset)
            }
            #expect(try await offsets("short", .after(0), 100) == Array(21...30))
            #expect(try await offsets("short", .newest, 3) == [28, 29, 30])
            #expect(try await offsets("short", .before(23), 100) == [21, 22])
            #expect(try await offsets("long", .after(0), 100) == Array(1...30))
            #expect(try await offsets("long", .after(28), 100) == [29, 30])
            #expect(try await offsets("long", .before(5), 2) == [3, 4])
        }
    }

    @Test("What is beyond the history goes when nobody can need it any more", arguments: TestDatabase.engines)
    func shortens(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: roomMigrations) { database in
            let clock = ManualClock()
            let rooms = try await Rooms.open(database, directory: UsersByName(), clock: clock, ids: UUIDGenerator())
            var settings = RoomSettings()
            settings.history = .last(10)
            let room = try await rooms.create("a", settings, as: ada)
            let batch = try (1...30).map { try publication("\($0)", to: "a", as: ada, key: $0 == 5 ? "k" : nil) }
            _ = try await rooms.publish(batch)
            func count() async throws -> Int {
                try await database.read { try $0.first("SELECT COUNT(*) FROM room_messages") { try $0[0] } ?? 0 }
            }
            #expect(try await rooms.shorten(room.key, to: 10) == 0)
            clock.advance(by: .seconds(11))
            #expect(try await rooms.shorten(room.key, to: 10) == 19)
            // A key counts for a day.
            let again = try await rooms.publish([try publication("5", to: "a", as: ada, key: "k")])[0].get()
            #expect(again.isRepeat && again.offset == 5)
            clock.advance(by: .seconds(86_400))
            #expect(try await rooms.shorten(room.key, to: 10) == 1)
            #expect(try await count() == 10)
            #expect(
                try await rooms.history(of: "a", .after(0), limit: 100, for: ada).messages.map(\.offset)
                    == Array(21...30))
            try await rooms.delete("a", as: ada)
            while try await rooms.sweep() {}
            #expect(try await count() == 0)
        }
    }

    @Test("A room that is made again has other offsets under another epoch", arguments: TestDatabase.engines)
    func epochs(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            let first = try await rooms.create("a", RoomSettings(), as: ada)
            _ = try await rooms.publish([try publication("1", to: "a", as: ada)])
            await #expect(throws: RealtimeError.self) { _ = try await rooms.create("a", RoomSettings(), as: bob) }
            await #expect(throws: RealtimeError.self) { try await rooms.delete("a", as: bob) }
            let admin = RoomPeople.caller("root", [.readRooms, .manageRooms, .manageWorkspace])
            try await rooms.delete("a", as: admin)
            await #expect(throws: RealtimeError.self) { _ = try await rooms.room("a", for: ada) }
            let second = try await rooms.create("a", RoomSettings(), as: bob)
            #expect(first.epoch != second.epoch && second.owner == "bob")
            let page = try await rooms.history(of: "a", .newest, limit: 10, for: bob)
            #expect(page.messages.isEmpty && page.room.lastOffset == 0)
        }
    }

    @Test(
        "Rooms of users and workspaces are there by being used, each for whom it is for",
        arguments: TestDatabase.engines)
    func madeByUse(on engine: TestDatabase.Engine) async throws {
        try await withRooms(engine) { rooms in
            let user = "01980000-0000-7000-8000-000000000001"
            let me = RoomPeople.caller(user)
            let sent = try await rooms.publish([
                try publication("hello", to: "user:\(user)", as: bob),
                try publication("x", to: "framework:react", as: bob),
                try publication("x", to: "workspace:w", as: bob), try publication("x", to: "workspace:other", as: bob),
                try publication("x", to: "nobody", as: bob),
            ])
            #expect(try sent[0].get().offset == 1)
            #expect(try sent[1].get().offset == 1)
            // Everybody is told by admins only.
            for outcome in sent[2...] { #expect(throws: RealtimeError.self) { try outcome.get() } }
            let admin = RoomPeople.caller("root", [.readRooms, .publishToRooms, .manageWorkspace])
            #expect(
                try await rooms.publish([try publication("all", to: "workspace:w", as: admin)])[0].get().offset == 1)
            #expect(try await rooms.history(of: "user:\(user)", .newest, limit: 10, for: me).messages.count == 1)
            #expect(try await rooms.history(of: "workspace:w", .newest, limit: 10, for: eve).messages.count == 1)
            await #expect(throws: RealtimeError.self) {
                _ = try await rooms.history(of: "user:\(user)", .newest, limit: 10, for: bob)
            }
            await #expect(throws: RealtimeError.self) {
                _ = try await rooms.history(of: "workspace:other", .newest, limit: 10, for: bob)
            }
        }
    }

    @Test(
        "Names are what they are said to be",
        arguments: [
            ("a", true), ("0-_z", true), ("A", false), ("-a", false), ("", false), ("a b", false), ("ä", false),
            (String(repeating: "a", count: 63), true), (String(repeating: "a", count: 64), false),
            ("framework:react", true), ("framework:", false), (":a", false), ("f:a:b", false), ("F:a", false),
            ("user:nobody", false), ("user:01980000-0000-7000-8000-000000000001", true), ("job:1", false),
            ("workspace:u-1", true), ("a\u{0}", false), ("f:a/b", false),
        ])
    func names(_ text: String, isName: Bool) {
        #expect((RoomName(text) != nil) == isName)
    }
}
