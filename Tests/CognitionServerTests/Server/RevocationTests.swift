import CognitionCore
import Testing

extension ServerTests {
    @Suite("Revoked rights and open WebSockets") struct RevocationTests {
        @Test(
            "Whoever loses a session, a role or a membership loses what it gave on an open connection, with the reason")
        func oneNode() async throws {
            let server = try LiveServer.current
            try await Revocations.check(acting: server, watching: server)
        }
    }
}

@Suite("Revoked rights on two nodes", .timeLimit(.minutes(3))) struct RevocationNodeTests {
    @Test("What is taken away on one node is lost on the other")
    func nodes() async throws {
        try await TwoNodes.with { nodes in
            try await Revocations.check(acting: nodes.first, watching: nodes.second)
            _ = await nodes.first.stop()
            _ = await nodes.second.stop()
        }
    }
}

private enum Revocations {
    /// Generous, as the machine may be busy with other tests; it is a second that is promised.
    private static let bound = Duration.seconds(4)

    /// Takes away everything that can be, on one node, from people whose connections are on another.
    static func check(acting: LiveServer, watching: LiveServer) async throws {
        let owner = try await acting.newUser()
        #expect(try await owner.post("rooms", ["id": "secret", "private": true]).status == 201)
        #expect(try await owner.post("rooms", ["id": "open"]).status == 201)

        func took(_ what: String, since start: ContinuousClock.Instant) {
            let time = ContinuousClock.now - start
            print("lost \(what) after \(time)")
            #expect(time < bound, "\(what)")
        }

        // A session.
        let leaver = try await member(of: owner)
        try await withSocket(to: watching.port) { socket in
            // That of another device; the one that asks goes on.
            let token = try await acting.login(leaver.email, workspace: owner.home).json.text("access_token")
            var client = try await WebSocketClient(socket, token: token)
            #expect(try await leaver.delete("auth/sessions").status == 200)
            let start = ContinuousClock.now
            #expect(try await client.closed() == WebSocketClient.Close(code: 4401, reason: "the session has ended"))
            took("a session", since: start)
        }

        // A user.
        let suspended = try await member(of: owner)
        try await withSocket(to: watching.port) { socket in
            var client = try await WebSocketClient(socket, token: suspended.token)
            var boss = owner
            boss.token = try await acting.operatorToken()
            #expect(try await boss.patch("users/\(suspended.id)", ["status": "suspended"]).status == 200)
            let start = ContinuousClock.now
            #expect(try await client.closed().code == 4401)
            took("a user", since: start)
        }

        // A private room: only that is left.
        let guest = try await member(of: owner)
        #expect(try await owner.post("rooms/secret/members/\(guest.id)").status == 204)
        try await withSocket(to: watching.port) { socket in
            var client = try await WebSocketClient(socket, token: guest.token)
            for room in ["secret", "open"] { try await client.subscribe(to: room) }
            #expect(try await owner.delete("rooms/secret/members/\(guest.id)").status == 204)
            let start = ContinuousClock.now
            let left = try await client.next()
            took("a room", since: start)
            #expect(left["type"] == "unsubscribed" && left["data"]?["room"] == "secret", "\(left)")
            #expect(left["data"]?["reason"] == "removed", "\(left)")
            #expect(try await owner.post("rooms/open/messages", ["content": 1]).status == 201)
            #expect(try await client.next()["data"]?["content"] == 1)
        }

        // A role: the connection goes on with what is left.
        let demoted = try await member(of: owner)
        try await withSocket(to: watching.port) { socket in
            var client = try await WebSocketClient(socket, token: demoted.token)
            try await client.subscribe(to: "open")
            try await client.send(["action": "publish", "room": "open", "content": "mine"])
            var types: Set<String> = []
            for _ in 0..<2 { types.insert(try await client.next()["type"]?.stringValue ?? "") }
            #expect(types == ["ack", "message"])
            let changed = try await owner.patch(
                "workspaces/\(owner.home)/members/\(demoted.id)", ["role": "viewer"])
            #expect(changed.status == 204, "\(changed)")
            let start = ContinuousClock.now
            while true {
                try await client.send(["action": "publish", "room": "open", "content": "mine"])
                var answer = try await client.next()
                if answer["type"] == "message" { answer = try await client.next() }
                guard answer["type"] == "error" else { continue }
                #expect(answer["data"]?["code"] == "realtime.forbidden", "\(answer)")
                break
            }
            took("a role", since: start)
            // Messages of before may still be on their way.
            #expect(try await owner.post("rooms/open/messages", ["content": "last"]).status == 201)
            while try await client.next()["data"]?["content"] != "last" {}
        }

        // The workspace.
        let removed = try await member(of: owner)
        try await withSocket(to: watching.port) { socket in
            var client = try await WebSocketClient(socket, token: removed.token)
            try await client.subscribe(to: "open")
            #expect(try await owner.delete("workspaces/\(owner.home)/members/\(removed.id)").status == 204)
            let start = ContinuousClock.now
            #expect(try await client.closed().code == 4401)
            took("a workspace", since: start)
        }
    }

    private static func member(of owner: APIUser) async throws -> APIUser {
        var member = try await owner.server.newUser()
        let added = try await owner.post(
            "workspaces/\(owner.home)/members", ["email": .string(member.email), "role": "user"])
        #expect(added.status == 201, "\(added)")
        member.token = try await owner.server.login(member.email, workspace: owner.home).json.text("access_token")
        return member
    }
}

extension WebSocketClient {
    fileprivate mutating func subscribe(to room: String) async throws {
        try await send(["action": "subscribe", "room": .string(room), "presence": false])
        #expect(try await next()["type"] == "subscribed")
    }
}
