import CognitionCore
import CognitionPostgresServer
import CognitionTestSupport
import Foundation
import Testing

/// Two servers of the real program on one PostgreSQL database, each with a data folder of its own.
@Suite("Two nodes", .timeLimit(.minutes(3))) struct TwoNodeTests {
    @Test("Both answer for the same executions; when one is killed, the other goes on with what it ran within 20 s")
    func takeOver() async throws {
        try await TwoNodes.with { nodes in
            let user = try await nodes.first.newUser()
            let beside = user.asking(nodes.second)
            try await user.store(
                "slow",
                do: "[{a: {set: {n: 1}}}, {b: {call: rehearse, with: {pause: PT3S}}}, {c: {set: {n: 3}}}]")
            var ids: [String] = []
            for _ in 0..<10 {
                let started = try await user.post("workflows/execute", ["workflow_id": "slow"])
                ids.append(try started.json.text("execution_id"))
            }
            try await sees(2, nodes.second)
            let killedAt = ContinuousClock.now
            nodes.first.program.kill()
            _ = await nodes.first.program.ending()
            for id in ids {
                let ended = try await beside.status(of: id) { $0 == "completed" }
                #expect(ended["status"] == "completed")
            }
            #expect(ContinuousClock.now - killedAt < .seconds(20 + 4), "taken over, and run again")
            _ = await nodes.second.stop()
        }
    }

    @Test("A session that is ended, and one whose user is suspended, is over on the other node within a second")
    func revocation() async throws {
        try await TwoNodes.with { nodes in
            let user = try await nodes.first.newUser()
            let ends: [@Sendable (APIUser) async throws -> HTTPAnswer] = [
                { try await $0.delete("auth/sessions") },
                { user in
                    var boss = user
                    boss.token = try await nodes.first.operatorToken()
                    return try await boss.patch("users/\(user.id)", ["status": "suspended"])
                },
            ]
            for end in ends {
                let token = try await nodes.second.login(user.email).json.text("access_token")
                #expect(try await nodes.second.send("GET", "/api/v3/auth/me", token: token).status == 200)
                let answer = try await end(user)
                #expect(answer.status == 200, "\(answer)")
                let start = ContinuousClock.now
                while try await nodes.second.send("GET", "/api/v3/auth/me", token: token).status == 200 {}
                #expect(ContinuousClock.now - start < .seconds(1))
            }
            _ = await nodes.first.stop()
            _ = await nodes.second.stop()
        }
    }

    /// Waits until the health of a server tells of so many nodes.
    private func sees(_ nodes: Int64, _ server: LiveServer) async throws {
        while true {
            let health = try await server.send("GET", "/api/v3/health/system", token: server.operatorToken())
            if health.json["checks"]?["database"]?["details"]?["nodes"] == .integer(nodes) { return }
        }
    }

    @Test("The demo, the commands and a settings file with parts of the address work on PostgreSQL")
    func commands() async throws {
        try await PostgresServer.withServer { server in
            try await withSandbox(on: nil) { sandbox in
                let parts = [
                    "DB_HOST": "127.0.0.1", "DB_PORT": "\(server.port)", "DB_DATABASE": "postgres",
                    "DB_USERNAME": PostgresServer.user, "DB_PASSWORD": PostgresServer.password,
                ]
                let demo = try await sandbox.run(
                    "demo", "--example", Binary.repository() + "/Examples/digest", environment: parts)
                #expect(demo.exitCode == 0, "\(demo.errors)")
                let list = try await sandbox.run("execution", "list", "--json", environment: parts)
                #expect(try JSONValue(parsing: list.output)["items"]?[0]?["status"] == "completed", "\(list)")
                let verify = try await sandbox.run("events", "verify", environment: parts)
                #expect(verify.exitCode == 0, "\(verify)")
                #expect(!sandbox.exists("cognition.db"))
                let check = try await sandbox.run(
                    "check",
                    environment: parts.merging(["DATABASE_URL": "postgres://u:secret-word@h/d?password=secret-word"]) {
                        $1
                    })
                #expect(check.exitCode == 0 && !check.output.contains("secret-word"), "\(check)")
                #expect(!check.output.contains(PostgresServer.password))
                for command in [["backup", sandbox.folder + "/copy"], ["restore", sandbox.folder + "/copy"]] {
                    let refused = try await sandbox.start(command, environment: parts).ending()
                    #expect(refused.exitCode == 1 && refused.errors.contains("PostgreSQL"), "\(refused)")
                }
                let wrong = try await sandbox.run(
                    "workflow", "list", environment: parts.merging(["DB_PASSWORD": "wrong-word"]) { $1 })
                #expect(wrong.exitCode == 1 && wrong.errors.contains("storage.unreachable"), "\(wrong)")
                #expect(!wrong.errors.contains("wrong-word") && wrong.took < .seconds(4))
            }
        }
    }
}
