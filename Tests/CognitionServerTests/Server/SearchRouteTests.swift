import CognitionCore
import Testing

extension ServerTests {
    /// Search as programs see it.
    @Suite("Search over HTTP") struct SearchRouteTests {
        private static let settings: JSONValue = [
            "fields": [
                "title": ["type": "text", "boost": 1.5], "body": ["type": "text"],
                "state": ["type": "keyword", "facet": true], "size": ["type": "number", "facet": true, "sort": true],
                "opened_at": ["type": "date", "sort": true],
            ], "synonyms": [["refund", "reimbursement"]],
        ]

        private static func tickets(_ range: Range<Int>) -> JSONValue {
            [
                "documents": .array(
                    range.map { number in
                        [
                            "id": .string("t\(number)"),
                            "fields": [
                                "title": .string("ticket \(number) about delivery"),
                                "body": "The parcel came late, and a refund was asked for.",
                                "state": .string(number.isMultiple(of: 3) ? "closed" : "open"),
                                "size": .integer(Int64(number)), "opened_at": "2026-11-21T08:00:00Z",
                            ],
                        ]
                    })
            ]
        }

        private func user(_ name: String = "tickets") async throws -> APIUser {
            let user = try await LiveServer.current.newUser()
            let made = try await user.put("search/\(name)", Self.settings)
            #expect(made.status == 201 && made.json["name"] == .string(name), "\(made)")
            #expect(made.json["settings_version"] == 1 && made.json["documents"] == 0, "\(made)")
            return user
        }

        private func query(
            _ user: APIUser, _ body: JSONValue, in index: String = "tickets",
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> JSONValue {
            let answer = try await user.post("search/\(index)/query", body)
            #expect(answer.status == 200, "\(answer)", sourceLocation: sourceLocation)
            return answer.json
        }

        private func ids(_ answer: JSONValue) -> [String] {
            answer["hits"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
        }

        @Test("Documents are put, found, counted, sorted, paged, shown and removed")
        func life() async throws {
            let user = try await user()
            let put = try await user.post("search/tickets/documents", Self.tickets(0..<30))
            #expect(put.status == 200 && put.json["accepted"] == 30, "\(put)")
            let sequence = try #require(put.json["seq"])
            let all = try await query(user, ["query": "delivery", "wait_for_seq": sequence, "facets": ["state"]])
            #expect(all["total"] == ["value": 30, "relation": "eq"], "\(all)")
            #expect(ids(all).count == 20 && all["took_ms"]?.doubleValue != nil, "\(all)")
            #expect(
                all["facets"]?["state"] == [["value": "open", "count": 20], ["value": "closed", "count": 10]], "\(all)")
            #expect(all["hits"]?[0]?["fields"]?["state"]?.stringValue != nil)

            let filtered = try await query(
                user,
                [
                    "filters": ["state": "closed", "size": ["gte": 12]], "sort": ["-size"], "limit": 3,
                    "return_fields": ["size"], "facets": ["state"],
                ])
            #expect(ids(filtered) == ["t27", "t24", "t21"], "\(filtered)")
            #expect(filtered["hits"]?[0]?["fields"] == ["size": 27], "\(filtered)")
            #expect(filtered["facets"]?["state"]?[0] == ["value": "open", "count": 12], "its own filter is left out")
            let next = try await query(
                user,
                [
                    "filters": ["state": "closed", "size": ["gte": 12]], "sort": ["-size"], "limit": 3,
                    "cursor": filtered["next_cursor"] ?? .null, "return_fields": false,
                ])
            #expect(ids(next) == ["t18", "t15", "t12"] && next["hits"]?[0]?["fields"] == nil, "\(next)")

            let marked = try await query(user, ["query": "reimbursements", "highlight": true, "limit": 1])
            #expect(
                marked["hits"]?[0]?["highlights"]?["body"]?[0]?.stringValue?.contains("<mark>refund</mark>") == true,
                "\(marked)")
            #expect(try await query(user, ["query": "delivry"])["total"]?["value"] == 30)
            #expect(try await query(user, ["query": "delivry", "fuzzy": false])["did_you_mean"] == "delivery")
            #expect(try await query(user, ["query": "ticket parcel", "operator": "and"])["total"]?["value"] == 30)
            #expect(try await query(user, ["query": "title:ticket -state:open"])["total"]?["value"] == 10)
            #expect(try await query(user, ["query": ["equals": "t", "field": "state"]])["total"]?["value"] == 0)

            let document = try await user.get("search/tickets/documents/t3")
            #expect(document.status == 200 && document.json["fields"]?["size"] == 3, "\(document)")
            let removed = try await user.delete("search/tickets/documents/t3")
            #expect(removed.status == 200 && removed.json["accepted"] == 1, "\(removed)")
            let after = try await query(
                user, ["query": "*", "wait_for_seq": removed.json["seq"] ?? 0, "exact_total": true])
            #expect(after["total"]?["value"] == 29, "\(after)")
            (try await user.get("search/tickets/documents/t3")).expectProblem(404, "search.document_not_found")
            (try await user.delete("search/tickets/documents/t3")).expectProblem(404, "search.document_not_found")

            let shown = try await user.get("search/tickets")
            #expect(shown.json["documents"] == 29 && shown.json["rebuilding"] == false, "\(shown)")
            #expect(try await user.delete("search/tickets").status == 204)
            (try await user.post("search/tickets/query", [:])).expectProblem(404, "search.index_not_found")
        }

