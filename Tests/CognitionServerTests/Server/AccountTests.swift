import CognitionCore
import CognitionStorage
import Foundation
import Testing

extension ServerTests {
    /// Passwords that change, sessions that are looked after.
    @Suite("Accounts") struct AccountTests {
        private static let other = "another long password"

        @Test("A forgotten password is replaced by the link of a mail, and everybody is logged out")
        func reset() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            for email in [user.email, LiveServer.newEmail(), "no address"] {
                let answer = try await server.post("/api/v3/auth/password/forgot", ["email": .string(email)])
                #expect(answer.status == 204 && answer.body.isEmpty, "\(answer)")
            }
            let mail = try await server.mail(to: user.email, "Choose a new password")
            let token = try LiveServer.token(in: mail.text)
            func reset(_ token: String, _ password: String) async throws -> HTTPAnswer {
                try await server.post(
                    "/api/v3/auth/password/reset", ["token": .string(token), "password": .string(password)])
            }
            (try await reset(token, "password")).expectProblem(400, "identity.password_refused")
            (try await reset("x", Self.other)).expectProblem(400, "identity.mail_token_invalid")
            #expect(try await reset(token, Self.other).status == 204)
            (try await reset(token, Self.other)).expectProblem(400, "identity.mail_token_invalid")
            (try await user.get("auth/me")).expectProblem(401, "identity.token_invalid")
            (try await server.login(user.email)).expectProblem(401, "identity.login_failed")
            #expect(try await server.login(user.email, Self.other).status == 200)
            _ = try await server.mail(to: user.email, "Your password was changed")
        }

        @Test("A mail is one by the judgment of Python's email package, and nobody else may read it")
        func mail() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            _ = try await server.post("/api/v3/auth/password/forgot", ["email": .string(user.email)])
            let mail = try await server.mail(to: user.email, "Choose a new password")
            let python =
                ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"]
                ?? Binary.repository() + "/.build/peers/bin/python"
            let script = Binary.repository() + "/Tests/CognitionServerTests/Peer/read_mail.py"
            let ending = try await server.sandbox.start([script, mail.path], executable: python).ending()
            #expect(ending.exitCode == 0, "\(ending)")
            let read = try JSONValue(parsing: ending.output)
            #expect(read["from"] == ["cognitionos <no-reply@localhost>"] && read["to"] == [.string(user.email)])
            #expect(read["charset"] == "utf-8" && read["type"] == "text/plain")
            #expect(read["text"]?.stringValue?.contains("/account/reset-password#") == true)
            let attributes = try FileManager.default.attributesOfItem(atPath: mail.path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            let folder = try FileManager.default.attributesOfItem(atPath: server.sandbox.dataFolder + "/mail")
            #expect(folder[.posixPermissions] as? Int == 0o700)
        }

