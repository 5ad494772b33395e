import CognitionCore
import CognitionTestSupport
import Foundation
import Testing

/// Rooms on two servers of the real program on one PostgreSQL database.
@Suite("Rooms on two nodes", .timeLimit(.minutes(3))) struct RoomNodeTests {
    @Test("What is said on one node is told on the other; when one is killed, its ghosts go and nothing is lost")
    func nodes() async throws {
        try await TwoNodes.with { nodes in
            let user = try await nodes.first.newUser()
            #expect(try await user.post("rooms", ["id": "a", "history": "durable"]).status == 201)
            try await withSocket(to: nodes.second.port) { socket in
                var watcher = try await WebSocketClient(socket, token: user.token)
                try await watcher.send(["action": "subscribe", "room": "a"])
                #expect(try await watcher.next()["type"] == "subscribed")
                let other = try await member(of: user, on: nodes.first)
                try await withSocket(to: nodes.first.port) { socket in
                    var ghost = try await WebSocketClient(socket, token: other.token)
                    try await ghost.send(["action": "subscribe", "room": "a"])
                    #expect(try await ghost.next()["type"] == "subscribed")
                    for number in 1...20 as ClosedRange<Int64> {
                        #expect(try await user.post("rooms/a/messages", ["content": .integer(number)]).status == 201)
                    }
                    var (offsets, joined) = ([Int64](), false)
                    while offsets.count < 20 || !joined {
                        let message = try await watcher.next()
                        if message["type"] == "presence" { joined = joined || message["data"]?["user"] == .string(other.id) }
                        if message["type"] == "message" { offsets.append(message["offset"]?.integerValue ?? 0) }
                    }
                    #expect(offsets == Array(1...20))
                    nodes.first.program.kill()
                    _ = await nodes.first.program.ending()
                }
                // Its lease runs out, and somebody looks.
                let killedAt = ContinuousClock.now
                while true {
                    let message = try await watcher.next()
                    guard message["type"] == "presence" else { continue }
                    #expect(message["data"]?["event"] == "leave" && message["data"]?["user"] == .string(other.id))
                    break
                }
                #expect(ContinuousClock.now - killedAt < .seconds(25))
                let beside = user.asking(nodes.second)
                #expect(try await beside.post("rooms/a/messages", ["content": 21]).json["offset"] == 21)
                #expect(try await watcher.next()["offset"] == 21)
                #expect(try await beside.get("rooms/a").json["present"] == 1)
            }
            _ = await nodes.second.stop()
        }
    }

    private func member(of owner: APIUser, on server: LiveServer) async throws -> APIUser {
        var member = try await server.newUser()
        let added = try await owner.post(
            "workspaces/\(owner.home)/members", ["email": .string(member.email), "role": "user"])
        #expect(added.status == 201, "\(added)")
        member.token = try await server.login(member.email, workspace: owner.home).json.text("access_token")
        return member
    }
}
