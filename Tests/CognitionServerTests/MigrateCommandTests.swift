import CognitionCore
import CognitionPostgresServer
import CognitionTestSupport
import Foundation
import Testing

/// From one machine to many.
@Suite("migrate --to", .enabled(if: Sandbox.isEmbedded), .timeLimit(.minutes(3))) struct MigrateCommandTests {
    @Test("What a killed server with a file has begun, one with PostgreSQL goes on with")
    func graduation() async throws {
        try await withSandbox { sandbox in
            try await TestPostgres.withDatabase { url in
                let embedded = try await LiveServer.start(in: sandbox)
                let user = try await embedded.newUser()
                try await user.store("patient", do: "[{rest: {wait: {seconds: 12}}}, {end: {set: {done: true}}}]")
                let execution = try await user.start("patient")
                let refused = try await sandbox.run("migrate", "--to", url)
                #expect(refused.exitCode == 1 && refused.errors.contains("is in use by process"), "\(refused)")
                embedded.program.kill()
                _ = await embedded.program.ending()

                let copied = try await sandbox.run("migrate", "--to", url, "--json")
                #expect(copied.exitCode == 0 && copied.errors.contains("events: "), "\(copied)")
                let tables = try #require(try JSONValue(parsing: copied.output)["tables"]?.arrayValue)
                let rows = { (name: String) in tables.first { $0["table"]?.stringValue == name }?["rows"] }
                #expect(rows("executions") == 1 && rows("users") == 1)
                let again = try await sandbox.run("migrate", "--to", url)
                #expect(again.exitCode == 1 && again.errors.contains("[storage.copy_refused]"), "\(again)")

                let server = try await LiveServer.start(in: sandbox, ["DATABASE_URL": url])
                #expect(try await server.login(user.email).status == 200)
                let returned = APIUser(
                    server: server, email: user.email, id: user.id, home: user.home, token: user.token,
                    refreshToken: user.refreshToken)
                let ended = try await returned.status(of: execution) { $0 == "completed" }
                #expect(ended["output"] == ["done": true], "\(ended)")
                let verified = try await sandbox.run("events", "verify", environment: ["DATABASE_URL": url])
                #expect(verified.exitCode == 0, "\(verified)")
                _ = await server.stop()
            }
        }
    }

    @Test("An address that is none, and a database that is no file, are refused in a sentence")
    func refusals() async throws {
        try await withSandbox { sandbox in
            let file = try await sandbox.run("migrate", "--to", "sqlite:other.db")
            #expect(file.exitCode == 1 && file.errors.contains("--to takes the address of a PostgreSQL"), "\(file)")
            let other = try await sandbox.run("migrate", "--to", "mysql://host/database")
            #expect(other.exitCode == 1 && other.errors.contains("postgres://"), "\(other)")
            let alone = try await sandbox.run("migrate", "--json")
            #expect(alone.exitCode == 2 && alone.errors.contains("--json goes with --to"), "\(alone)")
            try await TestPostgres.withDatabase { url in
                let both = try await sandbox.run("migrate", "--to", url, environment: ["DATABASE_URL": url])
                #expect(both.exitCode == 1 && both.errors.contains("PostgreSQL server already"), "\(both)")
            }
        }
    }
}
