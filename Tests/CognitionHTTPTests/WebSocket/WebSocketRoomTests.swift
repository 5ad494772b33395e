import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Testing

/// Rooms over real sockets.
@Suite struct WebSocketRoomTests {
    private static let ada = RoomCaller(
        user: "ada",
        principal: Principal(
            actor: "user:ada", workspace: TestAccounts.workspace,
            permissions: [.readRooms, .publishToRooms, .manageRooms]))

    private func subscribed(_ server: LiveServer, _ user: String, to room: String) async throws -> TestSocket {
        let socket = try await TestSocket.open(server.port, token: user)
        socket.send(["action": "subscribe", "room": .string(room), "presence": false])
        _ = try await socket.message("subscribed")
        return socket
    }

    private func publish(_ count: Int, bytes: Int, to room: String, of server: LiveServer) async throws {
        let name = try #require(RoomName(room))
        let content = JSONValue.string(String(repeating: "x", count: bytes))
        for number in 0..<count {
            _ = try await server.hub.publish(
                Publication(to: name, content, type: number % 2 == 0 ? "even" : "odd", from: Self.ada))
        }
    }

    @Test("Everybody in a room has every message once, in order, whoever sends it")
    func everybody() async throws {
        try await withLiveServer { server in
            _ = try await server.hub.rooms.create("a", RoomSettings(), as: Self.ada)
            var sockets: [TestSocket] = []
            for number in 0..<50 { sockets.append(try await subscribed(server, "user\(number)", to: "a")) }
            for (number, socket) in sockets.enumerated() {
                for part in 0..<4 {
                    socket.send([
                        "action": "publish", "room": "a", "content": .integer(Int64(number * 4 + part)),
                        "id": .integer(Int64(part)),
                    ])
                }
            }
            for socket in sockets {
                var (offsets, acks) = ([Int64](), [Int64]())
                while offsets.count < 200 || acks.count < 4 {
                    let message = try await socket.message()
                    switch message["type"]?.stringValue {
                    case "message": offsets.append(message["offset"]?.integerValue ?? 0)
                    case "ack": acks.append(message["id"]?.integerValue ?? -1)
                    default: Issue.record("\(message.jsonText)")
                    }
                }
                #expect(offsets == Array(1...200))
                #expect(acks == [0, 1, 2, 3])
            }
        }
    }

    @Test("A client that does not read holds nobody up, and is told as the room says", arguments: SlowPolicy.allCases)
    func slow(policy: SlowPolicy) async throws {
        var settings = LiveSettings.quick
        settings.endpoint.budgetBytes = 64 << 10
        try await withLiveServer(settings) { server in
            var room = RoomSettings()
            room.slow = policy
            room.history = .last(5_000)
            _ = try await server.hub.rooms.create("a", room, as: Self.ada)
            let (slow, quick) = (
                try await subscribed(server, "slow", to: "a"), try await subscribed(server, "quick", to: "a")
            )
            try await slow.stopReading()
            // More than the budget and what the system keeps of a connection.
            try await publish(600, bytes: 20_000, to: "a", of: server)
            for offset in 1...600 {
                #expect(try await quick.message("message")["offset"]?.integerValue == Int64(offset))
            }
            try await slow.resumeReading()
            var (last, gaps, count) = (Int64(0), 0, 0)
            while last < 600 {
                let message = try await slow.message()
                if message["type"] == "gap" {
                    #expect(message["data"]?["from"]?.integerValue == last + 1)
                    last = message["data"]?["to"]?.integerValue ?? 0
                    gaps += 1
                } else {
                    #expect(message["offset"]?.integerValue == last + 1)
                    last += 1
                    count += 1
                }
            }
            switch policy {
            case .disconnect: #expect(gaps == 0 && count == 600)
            case .dropOldest: #expect(gaps >= 1 && count >= 100 && count < 600)
            case .conflate: #expect(gaps >= 1 && count >= 2 && count < 600)
            }
            try await publish(1, bytes: 10, to: "a", of: server)
            #expect(try await slow.message("message")["offset"] == 601)
        }
    }

    @Test("Who may not read rooms, or write to them, is told so")
    func permissions() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.open(server.port, token: "nobody")
            for (number, action) in ["subscribe", "publish", "unsubscribe"].enumerated() {
                socket.send(["action": .string(action), "room": "a", "content": 1, "id": .integer(Int64(number))])
                let error = try await socket.message("error")
                #expect(error["data"]?["code"] == "realtime.forbidden" && error["id"]?.integerValue == Int64(number))
            }
            let other = try await TestSocket.open(server.port, token: "ada")
            other.send(["action": "subscribe", "room": "nowhere"])
            #expect(try await other.message("error")["data"]?["code"] == "realtime.room_not_found")
        }
    }
}
