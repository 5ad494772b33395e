import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Schedules that fire") struct FiringTests {
    private func every(_ interval: String, _ others: JSONObject = [:], input: JSONValue = [:]) -> JSONValue {
        var schedule = others
        schedule["every"] = .string(interval)
        return script(input, ["schedule": .object(schedule)])
    }

    @Test("Each firing makes one run, at its moment", arguments: TestDatabase.engines)
    func fires(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let id = try await harness.create(every("60s"))
            #expect(try await harness.state(id) == "scheduled")
            #expect(try await harness.job(id)["next_run"] == .string((clock.now + .seconds(60)).description))
            try await harness.running {
                for count in 1...3 {
                    clock.advance(by: .seconds(60))
                    harness.database.signals.wakeHere([.jobs, .jobsDue])
                    try await harness.until { try await harness.job(id)["runs_completed"] == .integer(Int64(count)) }
                }
            }
            let job = try await harness.job(id)
            #expect(job["last_run"]?["state"] == "completed" && job["skipped"] == 0)
            let runs = try await harness.scheduler.runs(of: id, in: .default, before: nil, limit: 10).items
            #expect(runs.compactMap { $0["due_at"]?.stringValue }.count == 3)
            #expect(runs.allSatisfy { $0["schedule_id"] == .string(id) && $0["state"] == "completed" })
        }
    }

    @Test("After an outage the last firing comes late, for all", arguments: TestDatabase.engines)
    func misfire(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let once = try await harness.create(every("60s"))
            let all = try await harness.create(every("60s", ["misfire": "fire_all", "overlap_policy": "allow_all"]))
            let skipping = try await harness.create(every("60s", ["misfire": "skip"]))
            clock.advance(by: .seconds(630))
            try await harness.running {
                try await harness.until { harness.script.runs.count == 11 }
            }
            #expect(try await harness.job(once)["skipped"] == 9)
            #expect(try await harness.job(all)["skipped"] == 0)
            #expect(try await harness.job(skipping)["skipped"] == 10)
            #expect(try await harness.job(skipping)["runs_completed"] == 0)
        }
    }

    @Test(
        "A schedule that cannot be fired is paused with its error, and holds up no other",
        arguments: TestDatabase.engines)
    func broken(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let broken = try await harness.create(every("60s"))
            let whole = try await harness.create(every("60s"))
            try await harness.database.write { tx in
                _ = try tx.execute("UPDATE job_schedules SET template = '{\"target\": 1}' WHERE id = \(broken)")
            }
            clock.advance(by: .seconds(60))
            try await harness.running {
                try await harness.until { try await harness.job(whole)["runs_completed"] == 1 }
            }
            let job = try await harness.job(broken)
            #expect(job["state"] == "paused" && job["error"]?["code"] == "scheduler.job_invalid")
            #expect(try await harness.explanation(of: broken) == ["schedule_failed"])
            #expect(try await harness.job(whole)["error"] == nil)
            // Whoever mends it has it go on.
            _ = try await harness.scheduler.change(
                broken, by: ["target": ["handler": ["name": "script"]]], as: .localOperator)
            _ = try await harness.scheduler.resume(broken, as: .localOperator)
            #expect(try await harness.job(broken)["error"] == nil)
            clock.advance(by: .seconds(60))
            try await harness.running {
                try await harness.until { try await harness.job(broken)["runs_completed"] == 1 }
            }
        }
    }

    @Test(
        "While a run goes on", arguments: TestDatabase.engines,
        [("skip", 1, 0), ("buffer_one", 1, 1), ("buffer_all", 1, 2), ("allow_all", 3, 0)])
    func overlaps(on engine: TestDatabase.Engine, _ policy: (name: String, running: Int, waiting: Int)) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let id = try await harness.create(
                every("60s", ["overlap_policy": .string(policy.name)], input: ["do": "wait"]))
            try await harness.running {
                for count in 1...3 {
                    clock.advance(by: .seconds(60))
                    harness.database.signals.wakeHere([.jobs, .jobsDue])
                    try await harness.until {
                        let made = try await harness.count("SELECT COUNT(*) FROM jobs WHERE schedule_key IS NOT NULL")
                        return try await made + (harness.job(id)["skipped"]?.integerValue.map(Int.init) ?? 0) == count
                    }
                }
                try await harness.until { harness.script.running == policy.running }
                #expect(try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 6") == policy.waiting)
            }
        }
    }

    @Test("The run before is cancelled for the next", arguments: TestDatabase.engines)
    func cancelOther(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            _ = try await harness.create(every("60s", ["overlap_policy": "cancel_other"], input: ["do": "wait"]))
            try await harness.running {
                for count in 1...3 {
                    clock.advance(by: .seconds(60))
                    harness.database.signals.wakeHere([.jobs, .jobsDue])
                    try await harness.until { harness.script.runs.count == count }
                }
                try await harness.until { try await harness.count("SELECT COUNT(*) FROM jobs WHERE state = 5") == 2 }
                #expect(harness.script.running == 1)
            }
        }
    }

    @Test("A schedule is paused, changed, triggered and ended", arguments: TestDatabase.engines)
    func changes(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let id = try await harness.create(every("60s", input: ["n": 1]))
            let paused = try await harness.scheduler.pause(id, as: .localOperator)
            #expect(paused.json["state"] == "paused" && paused.json["next_run"] == .null)
            clock.advance(by: .seconds(600))
            let resumed = try await harness.scheduler.resume(id, as: .localOperator)
            #expect(resumed.json["next_run"] == .string((clock.now + .seconds(60)).description))
            let changed = try await harness.scheduler.change(
                id, by: ["schedule": ["cron": "0 12 * * *"], "priority": "high", "name": "Noon"], as: .localOperator)
            #expect(changed.json["priority"] == "high" && changed.json["name"] == "Noon")
            #expect(changed.json["next_run"] == "2026-01-01T12:00:00.000000Z")
            try await harness.running {
                let run = try await harness.scheduler.trigger(id, as: .localOperator)
                try await harness.until(run, "completed")
            }
            #expect(try await harness.job(id)["runs_completed"] == 1)
            try await harness.scheduler.cancel(id, as: .localOperator)
            #expect(try await harness.state(id) == "cancelled")
            clock.advance(by: .seconds(86_400))
            await expect(.jobStateConflict) { try await harness.scheduler.resume(id, as: .localOperator) }
        }
    }

    @Test("A moment, and a while from now", arguments: TestDatabase.engines)
    func onceOnly(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await withScheduler(engine, clock: clock) { harness in
            let at = try await harness.create(script([:], ["schedule": ["at": "2026-01-01T01:00:00Z"]]))
            let after = try await harness.create(script([:], ["schedule": ["after": "PT30M"]]))
            #expect(try await harness.job(at)["next_run"] == "2026-01-01T01:00:00.000000Z")
            #expect(try await harness.job(after)["schedule"]?["after"] != nil)
            try await harness.running {
                clock.advance(by: .seconds(1_800))
                harness.database.signals.wakeHere([.jobs, .jobsDue])
                try await harness.until(after, "completed")
                #expect(try await harness.state(at) == "scheduled")
                clock.advance(by: .seconds(1_800))
                harness.database.signals.wakeHere([.jobs, .jobsDue])
                try await harness.until(at, "completed")
            }
        }
    }

    @Test("Each event of its type makes a run, which is given the event", arguments: TestDatabase.engines)
    func events(on engine: TestDatabase.Engine) async throws {
        try await withScheduler(engine) { harness in
            let id = try await harness.create(
                script([:], ["schedule": ["on": "order.*", "overlap_policy": "allow_all"]]))
            let own = try await harness.create(
                script([:], ["schedule": ["on": "job.completed", "overlap_policy": "allow_all"]]))
            let firings = Task { try await EventFirings(harness.scheduler).run() }
            defer { firings.cancel() }
            try await harness.until { try await !EventLog(harness.database).subscriptions().isEmpty }
            let context = EventContext(.localOperator, time: SystemWallClock().now, ids: UUIDGenerator())
            try await EventLog(harness.database).append(
                [
                    NewEvent("order.placed", data: ["n": 1]), NewEvent("order.paid", data: ["n": 2]),
                    NewEvent("other.thing"),
                ],
                to: StreamName("order", "1"), context: context)
            try await harness.running {
                try await harness.until { try await harness.job(id)["runs_completed"] == 2 }
                // Those two have completed; what that makes of the other schedule makes no more of it.
                try await harness.until { try await harness.job(own)["runs_completed"] == 2 }
            }
            let runs = try await harness.scheduler.runs(of: id, in: .default, before: nil, limit: 10).items
            #expect(Set(runs.compactMap { $0["result"]?["event"]?["data"]?["n"]?.integerValue }) == [1, 2])
            firings.cancel()
            _ = await firings.result
        }
    }
}
