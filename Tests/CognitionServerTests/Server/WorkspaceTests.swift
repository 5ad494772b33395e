import CognitionCore
import Testing

extension ServerTests {
    /// Who may see and do what.
    @Suite("Workspaces and roles") struct WorkspaceTests {
        @Test("What belongs to another workspace is not there, whatever it is")
        func isolation() async throws {
            let server = try LiveServer.current
            let (owner, stranger) = (try await server.newUser(), try await server.newUser())
            try await owner.store("secret", do: "[{rest: {wait: {minutes: 10}}}]")
            let id = try await owner.start("secret")
            _ = try await owner.start("secret")
            let execution = "workflows/executions/\(id)"
            for path in [
                "workflows/secret/latest", "workflows/secret/1.0.0", "workflows/default.secret/versions", execution,
                "\(execution)/tasks", "\(execution)/events", "workspaces/\(owner.home)",
                "workspaces/\(owner.home)/members",
            ] {
                let hidden = try await stranger.get(path)
                hidden.expectProblem(404, nil, "\(path)")
                let unknown = try await stranger.get(
                    path.replacing("secret", with: "nix").replacing(id, with: "01a1fcff-88a1-77b7-8af7-d9af5781d469")
                        .replacing(owner.home, with: "nix"))
                #expect(unknown.code == hidden.code, "\(path): a hint")
            }
            let events = try await stranger.get("\(execution)/events", headers: [("Accept", "text/event-stream")])
            events.expectProblem(404, "workflow.execution_not_found")
            (try await stranger.post("\(execution)/cancel")).expectProblem(404, "workflow.execution_not_found")
            (try await stranger.delete(execution)).expectProblem(404, "workflow.execution_not_found")
            (try await stranger.delete("workflows/secret/1.0.0")).expectProblem(404, "workflow.not_found")
            (try await stranger.patch("workflows/secret", ["state": "archived"])).expectProblem(
                404, "workflow.not_found")
            (try await stranger.post("workflows/execute", ["workflow_id": "secret"])).expectProblem(
                404, "workflow.not_found")
            (try await server.login(stranger.email, workspace: owner.home))
                .expectProblem(404, "identity.workspace_not_found")
            let add: JSONValue = ["email": .string(stranger.email), "role": "admin"]
            (try await stranger.post("workspaces/\(owner.home)/members", add))
                .expectProblem(404, "identity.workspace_not_found")
            for list in ["workflows", "workflows/executions"] {
                #expect(try await stranger.all(list, limit: 50).isEmpty)
            }
            let cursor = try (try await owner.get("workflows/executions?limit=1")).json.text("next_cursor")
            let page = try await stranger.get("workflows/executions?cursor=\(cursor)")
            #expect(page.status == 200 && page.json["items"] == [], "\(page)")
            let actors = try await stranger.all("auth/audit", limit: 50).compactMap { $0["actor"]?.stringValue }
            #expect(Set(actors) == ["user:\(stranger.id)"])
            let own = try await owner.get(execution)
            #expect(own.json["status"] == "waiting", "\(own)")
            #expect(try await owner.post("\(execution)/cancel").status < 300)
        }

        @Test("The same names in two workspaces are two workflows")
        func names() async throws {
            let server = try LiveServer.current
            let (one, other) = (try await server.newUser(), try await server.newUser())
            try await one.store("same", do: "[{a: {set: {by: one}}}]")
            try await other.store("same", do: "[{a: {set: {by: other}}}]")
            #expect(try await one.run("same")["output"] == ["by": "one"])
            #expect(try await other.run("same")["output"] == ["by": "other"])
        }

