import CognitionCore
import Testing

extension ServerTests {
    @Suite("Lists") struct ListTests {
        /// It is that of the last number there is, for which there is no next one.
        @Test("A cursor beyond all numbers is refused")
        func cursorAtTheEnd() async throws {
            let user = try await LiveServer.current.newUser()
            let cursor = "ZXhlY3V0aW9uLWV2ZW50czo5MjIzMzcyMDM2ODU0Nzc1ODA3"
            try await user.get("workflows/executions/\(UUIDv7(high: 1, low: 1))/events?cursor=\(cursor)")
                .expectProblem(400, "request.cursor_invalid")
        }

        @Test("Pages of executions have each once, whatever their size, newest first")
        func pages() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("many", do: "[{a: {set: {x: 1}}}]")
            try await user.store("other", do: "[{a: {set: {x: 1}}}]")
            var ids: [String] = []
            for n in 0..<23 { ids.append(try await user.start(n % 3 == 0 ? "other" : "many")) }
            for limit in [1, 4, 23, 200] {
                let found = try await user.all("workflows/executions", limit: limit).compactMap {
                    $0["id"]?.stringValue
                }
                #expect(found == ids.reversed(), "pages of \(limit)")
            }
            let page = try await user.get("workflows/executions")
            #expect(page.json["items"]?.arrayValue?.count == 23 && page.json["next_cursor"] == .null)
            let others = try await user.all("workflows/executions?workflow=other", limit: 3)
            #expect(others.count == 8 && others.allSatisfy { $0["workflow_id"] == "default.other" })
            #expect(
                try await user.all("workflows/executions?workflow=default.other&status=completed", limit: 5).count == 8)
            #expect(try await user.all("workflows/executions?status=running", limit: 5).isEmpty)
            #expect(try await user.all("workflows/executions?workflow=nix", limit: 5).isEmpty)
            let moment = try others[4].text("created_at")
            #expect(try await user.all("workflows/executions?workflow=other&since=\(moment)", limit: 2).count == 5)
        }

        @Test("What comes while somebody turns the pages neither hides nor repeats what was there")
        func changes() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("many", do: "[{a: {set: {x: 1}}}]")
            var ids: [String] = []
            for _ in 0..<9 { ids.append(try await user.start("many")) }
            var found: [String] = []
            var cursor = ""
            repeat {
                let page = try await user.get("workflows/executions?limit=2\(cursor)")
                found += page.json["items"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
                cursor = page.json["next_cursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
                _ = try await user.start("many")
                if found.count == 4 { _ = try await user.delete("workflows/executions/\(ids[0])") }
            } while !cursor.isEmpty
            #expect(found == ids.dropFirst().reversed())
        }

        @Test("Tasks, events, workflows, versions and workspaces come in pages too")
        func otherLists() async throws {
            let user = try await LiveServer.current.newUser()
            let tasks = (0..<7).map { "{t\($0): {set: {n: \($0)}}}" }.joined(separator: ", ")
            try await user.store("tasks", do: "[\(tasks), {call: {wait: {milliseconds: 1}}}]")
            let id = try await user.run("tasks").text("id")
            let listed = try await user.all("workflows/executions/\(id)/tasks", limit: 3)
            #expect(listed.map { $0["number"]?.integerValue } == (1...8).map(Int64.init))
            let events = try await user.all("workflows/executions/\(id)/events", limit: 1)
            #expect(events.count >= 2 && Set(events.map { $0["position"] }).count == events.count)
            #expect(events.map { $0["version"]?.integerValue } == (1...events.count).map(Int64.init))
            for n in 0..<4 { try await user.store("w\(n)", do: "[{a: {set: {x: 1}}}]") }
            #expect(try await Set(user.all("workflows", limit: 2).map { $0["id"] }).count == 5)
            for n in 0..<2 {
                let name = "\(user.home)-\(n)"
                let made = try await user.post("workspaces", ["name": .string(name)])
                #expect(made.status == 201, "\(made)")
            }
            #expect(try await Set(user.all("workspaces", limit: 1).map { $0["id"] }).count == 3)
            #expect(try await user.all("auth/audit", limit: 1).count >= 3)
        }

        @Test(
            "A limit is from 1 to 200",
            arguments: ["0", "201", "-1", "", "1.5", "1e2", "abc", "99999999999999999999", "%00", "0x10", "1&limit=2"])
        func limits(limit: String) async throws {
            let user = try await LiveServer.current.newUser()
            for list in ["workflows", "workflows/executions", "workspaces", "auth/audit"] {
                (try await user.get("\(list)?limit=\(limit)")).expectProblem(
                    400, "request.parameter_invalid", "\(list)")
            }
        }

        @Test("A cursor is good for its list only")
        func cursors() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("many", do: "[{a: {set: {x: 1}}}]")
            for _ in 0..<2 { _ = try await user.start("many") }
            let page = try await user.get("workflows/executions?limit=1")
            let cursor = try page.json.text("next_cursor")
            for list in ["workflows", "workspaces", "auth/audit", "workflows/many/versions"] {
                (try await user.get("\(list)?cursor=\(cursor)")).expectProblem(400, "request.cursor_invalid", "\(list)")
            }
            for cursor in [
                "x", "%00", "AAAA", "ZXhlY3V0aW9uczo", "ZXhlY3V0aW9uczotMQ%3D%3D%3D",
                String(repeating: "A", count: 256),
            ] {
                (try await user.get("workflows/executions?cursor=\(cursor)"))
                    .expectProblem(400, "request.cursor_invalid", "\(cursor)")
            }
            for cursor in ["", String(repeating: "A", count: 257)] {
                (try await user.get("workflows/executions?cursor=\(cursor)"))
                    .expectProblem(400, "request.parameter_invalid", "\(cursor)")
            }
        }

        @Test(
            "A filter that cannot be is refused",
            arguments: [
                "status=done", "status=", "since=yesterday", "since=2026-01-01", "since=", "workflow=a/b", "workflow=",
                "status=running&status=completed",
            ])
        func filters(query: String) async throws {
            let user = try await LiveServer.current.newUser()
            (try await user.get("workflows/executions?\(query)")).expectProblem(400, "request.parameter_invalid")
        }
    }
}
