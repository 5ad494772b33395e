import CognitionCore
import Testing

extension ServerTests {
    /// Rooms over HTTP and over the socket of the real server.
    @Suite("Rooms") struct RoomRouteTests {
        /// Somebody else in the workspace of `owner`, with a token for it.
        private func member(of owner: APIUser, role: String = "user") async throws -> APIUser {
            let server = owner.server
            var member = try await server.newUser()
            let added = try await owner.post(
                "workspaces/\(owner.home)/members", ["email": .string(member.email), "role": .string(role)])
            #expect(added.status == 201, "\(added)")
            member.token = try await server.login(member.email, workspace: owner.home).json.text("access_token")
            return member
        }

        @Test("A room is made, listed, written to, read and deleted")
        func life() async throws {
            let user = try await LiveServer.current.newUser()
            let made = try await user.post(
                "rooms", ["id": "planning", "name": "Planning", "history": ["limit": 3], "slow": "conflate"])
            #expect(made.status == 201 && made.json["owner"] == .string(user.id), "\(made)")
            #expect(made.json["max_members"] == 100 && made.json["private"] == false && made.json["last_offset"] == 0)
            (try await user.post("rooms", ["id": "planning"])).expectProblem(409, "realtime.room_taken")
            let other = try await user.post("rooms", ["history": "durable"])
            #expect(other.status == 201 && other.json["history"] == "durable", "\(other)")
            #expect(try await user.all("rooms", limit: 1).count == 2)
            for number in 1...5 {
                let sent = try await user.post("rooms/planning/messages", ["content": .integer(Int64(number))])
                #expect(sent.status == 201 && sent.json["offset"] == .integer(Int64(number)), "\(sent)")
            }
            let keyed: JSONValue = ["content": 6, "type": "vote", "idempotency_key": "k"]
            let first = try await user.post("rooms/planning/messages", keyed)
            let second = try await user.post("rooms/planning/messages", keyed)
            #expect(first.status == 201 && second.status == 200 && first.json == second.json, "\(second)")
            // The header says the same, and both together only if they agree.
            let again = try await user.post(
                "rooms/planning/messages", ["content": 6], headers: [("Idempotency-Key", "k")])
            #expect(again.json["offset"] == 6, "\(again)")
            (try await user.post("rooms/planning/messages", keyed, headers: [("Idempotency-Key", "other")]))
                .expectProblem(400, "request.parameter_invalid")
            let newest = try await user.get("rooms/planning/history")
            #expect(newest.json["items"]?.arrayValue?.compactMap { $0["content"] } == [4, 5, 6], "\(newest)")
            #expect(newest.json["first_offset"] == 4 && newest.json["last_offset"] == 6)
            let page = try await user.get("rooms/planning/history?after=4&limit=1")
            #expect(page.json["items"]?[0]?["content"] == 5 && page.json["recovered"] == true, "\(page)")
            let cursor = try page.json.text("next_cursor")
            let next = try await user.get("rooms/planning/history?cursor=\(cursor)")
            #expect(next.json["items"]?[0]?["content"] == 6 && next.json["next_cursor"] == .null, "\(next)")
            #expect(try await user.get("rooms/planning/history?after=1").json["recovered"] == false)
            #expect(try await user.get("rooms/planning/history?after=5&epoch=other").json["recovered"] == false)
            #expect(try await user.get("rooms/planning/history?before=6&limit=1").json["items"]?[0]?["content"] == 5)
            (try await user.get("rooms/planning/history?after=1&before=2")).expectProblem(
                400, "request.parameter_invalid")
            #expect(try await user.delete("rooms/planning").status == 204)
            for path in ["rooms/planning", "rooms/planning/history", "rooms/planning/members", "rooms/A"] {
                (try await user.get(path)).expectProblem(404, "realtime.room_not_found")
            }
            for body in [
                ["max_members": 0], ["history": ["limit": 0]], ["history": "all"], ["slow": "never"], ["id": "A"],
                ["id": "framework:react"], ["name": ""],
            ] as [JSONValue] {
                (try await user.post("rooms", body)).expectProblem(400)
            }
            let big = JSONValue.string(String(repeating: "x", count: 60_000))
            (try await user.post("rooms/\(other.json.text("id"))/messages", ["content": big]))
                .expectProblem(400, "realtime.message_invalid")
        }

        @Test("Private rooms are for their members, and roles say who may what")
        func permissions() async throws {
            let owner = try await LiveServer.current.newUser()
            let (member, viewer) = (try await member(of: owner), try await member(of: owner, role: "viewer"))
            #expect(try await owner.post("rooms", ["id": "secret", "private": true, "max_members": 2]).status == 201)
            (try await member.get("rooms/secret")).expectProblem(404, "realtime.room_not_found")
            (try await member.post("rooms/secret/messages", ["content": 1])).expectProblem(
                404, "realtime.room_not_found")
            #expect(try await member.get("rooms").json["items"] == [])
            #expect(try await owner.post("rooms/secret/members/\(member.id)").status == 204)
            #expect(try await member.post("rooms/secret/messages", ["content": 1]).status == 201)
            (try await owner.post("rooms/secret/members/\(viewer.id)")).expectProblem(409, "realtime.room_full")
            let stranger = try await owner.server.newUser()
            (try await owner.post("rooms/secret/members/\(stranger.id)")).expectProblem(404, "realtime.member_unknown")
            let people = try await owner.all("rooms/secret/members", limit: 1)
            #expect(Set(people.compactMap { $0["user"]?.stringValue }) == [owner.id, member.id])
            #expect(try await member.delete("rooms/secret/members/\(member.id)").status == 204)
            (try await member.get("rooms/secret/history")).expectProblem(404, "realtime.room_not_found")

            #expect(try await owner.post("rooms", ["id": "open"]).status == 201)
            #expect(try await viewer.get("rooms/open/history").status == 200)
            (try await viewer.post("rooms", [:])).expectProblem(403, "request.permission_denied")
            (try await viewer.post("rooms/open/messages", ["content": 1])).expectProblem(
                403, "request.permission_denied")
            (try await member.delete("rooms/open")).expectProblem(403, "realtime.forbidden")
            // Of another workspace nothing is seen.
            (try await stranger.get("rooms/open")).expectProblem(404, "realtime.room_not_found")
        }

