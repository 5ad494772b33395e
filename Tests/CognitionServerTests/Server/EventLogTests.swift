import CognitionCore
import Testing

extension ServerTests {
    /// Streams of one's own, and what has happened in a workspace.
    @Suite("Events over HTTP") struct EventLogTests {
        private static func placed(_ total: Int64, id: String? = nil) -> JSONValue {
            var event: JSONObject = ["type": "order.placed", "data": ["total": .integer(total)]]
            if let id { event["event_id"] = .string(id) }
            return .object(event)
        }

        /// Items of all pages; those of the log may be empty before its end.
        private func items(_ path: String, _ user: APIUser) async throws -> [JSONValue] {
            var found: [JSONValue] = []
            var cursor = ""
            while true {
                let page = try await user.get("\(path)\(path.contains("?") ? "&" : "?")limit=2\(cursor)")
                try #require(page.status == 200, "\(page)")
                found += page.json["items"]?.arrayValue ?? []
                guard let next = page.json["next_cursor"]?.stringValue else { return found }
                cursor = "&cursor=\(next)"
            }
        }

        @Test("Events are appended with their places, once for each id, and only to the stream that is expected")
        func append() async throws {
            let user = try await LiveServer.current.newUser()
            let ids = (0..<2).map { _ in JSONValue.string((UUIDGenerator().next() as UUIDv7).description) }
            let events: JSONValue = .array(ids.map { Self.placed(1, id: $0.stringValue) })
            let made = try await user.post("streams/order/1", ["expected_version": "none", "events": events])
            #expect(made.status == 201 && made.json["version"] == 2 && made.json["repeated"] == false, "\(made)")
            let places = try #require(made.json["events"]?.arrayValue)
            #expect(places.map { $0["event_id"] } == ids && places.map { $0["version"] } == [1, 2])
            let again = try await user.post("streams/order/1", ["expected_version": "none", "events": events])
            #expect(
                again.status == 200 && again.json["events"] == made.json["events"] && again.json["repeated"] == true)
            let late = try await user.post("streams/order/1", ["expected_version": 1, "events": [Self.placed(3)]])
            late.expectProblem(409, "event.version_conflict")
            #expect(late.json["actual_version"] == 2)
            let next = try await user.post("streams/order/1", ["expected_version": 2, "events": [Self.placed(3)]])
            #expect(next.status == 201 && next.json["version"] == 3)
            let other = try await user.post(
                "streams/order/1", ["events": [Self.placed(9, id: ids[0].stringValue)]])
            other.expectProblem(409, "event.id_reused")
        }

        @Test("Several streams are written to at once or not at all")
        func several() async throws {
            let user = try await LiveServer.current.newUser()
            func append(_ expected: JSONValue) async throws -> HTTPAnswer {
                try await user.post(
                    "streams",
                    [
                        "correlation_id": "tour",
                        "appends": [
                            [
                                "stream_type": "order", "stream_id": "a/b c",
                                "events": [Self.placed(1), Self.placed(2)],
                            ],
                            [
                                "stream_type": "stock", "stream_id": "1", "expected_version": expected,
                                "events": [["type": "stock.reserved"]],
                            ],
                        ],
                    ])
            }
            let made = try await append("none")
            #expect(made.status == 201, "\(made)")
            #expect(made.json["appends"]?.arrayValue?.map { $0["version"] } == [2, 1])
            (try await append("none")).expectProblem(409, "event.version_conflict")
            let stream = try await user.get("streams/order/a%2Fb%20c")
            #expect(stream.json["version"] == 2, "\(stream)")
            let first = try #require(stream.json["items"]?.arrayValue?.first)
            #expect(first["correlation_id"] == "tour" && first["actor"] == .string("user:\(user.id)"))
        }

        @Test("What is no event, what is the platform's own and what is too much is refused")
        func refusals() async throws {
            let user = try await LiveServer.current.newUser()
            for type in ["execution", "workflow", "user", "workspace", "secret", "cloudevent"] {
                let answer = try await user.post("streams/\(type)/1", ["events": [Self.placed(1)]])
                answer.expectProblem(403, "event.stream_reserved")
            }
            for body: JSONValue in [
                [:], ["events": []], ["events": [["type": "order"]]], ["events": [["data": 1]]],
                ["events": [Self.placed(1)], "expected_version": -1],
                ["events": [Self.placed(1, id: "0198f2c5-6b10-7c3a-9c1e_2f4b5a6d7e90")]],
                ["events": .array((0...1_000).map { Self.placed(Int64($0)) })],
            ] {
                let answer = try await user.post("streams/order/1", body)
                #expect(answer.status == 400, "\(body.jsonText.prefix(100)): \(answer)")
            }
            #expect(try await user.post("streams/Order/1", ["events": [Self.placed(1)]]).status == 400)
            (try await user.get("streams/order/none")).expectProblem(404, "event.stream_unknown")
            (try await user.get("streams/order/none/state")).expectProblem(404, "event.stream_unknown")
        }