        @Test("A viewer looks, a user works, an admin manages")
        func roles() async throws {
            let server = try LiveServer.current
            let owner = try await server.newUser()
            let name = "\(owner.home)-team"
            let made = try await owner.post("workspaces", ["name": .string(name), "title": "Team"])
            #expect(made.status == 201 && made.json["role"] == "admin", "\(made)")
            var users: [APIUser] = []
            for role in ["viewer", "user", "admin"] {
                var user = try await server.newUser()
                let body: JSONValue = ["email": .string(user.email), "role": .string(role)]
                let added = try await owner.post("workspaces/\(name)/members", body)
                #expect(added.status == 201 && added.json["role"] == .string(role), "\(added)")
                (try await owner.post("workspaces/\(name)/members", body)).expectProblem(409, "identity.member_exists")
                user.token = try (try await server.login(user.email, workspace: name)).json.text("access_token")
                #expect(try await user.get("auth/me").json["workspace_id"] == .string(name))
                users.append(user)
            }
            let (viewer, worker, admin) = (users[0], users[1], users[2])
            try await worker.store("shared", do: "[{rest: {wait: {minutes: 10}}}]")
            let id = try await worker.start("shared")

            #expect(try await viewer.get("workflows/shared/latest").status == 200)
            #expect(try await viewer.get("workflows/executions/\(id)").status == 200)
            #expect(try await viewer.get("workspaces/\(name)/members").status == 200)
            #expect(try await viewer.post("workflows/validate", yaml: "a: 1").status == 200)
            let yaml = APIUser.document("mine", "1.0.0", "[{a: {set: {x: 1}}}]")
            for refused in [
                try await viewer.post("workflows", yaml: yaml),
                try await viewer.post("workflows/execute", ["workflow_id": "shared"]),
                try await viewer.post("workflows/executions/\(id)/cancel"),
                try await viewer.delete("workflows/executions/\(id)"),
                try await viewer.delete("workflows/shared/1.0.0"),
                try await viewer.patch("workflows/shared", ["state": "archived"]),
            ] {
                refused.expectProblem(403, "request.permission_denied")
                #expect(refused["www-authenticate"]?.contains("error=\"insufficient_scope\"") == true, "\(refused)")
            }
            for user in [viewer, worker] {
                let entries = try await user.all("auth/audit", limit: 50)
                #expect(entries.contains { $0["actor"] == .string("user:\(user.id)") })
                #expect(
                    entries.allSatisfy {
                        $0["actor"] == .string("user:\(user.id)") || $0["target"] == .string("user:\(user.id)")
                    })
            }
            let newcomer = try await server.newUser()
            func add(_ role: String, by user: APIUser) async throws -> HTTPAnswer {
                try await user.post(
                    "workspaces/\(name)/members", ["email": .string(newcomer.email), "role": .string(role)])
            }
            for user in [viewer, worker] {
                (try await add("viewer", by: user)).expectProblem(403, "identity.forbidden")
            }
            for role in ["operator", "owner", ""] {
                (try await add(role, by: admin)).expectProblem(400, "request.body_invalid", "\(role)")
            }
            #expect(try await add("viewer", by: admin).status == 201)
            #expect(try await admin.get("auth/audit").status == 200)
            let members = try await owner.all("workspaces/\(name)/members", limit: 2)
            #expect(
                members.compactMap { $0["role"]?.stringValue }.sorted() == [
                    "admin", "admin", "user", "viewer", "viewer",
                ])
            #expect(try await worker.post("workflows/executions/\(id)/cancel").status < 300)
        }

        @Test("A changed role holds at once; who is removed is out, and somebody has to stay admin")
        func changes() async throws {
            let server = try LiveServer.current
            let (admin, other) = (try await server.newUser(), try await server.newUser())
            let path = "workspaces/\(admin.home)/members"
            let body: JSONValue = ["email": .string(other.email), "role": "viewer"]
            #expect(try await admin.post(path, body).status == 201)
            let login = try await server.login(other.email, workspace: admin.home)
            var member = other
            member.token = try login.json.text("access_token")
            member.refreshToken = try login.json.text("refresh_token")
            (try await member.patch("\(path)/\(other.id)", ["role": "admin"])).expectProblem(403, "identity.forbidden")
            #expect(try await admin.patch("\(path)/\(other.id)", ["role": "user"]).status == 204)
            let outdated = try await member.get("workflows")
            outdated.expectProblem(401)
            let refreshed = try await server.post(
                "/api/v3/auth/refresh", ["refresh_token": .string(member.refreshToken)])
            member.token = try refreshed.json.text("access_token")
            #expect(try await member.get("auth/me").json["roles"] == ["user"])
            #expect(try await other.get("auth/me").status == 200, "what is not of this workspace goes on")
            (try await admin.delete("\(path)/\(admin.id)")).expectProblem(409, "identity.last_admin")
            (try await admin.patch("\(path)/\(admin.id)", ["role": "viewer"])).expectProblem(409, "identity.last_admin")
            #expect(try await member.delete("\(path)/\(other.id)").status == 204, "everybody may leave")
            (try await member.get("workflows")).expectProblem(401)
            (try await admin.delete("\(path)/\(other.id)")).expectProblem(404, "identity.member_not_found")
            (try await server.login(other.email, workspace: admin.home)).expectProblem(
                404, "identity.workspace_not_found")
        }

        @Test("X-Workspace-ID picks another workspace of the user's, with the role there, and no other")
        func picked() async throws {
            let server = try LiveServer.current
            let (admin, other) = (try await server.newUser(), try await server.newUser())
            let body: JSONValue = ["email": .string(other.email), "role": "viewer"]
            #expect(try await admin.post("workspaces/\(admin.home)/members", body).status == 201)
            try await admin.store("shared", do: "[{a: {set: {x: 1}}}]")
            let picks = [("X-Workspace-ID", admin.home)]
            let me = try await other.get("auth/me", headers: picks)
            #expect(me.json["workspace_id"] == .string(admin.home) && me.json["roles"] == ["viewer"], "\(me)")
            #expect(try await other.get("workflows/shared/latest", headers: picks).status == 200)
            (try await other.post("workflows/execute", ["workflow_id": "shared"], headers: picks))
                .expectProblem(403, "request.permission_denied")
            (try await other.get("workflows/shared/latest")).expectProblem(404, "workflow.not_found")
            for workspace in [other.home, "default", "nix", "", "%00", "../x", String(repeating: "a", count: 200)] {
                for path in ["auth/me", "workflows", "workflows/executions", "workspaces"] {
                    (try await admin.get(path, headers: [("X-Workspace-ID", workspace)]))
                        .expectProblem(404, "identity.workspace_not_found", "\(workspace)")
                }
            }
        }

        @Test("Only operators see, make and change users")
        func users() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let email = LiveServer.newEmail()
            (try await user.get("users")).expectProblem(403, "request.permission_denied")
            (try await user.post("users", ["email": .string(email)])).expectProblem(403, "request.permission_denied")
            (try await user.patch("users/\(user.email)", ["locked": false])).expectProblem(
                403, "request.permission_denied")
            var boss = user
            boss.token = try await server.operatorToken()
            let made = try await boss.post("users", ["email": .string(email)])
            #expect(made.status == 201, "\(made)")
            (try await boss.post("users", ["email": .string(email)])).expectProblem(409, "identity.email_taken")
            let login = try await server.login(email, try made.json.text("password"))
            #expect(login.status == 200, "\(login)")
            let token = try login.json.text("access_token")
            #expect(try await boss.patch("users/\(email)", ["status": "suspended"]).status == 200)
            (try await server.send("GET", "/api/v3/auth/me", token: token)).expectProblem(401)
            (try await server.login(email, try made.json.text("password"))).expectProblem(401, "identity.login_failed")
            let suspended = try await boss.all("users?status=suspended", limit: 200)
            // Others may be among them, but nobody who is not.
            #expect(suspended.contains { $0["email"] == .string(email) })
            #expect(suspended.allSatisfy { $0["status"] == "suspended" }, "\(suspended)")
            for reference in [LiveServer.newEmail(), "01a1fcff-88a1-77b7-8af7-d9af5781d469"] {
                (try await boss.patch("users/\(reference)", ["locked": true])).expectProblem(
                    404, "identity.user_not_found")
            }
        }

        @Test("A workspace has a name that nobody else has")
        func workspaceNames() async throws {
            let user = try await LiveServer.current.newUser()
            for name in ["", "A", "-a", "a b", "ä", "a/b", "../a", String(repeating: "a", count: 64), "a\u{0}"] {
                (try await user.post("workspaces", ["name": .string(name)])).expectProblem(400, nil, "\(name)")
            }
            (try await user.post("workspaces", ["name": .string(user.home)])).expectProblem(
                409, "identity.workspace_taken")
            (try await user.post("workspaces", ["name": "default"])).expectProblem(409, "identity.workspace_taken")
        }
    }
}