        @Test("What is typed is completed, scores are explained, and absence as well")
        func help() async throws {
            let user = try await user()
            let put = try await user.post("search/tickets/documents", Self.tickets(0..<5))
            _ = try await query(user, ["wait_for_seq": put.json["seq"] ?? 0])
            let suggested = try await user.get("search/tickets/suggest?q=deli&limit=3")
            #expect(suggested.status == 200, "\(suggested)")
            #expect(suggested.json["suggestions"]?[0]?["text"] == "delivery", "\(suggested)")
            #expect(try await user.get("search/tickets/suggest").json["suggestions"] == [])
            let explained = try await user.post(
                "search/tickets/explain", ["query": "delivery", "why_not": "t1", "filters": ["size": 3]])
            #expect(explained.json["hits"]?[0]?["explanation"]?["value"]?.doubleValue != nil, "\(explained)")
            #expect(explained.json["why_not"]?.stringValue?.isEmpty == false, "\(explained)")
        }

        @Test("Analytics show what was looked for, and health and metrics how search is doing")
        func analytics() async throws {
            let user = try await user()
            let put = try await user.post("search/tickets/documents", Self.tickets(0..<5))
            _ = try await query(user, ["query": "Delivery", "wait_for_seq": put.json["seq"] ?? 0])
            _ = try await query(user, ["query": "delivery"])
            _ = try await query(user, ["query": "zeppelin"])
            let clicked = try await user.post(
                "search/tickets/clicks", ["query": "delivery", "id": "t1", "rank": 2])
            #expect(clicked.status == 204, "\(clicked)")
            let found = try await user.get("search/tickets/analytics")
            #expect(found.json["indexed_documents"] == 5 && found.json["searches"] == 3, "\(found)")
            #expect(found.json["popular_queries"]?[0]?["query"] == "delivery", "\(found)")
            #expect(found.json["zero_result_queries"]?[0]?["query"] == "zeppelin", "\(found)")
            #expect((found.json["vocabulary_size"]?.integerValue ?? 0) > 5, "\(found)")
            let health = try await user.server.send("GET", "/health/search")
            #expect(health.json["status"] == "healthy", "\(health)")
            #expect((health.json["indexed_documents"]?.integerValue ?? 0) >= 5, "\(health)")
            #expect((health.json["vocabulary_size"]?.integerValue ?? 0) > 5, "\(health)")
            let metrics = try await user.server.send("GET", "/metrics").text
            for name in ["search_queries_total{", "search_query_duration_seconds_bucket", "search_index_size"] {
                #expect(metrics.contains(name), "\(name)")
            }
        }

