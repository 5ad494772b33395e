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
                        joined =
                            joined || message["type"] == "presence" && message["data"]?["user"] == .string(other.id)
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

    @Test("While Redis is away for ten seconds nothing is lost, told twice, out of order or late")
    func redisCut() async throws {
        try await RedisServer.with { redis in
            try await TwoNodes.with(["REDIS_URL": "redis://127.0.0.1:\(redis.port)"]) { nodes in
                let user = try await nodes.first.newUser()
                #expect(try await user.post("rooms", ["id": "a", "history": "durable"]).status == 201)
                try await withSocket(to: nodes.second.port) { socket in
                    var watcher = try await WebSocketClient(socket, token: user.token)
                    try await watcher.send(["action": "subscribe", "room": "a", "presence": false])
                    #expect(try await watcher.next()["type"] == "subscribed")
                    async let acknowledged = Self.publish(as: user, cutting: redis)
                    var told: [(offset: Int64, at: ContinuousClock.Instant)] = []
                    while true {
                        let message = try await watcher.next()
                        guard message["type"] == "message" else { continue }
                        told.append((message["offset"]?.integerValue ?? 0, .now))
                        if message["data"]?["content"] == "last" { break }
                    }
                    let sent = try await acknowledged
                    #expect(told.map(\.offset) == (1...Int64(sent.count)).map { $0 })
                    let latest = told.compactMap { one in sent[one.offset].map { one.at - $0 } }.max() ?? .zero
                    // A wake-up that is lost costs a second.
                    #expect(
                        latest < .seconds(3), "the latest came \(latest) after its acknowledgement, of \(told.count)")
                }
            }
        }
    }

    /// Says something again and again for 14 seconds, of which Redis is away for ten.
    /// - Returns: When each offset was acknowledged.
    private static func publish(
        as user: APIUser, cutting redis: RedisServer
    ) async throws -> [Int64: ContinuousClock.Instant] {
        var sent: [Int64: ContinuousClock.Instant] = [:]
        func say(_ content: JSONValue) async throws {
            let answer = try await user.post("rooms/a/messages", ["content": content])
            sent[answer.json["offset"]?.integerValue ?? 0] = .now
        }
        let began = ContinuousClock.now
        var (isCut, isBack) = (false, false)
        while ContinuousClock.now - began < .seconds(14) {
            let elapsed = ContinuousClock.now - began
            if !isCut, elapsed > .seconds(2) {
                redis.stop()
                isCut = true
            }
            if !isBack, elapsed > .seconds(12) {
                try redis.start()
                isBack = true
            }
            try await say(.integer(Int64(sent.count)))
            try await Task.sleep(for: .milliseconds(20))
        }
        try await say("last")
        return sent
    }

    @Test("What a node has acknowledged before it was killed while it wrote is in the history, and was told in order")
    func killedWhileWriting() async throws {
        try await TwoNodes.with { nodes in
            let user = try await nodes.first.newUser()
            let beside = user.asking(nodes.second)
            #expect(try await user.post("rooms", ["id": "a", "history": "durable"]).status == 201)
            try await withSocket(to: nodes.second.port) { socket in
                var watcher = try await WebSocketClient(socket, token: user.token)
                try await watcher.send(["action": "subscribe", "room": "a", "presence": false])
                #expect(try await watcher.next()["type"] == "subscribed")
                var acknowledged: [Int64: JSONValue] = [:]
                try await withSocket(to: nodes.first.port) { socket in
                    var writer = try await WebSocketClient(socket, token: user.token)
                    for number in 0..<64 as Range<Int64> {
                        try await writer.send(["action": "publish", "room": "a", "content": .integer(number)])
                    }
                    do {
                        while true {
                            let ack = try await writer.next()
                            guard ack["type"] == "ack", let offset = ack["data"]?["offset"]?.integerValue else {
                                continue
                            }
                            acknowledged[offset] = ack["data"]?["id"]
                            if acknowledged.count == 300 { nodes.first.program.kill() }
                            try await writer.send(["action": "publish", "room": "a", "content": .integer(offset)])
                        }
                    } catch {
                        // The node is gone.
                    }
                }
                _ = await nodes.first.program.ending()
                #expect(acknowledged.count >= 300)
                var (found, after) = ([Int64: JSONValue](), Int64(0))
                while true {
                    let page = try await beside.get("rooms/a/history?after=\(after)&limit=200")
                    let items = page.json["items"]?.arrayValue ?? []
                    for item in items { found[item["offset"]?.integerValue ?? 0] = item["id"] }
                    guard let last = items.last?["offset"]?.integerValue else { break }
                    after = last
                }
                #expect(Set(found.keys) == Set(1...after))
                for (offset, id) in acknowledged { #expect(found[offset] == id) }
                #expect(
                    try await beside.post("rooms/a/messages", ["content": "last"]).json["offset"] == .integer(after + 1)
                )
                for offset in 1...after + 1 { #expect(try await watcher.next()["offset"] == .integer(offset)) }
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
