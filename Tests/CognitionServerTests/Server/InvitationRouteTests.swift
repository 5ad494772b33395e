import CognitionCore
import Foundation
import Testing

extension ServerTests {
    @Suite("Invitations") struct InvitationRouteTests {
        @Test("Somebody is invited by mail, sees the page of the link, and is a member with an account old or new")
        func invite() async throws {
            let server = try LiveServer.current
            let (owner, known) = (try await server.newUser(), try await server.newUser())
            let subject = "You are invited to \(owner.home)"
            let path = "workspaces/\(owner.home)/invitations"
            func invite(_ email: String, _ role: String) async throws -> String {
                let made = try await owner.post(path, ["email": .string(email), "role": .string(role)])
                try #require(made.status == 201, "\(made)")
                let mail = try await server.mail(to: email, subject)
                #expect(mail.text.contains("/account/invitation#"))
                let token = try LiveServer.token(in: mail.text)
                #expect(!made.text.contains(token), "the token is in the mail alone")
                return token
            }
            let page = try await server.send("GET", "/account/invitation")
            #expect(page.status == 200 && page["content-security-policy"]?.hasPrefix("default-src 'none'") == true)

            let token = try await invite(known.email, "viewer")
            let accepted = try await known.post("invitations/accept", ["token": .string(token)])
            #expect(accepted.status == 200 && accepted.json["id"] == .string(owner.home), "\(accepted)")
            #expect(accepted.json["role"] == "viewer")
            (try await known.post("invitations/accept", ["token": .string(token)]))
                .expectProblem(403, "identity.invitation_invalid")
            (try await owner.post(path, ["email": .string(known.email), "role": "user"]))
                .expectProblem(409, "identity.member_exists")
            (try await known.get(path)).expectProblem(403, "identity.forbidden")

            let newcomer = LiveServer.newEmail()
            let other = try await invite(newcomer, "user")
            (try await known.post("invitations/accept", ["token": .string(other)]))
                .expectProblem(403, "identity.invitation_invalid")
            #expect(try await owner.all(path, limit: 1).map { $0["email"] } == [.string(newcomer)])
            let body: JSONValue = [
                "email": .string(newcomer), "password": .string(APIUser.password), "invitation": .string(other),
            ]
            #expect(try await server.post("/api/v3/auth/register", body).status == 201)
            #expect(try await server.login(newcomer, workspace: owner.home).status == 200)
            #expect(try await owner.all(path, limit: 1).isEmpty)

            let withdrawn = try await owner.post(path, ["email": "somebody@example.com", "role": "user"])
            let id = try withdrawn.json.text("id")
            #expect(try await owner.delete("\(path)/\(id)").status == 204)
            (try await owner.delete("\(path)/\(id)")).expectProblem(404, "identity.invitation_not_found")
            (try await owner.post(path, ["email": "nobody", "role": "user"])).expectProblem(
                400, "identity.email_invalid")
        }

        @Test("A workspace's API key invites when it may manage, and accepts nothing")
        func withKeys() async throws {
            let owner = try await LiveServer.current.newUser()
            func key(_ scope: String) async throws -> APIUser {
                let made = try await owner.post("auth/api-keys", ["name": "x", "scopes": [.string(scope)]])
                var program = owner
                program.token = try made.json.text("key")
                return program
            }
            let body: JSONValue = ["email": .string(LiveServer.newEmail()), "role": "viewer"]
            let path = "workspaces/\(owner.home)/invitations"
            (try await key("workflows:read").post(path, body)).expectProblem(403, "identity.forbidden")
            let manager = try await key("workspace:manage")
            #expect(try await manager.post(path, body).status == 201)
            (try await manager.post("invitations/accept", ["token": "x"])).expectProblem(
                403, "identity.session_required")
        }
    }
}

/// Where registration is by invitation.
@Suite("Registration by invitation", .timeLimit(.minutes(1))) struct InvitedRegistrationTests {
    @Test("Only who was invited registers")
    func invited() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, ["SECURITY_REGISTRATION": "invite"])
            var boss = APIUser(server: server, email: "", id: "", home: "default", token: "", refreshToken: "")
            boss.token = try await server.operatorToken()
            let email = LiveServer.newEmail()
            var body: JSONObject = ["email": .string(email), "password": .string(APIUser.password)]
            (try await server.post("/api/v3/auth/register", .object(body)))
                .expectProblem(403, "identity.registration_closed")
            let made = try await boss.post(
                "workspaces/default/invitations", ["email": .string(email), "role": "admin"])
            #expect(made.status == 201, "\(made)")
            let mail = try await server.mail(to: email, "You are invited to default")
            body["invitation"] = .string(try LiveServer.token(in: mail.text))
            #expect(try await server.post("/api/v3/auth/register", .object(body)).status == 201)
            #expect(try await server.login(email, workspace: "default").status == 200)
            _ = await server.stop()
        }
    }
}
