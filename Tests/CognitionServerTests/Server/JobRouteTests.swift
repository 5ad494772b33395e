import CognitionCore
import Testing

extension ServerTests {
    /// Jobs as programs see them, as far as nobody has to run them: they lie in a queue that stands still.
    @Suite("Jobs over HTTP") struct JobRouteTests {
        private static let target: JSONValue = ["http": ["url": "http://127.0.0.1:9/", "method": "POST"]]

        /// Bodies and the code of what is wrong with them.
        private static let refused: [(JSONValue, String)] = {
            let body = "request.body_invalid"
            let schedule = "scheduler.schedule_invalid"
            func job(_ members: JSONObject) -> JSONValue {
                var job: JSONObject = ["target": target]
                job.merge(members)
                return .object(job)
            }
            return [
                (["target": [:]], body), (["target": ["http": [:]]], body), (["name": "x"], body),
                (job(["id": "A"]), body), (job(["priority": "urgent"]), body),
                (job(["schedule": ["cron": "x"]]), schedule), (job(["schedule": [:]]), schedule),
                (job(["schedule": ["every": "1h", "at": "2030-01-01T00:00:00Z"]]), schedule),
                (job(["schedule": ["every": "1h"], "unique": "k"]), "scheduler.job_invalid"),
            ]
        }()

        private func user(pausing queues: String...) async throws -> APIUser {
            let user = try await LiveServer.current.newUser()
            for queue in queues { #expect(try await user.post("queues/\(queue)/pause").status == 200) }
            return user
        }

        private func problem(_ code: String, _ status: Int = 400, _ answer: HTTPAnswer) {
            answer.expectProblem(status, code)
        }

        @Test("A job is made, shown, changed, paused, explained and cancelled")
        func life() async throws {
            let user = try await user(pausing: "default")
            let body: JSONValue = [
                "id": "call-home", "name": "call home", "target": Self.target, "tags": ["team": "press"],
                "retry": ["attempts": 3], "timeout_seconds": 20,
            ]
            let made = try await user.post("jobs", body)
            #expect(made.status == 201 && made.json["id"] == "call-home" && made.json["state"] == "ready", "\(made)")
            #expect(made.json["attempts_max"] == 3 && made.json["timeout_seconds"] == 20, "\(made)")
            let again = try await user.post("jobs", body)
            #expect(again.status == 200 && again.json == made.json, "\(again)")
            let other: JSONValue = ["id": "call-home", "target": ["http": ["url": "http://127.0.0.1:9/other"]]]
            problem("scheduler.job_taken", 409, try await user.post("jobs", other))

            let shown = try await user.get("jobs/call-home")
            #expect(shown.json == made.json && shown.json["runs_completed"] == 0 && shown.json["last_run"] == .null)
            let tag = try #require(shown["etag"])
            let same = try await user.get("jobs/call-home", headers: [("If-None-Match", tag)])
            #expect(same.status == 304, "\(same)")

            let explained = try await user.get("jobs/call-home/explain")
            let reasons = explained.json["reasons"]?.arrayValue?.compactMap { $0["code"]?.stringValue }
            #expect(explained.json["can_run"] == false && reasons?.contains("queue_paused") == true, "\(explained)")
            #expect(try await user.get("jobs/call-home/runs").json["items"] == [])

            let changed = try await user.patch("jobs/call-home", ["priority": "high", "tags": .null])
            #expect(changed.json["priority"] == "high" && changed.json["tags"] == [:], "\(changed)")
            problem("request.body_invalid", 400, try await user.patch("jobs/call-home", ["id": "other"]))
            #expect(try await user.post("jobs/call-home/pause").json["state"] == "paused")
            #expect(try await user.post("jobs/call-home/resume").json["state"] == "ready")
            #expect(try await user.delete("jobs/call-home").status == 204)
            #expect(try await user.get("jobs/call-home").json["state"] == "cancelled")
            #expect(try await user.delete("jobs/call-home").status == 204)
            problem("scheduler.job_state_conflict", 409, try await user.post("jobs/call-home/pause"))
            let triggered = try await user.post("jobs/call-home/trigger")
            #expect(triggered.status == 202 && triggered.json["id"] == "call-home", "\(triggered)")
            #expect(triggered.json["state"] == "ready", "\(triggered)")
        }

        @Test("A schedule is made, fires when it is asked to, and is listed apart from its runs")
        func schedules() async throws {
            let user = try await user(pausing: "slow")
            let made = try await user.post(
                "jobs",
                [
                    "name": "nightly", "schedule": ["cron": "0 3 * * *", "timezone": "Europe/Berlin"], "queue": "slow",
                    "target": Self.target,
                ])
            #expect(made.status == 201 && made.json["state"] == "scheduled", "\(made)")
            #expect(made.json["schedule"]?["timezone"] == "Europe/Berlin" && made.json["next_run"]?.stringValue != nil)
            let id = try made.json.text("id")
            let run = try await user.post("jobs/\(id)/trigger")
            #expect(
                run.status == 202 && run.json["schedule_id"] == .string(id) && run.json["queue"] == "slow", "\(run)")
            let runs = try await user.all("jobs/\(id)/runs", limit: 1)
            #expect(runs.map { $0["id"] } == [run.json["id"]] && runs[0]["state"] == "ready")
            for filter in ["recurring=true", "queue=slow", "state=scheduled"] {
                #expect(try await user.all("jobs?\(filter)", limit: 5).map { $0["id"] } == [.string(id)], "\(filter)")
            }
            for filter in ["recurring=false", "queue=other", "state=paused"] {
                #expect(try await user.all("jobs?\(filter)", limit: 5).isEmpty, "\(filter)")
            }
            #expect(try await user.post("jobs/\(id)/pause").json["state"] == "paused")
            let moved = try await user.patch("jobs/\(id)", ["schedule": ["every": "1h"], "priority": "low"])
            #expect(moved.json["schedule"]?["every"] == "PT1H" && moved.json["state"] == "paused", "\(moved)")
            #expect(try await user.post("jobs/\(id)/resume").json["state"] == "scheduled")
            #expect(try await user.delete("jobs/\(id)").status == 204)
            let anew = try await user.post(
                "jobs", ["id": .string(id), "schedule": ["every": "2h"], "queue": "slow", "target": Self.target])
            #expect(anew.status == 201 && anew.json["state"] == "scheduled" && anew.json["name"] == .null, "\(anew)")
            #expect(try await user.get("jobs/\(id)/runs").json["items"]?.arrayValue?.count == 1)
        }