        @Test("A password is changed by who knows it; other sessions end")
        func change() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let elsewhere = try await server.login(user.email).json.text("access_token")
            func change(_ current: String, _ new: String) async throws -> HTTPAnswer {
                try await user.post(
                    "auth/password/change", ["current_password": .string(current), "new_password": .string(new)])
            }
            (try await change("wrong one", Self.other)).expectProblem(403, "identity.password_wrong")
            (try await change(APIUser.password, "12345678")).expectProblem(400, "identity.password_refused")
            #expect(try await change(APIUser.password, Self.other).status == 204)
            #expect(try await user.get("auth/me").status == 200)
            (try await server.send("GET", "/api/v3/auth/me", token: elsewhere))
                .expectProblem(401, "identity.token_invalid")
            #expect(try await server.login(user.email, Self.other).status == 200)
            var machine = user
            machine.token = try await server.operatorToken()
            (try await machine.post(
                "auth/password/change",
                ["current_password": .string(Self.other), "new_password": .string(APIUser.password)]))
                .expectProblem(403, "identity.forbidden")
        }

        @Test("Sessions are listed with their device, and ended one by one or all others at once")
        func sessions() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let body: JSONValue = ["email": .string(user.email), "password": .string(APIUser.password)]
            let phone = try await server.send(
                "POST", "/api/v3/auth/login",
                headers: [("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Version/18.5 Safari/604.1")],
                type: "application/json", body: body.jsonBytes
            ).json.text("access_token")
            _ = try await server.login(user.email)
            let list = try await user.get("auth/sessions")
            let items = try #require(list.json["items"]?.arrayValue)
            #expect(items.count == 3 && list.json["next_cursor"] == .null, "\(list)")
            #expect(items.map { $0["current"] } == [false, false, true])
            #expect(items[1]["device"] == "Safari on iPhone" && items[1]["ip"] == "127.0.0.1")
            #expect(items[2]["device"] == .null && items[2]["workspace_id"] == .string(user.home))

            let id = try items[1].text("id")
            #expect(try await user.delete("auth/sessions/\(id)").status == 204)
            #expect(try await user.delete("auth/sessions/\(id)").status == 204)
            (try await server.send("GET", "/api/v3/auth/me", token: phone))
                .expectProblem(401, "identity.token_invalid")
            let stranger = try await server.newUser()
            (try await stranger.delete("auth/sessions/\(try items[2].text("id"))"))
                .expectProblem(404, "identity.session_not_found")
            (try await user.delete("auth/sessions/x")).expectProblem(400, "request.parameter_invalid")
            let others = try await user.delete("auth/sessions")
            #expect(others.json["ended"] == 1, "\(others)")
            #expect(try await user.get("auth/sessions").json["items"]?.arrayValue?.count == 1)
            #expect(try await user.get("auth/me").status == 200)
        }

        @Test("An operator looks after users")
        func byOperator() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            var boss = user
            boss.token = try await server.operatorToken()
            for (method, path) in [
                ("GET", "users/\(user.id)"), ("GET", "users/\(user.id)/sessions"),
                ("DELETE", "users/\(user.id)/sessions"), ("POST", "users/\(user.id)/password-reset"),
            ] {
                let refused = try await server.send(method, "/api/v3/\(path)", token: user.token)
                refused.expectProblem(403, "request.permission_denied", "\(path)")
            }
            #expect(try await boss.get("users/\(user.email)").json["id"] == .string(user.id))
            #expect(try await boss.get("users/\(user.id)/sessions").json["items"]?.arrayValue?.count == 1)
            (try await boss.get("users/nobody@example.com")).expectProblem(404, "identity.user_not_found")
            (try await boss.get("users/nobody@example.com/sessions")).expectProblem(404, "identity.user_not_found")
            (try await boss.post("users/nobody@example.com/password-reset"))
                .expectProblem(404, "identity.user_not_found")
            #expect(try await boss.delete("users/\(user.email)/sessions").json["ended"] == 1)
            (try await user.get("auth/me")).expectProblem(401, "identity.token_invalid")
            (try await boss.delete("users/nobody@example.com/sessions"))
                .expectProblem(404, "identity.user_not_found")
            let link = try await boss.post("users/\(user.id)/password-reset")
            #expect(link.status == 201, "\(link)")
            let reset = try await server.post(
                "/api/v3/auth/password/reset",
                ["token": .string(try link.json.text("token")), "password": .string(Self.other)])
            #expect(reset.status == 204, "\(reset)")
            #expect(try await server.login(user.email, Self.other).status == 200)
            #expect(try await boss.patch("users/\(user.id)", ["status": "inactive"]).status == 200)
            (try await boss.post("users/\(user.id)/password-reset")).expectProblem(403, "identity.forbidden")
        }

        @Test("The pages of links load nothing from elsewhere, and know their routes")
        func pages() async throws {
            let server = try LiveServer.current
            for path in ["/account/verify-email", "/account/reset-password"] {
                let page = try await server.send("GET", path)
                #expect(page.status == 200 && page.mediaType == "text/html")
                #expect(page["content-security-policy"]?.contains("default-src 'none'") == true)
                #expect(page["referrer-policy"] == "no-referrer")
                #expect(!page.text.contains("http://") && !page.text.contains("https://"))
            }
            let declared = server.contract.operations
            let page = try await server.send("GET", "/account/verify-email").text
            for match in page.matches(of: /route: "([^"]+)"/) {
                #expect(declared.contains("POST \(match.1)"), "\(match.1)")
            }
        }
    }
}

