import CognitionCore
import Testing

/// Jobs and queues from the command line, with and without a server; their queue stands still, so nobody runs them.
@Suite("Job commands", .timeLimit(.minutes(3))) struct JobCommandTests {
    @Test("A job is made, listed, explained, steered and cancelled", arguments: [false, true])
    func jobs(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            #expect(try await sandbox.json("queues", "pause", "still", "--json")["paused"] == true)
            let file = try sandbox.file(
                "call.yaml",
                """
                id: call-home
                queue: still
                target: {http: {url: 'http://127.0.0.1:9/'}}
                tags: {team: press}
                """)
            let made = try await sandbox.json("jobs", "create", file, "--json")
            #expect(made["id"] == "call-home" && made["state"] == "ready", "\(made)")
            let again = try await sandbox.run("jobs", "create", file)
            #expect(again.exitCode == 0 && again.output.hasPrefix("call-home "), "\(again)")
            let list = try await sandbox.run("jobs", "list", "--tag", "team:press", "--no-recurring")
            #expect(list.output.contains("ready") && list.output.contains("still") && list.output.contains("http"))
            #expect(try await sandbox.json("jobs", "list", "--state", "dead", "--json")["items"] == [])
            let why = try await sandbox.run("jobs", "explain", "call-home")
            #expect(why.output.hasPrefix("call-home is ready\n  queue_paused: "), "\(why)")
            #expect(try await sandbox.json("jobs", "explain", "call-home", "--json")["can_run"] == false)
            #expect(try await sandbox.json("jobs", "show", "call-home")["tags"]?["team"] == "press")
            #expect(try await sandbox.json("jobs", "pause", "call-home", "--json")["state"] == "paused")
            #expect(try await sandbox.json("jobs", "resume", "call-home", "--json")["state"] == "ready")
            let runs = try await sandbox.run("jobs", "runs", "call-home")
            #expect(runs.exitCode == 0 && runs.errors.contains("it has not run yet"), "\(runs)")
            #expect(try await sandbox.run("jobs", "cancel", "call-home").exitCode == 0)
            #expect(try await sandbox.json("jobs", "show", "call-home", "--json")["state"] == "cancelled")
            let late = try await sandbox.run("jobs", "pause", "call-home")
            #expect(late.exitCode == 1 && late.errors.contains("[scheduler.job_state_conflict]"), "\(late)")
            for command in ["show", "explain", "cancel", "trigger", "pause", "resume", "runs"] {
                let none = try await sandbox.run("jobs", command, "nobody")
                #expect(none.exitCode == 1 && none.errors.contains("[scheduler.job_not_found]"), "\(command): \(none)")
            }
            try await server?.stop()
        }
    }

    @Test("A schedule is triggered, and several jobs come in one file", arguments: [false, true])
    func schedules(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            _ = try await sandbox.run("queues", "pause", "still")
            let file = try sandbox.file(
                "nightly.json",
                #"{"id": "nightly", "queue": "still", "schedule": {"cron": "0 3 * * *"}, "target": {"http": {"url": "http://127.0.0.1:9/"}}}"#
            )
            #expect(try await sandbox.json("jobs", "create", file, "--json")["next_run"]?.stringValue != nil)
            let run = try await sandbox.json("jobs", "trigger", "nightly", "--json")
            #expect(run["schedule_id"] == "nightly" && run["state"] == "ready", "\(run)")
            let runs = try await sandbox.json("jobs", "runs", "nightly", "--json")
            #expect(runs["items"]?.arrayValue?.map { $0["id"] } == [run["id"]])
            let list = try await sandbox.json("jobs", "list", "--recurring", "--queue", "still", "--json")
            #expect(list["items"]?.arrayValue?.map { $0["id"] } == ["nightly"])
            let graph = try sandbox.file(
                "graph.yaml",
                """
                jobs:
                  - {ref: a, queue: still, target: {http: {url: 'http://127.0.0.1:9/'}}}
                  - {ref: b, queue: still, target: {http: {url: 'http://127.0.0.1:9/'}}, depends_on: [a]}
                """)
            let made = try await sandbox.run("jobs", "create", graph)
            #expect(made.exitCode == 0 && made.output.split(separator: "\n").count == 2, "\(made)")
            let page = try await sandbox.run("jobs", "list", "--queue", "still", "--limit", "2")
            #expect(page.output.split(separator: "\n").count == 2 && page.errors.contains("--cursor"), "\(page)")
            let circle = try sandbox.file(
                "circle.yaml",
                """
                jobs:
                  - {ref: a, target: {http: {url: 'http://127.0.0.1:9/'}}, depends_on: [b]}
                  - {ref: b, target: {http: {url: 'http://127.0.0.1:9/'}}, depends_on: [a]}
                """)
            let refused = try await sandbox.run("jobs", "create", circle)
            #expect(refused.exitCode == 1 && refused.errors.contains("[scheduler.dependency_cycle]"), "\(refused)")
            for content in ["{", "target: 5", "[]", #"{"target": {"http": {}}}"#] {
                let bad = try await sandbox.run("jobs", "create", "-", input: content)
                #expect(bad.exitCode == 1 && bad.errors.hasPrefix("error: "), "\(content): \(bad)")
            }
            try await server?.stop()
        }
    }

    @Test("Queues are listed, shown, paused and resumed, and have no dead letters", arguments: [false, true])
    func queues(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            let list = try await sandbox.json("queues", "list", "--json")
            let names = list["items"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
            #expect(names.contains("default") && names == names.sorted(), "\(names)")
            let paused = try await sandbox.run("queues", "pause", "mail")
            #expect(paused.output.hasPrefix("mail ") && paused.output.contains("paused by operator"), "\(paused)")
            #expect(try await sandbox.json("queues", "show", "mail")["paused"] == true)
            #expect(try await sandbox.json("queues", "resume", "mail", "--json")["paused"] == false)
            let dead = try await sandbox.run("queues", "dead", "mail")
            #expect(dead.exitCode == 0 && dead.errors.contains("no dead letters"), "\(dead)")
            let redriven = try await sandbox.run("queues", "redrive", "mail", "--error", "http.*")
            #expect(redriven.output == "0 jobs are tried again\n", "\(redriven)")
            for command in ["show", "dead", "redrive"] {
                let none = try await sandbox.run("queues", command, "nobody")
                #expect(none.exitCode == 1 && none.errors.contains("[scheduler.queue_not_found]"), "\(none)")
            }
            try await server?.stop()
        }
    }

    @Test("A preview needs nothing but the schedule")
    func preview() async throws {
        try await withSandbox { sandbox in
            let text = try await sandbox.run(
                "jobs", "preview", #"{"cron": "30 2 * * *", "timezone": "Europe/Berlin"}"#, "--from",
                "2026-03-28T00:00:00Z", "--count", "2", "--outage-from", "2026-03-29T00:00:00Z", "--outage-until",
                "2026-03-29T06:00:00Z")
            #expect(
                text.output == """
                    2026-03-28T01:30:00.000000Z  regular
                    2026-03-29T01:00:00.000000Z  misfire_fired  runs at 2026-03-29T06:00:00.000000Z

                    """, "\(text)")
            let file = try sandbox.file("schedule.json", #"{"every": "PT1H"}"#)
            let json = try await sandbox.json("jobs", "preview", "@" + file, "--count", "3", "--json")
            #expect(json["firings"]?.arrayValue?.count == 3 && json["missed"] == 0)
            let wrong = try await sandbox.run("jobs", "preview", #"{"cron": "x"}"#)
            #expect(wrong.exitCode == 1 && wrong.errors.contains("[scheduler.schedule_invalid]"), "\(wrong)")
            for words in [["--count", "0"], ["--outage-from", "2026-03-29T00:00:00Z"]] {
                #expect(try await sandbox.start(["jobs", "preview", "{}"] + words).ending().exitCode == 2)
            }
        }
    }
}
