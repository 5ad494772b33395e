import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Dependencies") struct DependencyTests {
    private func needs(_ jobs: (String, String)...) -> JSONValue {
        .array(jobs.map { ["job": .string($0.0), "on": .string($0.1)] })
    }

    @Test("A graph in one call runs in its order, and results are handed on", arguments: TestDatabase.engines)
    func graph(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let ids = try await harness.enqueue([
                script(
                    ["do": "parents"], ["ref": "end", "depends_on": needs(("left", "success"), ("right", "success"))]),
                script(["n": 2], ["ref": "left", "depends_on": ["start"]]),
                script(["n": 3], ["ref": "right", "depends_on": ["start"]]),
                script(["n": 1], ["ref": "start"]),
            ])
            #expect(try await harness.explanation(of: ids[0]) == ["parent_unfinished", "parent_unfinished"])
            try await harness.running { try await harness.until(ids[0], "completed") }
            #expect(harness.script.numbers.first == 1)
            let results: [(String, JSONValue)] = [(ids[1], ["n": 2]), (ids[2], ["n": 3])]
            #expect(try await harness.job(ids[0])["result"] == .object(JSONObject(results)))
            #expect(try await harness.job(ids[0])["depends_on"]?[0]?["state"] == "completed")
        }
    }

    @Test("A cycle is refused with its path, and nothing is made")
    func cycle() async throws {
        try await withScheduler(.sqliteMemory) { harness in
            do {
                _ = try await harness.enqueue([
                    script([:], ["ref": "a", "depends_on": ["c"]]), script([:], ["ref": "b", "depends_on": ["a"]]),
                    script([:], ["ref": "c", "depends_on": ["b"]]), script([:], ["ref": "d"]),
                ])
                Issue.record("a cycle was taken")
            } catch let error as SchedulerError {
                #expect(error.code == .dependencyCycle && error.message.contains("→"))
                for name in ["a", "b", "c"] { #expect(error.message.contains(name)) }
                #expect(!error.message.contains("d →"))
            }
            await expect(.dependencyCycle) {
                try await harness.enqueue([script([:], ["ref": "a", "depends_on": ["a"]])])
            }
            await expect(.dependencyNotFound) { try await harness.enqueue([script([:], ["depends_on": ["nobody"]])]) }
            #expect(try await harness.count("SELECT COUNT(*) FROM jobs") == 0)
        }
    }

    @Test(
        "A job that cannot follow any more ends as it is made, and the log tells of it", arguments: TestDatabase.engines
    )
    func lateChild(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let parent = try await harness.create(script(["do": "fail"], ["retry": ["attempts": 1]]))
            try await harness.running { try await harness.until(parent, "dead") }
            let child = try await harness.create(script([:], ["depends_on": [.string(parent)]]))
            #expect(try await harness.state(child) == "cancelled")
            let told = try await harness.events().filter { $0.data["job_id"] == .string(child) }
            #expect(told.map(\.type) == ["job.cancelled"])
            #expect(told.first?.data["error"]?["code"] == "scheduler.dependency_failed")
        }
    }

    @Test("What follows from a failure, and what does not", arguments: TestDatabase.engines)
    func failures(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let ids = try await harness.enqueue([
                script(["do": "fail"], ["ref": "bad", "retry": ["attempts": 1]]),
                script([:], ["ref": "after", "depends_on": needs(("bad", "success"))]),
                script([:], ["depends_on": needs(("after", "success"))]),
                script([:], ["depends_on": needs(("bad", "failure"))]),
                script([:], ["depends_on": needs(("bad", "completion"))]),
                script([:], ["depends_on": needs(("bad", "success")), "cascade": "fail"]),
                script([:], ["depends_on": needs(("bad", "success")), "cascade": "run"]),
            ])
            let ends = ["dead", "cancelled", "cancelled", "completed", "completed", "failed", "completed"]
            try await harness.running {
                for (id, end) in zip(ids, ends) { try await harness.until(id, end) }
            }
            // What is added when it is known already how it ended.
            let late = try await harness.enqueue([
                script([:], ["depends_on": needs((ids[0], "success"))]),
                script([:], ["depends_on": needs((ids[0], "failure"))]),
            ])
            #expect(try await harness.state(late[0]) == "cancelled")
            #expect(try await harness.state(late[1]) == "ready")
        }
    }

    @Test("Ten thousand children follow from one job", arguments: TestDatabase.engines)
    func wide(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine, queueConcurrency: 200) { harness in
            let parent = try await harness.create(script())
            let count = 10_000
            for _ in 0..<10 {
                _ = try await harness.enqueue(
                    (0..<count / 10).map { _ in script([:], ["depends_on": [.string(parent)]]) }, to: "children")
            }
            try await harness.running {
                try await harness.until {
                    try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 3") == count + 1
                }
                try await harness.until { try await harness.count("SELECT COUNT(*) FROM job_resolutions") == 0 }
            }
            #expect(harness.script.runs.count == count + 1)
        }
    }
}
