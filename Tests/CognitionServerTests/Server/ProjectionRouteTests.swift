import CognitionCore
import Testing

extension ServerTests {
    /// Read models, as operators see them.
    @Suite("Projections over HTTP") struct ProjectionRouteTests {
        private func boss() async throws -> APIUser {
            let server = try await LiveServer.current
            var boss = try await server.newUser()
            boss.token = try await server.operatorToken()
            return boss
        }

        /// Waits until the projection is as `fits` wants it.
        private func projection(_ boss: APIUser, until fits: (JSONValue) -> Bool) async throws -> JSONValue {
            while true {
                let shown = try await boss.get("projections/event_types")
                if shown.status == 200, fits(shown.json) { return shown.json }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        @Test("The types of a workspace's events are counted, a moment behind the log", .timeLimit(.minutes(1)))
        func types() async throws {
            let user = try await LiveServer.current.newUser()
            for type in ["order.placed", "order.paid", "order.placed"] {
                #expect(try await user.post("streams/order/1", ["events": [["type": .string(type)]]]).status == 201)
            }
            while true {
                let types = try await user.all("events/types", limit: 50)
                let counts = types.map { ($0["type"]?.stringValue ?? "", $0["count"]?.integerValue ?? 0) }
                if counts.contains(where: { $0.0 == "order.placed" && $0.1 == 2 }) {
                    #expect(counts.contains { $0.0 == "order.paid" && $0.1 == 1 })
                    break
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        @Test("An operator pauses, resumes and rebuilds; others do not", .timeLimit(.minutes(1)))
        func life() async throws {
            let boss = try await boss()
            let user = try await LiveServer.current.newUser()
            #expect(try await user.get("projections").status == 403)
            let list = try await boss.get("projections")
            #expect(list.json["items"]?.arrayValue?.map { $0["name"] } == ["event_types"], "\(list)")
            let before = try await projection(boss) { $0["status"] == "running" }
            #expect(try await boss.post("projections/event_types/pause").json["status"] == "paused")
            #expect(try await boss.post("projections/event_types/resume").json["status"] == "running")
            #expect(try await boss.post("projections/event_types/rebuild").status == 202)
            let after = try await projection(boss) {
                $0["rebuild"] == .null && $0["generation"] != before["generation"]
            }
            #expect(after["failure"] == .null && after["parked"] == 0)
            #expect(try await boss.get("projections/event_types/parked").json["items"] == [])
            (try await boss.delete("projections/event_types/parked/1")).expectProblem(404, "event.parked_unknown")
            (try await boss.get("projections/other")).expectProblem(404, "event.projection_unknown")
        }
    }
}
