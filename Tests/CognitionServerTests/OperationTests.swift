import CognitionCore
import Testing

/// What whoever runs a server asks of it from the shell.
@Suite("Operation", .timeLimit(.minutes(3))) struct OperationTests {
    private func diagnoses(_ ending: Program.Ending) throws -> [String: JSONValue] {
        let answer = try JSONValue(parsing: ending.output)
        let checks = try #require(answer["checks"]?.arrayValue)
        return Dictionary(checks.map { ($0["name"]?.stringValue ?? "", $0) }, uniquingKeysWith: { $1 })
    }

    /// The tests' PostgreSQL does without fsync, which the doctor must not let pass.
    private static let healthyExit: Int32 = Sandbox.isEmbedded ? 0 : 1

    @Test("doctor finds nothing wrong before there is anything, beside a server, and after it")
    func healthy() async throws {
        try await withSandbox { sandbox in
            let before = try await sandbox.run("doctor", "--json")
            #expect(before.exitCode == Self.healthyExit, "\(before)")
            let server = try await sandbox.serve()
            let beside = try await sandbox.run("doctor", "--json")
            #expect(beside.exitCode == Self.healthyExit, "\(beside)")
            let found = try diagnoses(beside)
            #expect((found["durability"]?["status"] == "failed") == !Sandbox.isEmbedded, "\(beside)")
            for name in ["configuration", "data folder", "disk speed", "database", "server: engine"] {
                #expect(found[name]?["status"] == "ok", "\(name): \(beside)")
            }
            try await server.stop()
            let after = try await sandbox.run("doctor")
            #expect(after.exitCode == Self.healthyExit && after.output.contains("ok       schema"), "\(after)")
        }
    }

    @Test("doctor says what is wrong and what to do")
    func unwell() async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run(
                "doctor", "--json", environment: ["DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"])
            #expect(ending.exitCode == 1, "\(ending)")
            let database = try #require(try diagnoses(ending)["database"])
            #expect(database["status"] == "failed" && database["advice"]?.stringValue?.isEmpty == false, "\(ending)")
        }
    }

    @Test("The level of a running server's log is shown and changed, by operators only")
    func logLevel() async throws {
        try await withSandbox { sandbox in
            let none = try await sandbox.run("log-level")
            #expect(none.exitCode == 1 && none.errors.contains("no server"), "\(none)")
            let server = try await sandbox.serve()
            #expect(try await sandbox.run("log-level").output == "info\n")
            #expect(try await sandbox.run("log-level", "debug").output == "debug\n")
            #expect(try JSONValue(parsing: try await sandbox.run("log-level", "--json").output) == ["level": "debug"])
            let answer = try await sandbox.curl(server.url + "/api/v3/log-level")
            #expect(answer.status == 401)
            try await server.stop()
        }
    }
}
