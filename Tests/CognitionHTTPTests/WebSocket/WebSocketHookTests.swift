import CognitionCore
import CognitionEvents
import CognitionHTTP
import CognitionRealtime
import CognitionTestSupport
import Synchronization
import Testing

@Suite struct WebSocketHookTests {
    /// Refuses `eve`, and messages that say so; notes the rest.
    private final class Recorder: ConnectionHooks {
        struct Refused: CodedError {
            let code = ErrorCode("test.refused", category: .forbidden)
            let message = "not here"
            var cause: (any Error)? { nil }
        }

        private let state = Mutex<[String]>([])
        var notes: [String] { state.withLock { $0 } }

        private func note(_ text: String) { state.withLock { $0.append(text) } }

        func connected(_ connection: ConnectionDetails) async throws {
            guard connection.user != "eve" else { throw Refused() }
            note("+\(connection.user) \(connection.address ?? "")")
        }

        func disconnected(_ connection: ConnectionDetails, _ end: ConnectionEnd) async {
            note("-\(connection.user) \(end.code)")
        }

        func received(_ text: String, on connection: ConnectionDetails) async throws {
            // Later ones may not overtake it.
            if text.contains("slow") { try await Task.sleep(for: .milliseconds(30)) }
            if text.contains("refuse me") { throw Refused() }
            note(connection.user)
        }
    }

    @Test("Hooks hear of connections and messages in order, and refuse with their own code")
    func hooks() async throws {
        let recorder = Recorder()
        var settings = LiveSettings.quick
        settings.hub.hooks = recorder
        try await withLiveServer(settings) { server in
            let refused = try await TestSocket.connect(server.port)
            refused.handshake(token: "eve")
            guard case .http(403, _, let body) = try await refused.next() else { return #expect(Bool(false)) }
            #expect(try JSONValue(parsing: body)["code"] == "test.refused")

            let first = try await TestSocket.open(server.port)
            _ = try await first.message("connected")
            first.send(["action": "authenticate", "token": "eve", "id": 1])
            let error = try await first.message("error")
            #expect(error["data"]?["code"] == "test.refused" && error["id"] == 1)
            first.send(["action": "authenticate", "token": "ada"])
            #expect(try await first.message("connected")["data"]?["user_id"] == "ada")
            for number in 0..<200 as Range<Int64> {
                switch number % 50 {
                case 0: first.send(["action": "ping", "id": .integer(number), "x": "slow"])
                case 1: first.send(["action": "ping", "id": .integer(number), "x": "refuse me"])
                default: first.send(["action": "ping", "id": .integer(number)])
                }
            }
            for number in 0..<200 as Range<Int64> {
                let answer = try await first.message()
                #expect(answer["id"] == .integer(number))
                #expect(answer["type"]?.stringValue == (number % 50 == 1 ? "error" : "pong"))
            }
            first.sendClose(3_001)
            try await first.end()
            let second = try await TestSocket.open(server.port, token: "bob")
            _ = try await second.message("connected")
            server.accounts.revoke("bob")
            #expect(try await second.closeCode() == 4401)
            await second.close()
            try await eventually { recorder.notes.count { $0.hasPrefix("-") } == 2 }
            // Ends are told a moment later.
            #expect(
                recorder.notes.filter { $0 != "ada" }.sorted() == [
                    "+ada 127.0.0.1", "+bob 127.0.0.1", "-ada 3001", "-bob 4401",
                ])
            #expect(recorder.notes.count { $0 == "ada" } == 196)
        }
    }

    @Test("The log tells who came and went, if that is wanted; a connection that nobody is behind is no one's")
    func events() async throws {
        var settings = LiveSettings.quick
        settings.hub.connectionEvents = true
        try await withLiveServer(settings) { server in
            let socket = try await TestSocket.open(server.port, token: "ada")
            let id = try #require(try await socket.message("connected")["data"]?["connection_id"]?.stringValue)
            let nobody = try await TestSocket.open(server.port)
            await nobody.close()
            for number in 0..<300 { try await TestSocket.open(server.port, token: "user\(number)").close() }
            socket.sendClose()
            try await socket.end()
            let stream = StreamName("connection", id)
            try await eventually {
                try await server.log.readStream(stream, workspace: TestAccounts.workspace).events.count == 2
            }
            let events = try await server.log.readStream(stream, workspace: TestAccounts.workspace).events
            #expect(events.map(\.type) == ["connection.opened", "connection.closed"])
            #expect(events.map(\.actor) == ["user:ada", "user:ada"])
            #expect(events.last?.data["code"] == 1000 && events.first?.data["address"] == "127.0.0.1")
            try await eventually { try await server.log.head() == 602 }
        }
        try await withLiveServer { server in
            try await TestSocket.open(server.port, token: "ada").close()
            try await eventually { server.hub.stats.connectedClients == 0 }
            #expect(try await server.log.head() == 0)
        }
    }
}