/// Servers with settings of their own.
@Suite("Verified addresses", .timeLimit(.minutes(2))) struct VerifiedAddressTests {
    @Test("Who registers waits for a mail; a taken address looks like any other, down to the headers")
    func verifies() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(
                in: sandbox,
                [
                    "SECURITY_EMAIL_VERIFICATION": "true", "API_PUBLIC_URL": "https://cognition.example.com/",
                    "MAIL_FROM": "robot@example.org", "SERVICE_NAME": "Büro", "SECURITY_BCRYPT_COST": "4",
                ])
            func register(_ email: String) async throws -> HTTPAnswer {
                try await server.post(
                    "/api/v3/auth/register", ["email": .string(email), "password": .string(APIUser.password)])
            }
            let email = LiveServer.newEmail()
            let first = try await register(email)
            #expect(first.status == 201 && first.json["status"] == "pending", "\(first)")
            (try await server.login(email)).expectProblem(401, "identity.login_failed")
            let mail = try await server.mail(to: email, "Confirm your e-mail address")
            #expect(mail.text.contains("https://cognition.example.com/account/verify-email#"))
            #expect(mail.text.contains("From: =?utf-8?Q?B=C3=BCro?=\r\n <robot@example.org>\r\n"))
            let body: JSONValue = ["token": .string(try LiveServer.token(in: mail.text))]
            #expect(try await server.post("/api/v3/auth/verify-email", body).status == 204)
            (try await server.post("/api/v3/auth/verify-email", body)).expectProblem(400, "identity.mail_token_invalid")
            #expect(try await server.login(email).status == 200)

            let taken = try await register(email)
            let free = try await register(LiveServer.newEmail())
            #expect(taken.status == free.status)
            #expect(taken.headers.map(\.name) == free.headers.map(\.name))
            #expect(taken.json.objectValue?.keys == free.json.objectValue?.keys)
            for member in ["status", "operator", "locked_until", "last_login_at", "full_name"] {
                #expect(taken.json[member] == free.json[member], "\(member)")
            }
            #expect(taken.json["id"] != first.json["id"])
            _ = try await server.mail(to: email, "You have an account already")
            for address in [email, LiveServer.newEmail()] {
                let sent = try await server.post("/api/v3/auth/verify-email/send", ["email": .string(address)])
                #expect(sent.status == 204, "\(sent)")
            }
            _ = await server.stop()
        }
    }

    @Test("What was to be mailed when the server was killed is mailed by the next one")
    func killed() async throws {
        try await withSandbox { sandbox in
            let settings = ["SECURITY_EMAIL_VERIFICATION": "true", "SECURITY_BCRYPT_COST": "4"]
            // Where the folder of mails should be there is a file, so that nothing can be written.
            try FileManager.default.createDirectory(atPath: sandbox.dataFolder, withIntermediateDirectories: true)
            let obstacle = try sandbox.file("data/mail", "")
            var server = try await LiveServer.start(in: sandbox, settings)
            let email = LiveServer.newEmail()
            let made = try await server.post(
                "/api/v3/auth/register", ["email": .string(email), "password": .string(APIUser.password)])
            #expect(made.status == 201, "\(made)")
            server.program.kill()
            _ = await server.program.ending()
            try FileManager.default.removeItem(atPath: obstacle)
            // The server that was killed may have taken the mail for two minutes.
            try await sandbox.changeDatabase("UPDATE outbound_mails SET due_at = 0")
            server = try await LiveServer.start(in: sandbox, settings)
            let mail = try await server.mail(to: email, "Confirm your e-mail address")
            let body: JSONValue = ["token": .string(try LiveServer.token(in: mail.text))]
            #expect(try await server.post("/api/v3/auth/verify-email", body).status == 204)
            #expect(try await server.login(email).status == 200)
            _ = await server.stop()
        }
    }

    @Test(
        "Settings that mail cannot do with are refused",
        arguments: [
            ["API_PUBLIC_URL": "cognition.example.com"], ["API_PUBLIC_URL": "https://a.b/?x"],
            ["API_PUBLIC_URL": "ftp://a.b"],
            ["MAIL_FROM": "nobody"], ["MAIL_FROM": "A <a@b>"],
        ])
    func settings(environment: [String: String]) async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run("serve", "--port", "0", environment: environment)
            #expect(ending.exitCode == 1, "\(ending)")
            #expect(environment.keys.allSatisfy { ending.errors.contains($0) }, "\(ending.errors)")
        }
    }
}
