import CognitionCore
import CognitionStorage
import Foundation
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

    @Test("doctor finds dead letters, schedules that were stopped, and damaged files of indexes")
    func work() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox)
            let token = try await server.operatorToken()
            func send(_ method: String, _ path: String, _ body: JSONValue) async throws -> HTTPAnswer {
                let answer = try await server.send(
                    method, "/api/v3/" + path, token: token, type: "application/json", body: body.jsonBytes)
                try #require(answer.status < 300, "\(answer)")
                return answer
            }
            _ = try await send("PUT", "search/notes", ["fields": ["text": ["type": "text"]]])
            let put = try await send(
                "POST", "search/notes/documents", ["documents": [["id": "a", "fields": ["text": "apples"]]]])
            _ = try await send("POST", "search/notes/query", ["wait_for_seq": put.json["seq"] ?? 0])
            let call: JSONValue = ["http": ["url": "http://127.0.0.1:9/"]]
            _ = try await send("POST", "jobs", ["id": "hourly", "target": call, "schedule": ["every": "1h"]])
            _ = try await send("POST", "jobs", ["id": "refused", "target": call, "retry": ["attempts": 1]])
            while try await server.send("GET", "/api/v3/jobs/refused", token: token).json["state"] != "dead" {
                try await Task.sleep(for: .milliseconds(20))
            }
            let beside = try diagnoses(try await sandbox.run("doctor", "--json"))
            #expect(beside["jobs"]?["status"] == "warning" && beside["jobs"]?["details"]?["dead"] == 1, "\(beside)")
            for name in ["schedules", "search", "rooms"] { #expect(beside[name]?["status"] == "ok", "\(beside)") }
            _ = await server.stop()

            try await sandbox.changeDatabase(
                """
                UPDATE job_schedules SET state = 'paused', next_at = NULL, error = '{"code": "scheduler.job_invalid"}'
                WHERE id = 'hourly'
                """)
            let after = try diagnoses(try await sandbox.run("doctor", "--json"))
            let schedules = after["schedules"]?["message"]?.stringValue ?? ""
            #expect(schedules.contains("hourly") && schedules.contains("scheduler.job_invalid"), "\(after)")
            #expect(after["search"]?["status"] == "ok" && after["search"]?["details"]?["damaged"] == 0, "\(after)")
            let copies = sandbox.dataFolder + "/search/default/notes"
            let commits = try #require(FileManager.default.enumerator(atPath: copies)).compactMap { $0 as? String }
                .filter { $0.contains("/commit.") }
            for name in commits { try Data("no commit".utf8).write(to: URL(fileURLWithPath: "\(copies)/\(name)")) }
            let damaged = try diagnoses(try await sandbox.run("doctor", "--json"))
            #expect(!commits.isEmpty && damaged["search"]?["status"] == "warning", "\(damaged)")
            #expect(damaged["search"]?["details"]?["damaged"] == 1, "\(damaged)")
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