        @Test("Several jobs come in one call, all or none, and a cycle is told with its path")
        func graphs() async throws {
            let user = try await user(pausing: "default")
            func job(_ ref: String, after: String...) -> JSONValue {
                [
                    "ref": .string(ref), "target": Self.target,
                    "depends_on": .array(after.map { ["job": .string($0), "on": "success"] }),
                ]
            }
            let made = try await user.post(
                "jobs", ["jobs": [job("c", after: "a", "b"), job("a"), job("b", after: "a")]])
            let ids = (made.json["ids"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(made.status == 201 && ids.count == 3, "\(made)")
            let last = try await user.get("jobs/\(ids[0])")
            #expect(last.json["state"] == "blocked" && last.json["depends_on"]?.arrayValue?.count == 2, "\(last)")
            let why = try await user.get("jobs/\(ids[0])/explain")
            #expect(
                why.json["reasons"]?.arrayValue?.count { $0["code"] == "parent_unfinished" } == 2, "\(why)")
            let cycle = try await user.post(
                "jobs", ["jobs": [job("a", after: "c"), job("b", after: "a"), job("c", after: "b")]])
            problem("scheduler.dependency_cycle", 400, cycle)
            #expect(try cycle.json.text("detail").contains("→"), "\(cycle)")
            let stray = try await user.post("jobs", ["jobs": [job("a", after: "nobody")]])
            problem("scheduler.dependency_not_found", 400, stray)
            problem(
                "request.body_invalid", 400, try await user.post("jobs", ["jobs": [job("a")], "target": Self.target]))
            #expect(try await user.all("jobs", limit: 2).count == 3, "none of those that were refused is there")
        }

        @Test("What a job may do is what its maker may do")
        func permissions() async throws {
            let user = try await user(pausing: "default")
            let workflow: JSONValue = ["target": ["workflow": ["id": "digest"]]]
            let emit: JSONValue = ["target": ["emit": ["type": "order.reminded", "data": ["n": 1]]]]
            let handler: JSONValue = ["target": ["handler": ["name": "maintenance.jobs"]]]
            for body in [workflow, emit] { #expect(try await user.post("jobs", body).status == 201) }
            problem("request.permission_denied", 403, try await user.post("jobs", handler))
            problem("request.permission_denied", 403, try await user.post("jobs", ["jobs": [workflow, handler]]))
            problem(
                "request.permission_denied", 403, try await user.post("queues/default/jobs", ["jobs": [handler]]))
            func key(_ scopes: JSONValue) async throws -> APIUser {
                var other = user
                other.token = try await user.post("auth/api-keys", ["name": "k", "scopes": scopes]).json.text("key")
                return other
            }
            let keeper = try await key(["jobs:manage", "jobs:read"])
            for body in [workflow, emit] {
                problem("request.permission_denied", 403, try await keeper.post("jobs", body))
            }
            let made = try await keeper.post("jobs", ["target": Self.target])
            let id = try made.json.text("id")
            problem("request.permission_denied", 403, try await keeper.patch("jobs/\(id)", workflow))
            let reader = try await key(["jobs:read"])
            #expect(try await reader.get("jobs/\(id)").status == 200)
            for path in ["jobs/\(id)/pause", "jobs/\(id)/trigger", "queues/default/pause"] {
                problem("request.permission_denied", 403, try await reader.post(path))
            }
            var boss = user
            boss.token = try await user.server.operatorToken()
            _ = try await boss.post("queues/closed/pause")
            let own = try await boss.post("jobs", ["queue": "closed", "target": ["handler": ["name": "none.such"]]])
            #expect(own.status == 201 && own.json["target"]?["handler"]?["name"] == "none.such", "\(own)")
            let ownID = try own.json.text("id")
            #expect(try await boss.post("jobs/\(ownID)/pause").status == 200)
            #expect(try await boss.delete("jobs/\(ownID)").status == 204)
        }

        @Test("Ids that cannot be are nobody's, and what a body cannot say is told")
        func refusals() async throws {
            let user = try await user()
            for id in ["nobody", "A", "a.b", "%20", "%00", "-a", String(repeating: "a", count: 64)] {
                problem("scheduler.job_not_found", 404, try await user.get("jobs/\(id)"))
                problem("scheduler.job_not_found", 404, try await user.delete("jobs/\(id)"))
                problem("scheduler.queue_not_found", 404, try await user.get("queues/\(id)"))
                if id != "nobody" {
                    problem(
                        "scheduler.queue_not_found", 404,
                        try await user.post("queues/\(id)/jobs", ["jobs": [["target": Self.target]]]))
                }
            }
            for path in ["runs", "explain"] {
                problem("scheduler.job_not_found", 404, try await user.get("jobs/nobody/\(path)"))
            }
            for path in ["pause", "resume", "trigger"] {
                problem("scheduler.job_not_found", 404, try await user.post("jobs/nobody/\(path)"))
            }
            for (json, code) in Self.refused { problem(code, 400, try await user.post("jobs", json)) }
            for query in ["state=done", "queue=A", "tag=x", "recurring=maybe", "limit=201"] {
                problem("request.parameter_invalid", 400, try await user.get("jobs?\(query)"))
            }
            problem("request.cursor_invalid", 400, try await user.get("jobs?cursor=abc"))
        }

        @Test("Lists come in pages, and are filtered by tags")
        func pages() async throws {
            let user = try await user(pausing: "default")
            for n in 0..<7 {
                let tags: JSONValue = ["n": .string(String(n % 2)), "kind": "a:b"]
                let job: JSONValue = ["id": .string("j\(n)"), "target": Self.target, "tags": tags]
                #expect(try await user.post("jobs", job).status == 201)
            }
            for limit in [1, 3, 7, 200] {
                let ids = try await user.all("jobs", limit: limit).compactMap { $0["id"]?.stringValue }
                #expect(ids == (0..<7).reversed().map { "j\($0)" }, "pages of \(limit)")
            }
            let odd = try await user.all("jobs?tag=n:1&tag=kind:a%3Ab", limit: 2).compactMap { $0["id"]?.stringValue }
            #expect(odd == ["j5", "j3", "j1"])
            #expect(try await user.all("jobs?tag=n:1&tag=n:0", limit: 2).isEmpty)
        }

        @Test("The same Idempotency-Key makes one job")
        func repeated() async throws {
            let user = try await user(pausing: "default")
            let headers = [("Idempotency-Key", "order-17")]
            let first = try await user.post("jobs", ["target": Self.target], headers: headers)
            let second = try await user.post("jobs", ["target": Self.target], headers: headers)
            #expect(first.status == 201 && second.status == 201 && first.json == second.json)
            #expect(try await user.all("jobs", limit: 5).count == 1)
        }
    }
}