        @Test("Settings are changed, listed and rolled back; pinned queries say what a change would do")
        func settings() async throws {
            let user = try await user()
            let put = try await user.post("search/tickets/documents", Self.tickets(0..<5))
            _ = try await query(user, ["wait_for_seq": put.json["seq"] ?? 0])
            #expect(try await user.put("search/tickets", Self.settings).json["settings_version"] == 1)
            let pinned = try await user.put(
                "search/tickets/relevance",
                ["queries": [["query": "parcel", "judgements": ["t1": 3]], ["query": "delivery", "expect": ["t0"]]]])
            #expect(pinned.status == 200 && pinned.json["queries"]?.arrayValue?.count == 2, "\(pinned)")
            let narrower: JSONValue = ["fields": ["title": ["type": "text"]]]
            let check = try await user.put("search/tickets?check=true", narrower)
            #expect(check.status == 200 && check.json["changes"] == true, "\(check)")
            #expect(check.json["losing"]?[0]?["query"] == "parcel", "\(check)")
            #expect(try await user.get("search/tickets").json["settings_version"] == 1)
            let run = try await user.get("search/tickets/relevance?run=true")
            #expect(run.json["scores"]?.arrayValue?.count == 2, "\(run)")

            let changed = try await user.put("search/tickets", narrower)
            #expect(changed.status == 200 && changed.json["settings_version"] == 2, "\(changed)")
            let back = try await user.post("search/tickets/rollback", ["version": 1])
            #expect(back.json["settings_version"] == 3 && back.json["synonyms"] != nil, "\(back)")
            let history = try await user.get("search/tickets/settings")
            #expect(history.json["items"]?.arrayValue?.map { $0["version"] } == [3, 2, 1], "\(history)")
            (try await user.post("search/tickets/rollback", ["version": 9])).expectProblem(
                404, "search.version_not_found")
            while try await user.get("search/tickets").json["rebuilding"] != false {}
            #expect(try await query(user, ["query": "parcel"])["total"]?["value"] == 5)
            let verdict = try await user.post("search/tickets/verify")
            #expect(verdict.json["ok"] == true && verdict.json["documents"] == 5, "\(verdict)")
            #expect(try await user.post("search/tickets/rebuild").status == 202)
            #expect(try await query(user, ["query": "parcel"])["total"]?["value"] == 5)
        }

