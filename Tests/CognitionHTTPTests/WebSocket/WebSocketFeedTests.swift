import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Testing

@Suite struct WebSocketFeedTests {
    @Test("A subscription begins with the state and then has every event once, in order, while events are written")
    func snapshotThenLive() async throws {
        try await withLiveServer { server in
            try await server.append(20)
            async let writing: Int64 = server.append(300)
            var sockets: [TestSocket] = []
            for number in 0..<8 {
                let socket = try await TestSocket.open(server.port, token: "user\(number)")
                socket.send([
                    "action": "subscribe", "execution_id": .string(TestExecutions.first), "id": .integer(Int64(number)),
                ])
                sockets.append(socket)
            }
            let last = try await writing
            for (number, socket) in sockets.enumerated() {
                let subscribed = try await socket.message("subscribed")
                #expect(subscribed["id"]?.integerValue == Int64(number))
                #expect(subscribed["epoch"]?.stringValue == server.hub.epoch)
                #expect(subscribed["data"]?["status"] == "running")
                #expect(subscribed["data"]?["workflow_id"] == "default.demo")
                #expect(subscribed["data"]?["recovered"] == nil)
                try await expectAll(on: socket, after: try #require(subscribed["offset"]?.integerValue), through: last)
            }
        }
    }

    @Test("A client that comes back names its place and gets what it missed, then what comes")
    func recovers() async throws {
        try await withLiveServer { server in
            try await server.append(5)
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send(["action": "subscribe", "workflow_id": "demo"])
            let place = try await socket.message("subscribed")
            #expect(place["data"]?["workflow_id"] == "default.demo")
            await socket.close()

            try await server.append(30)
            try await server.append(10, to: TestExecutions.second)
            try await server.append(10, to: TestExecutions.elsewhere, in: WorkspaceID("w2"))
            let again = try await TestSocket.open(server.port, token: "ada")
            let since: JSONValue = ["epoch": place["epoch"] ?? .null, "offset": place["offset"] ?? .null]
            again.send(["action": "subscribe", "workflow_id": "default.demo", "since": since])
            let subscribed = try await again.message("subscribed")
            #expect(subscribed["data"]?["recovered"] == true)
            #expect(subscribed["offset"] == place["offset"])
            try await server.append(3)
            var count = 0
            var offset: Int64 = place["offset"]?.integerValue ?? 0
            while count < 43 {
                let message = try await again.message("workflow_status")
                let next = try #require(message["offset"]?.integerValue)
                #expect(next > offset)
                offset = next
                count += 1
            }
            #expect(try await again.silence())
        }
    }

    @Test(
        "A place of another log, of the future or too far back is told to be lost, and the state is the truth",
        arguments: [("other", 5), (nil, 1_000), (nil, 0)] as [(String?, Int64)])
    func cannotRecover(epoch: String?, offset: Int64) async throws {
        var settings = LiveSettings.quick
        settings.hub.positionsBehindMax = 20
        try await withLiveServer(settings) { server in
            let head = try await server.append(40)
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send([
                "action": "subscribe", "execution_id": .string(TestExecutions.first),
                "since": ["epoch": .string(epoch ?? server.hub.epoch), "offset": .integer(offset)],
            ])
            let subscribed = try await socket.message("subscribed")
            #expect(subscribed["data"]?["recovered"] == false)
            #expect(subscribed["offset"]?.integerValue == head)
            try await server.append()
            #expect(try await socket.message("workflow_status")["offset"]?.integerValue == head + 1)
        }
    }

    @Test("A message says what happened to which task")
    func message() async throws {
        try await withLiveServer { server in
            try await server.append()
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first.uppercased())])
            _ = try await socket.message("subscribed")
            try await server.append()
            let message = try await socket.message("workflow_status")
            let data = try #require(message["data"])
            #expect(data["execution_id"]?.stringValue == TestExecutions.first)
            #expect(data["workflow_id"] == "default.demo")
            #expect(data["status"] == "running")
            #expect(data["progress"] == 2)
            #expect(data["task"]?["name"] == "step")
            #expect(data["task"]?["status"] == "running")
            #expect(data["task"]?["reference"] == "/do/0/step")
            #expect(data["task"]?["attempt"] == 1)
            #expect(message["epoch"]?.stringValue == server.hub.epoch)
        }
    }

    @Test("Subscribed to an execution and to its workflow, a client gets a message once")
    func noRepetition() async throws {
        try await withLiveServer { server in
            try await server.append()
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
            socket.send(["action": "subscribe", "workflow_id": "demo"])
            _ = try await socket.message("subscribed")
            let second = try await socket.message("subscribed")
            let last = try await server.append(50)
            try await expectAll(on: socket, after: second["offset"]?.integerValue ?? 0, through: last)
            #expect(try await socket.silence())
        }
    }

    @Test("What is not there, of another workspace, or not allowed is refused, and the connection goes on")
    func refusals() async throws {
        try await withLiveServer { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            let cases: [(JSONValue, String)] = [
                (["action": "subscribe", "execution_id": "no-such-id"], "workflow.execution_not_found"),
                (
                    ["action": "subscribe", "execution_id": .string(TestExecutions.elsewhere)],
                    "workflow.execution_not_found"
                ),
                (["action": "subscribe", "workflow_id": "unknown"], "workflow.not_found"),
                (["action": "subscribe"], "realtime.action_invalid"),
                (["action": "subscribe", "room": "r"], "realtime.room_not_found"),
                (["action": "publish", "room": "r", "content": 1], "realtime.room_not_found"),
                (["action": "publish", "room": "r"], "realtime.action_invalid"),
                (["action": "dance"], "realtime.action_invalid"),
                ([1, 2], "realtime.action_invalid"),
            ]
            for (request, code) in cases {
                socket.send(request)
                #expect(try await socket.message("error")["data"]?["code"]?.stringValue == code)
            }
            let stranger = try await TestSocket.open(server.port, token: "nobody")
            stranger.send(["action": "subscribe", "workflow_id": "demo"])
            #expect(try await stranger.message("error")["data"]?["code"] == "realtime.forbidden")

            socket.send(["action": "get_stats", "id": "s"])
            let stats = try await socket.message("stats")
            #expect(stats["data"]?["connected_clients"] == 2)
            #expect(stats["data"]?["active_subscriptions"] == 0)
            #expect(stats["data"]?["errors"] == 10)
        }
    }

    @Test("After unsubscribing nothing comes any more, and the place can be taken by another subscription")
    func unsubscribes() async throws {
        var settings = LiveSettings.quick
        settings.hub.subscriptionsMax = 1
        try await withLiveServer(settings) { server in
            try await server.append()
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
            socket.send(["action": "subscribe", "workflow_id": "demo"])
            #expect(try await socket.message("error")["data"]?["code"] == "realtime.subscriptions_exceeded")
            socket.send(["action": "unsubscribe", "execution_id": .string(TestExecutions.first)])
            #expect(try await socket.message()["type"] == "unsubscribed")
            try await server.append(5)
            #expect(try await socket.silence())
            socket.send(["action": "subscribe", "workflow_id": "demo"])
            _ = try await socket.message("subscribed")
            #expect(server.hub.stats.activeSubscriptions == 1)
            await socket.close()
            try await eventually { server.hub.stats.activeSubscriptions == 0 }
        }
    }

    @Test("A client that reads slowly is sent no more than its budget, and then all that it missed, once and in order")
    func slowReader() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.budgetBytes = 64 << 10
        settings.hub.pendingMax = 50
        try await withLiveServer(settings) { server in
            try await server.append()
            let socket = try await TestSocket.open(server.port, token: "ada")
            let other = try await TestSocket.open(server.port, token: "bob")
            for client in [socket, other] {
                client.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
                _ = try await client.message("subscribed")
            }
            try await socket.stopReading()
            // The sockets' own buffers take some megabytes before the server feels it.
            let last = try await server.append(1_200, padding: 12_000)
            try await expectAll(on: other, after: 1, through: last)
            #expect(server.hub.stats.messagesSent < 2 * Int(last), "the slow one was not slow")
            async let more: Int64 = server.append(200)
            try await socket.resumeReading()
            try await expectAll(on: socket, after: 1, through: try await more)
            try await expectAll(on: other, after: last, through: last + 200)
        }
    }

    @Test("A client that never reads is closed, whatever it sends")
    func neverReads() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.budgetBytes = 64 << 10
        settings.endpoint.timeout = .milliseconds(500)
        settings.endpoint.closeTimeout = .milliseconds(200)
        try await withLiveServer(settings) { server in
            try await server.append()
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
            _ = try await socket.message("subscribed")
            try await socket.stopReading()
            let sent = server.hub.stats.messagesSent
            let writing = Task { try await server.append(1_500, padding: 12_000) }
            // Answers to its own requests must not pile up either.
            for _ in 0..<20_000 {
                socket.send(["action": "ping"])
                if server.hub.stats.connectedClients == 0 { break }
            }
            try await eventually { server.hub.stats.connectedClients == 0 }
            _ = try await writing.value
            // What fits into the kernel's buffers and the budget, not everything.
            #expect(server.hub.stats.messagesSent - sent < 30_000)
            #expect(server.hub.stats.activeSubscriptions == 0)
        }
    }

    @Test("A client too far behind the log is closed")
    func tooFarBehind() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.budgetBytes = 64 << 10
        settings.hub.positionsBehindMax = 100
        try await withLiveServer(settings) { server in
            try await server.append()
            let socket = try await TestSocket.open(server.port, token: "ada")
            socket.send(["action": "subscribe", "execution_id": .string(TestExecutions.first)])
            _ = try await socket.message("subscribed")
            try await socket.stopReading()
            try await server.append(1_500, padding: 12_000)
            try await socket.resumeReading()
            #expect(try await socket.closeCode() == 4429)
        }
    }

    /// Every message of the log's positions after `start`, through `end`, once and in order.
    private func expectAll(on socket: TestSocket, after start: Int64, through end: Int64) async throws {
        var offset = start
        while offset < end {
            let next = try await socket.message("workflow_status")["offset"]?.integerValue
            guard next == offset + 1 else { return #expect(next == offset + 1) }
            offset += 1
        }
    }
}

extension TestSocket {
    /// Whether nothing came before the answer to a ping.
    func silence() async throws -> Bool {
        send(["action": "ping", "id": "silence"])
        let message = try await message()
        return message["type"] == "pong" && message["id"] == "silence"
    }
}