        @Test("A user is told on all devices, and everybody by admins")
        func directAndBroadcast() async throws {
            let owner = try await LiveServer.current.newUser()
            let member = try await member(of: owner)
            let port = owner.server.port
            try await withSocket(to: port) { one in
                try await withSocket(to: port) { two in
                    var devices = [
                        try await WebSocketClient(one, token: member.token),
                        try await WebSocketClient(two, token: member.token),
                    ]
                    for index in devices.indices {
                        for room in ["user:\(member.id)", "workspace:\(owner.home)"] {
                            try await devices[index].send([
                                "action": "subscribe", "room": .string(room), "presence": false,
                            ])
                            #expect(try await devices[index].next()["type"] == "subscribed")
                        }
                    }
                    let sent = try await owner.post("users/\(member.id)/messages", ["content": "for you"])
                    #expect(sent.status == 201 && sent.json["offset"] == 1, "\(sent)")
                    #expect(
                        try await owner.post("workspaces/\(owner.home)/messages", ["content": "for all"]).status == 201)
                    for index in devices.indices {
                        #expect(try await devices[index].next()["data"]?["content"] == "for you")
                        let message = try await devices[index].next()
                        #expect(
                            message["data"]?["content"] == "for all" && message["data"]?["sender"] == .string(owner.id))
                    }
                }
            }
            (try await member.post("workspaces/\(owner.home)/messages", ["content": 1])).expectProblem(
                403, "realtime.forbidden")
            (try await member.get("rooms/user:\(owner.id)/history")).expectProblem(404, "realtime.room_not_found")
            #expect(try await member.get("rooms/user:\(member.id)/history").json["items"]?[0]?["content"] == "for you")
            let stranger = try await owner.server.newUser()
            (try await owner.post("users/\(stranger.id)/messages", ["content": 1])).expectProblem(
                404, "realtime.room_not_found")
            (try await stranger.post("workspaces/\(owner.home)/messages", ["content": 1]))
                .expectProblem(404, "identity.workspace_not_found")
        }

        @Test("A long poll waits for a message, and server-sent events go on where they were left")
        func otherDoors() async throws {
            let user = try await LiveServer.current.newUser()
            #expect(try await user.post("rooms", ["id": "a", "history": ["limit": 3]]).status == 201)
            async let waiting = user.get("rooms/a/history?after=0&wait_seconds=20")
            try await Task.sleep(for: .milliseconds(300))
            let began = ContinuousClock.now
            #expect(try await user.post("rooms/a/messages", ["content": "first"]).status == 201)
            #expect(try await waiting.json["items"]?[0]?["content"] == "first")
            #expect(ContinuousClock.now - began < .seconds(5))
            let nothing = try await user.get("rooms/a/history?after=1&wait_seconds=1")
            #expect(nothing.json["items"] == [] && nothing.json["last_offset"] == 1, "\(nothing)")

            func lines(_ headers: [(String, String)], until wanted: String, _ body: () async throws -> Void)
                async throws -> String
            {
                try await withSocket(to: user.server.port) { socket in
                    try await socket.write(
                        LiveServer.request(
                            "GET", "/api/v3/rooms/a/history", token: user.token,
                            headers: [("Accept", "text/event-stream")] + headers))
                    #expect(try await socket.head().status == 200)
                    var text = ""
                    try await body()
                    while !text.contains(wanted), let chunk = try await socket.chunk() {
                        text += String(decoding: chunk, as: UTF8.self)
                    }
                    return text
                }
            }
            let live = try await lines([], until: "\"fifth\"") {
                for content in ["second", "third", "fourth", "fifth"] {
                    let sent = try await user.post("rooms/a/messages", ["content": .string(content)])
                    #expect(sent.status == 201)
                }
            }
            #expect(
                live.contains("event: message\ndata: {\"room\":\"a\"") && live.contains("\"second\"")
                    && !live.contains("\"first\""))
            let epoch = try await user.get("rooms/a").json.text("epoch")
            #expect(live.contains("id: \(epoch):5\n"))
            let resumed = try await lines([("Last-Event-ID", "\(epoch):3")], until: "\"fifth\"") {}
            #expect(resumed.contains("\"fourth\"") && !resumed.contains("\"third\"") && !resumed.contains("event: gap"))
            let late = try await lines([("Last-Event-ID", "\(epoch):0")], until: "\"fifth\"") {}
            #expect(late.contains("event: gap\ndata: {\"room\":\"a\",\"from\":1,\"to\":2}"), "\(late)")
        }

        @Test("What the server does in real time is told")
        func stats() async throws {
            let user = try await LiveServer.current.newUser()
            #expect(try await user.post("rooms", [:]).status == 201)
            let stats = try await user.get("realtime/stats")
            #expect(stats.status == 200 && stats.json["total_rooms"]?.integerValue ?? 0 > 0, "\(stats)")
            #expect(
                stats.json.objectValue?.keys == [
                    "connected_clients", "authenticated_connections", "active_subscriptions", "total_rooms",
                    "messages_sent", "messages_received", "errors",
                ])
            let health = try await user.server.send("GET", "/health/websocket")
            #expect(health.json.objectValue?.keys == ["status", "active_connections", "total_rooms"], "\(health)")
        }
    }
}