        @Test("A stream and the log are read in pages, both ways, and filtered")
        func pages() async throws {
            let user = try await LiveServer.current.newUser()
            for total in 1...7 {
                let answer = try await user.post(
                    "streams/\(total % 2 == 0 ? "cart" : "order")/1", ["events": [Self.placed(Int64(total))]])
                #expect(answer.status == 201)
            }
            func totals(_ path: String) async throws -> [Int64] {
                try await items(path, user).compactMap { $0["data"]?["total"]?.integerValue }
            }
            #expect(try await totals("streams/order/1") == [1, 3, 5, 7])
            #expect(try await totals("streams/order/1?direction=backward") == [7, 5, 3, 1])
            #expect(try await totals("streams/order/1?from=3") == [5, 7])
            #expect(try await totals("streams/order/1?direction=backward&from=2") == [3, 1])
            #expect(try await totals("events?type=order.placed,order.paid") == Array(1...7))
            #expect(try await totals("events?type=order.placed&direction=backward") == Array((1...7).reversed()))
            #expect(try await totals("events?category=cart") == [2, 4, 6])
            #expect(try await totals("events?type=other.happened") == [])
            let all = try await items("events?category=order", user)
            let (third, time) = (try #require(all[1]["position"]?.integerValue), try all[2].text("time"))
            #expect(try await totals("events?category=order&after=\(third)") == [5, 7])
            #expect(try await totals("events?category=order&since=\(time)") == [5, 7])
            #expect(try await user.get("events", headers: [("Last-Event-ID", "")]).status == 400)
            for query in ["from=0", "direction=up", "limit=201", "cursor=x"] {
                #expect(try await user.get("streams/order/1?\(query)").status == 400, "\(query)")
            }
        }

        @Test("Events are followed as they come, and only those of one's own workspace")
        func follow() async throws {
            let server = try await LiveServer.current
            let (user, stranger) = (try await server.newUser(), try await server.newUser())
            let first = try await user.post("streams/order/1", ["events": [Self.placed(1)]])
            let position = try #require(first.json["events"]?.arrayValue?.first?["position"]?.integerValue)
            let request = LiveServer.request(
                "GET", "/api/v3/events?category=order", token: user.token,
                headers: [("Accept", "text/event-stream"), ("Last-Event-ID", "\(position - 1)")])
            try await withSocket(to: server.port) { socket in
                try await socket.write(request)
                #expect(try await socket.head().status == 200)
                #expect(try await stranger.post("streams/order/1", ["events": [Self.placed(8)]]).status == 201)
                #expect(try await user.post("streams/order/1", ["events": [Self.placed(2)]]).status == 201)
                var text = ""
                while !text.contains(#"{"total":2}"#) {
                    text += String(decoding: try #require(try await socket.chunk()), as: UTF8.self)
                }
                #expect(text.contains(#"{"total":1}"#) && !text.contains(#"{"total":8}"#), "\(text)")
            }
            #expect(try await stranger.get("streams/order/1").json["version"] == 1)
        }

        @Test("Events of accounts are for those who may read the audit trail")
        func accounts() async throws {
            let user = try await LiveServer.current.newUser()
            let types = Set(try await items("events", user).compactMap { $0["stream_type"]?.stringValue })
            #expect(types == ["user", "workspace"])
            let key = try await user.post("auth/api-keys", ["name": "reader", "scopes": ["events:read"]])
            #expect(key.status == 201, "\(key)")
            let reader = try APIUser(
                server: user.server, email: user.email, id: user.id, home: user.home, token: key.json.text("key"),
                refreshToken: "")
            #expect(try await items("events", reader).isEmpty)
            (try await reader.get("streams/user/\(user.id)")).expectProblem(403, "event.stream_reserved")
            #expect(try await user.get("streams/user/\(user.id)").status == 200)
            #expect(try await reader.post("streams/order/1", ["events": [Self.placed(1)]]).status == 403)
        }

        @Test("A stream has a state at every version, a difference between two, and a history of every value")
        func state() async throws {
            let user = try await LiveServer.current.newUser()
            let changes: [JSONValue] = [
                ["total": 1, "lines": ["a": 1]], ["total": 2], ["lines": ["a": .null, "b": 2]],
            ]
            for change in changes {
                _ = try await user.post("streams/order/1", ["events": [["type": "order.changed", "data": change]]])
            }
            let now = try await user.get("streams/order/1/state?provenance=true")
            #expect(now.status == 200 && now.json["version"] == 3, "\(now)")
            #expect(now.json["state"] == ["total": 2, "lines": ["b": 2]])
            let origins = try #require(now.json["provenance"]?.objectValue)
            #expect(origins.keys.sorted() == ["/lines/b", "/total"] && origins["/total"]?["version"] == 2)
            let old = try await user.get("streams/order/1/state?version=1")
            #expect(old.json["state"] == changes[0])
            let time = try now.json["provenance"]?["/total"]?.text("time") ?? ""
            #expect(try await user.get("streams/order/1/state?at=\(time)").json["version"] == 2)
            #expect(try await user.get("streams/order/1/state?at=\(time)&version=1").status == 400)
            let last = try await user.get("streams/order/1/changes")
            #expect(
                last.json["from"] == 2 && last.json["to"] == 3 && last.json["after"] == now.json["state"], "\(last)")
            #expect(
                last.json["operations"] == [
                    ["op": "remove", "path": "/lines/a"], ["op": "add", "path": "/lines/b", "value": 2],
                ])
            let all = try await user.get("streams/order/1/changes?from=0&to=1")
            #expect(all.json["before"] == [:] && all.json["after"] == changes[0])
            #expect(try await user.get("streams/order/1/changes?from=3&to=1").status == 400)
        }

        @Test("The health of the event store tells its totals to everybody")
        func health() async throws {
            let user = try await LiveServer.current.newUser()
            _ = try await user.post("streams/order/1", ["events": [Self.placed(1)]])
            let health = try await user.server.send("GET", "/health/event-store")
            #expect(
                health.status == 200 && health.json["status"] == "healthy" && health.json["details"] == nil, "\(health)"
            )
            #expect(try #require(health.json["total_events"]?.integerValue) > 0)
            #expect(health.json["total_snapshots"]?.integerValue != nil)
        }
    }
}
