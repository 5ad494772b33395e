import CognitionCore
import Foundation
import Testing

/// Users and tokens from the command line, with and without a server.
@Suite("Users and tokens", .timeLimit(.minutes(3))) struct UserCommandTests {
    private static let cheap = ["SECURITY_BCRYPT_COST": "4"]
    private static let password = "a long sentence nobody guesses"

    private func logIn(_ sandbox: Sandbox, _ server: RunningServer, _ email: String, _ password: String) async throws
        -> (status: Int, json: JSONValue)
    {
        try await sandbox.curl(
            server.url + "/api/v3/auth/login", json: ["email": .string(email), "password": .string(password)])
    }

    // MARK: user

    @Test(
        "A user is made with a password from standard input or a made-up one, and logs in with it",
        arguments: [false, true])
    func create(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            var server = withServer ? try await sandbox.serve() : nil
            let given = try await sandbox.run(
                "user", "create", "--email", "Ada+1@Example.com", "--name", "Ada Lovelace", "--password-stdin",
                "--operator", "--json", environment: Self.cheap, input: Self.password + "\n")
            #expect(given.exitCode == 0 && given.errors.isEmpty, "\(given)")
            let user = try JSONValue(parsing: given.output)
            #expect(
                try #require(user.objectValue).keys == [
                    "id", "email", "full_name", "status", "operator", "workspace_id", "locked_until", "last_login_at",
                    "created_at", "password",
                ])
            #expect(user["email"] == "ada+1@example.com" && user["full_name"] == "Ada Lovelace")
            #expect(user["operator"] == true && user["status"] == "active" && user["password"] == .null)
            let made = try await sandbox.run("user", "create", "--email", "grace@example.com", environment: Self.cheap)
            #expect(made.exitCode == 0 && made.errors.contains("not shown again"), "\(made)")
            let line = try #require(made.output.split(separator: "\n").first { $0.hasPrefix("password   ") })
            #expect(!made.output.contains("operator"))
            let taken = try await sandbox.run("user", "create", "--email", "grace@example.com", environment: Self.cheap)
            #expect(taken.exitCode == 1 && taken.output.isEmpty && taken.errors.contains("[identity.email_taken]"))

            if server == nil { server = try await sandbox.serve() }
            let running = try #require(server)
            let ada = try await logIn(sandbox, running, "ada+1@example.com", Self.password)
            #expect(ada.status == 200 && ada.json["token_type"] == "bearer")
            let grace = try await logIn(sandbox, running, "grace@example.com", String(line.dropFirst(11)))
            #expect(grace.status == 200)
        }
    }

    @Test("A locked user cannot log in until unlocked", arguments: [false, true])
    func lock(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let email = "a+b c@example.com".replacing(" ", with: "")
            var server = try await sandbox.serve()
            let made = try await sandbox.run(
                "user", "create", "--email", email, "--password-stdin", input: Self.password)
            #expect(made.exitCode == 0, "\(made)")
            func change(_ verb: String) async throws -> Program.Ending {
                if !withServer { try await server.stop() }
                let ending = try await sandbox.run("user", verb, email, environment: Self.cheap)
                if !withServer { server = try await sandbox.serve() }
                return ending
            }
            #expect(try await logIn(sandbox, server, email, Self.password).status == 200)
            let locked = try await change("lock")
            #expect(locked.exitCode == 0 && locked.output.contains("locked     9999-12-31"), "\(locked)")
            #expect(try await logIn(sandbox, server, email, Self.password).status == 401)
            let unlocked = try await change("unlock")
            #expect(unlocked.exitCode == 0 && !unlocked.output.contains("locked"), "\(unlocked)")
            #expect(try await logIn(sandbox, server, email, Self.password).status == 200)
        }
    }

    @Test(
        "Users are listed, stopped and let in, and their sessions and passwords looked after", arguments: [false, true])
    func life(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let email = "ada@example.com"
            var server = try await sandbox.serve()
            let made = try await sandbox.run(
                "user", "create", "--email", email, "--password-stdin", input: Self.password)
            #expect(made.exitCode == 0, "\(made)")
            func run(_ arguments: String...) async throws -> Program.Ending {
                if !withServer { try await server.stop() }
                let ending = try await sandbox.start(["user"] + arguments, environment: Self.cheap).ending()
                if !withServer { server = try await sandbox.serve() }
                return ending
            }
            #expect(try await logIn(sandbox, server, email, Self.password).status == 200)
            let list = try await run("list", "--json")
            let user = try #require(try JSONValue(parsing: list.output)["items"]?[0])
            let shown = try await run("show", email, "--json")
            #expect(try JSONValue(parsing: shown.output) == user, "\(shown)")
            let sessions = try await run("sessions", email)
            #expect(sessions.exitCode == 0 && sessions.output.split(separator: "\n").count == 1, "\(sessions)")
            #expect(sessions.output.contains("127.0.0.1") && sessions.output.contains("curl/"), "\(sessions)")
            let ended = try await run("sessions", email, "--end")
            #expect(ended.output == "ended      1\n", "\(ended)")

            let suspended = try await run("status", email, "suspended")
            #expect(suspended.exitCode == 0 && suspended.output.contains("status     suspended"), "\(suspended)")
            #expect(try await logIn(sandbox, server, email, Self.password).status == 401)
            let refused = try await run("reset-password", email)
            #expect(refused.exitCode == 1 && refused.errors.contains("[identity.forbidden]"), "\(refused)")
            let only = try await run("list", "--status", "suspended")
            #expect(only.output.contains(email), "\(only)")
            #expect(try await run("status", email, "active").exitCode == 0)
            let link = try await run("reset-password", email, "--json")
            let token = try JSONValue(parsing: link.output).text("token")
            let reset = try await sandbox.curl(
                server.url + "/api/v3/auth/password/reset",
                json: ["token": .string(token), "password": "another long password"])
            #expect(reset.status == 204, "\(reset)")
            #expect(try await logIn(sandbox, server, email, "another long password").status == 200)
            let unknown = try await run("show", "nobody@example.com")
            #expect(unknown.exitCode == 1 && unknown.errors.contains("[identity.user_not_found]"), "\(unknown)")
            #expect(try await run("status", email, "deleted").exitCode == 2)
        }
    }

    @Test("Users that cannot be are refused, and a password is never an argument", arguments: [false, true])
    func refusals(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            if withServer { _ = try await sandbox.serve() }
            for (arguments, input, word) in [
                (["create", "--email", "nobody"], "", "[identity.email_invalid]"),
                (["create", "--email", "a@b.c", "--password-stdin"], "short", "[identity.password_refused]"),
                (["create", "--email", "a@b.c", "--password-stdin"], "", "there is no password"),
                (["create", "--email", "a@b.c", "--password-stdin"], "one\ntwo\n", "more than one line"),
                (["lock", "nobody@example.com"], "", "[identity.user_not_found]"),
                (["unlock", "nobody@example.com"], "", "[identity.user_not_found]"),
            ] {
                let ending = try await sandbox.start(["user"] + arguments, environment: Self.cheap, input: input)
                    .ending()
                #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(arguments): \(ending)")
                #expect(ending.errors.contains(word), "\(arguments): \(ending.errors)")
            }
            let argument = try await sandbox.run("user", "create", "--email", "a@b.c", "--password", "secret-password")
            #expect(argument.exitCode == 2)
        }
    }

    // MARK: token

    /// Whether the server takes a token, asked by a command that finds it where it finds the server's own.
    private func isTaken(_ token: String, _ sandbox: Sandbox) async throws -> Bool {
        let path = sandbox.dataFolder + "/operator.token"
        let own = try String(contentsOfFile: path, encoding: .utf8)
        try token.write(toFile: path, atomically: false, encoding: .utf8)
        let ending = try await sandbox.run("workflow", "list")
        try own.write(toFile: path, atomically: false, encoding: .utf8)
        #expect(ending.exitCode == 0 || ending.errors.contains("[identity.token_invalid]"), "\(ending)")
        return ending.exitCode == 0
    }

    @Test("A token is made without a server, and a server on the same folder takes it")
    func tokenWithoutServer() async throws {
        try await withSandbox { sandbox in
            let first = try await sandbox.run("token")
            #expect(first.exitCode == 0 && first.errors.isEmpty, "\(first)")
            #expect(first.output.split(separator: ".").count == 3 && first.output.split(separator: "\n").count == 1)
            #expect(sandbox.exists("keys.json") && !sandbox.exists("operator.token"))
            _ = try await sandbox.serve()
            #expect(try await isTaken(first.output, sandbox))
            #expect(try await !isTaken(first.output.dropLast(9) + "AAAAAAAA\n", sandbox))
        }
    }

    @Test("With a server it is the server's own; with --life another, which the server has to take")
    func tokenWithServer() async throws {
        try await withSandbox { sandbox in
            let server = try await sandbox.serve()
            let own = try String(contentsOfFile: sandbox.dataFolder + "/operator.token", encoding: .utf8)
            #expect(try await sandbox.run("token").output == own)
            let made = try await sandbox.run("token", "--life", "90d")
            #expect(made.exitCode == 0 && made.output != own, "\(made)")
            #expect(try await isTaken(made.output, sandbox))
            let other = try await sandbox.run(
                "token", "--life", "90d",
                environment: ["SECURITY_SECRET_KEY": "another key than the one that the server signs with"])
            #expect(other.exitCode == 1 && other.output.isEmpty && other.errors.contains("[identity.token_invalid]"))
            for life in ["0s", "1s", "400d", "soon"] {
                #expect(try await sandbox.run("token", "--life", life).exitCode == 2, "\(life)")
            }
            try await server.stop()
            #expect(!sandbox.exists("operator.token"))
        }
    }
}
