import CognitionCore
import Testing

extension ServerTests {
    /// Queues, previews and the health of the scheduler.
    @Suite("Queues over HTTP") struct QueueRouteTests {
        private static let target: JSONValue = ["http": ["url": "http://127.0.0.1:9/"]]

        @Test("Many jobs of a queue are made at once, and a unique key is held once")
        func enqueue() async throws {
            let user = try await LiveServer.current.newUser()
            #expect(try await user.post("queues/mail/pause").json["paused"] == true)
            let made = try await user.post(
                "queues/mail/jobs",
                [
                    "jobs": [
                        ["target": Self.target, "priority": "high", "retry": ["attempts": 2]],
                        ["target": Self.target, "delay_seconds": 3_600],
                        ["target": Self.target, "unique_key": "one"], ["target": Self.target, "unique_key": "one"],
                    ]
                ])
            let ids = (made.json["ids"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(made.status == 201 && ids.count == 4 && ids[2] == ids[3], "\(made)")
            let again = try await user.post(
                "queues/mail/jobs", ["jobs": [["target": Self.target, "unique_key": "one"]]])
            #expect(again.json["ids"] == [.string(ids[2])])
            let queue = try await user.get("queues/mail")
            #expect(queue.json["name"] == "mail" && queue.json["paused"] == true, "\(queue)")
            #expect(queue.json["counts"]?["ready"] == 2 && queue.json["counts"]?["scheduled"] == 1, "\(queue)")
            #expect(queue.json["delayed_jobs"] == 1 && queue.json["failed_jobs"] == 0 && queue.json["healthy"] == true)
            let other = try await user.post("queues/mail/jobs", ["jobs": [["target": Self.target, "queue": "other"]]])
            other.expectProblem(400, "scheduler.job_invalid")
            #expect(try await user.get("queues/mail/dead").json["items"] == [])
            #expect(try await user.post("queues/mail/dead/redrive", [:]).json["redriven"] == 0)
            for path in ["queues/nobody/dead", "queues/nobody"] {
                (try await user.get(path)).expectProblem(404, "scheduler.queue_not_found")
            }
            (try await user.post("queues/nobody/dead/redrive", [:])).expectProblem(404, "scheduler.queue_not_found")
        }

        @Test("Queues are listed by name, those too that nobody has used, and take settings")
        func settings() async throws {
            let user = try await LiveServer.current.newUser()
            let changed = try await user.patch(
                "queues/crm", ["concurrency": 2, "rate": ["amount": 10], "retry": ["attempts": 7]])
            #expect(changed.status == 200 && changed.json["concurrency"] == 2, "\(changed)")
            #expect(changed.json["settings"]?["retry"]?["attempts"] == 7, "\(changed)")
            let freed = try await user.patch("queues/crm", ["rate": .null])
            #expect(freed.json["settings"]?["rate"] == .null && freed.json["concurrency"] == 2, "\(freed)")
            (try await user.patch("queues/crm", ["concurrency": 0])).expectProblem(400, "request.body_invalid")
            (try await user.patch("queues/A", ["concurrency": 1])).expectProblem(404, "scheduler.queue_not_found")
            for limit in [1, 2, 7, 200] {
                let names = try await user.all("queues", limit: limit).compactMap { $0["name"]?.stringValue }
                #expect(
                    names == ["alert", "analytics", "crm", "default", "maintenance", "notification", "prediction"],
                    "pages of \(limit)")
            }
            #expect(try await user.post("queues/crm/pause").json["paused_by"]?.stringValue?.hasPrefix("user:") == true)
            #expect(try await user.post("queues/crm/resume").json["paused"] == false)
        }

        @Test("A preview tells firings in UTC, and what an outage makes of them")
        func preview() async throws {
            let user = try await LiveServer.current.newUser()
            let answer = try await user.post(
                "schedules/preview",
                [
                    "schedule": ["cron": "30 2 * * *", "timezone": "Europe/Berlin"], "from": "2026-03-28T00:00:00Z",
                    "count": 3, "outage": ["from": "2026-03-30T00:00:00Z", "until": "2026-03-30T06:00:00Z"],
                ])
            #expect(
                answer.json == [
                    "firings": [
                        ["at": "2026-03-28T01:30:00.000000Z", "decision": "regular"],
                        ["at": "2026-03-29T01:00:00.000000Z", "decision": "gap_run_after"],
                        [
                            "at": "2026-03-30T00:30:00.000000Z", "decision": "misfire_fired",
                            "runs_at": "2026-03-30T06:00:00.000000Z",
                        ],
                    ], "missed": 0,
                ], "\(answer)")
            let usual = try await user.post("schedules/preview", ["schedule": ["every": "1h"], "count": 2])
            #expect(usual.json["firings"]?.arrayValue?.count == 2, "\(usual)")
            let backwards: JSONValue = ["from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"]
            let bodies: [(JSONValue, String)] = [
                (["schedule": ["cron": "0 0 * * *"], "count": 0], "request.body_invalid"),
                (["schedule": ["cron": "0 0"], "count": 1], "scheduler.schedule_invalid"),
                (["schedule": ["every": "1h"], "from": "soon", "count": 1], "request.body_invalid"),
                (["schedule": ["every": "1h"], "outage": backwards], "scheduler.schedule_invalid"),
            ]
            for (body, code) in bodies {
                (try await user.post("schedules/preview", body)).expectProblem(400, code)
            }
        }

        @Test("The health of the scheduler tells its totals to everybody")
        func health() async throws {
            let user = try await LiveServer.current.newUser()
            _ = try await user.post("queues/still/pause")
            _ = try await user.post("jobs", ["queue": "still", "target": Self.target])
            let health = try await user.server.send("GET", "/health/scheduler")
            #expect(health.status == 200 && health.json["details"] == nil, "\(health)")
            #expect(["healthy", "degraded"].contains(health.json["status"]?.stringValue), "\(health)")
            #expect(health.json["running_jobs"]?.integerValue != nil && health.json["metrics"]?["dead"] != nil)
            #expect(try #require(health.json["total_jobs"]?.integerValue) >= 1, "\(health)")
            let boss = try await user.server.operatorToken()
            let system = try await user.server.send("GET", "/api/v3/health/system", token: boss)
            #expect(system.json["checks"]?["scheduler"]?["details"]?["total_jobs"] != nil, "\(system)")
        }
    }
}
