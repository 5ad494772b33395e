import CognitionCore
import Testing

extension ServerTests {
    /// Steps that are undone when a later one fails.
    @Suite("Sagas over HTTP", .timeLimit(.minutes(1))) struct SagaTests {
        private static let rehearse: JSONValue = ["call": "rehearse", "with": [:]]
        private static func fault(_ detail: JSONValue) -> JSONValue {
            ["raise": ["error": ["type": "https://example.com/full", "status": 409, "detail": detail]]]
        }

        private func ended(_ answer: HTTPAnswer, _ user: APIUser) async throws -> JSONValue {
            try #require(answer.status == 202, "\(answer)")
            let id = try answer.json.text("id")
            while true {
                let saga = try await user.get("sagas/\(id)")
                try #require(saga.status == 200, "\(saga)")
                if saga.json["ended_at"] != .null { return saga.json }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        private func statuses(_ saga: JSONValue) -> [JSONValue?] {
            (saga["steps"]?.arrayValue ?? []).map { $0["status"] }
        }

        @Test("Steps are done in order, and what was started twice by one key is one saga")
        func completes() async throws {
            let user = try await LiveServer.current.newUser()
            let body: JSONValue = [
                "name": "trip",
                "steps": [
                    ["name": "hotel", "do": ["set": ["room": "${ .guest + 1 }"]]],
                    ["name": "flight", "do": Self.rehearse, "compensate": Self.rehearse, "timeout": "PT30S"],
                    ["name": "bill", "do": ["set": ["done": true]]],
                ], "input": ["guest": 1], "timeout": "PT5M",
            ]
            let first = try await user.post("sagas", body, headers: [("Idempotency-Key", "one")])
            let saga = try await ended(first, user)
            #expect(saga["status"] == "completed" && saga["output"] == ["done": true] && saga["reason"] == .null)
            #expect(statuses(saga) == ["completed", "completed", "completed"], "\(saga)")
            #expect(saga["workflow_id"] == "sagas.trip" && saga["name"] == "trip")
            let again = try await user.post("sagas", body, headers: [("Idempotency-Key", "one")])
            #expect(again.json["id"] == saga["id"], "\(again)")
            let list = try await user.all("sagas", limit: 50)
            #expect(list.map { $0["id"] } == [saga["id"]])
            try await user.store("other", do: "[{a: {set: {x: 1}}}]")
            let other = try await user.run("other").text("id")
            (try await user.get("sagas/\(other)")).expectProblem(404, "workflow.execution_not_found")
            #expect(try await user.all("sagas", limit: 50).count == 1)
        }

        @Test("When a step fails, those before it are undone in reverse, and each says what became of it")
        func compensates() async throws {
            let user = try await LiveServer.current.newUser()
            func saga(_ undo: JSONValue) async throws -> JSONValue {
                let started = try await user.post(
                    "sagas",
                    [
                        "name": "trip",
                        "steps": [
                            ["name": "hotel", "do": Self.rehearse, "compensate": Self.rehearse],
                            ["name": "car", "do": Self.rehearse],
                            ["name": "flight", "do": Self.rehearse, "compensate": undo],
                            ["name": "bill", "do": Self.fault("no money")],
                            ["name": "thanks", "do": Self.rehearse],
                        ],
                    ])
                return try await ended(started, user)
            }
            let undone = try await saga(Self.rehearse)
            #expect(undone["status"] == "faulted" && undone["reason"] == "compensated", "\(undone)")
            #expect(statuses(undone) == ["compensated", "completed", "compensated", "failed", "pending"], "\(undone)")
            #expect(undone["steps"]?[3]?["error"]?["detail"] == "no money")
            let stuck = try await saga(Self.fault("no refunds"))
            #expect(stuck["reason"] == "compensation_failed")
            #expect(
                statuses(stuck) == ["compensated", "completed", "compensation_failed", "failed", "pending"], "\(stuck)")
            #expect(stuck["steps"]?[2]?["error"]?["detail"] == "no refunds")
            #expect(undone["version"] != stuck["version"], "other steps are another version")
        }

        @Test(
            "When its time is over, the step that runs is stopped and those before it are undone; state and log say so")
        func timesOut() async throws {
            let user = try await LiveServer.current.newUser()
            func begun(_ timeout: JSONValue, _ slow: JSONValue) async throws -> HTTPAnswer {
                try await user.post(
                    "sagas",
                    [
                        "name": "slow-trip", "timeout": timeout,
                        "steps": [
                            ["name": "hotel", "do": Self.rehearse, "compensate": Self.rehearse],
                            ["name": "car", "do": Self.rehearse, "compensate": Self.rehearse],
                            slow,
                            ["name": "bill", "do": Self.rehearse, "compensate": Self.rehearse],
                        ],
                    ])
            }
            let running = try await begun("PT1H", ["name": "flight", "do": ["wait": "PT1H"]])
            let created = try #require(Timestamp(try running.json.text("created_at")))
            let deadline = try #require(Timestamp(try running.json.text("deadline_at")))
            #expect((created + .seconds(3_600)...created + .seconds(3_660)).contains(deadline))
            #expect(running.json["timeout"] == "PT1H")
            let id = try running.json.text("id")
            #expect([200, 202].contains(try await user.post("workflows/executions/\(id)/suspend").status))
            while try await user.get("sagas/\(id)").json["status"] != "suspended" {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await user.get("sagas/\(id)").json["deadline_at"] == .null, "it stands still")
            #expect([200, 202].contains(try await user.post("workflows/executions/\(id)/cancel").status))
            let cancelled = try await ended(running, user)
            #expect(statuses(cancelled) == ["compensated", "compensated", "cancelled", "pending"], "\(cancelled)")

            let waiting = try await ended(try await begun("PT1S", ["name": "flight", "do": ["wait": "PT1H"]]), user)
            #expect(waiting["status"] == "faulted" && waiting["reason"] == "compensated", "\(waiting)")
            #expect(statuses(waiting) == ["compensated", "compensated", "cancelled", "pending"], "\(waiting)")
            #expect(waiting["error"]?["type"] == "https://serverlessworkflow.io/spec/1.0.0/errors/timeout")
            #expect(waiting["error"]?["instance"] == "/" && waiting["deadline_at"] == .null)
            let call: JSONValue = [
                "name": "flight", "do": ["call": "rehearse", "with": ["pause": "PT1H"]], "compensate": Self.rehearse,
            ]
            let calling = try await ended(try await begun("PT1S", call), user)
            #expect(statuses(calling) == ["compensated", "compensated", "compensated", "pending"], "\(calling)")
            let log = try await user.all("streams/execution/\(try calling.text("id"))", limit: 50)
            let told = log.filter { $0["data"]?["name"] != "undo" }.map {
                "\($0["type"]?.stringValue ?? "") \($0["data"]?["name"]?.stringValue ?? "")"
            }
            #expect(
                told.suffix(6) == [
                    "task.cancelled flight", "execution.compensating ", "task.compensated flight",
                    "task.compensated car", "task.compensated hotel", "execution.faulted ",
                ], "\(told)")
        }

        @Test("What is no saga is refused with what is wrong")
        func refusals() async throws {
            let user = try await LiveServer.current.newUser()
            for steps: JSONValue in [
                [], [["name": "a"]], [["name": "A", "do": Self.rehearse]],
                [["name": "a", "do": Self.rehearse], ["name": "a", "do": Self.rehearse]],
                [["name": "a", "do": ["call": "nothing"]]],
                [["name": "a", "do": ["set": ["x": 1]], "compensate": Self.rehearse]],
                [["name": "a", "do": Self.rehearse, "timeout": "soon"]],
            ] {
                let answer = try await user.post("sagas", ["name": "trip", "steps": steps])
                #expect(answer.status == 400, "\(steps.jsonText): \(answer)")
            }
            #expect(try await user.post("sagas", ["steps": [["name": "a", "do": Self.rehearse]]]).status == 400)
        }
    }
}