        @Test("Bad input is answered, and costs nothing else")
        func badInput() async throws {
            let user = try await user()
            let invalid = "search.query_invalid"
            func deep(_ levels: Int) -> JSONValue {
                (0..<levels).reduce("x") { query, _ in ["not": query] }
            }
            let refused: [(JSONValue, String)] = [
                (["query": .string(String(repeating: "a ", count: 600_000))], invalid),
                (["query": deep(100)], invalid), (["query": "\u{0}"], invalid), (["query": ["strange": 1]], invalid),
                (["query": ["equals": 1, "field": "nothing"]], invalid), (["filters": ["nothing": 1]], invalid),
                (["facets": ["title"]], invalid), (["sort": ["title"]], invalid), (["fields": ["nothing"]], invalid),
                (["cursor": "x"], invalid), (["offset": 9_990, "limit": 20], invalid),
                (["offset": 1, "cursor": "x"], invalid),
                (["limit": 201], "request.body_invalid"), (["limit": -1], "request.body_invalid"),
                (["strange": 1], "request.body_invalid"), (["query": 1], "request.body_invalid"),
                (["wait_seconds": 31], "request.body_invalid"),
            ]
            for (body, code) in refused {
                let answer = try await user.post("search/tickets/query", body)
                answer.expectProblem(400, code, "\(body.jsonText.prefix(100))")
            }
            // What people type is never an error.
            for text in [
                "", " ", "(((((", "\"", "a AND", "NOT", "((((a))))", "field:", "nothing:x", "*?*?*?*", "a~99999",
                "size:[9 TO", "(a+)+$", String(repeating: "(", count: 1_000), "-", "+-*", "🦊",
                String(repeating: "ab", count: 200_000),
            ] {
                let answer = try await user.post("search/tickets/query", ["query": .string(text)])
                #expect(answer.status == 200, "\(text.prefix(20).debugDescription): \(answer.text)")
            }
            let documents: [(JSONValue, String)] = [
                (["documents": [["id": "a", "fields": ["size": "many"]]]], "search.document_invalid"),
                (["documents": [["id": "a", "fields": ["opened_at": "yesterday"]]]], "search.document_invalid"),
                (["documents": [["id": "", "fields": [:]]]], "request.body_invalid"),
                (["documents": [["id": "a\u{0}", "fields": [:]]]], "search.document_invalid"),
                (["documents": [["fields": [:]]]], "request.body_invalid"),
                (
                    ["documents": .array((0..<1_001).map { ["id": .string("\($0)"), "fields": [:]] })],
                    "request.body_invalid"
                ),
                (
                    [
                        "documents": [
                            [
                                "id": "a",
                                "fields": .object(JSONObject((0..<1_001).map { ("f\($0)", JSONValue.integer(1)) })),
                            ]
                        ]
                    ], "request.body_invalid"
                ),
                (
                    ["documents": [["id": "a", "fields": ["body": .string(String(repeating: "a", count: 2 << 20))]]]],
                    "search.document_invalid"
                ),
            ]
            for (body, code) in documents {
                let answer = try await user.post("search/tickets/documents", body)
                answer.expectProblem(400, code, "\(body.jsonText.prefix(100))")
            }
            let large: JSONValue = [
                "documents": [["id": "a", "fields": ["body": .string(String(repeating: "a", count: 50 << 20))]]]
            ]
            (try await user.post("search/tickets/documents", large)).expectProblem(413, "request.body_too_large")
            let wide: JSONValue = [
                "documents": [
                    [
                        "id": "wide",
                        "fields": .object(JSONObject((0..<1_000).map { ("f\($0)", JSONValue.string("x")) })),
                    ]
                ]
            ]
            let put = try await user.post("search/tickets/documents", wide)
            #expect(put.status == 200, "\(put)")
            let none = try await user.post("search/tickets/documents", ["documents": []])
            #expect(none.status == 200 && none.json["accepted"] == 0, "\(none)")
            for name in ["UPPER", "_mine", "a%2Fb", "%00", String(repeating: "a", count: 64)] {
                let answer = try await user.put("search/\(name)", Self.settings)
                #expect([400, 404, 409].contains(answer.status), "\(name): \(answer)")
            }
            for settings: JSONValue in [
                ["fields": [:]], ["fields": ["a": [:]]], ["fields": ["a": ["type": "vector"]]],
                ["fields": ["a": ["type": "text", "facet": true]]], ["fields": ["a b": ["type": "text"]]],
                ["fields": ["a": ["type": "text", "analyzer": "klingon"]]], [:],
                ["fields": ["a": ["type": "text"]], "ranking": ["k1": 99]],
            ] {
                let answer = try await user.put("search/other", settings)
                #expect(answer.status == 400, "\(settings.jsonText): \(answer)")
            }
            let late = try await user.post(
                "search/tickets/query", ["wait_for_seq": 1_000_000, "wait_seconds": 0.05])
            late.expectProblem(503, "search.sequence_not_reached")
        }

