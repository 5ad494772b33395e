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

        @Test(
            "A room is changed by its owner and by admins, as long as nobody else has changed it, and who is in it is told"
        )
        func changes() async throws {
            let owner = try await LiveServer.current.newUser()
            let member = try await member(of: owner)
            #expect(try await owner.post("rooms", ["id": "a", "history": ["limit": 2]]).status == 201)
            for number in 1...3 {
                #expect(try await owner.post("rooms/a/messages", ["content": .integer(Int64(number))]).status == 201)
            }
            (try await member.patch("rooms/a", ["name": "Mine"])).expectProblem(403, "realtime.forbidden")
            (try await owner.patch("rooms/none", [:])).expectProblem(404, "realtime.room_not_found")
            (try await owner.patch("rooms/a", ["history": ["limit": 0]])).expectProblem(400)
            try await withSocket(to: owner.server.port) { socket in
                var client = try await WebSocketClient(socket, token: member.token)
                try await client.send(["action": "subscribe", "room": "a", "presence": false])
                #expect(try await client.next()["type"] == "subscribed")
                let changed = try await owner.patch(
                    "rooms/a", ["name": "Plans", "history": "durable", "max_members": 7, "revision": 0])
                #expect(changed.status == 200 && changed.json["name"] == "Plans", "\(changed)")
                #expect(changed.json["history"] == "durable" && changed.json["revision"] == 1, "\(changed)")
                let told = try await client.next()
                #expect(told["type"] == "room_changed" && told["data"]?["max_members"] == 7, "\(told)")
                (try await owner.patch("rooms/a", ["slow": "conflate", "revision": 0])).expectProblem(
                    409, "realtime.room_changed")
                // What was given up does not come back with a longer history.
                let history = try await owner.get("rooms/a/history?after=0")
                #expect(history.json["first_offset"] == 2 && history.json["recovered"] == false, "\(history)")
                // Nothing changes, nothing is told.
                #expect(try await owner.patch("rooms/a", ["name": "Plans"]).json["revision"] == 1)
                #expect(try await owner.patch("rooms/a", ["private": true, "name": .null]).json["name"] == .null)
                let last = try await client.next()
                #expect(last["type"] == "unsubscribed" && last["data"]?["reason"] == "removed", "\(last)")
            }
            let events = try await owner.get("streams/room/a")
            #expect(events.json["items"]?.arrayValue?.count { $0["type"] == "room.changed" } == 2, "\(events)")
            (try await member.patch("rooms/user:\(member.id)", ["private": false])).expectProblem(
                404, "realtime.room_not_found")
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

        @Test("Rooms in which the platform tells of executions, workflows, jobs and queues")
        func logRooms() async throws {
            let user = try await LiveServer.current.newUser()
            #expect(try await user.post("queues/default/pause").status == 200)
            try await user.store("nap", do: "[{nap: {wait: PT0.02S}}]")
            let id = try await user.start("nap")
            while try await user.get("workflows/executions/\(id)").json["status"] != "completed" {}
            let page = try await user.get("rooms/execution:\(id)/history?after=0")
            let items = page.json["items"]?.arrayValue ?? []
            let offsets = items.compactMap { $0["offset"]?.integerValue }
            #expect(offsets.count > 3 && page.json["recovered"] == true && page.json["next_cursor"] == .null, "\(page)")
            #expect(try await user.get("rooms/workflow:nap/history").json["items"]?.arrayValue?.count == items.count)
            let epoch = try page.json.text("epoch")
            try await withSocket(to: user.server.port) { socket in
                var client = try await WebSocketClient(socket, token: user.token)
                try await client.send([
                    "action": "subscribe", "room": .string("execution:\(id)"),
                    "since": ["epoch": .string(epoch), "offset": .integer(offsets[0] - 1)],
                ])
                let start = try await client.next()
                #expect(
                    start["data"]?["execution_id"] == .string(id) && start["data"]?["recovered"] == true, "\(start)")
                #expect(start["data"]?["room"] == .string("execution:\(id)"))
                for item in items {
                    let message = try await client.next()
                    #expect(message["offset"] == item["offset"] && message["data"] == item["content"], "\(message)")
                    #expect(message["type"] == item["type"])
                }
                try await client.send(["action": "subscribe", "room": "job:call"])
                #expect(try await client.next()["data"]?["code"] == "scheduler.job_not_found")
                let job: JSONValue = ["id": "call", "target": ["http": ["url": "http://127.0.0.1:9/"]]]
                #expect(try await user.post("jobs", job).status == 201)
                for room in ["job:call", "queue:default", "jobs:\(user.home)"] {
                    try await client.send(["action": "subscribe", "room": .string(room)])
                    let start = try await client.next()
                    #expect(start["type"] == "subscribed" && start["data"]?["room"] == .string(room), "\(start)")
                }
                async let waiting = user.get(
                    "rooms/job:call/history?after=\(page.json["last_offset"]?.integerValue ?? 0)&wait_seconds=20")
                let cancelled = try await user.delete("jobs/call")
                #expect((200...204).contains(cancelled.status), "\(cancelled)")
                let message = try await client.next()
                #expect(message["type"] == "job_status" && message["data"]?["event"] == "job.cancelled", "\(message)")
                #expect(message["data"]?["job_id"] == "call" && message["data"]?["queue"] == "default")
                #expect(try await waiting.json["items"]?[0]?["offset"] == message["offset"])
                // Once, although three rooms tell it.
                try await client.send(["action": "publish", "room": "queue:default", "content": 1])
                #expect(try await client.next()["data"]?["code"] == "realtime.room_read_only")
            }
            (try await user.post("rooms/job:call/messages", ["content": 1])).expectProblem(
                403, "realtime.room_read_only")
            (try await user.get("rooms/execution:\(user.id)/history")).expectProblem(
                404, "workflow.execution_not_found")
            (try await user.get("rooms/jobs:other/history")).expectProblem(404, "realtime.room_not_found")
            try await withSocket(to: user.server.port) { socket in
                try await socket.write(
                    LiveServer.request(
                        "GET", "/api/v3/rooms/execution:\(id)/history", token: user.token,
                        headers: [("Accept", "text/event-stream"), ("Last-Event-ID", "\(epoch):\(offsets[0])")]))
                #expect(try await socket.head().status == 200)
                var text = ""
                while !text.contains("id: \(epoch):\(offsets[offsets.count - 1])\n"),
                    let chunk = try await socket.chunk()
                {
                    text += String(decoding: chunk, as: UTF8.self)
                }
                #expect(!text.contains("id: \(epoch):\(offsets[0])\n") && text.contains("id: \(epoch):\(offsets[1])\n"))
            }
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