        @Test("Who may only look finds, and changes nothing; documents for others are not there")
        func permissions() async throws {
            let admin = try await user()
            var keys: [String: APIUser] = [:]
            for (name, scopes) in [("reader", ["search:read"]), ("writer", ["search:read", "search:write"])] {
                let made = try await admin.post(
                    "auth/api-keys", ["name": .string(name), "scopes": .array(scopes.map(JSONValue.string))])
                var other = admin
                other.token = try made.json.text("key")
                keys[name] = other
            }
            let (reader, writer) = (try #require(keys["reader"]), try #require(keys["writer"]))
            let put = try await writer.post("search/tickets/documents", Self.tickets(0..<3))
            #expect(put.status == 200, "\(put)")
            let found = try await query(reader, ["query": "delivery", "wait_for_seq": put.json["seq"] ?? 0])
            #expect(ids(found).count == 3)
            let denied = "request.permission_denied"
            (try await reader.post("search/tickets/documents", Self.tickets(0..<1))).expectProblem(403, denied)
            (try await reader.delete("search/tickets/documents/t1")).expectProblem(403, denied)
            (try await writer.put("search/tickets", Self.settings)).expectProblem(403, denied)
            (try await writer.delete("search/tickets")).expectProblem(403, denied)
            (try await writer.get("search/tickets/analytics")).expectProblem(403, denied)
            (try await reader.post("search/_workflows/query", [:])).expectProblem(404, "search.index_not_found")
            (try await admin.post("search/_users/documents", Self.tickets(0..<1))).expectProblem(
                409, "search.index_reserved")
            let stranger = try await LiveServer.current.newUser()
            (try await stranger.post("search/tickets/query", [:])).expectProblem(404, "search.index_not_found")
            (try await stranger.get("search/tickets/documents/t1")).expectProblem(404, "search.index_not_found")
            let nobody = try await admin.server.send("POST", "/api/v3/search/tickets/query")
            #expect(nobody.status == 401)
        }

        @Test("Workflows, executions, members and the documentation are found, one by one and together")
        func platform() async throws {
            let user = try await user()
            let word = "quokka"
            try await user.store(word, do: "[{say: {set: {greeting: 'hello \(word) marsupial'}}}]")
            let execution = try await user.run(word, input: ["name": "wallaby"])
            let id = try execution.text("id")
            func until(_ index: String, _ text: String, _ isSo: (JSONValue) -> Bool) async throws -> JSONValue {
                let start = ContinuousClock.now
                while true {
                    let answer = try await user.post("search/\(index)/query", ["query": .string(text)])
                    if answer.status == 200, isSo(answer.json) { return answer.json }
                    guard ContinuousClock.now - start < .seconds(20) else {
                        Issue.record("not found in \(index): \(answer)")
                        return answer.json
                    }
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            _ = try await until("_workflows", word) { ids($0) == ["default.\(word)"] }
            _ = try await until("_executions", "wallaby") { ids($0) == [id] }
            _ = try await until("_executions", "marsupials") { ids($0) == [id] }
            _ = try await until("_users", user.email) { ids($0) == [user.id] }
            let manual = try await until("_documentation", "idempotency key header") { !ids($0).isEmpty }
            #expect(manual["hits"]?[0]?["fields"]?["page"]?.stringValue?.hasSuffix(".md") == true)
            let everything = try await until("_all", word) { ids($0).count >= 2 }
            let indexes = everything["hits"]?.arrayValue?.compactMap { $0["index"]?.stringValue } ?? []
            #expect(Set(indexes).isSuperset(of: ["_workflows", "_executions"]), "\(indexes)")
            let listed = try await user.all("search", limit: 2).compactMap { $0["name"]?.stringValue }
            #expect(Set(listed).isSuperset(of: ["_documentation", "_executions", "_users", "_workflows", "tickets"]))
            let stranger = try await LiveServer.current.newUser()
            let theirs = try await stranger.post("search/_all/query", ["query": .string(word)])
            #expect(theirs.json["total"]?["value"] == 0, "\(theirs)")
            #expect(try await user.delete("workflows/executions/\(id)").status == 204)
            _ = try await until("_executions", "wallaby") { ids($0).isEmpty }
        }
    }
}
