import CognitionCore
import CognitionScheduler
import Testing

@Suite("What a schedule has to do") struct SchedulePlanTests {
    private let anchor = moment("2026-03-01T00:00:00Z")

    private func plan(_ json: JSONValue, after last: String, now: String) throws -> SchedulePlan {
        try JobSchedule(json).plan(after: moment(last), now: moment(now), anchor: anchor)
    }

    /// `10:01 regular`, in UTC.
    private func shown(_ plan: SchedulePlan) -> [String] {
        plan.due.map { "\($0.at.description.dropFirst(11).prefix(5)) \($0.decision.rawValue)" }
    }

    @Test("What is due is fired, and the next is told")
    func regular() throws {
        let plan = try plan(["cron": "*/10 * * * *"], after: "2026-03-02T10:00:00Z", now: "2026-03-02T10:10:00.2Z")
        #expect(shown(plan) == ["10:10 regular"] && plan.missed == 0)
        #expect(plan.through == moment("2026-03-02T10:10:00.2Z") && plan.next == moment("2026-03-02T10:20:00Z"))
        let early = try self.plan(
            ["cron": "*/10 * * * *"], after: "2026-03-02T10:00:00Z", now: "2026-03-02T10:09:59.9Z")
        #expect(early.due.isEmpty && early.next == moment("2026-03-02T10:10:00Z"))
        // A clock that was set back has nothing to do.
        let back = try self.plan(["cron": "*/10 * * * *"], after: "2026-03-02T10:00:00Z", now: "2026-03-02T09:00:00Z")
        #expect(back.due.isEmpty && back.through == moment("2026-03-02T10:00:00Z"))
        #expect(back.next == moment("2026-03-02T10:10:00Z"))
    }

    @Test(
        "After an outage each policy makes up for its own",
        arguments: [
            ("fire_once", ["10:30 misfire_fired"], 4), ("skip", [], 5),
            (["fire_all": ["max": 2]], ["10:20 misfire_fired", "10:30 misfire_fired"], 3),
            (
                "fire_all",
                ["09:50", "10:00", "10:10", "10:20", "10:30"].map { "\($0) misfire_fired" }, 0
            ),
        ] as [(JSONValue, [String], Int)],
        [["cron": "*/10 * * * *"], ["every": "PT10M"], ["every": "10m", "start": "2026-03-01T00:00:00Z"]] as [JSONValue]
    )
    func outage(_ policy: (JSONValue, [String], Int), _ trigger: JSONValue) throws {
        var json = try #require(trigger.objectValue)
        json["misfire"] = policy.0
        let plan = try plan(.object(json), after: "2026-03-02T09:40:00Z", now: "2026-03-02T10:39:00Z")
        #expect(shown(plan) == policy.1)
        #expect(plan.missed == policy.2)
        #expect(plan.next == moment("2026-03-02T10:40:00Z"))
    }

    @Test("What is a little late is in time, with the jitter on top")
    func grace() throws {
        let last = "2026-03-02T10:00:00Z"
        #expect(
            try shown(plan(["cron": "*/10 * * * *"], after: last, now: "2026-03-02T10:10:05Z")) == ["10:10 regular"])
        #expect(
            try shown(plan(["cron": "*/10 * * * *"], after: last, now: "2026-03-02T10:10:05.000001Z"))
                == ["10:10 misfire_fired"])
        let skipped = try plan(["cron": "*/10 * * * *", "misfire": "skip"], after: last, now: "2026-03-02T10:10:06Z")
        #expect(skipped.due.isEmpty && skipped.missed == 1)
        let jittered: JSONValue = ["cron": "*/10 * * * *", "misfire": "skip", "jitter": "PT15M"]
        #expect(
            try shown(plan(jittered, after: last, now: "2026-03-02T10:25:05Z")) == ["10:10 regular", "10:20 regular"])
        #expect(try shown(plan(jittered, after: last, now: "2026-03-02T10:25:06Z")) == ["10:20 regular"])
    }

    @Test("What is older than the window is gone")
    func window() throws {
        let json: JSONValue = ["cron": "0 * * * *", "misfire": "fire_all", "catch_up_window": "PT2H"]
        let plan = try plan(json, after: "2026-03-02T03:00:00Z", now: "2026-03-02T10:00:30Z")
        #expect(shown(plan) == ["09:00 misfire_fired", "10:00 misfire_fired"] && plan.missed == 5)
        let edge = try self.plan(json, after: "2026-03-02T03:00:00Z", now: "2026-03-02T10:00:00Z")
        #expect(shown(edge) == ["08:00 misfire_fired", "09:00 misfire_fired", "10:00 regular"] && edge.missed == 4)
        let none = try self.plan(
            ["cron": "0 * * * *", "catch_up_window": 0], after: "2026-03-02T03:00:00Z", now: "2026-03-02T10:00:30Z")
        #expect(none.due.isEmpty && none.missed == 7)
        // A day, where nothing is said.
        let daily = try self.plan(["cron": "0 0 * * *"], after: "2026-03-02T00:00:00Z", now: "2026-03-09T12:00:00Z")
        #expect(daily.due.map(\.at) == [moment("2026-03-09T00:00:00Z")] && daily.missed == 6)
        let weekly = try self.plan(["cron": "0 0 * * 1"], after: "2026-03-02T00:00:00Z", now: "2026-03-12T12:00:00Z")
        #expect(weekly.due.isEmpty && weekly.missed == 1)
    }

    @Test("Bounds hold for what is made up for")
    func bounds() throws {
        for trigger in [["cron": "*/10 * * * *"], ["every": "PT10M"]] as [JSONObject] {
            var json = trigger
            json["start"] = "2026-03-02T10:00:00Z"
            json["end"] = "2026-03-02T10:30:00Z"
            json["misfire"] = "fire_all"
            let plan = try plan(.object(json), after: "2026-03-02T00:00:00Z", now: "2026-03-02T12:00:00Z")
            #expect(shown(plan) == ["10:00", "10:10", "10:20"].map { "\($0) misfire_fired" })
            #expect(plan.missed == 0 && plan.next == nil)
        }
    }

    @Test("What the clock leaps over is neither due nor missed when it is skipped")
    func gaps() throws {
        let json: JSONValue = ["cron": "30 2 * * *", "timezone": "Europe/Berlin", "gap": "skip", "misfire": "fire_all"]
        let plan = try plan(json, after: "2026-03-28T12:00:00Z", now: "2026-03-29T12:00:00Z")
        #expect(plan.due.isEmpty && plan.missed == 0 && plan.next == moment("2026-03-30T00:30:00Z"))
        let after = try self.plan(
            ["cron": "30 2 * * *", "timezone": "Europe/Berlin"], after: "2026-03-28T12:00:00Z",
            now: "2026-03-29T01:00:00Z")
        #expect(shown(after) == ["01:00 gap_run_after"])
        let twice = try self.plan(
            ["cron": "30 2 * * *", "timezone": "Europe/Berlin", "overlap": "both", "misfire": "fire_all"],
            after: "2026-10-24T12:00:00Z", now: "2026-10-25T01:30:01Z")
        #expect(shown(twice) == ["00:30 misfire_fired", "01:30 overlap_second"])
    }

    @Test("More than one plan takes is left to the next, and nothing is lost")
    func plenty() throws {
        let schedule = try JobSchedule(["cron": "* * * * * *", "jitter": "PT1H"])
        let (begin, now) = (moment("2026-03-02T10:00:00Z"), moment("2026-03-02T10:50:00Z"))
        var (last, found) = (begin, [Timestamp]())
        while last < now {
            let plan = schedule.plan(after: last, now: now, anchor: anchor)
            #expect(plan.due.count <= JobSchedule.dueMax && plan.missed == 0 && plan.through > last)
            found += plan.due.map(\.at)
            last = plan.through
        }
        #expect(found == (1...3_000).map { begin + .seconds($0) })
    }

    @Test("A year without anybody is dealt with at once", .timeLimit(.minutes(1)))
    func years() throws {
        let now = moment("2036-03-01T00:00:00Z")
        for text in ["* * * * * *", "* * * 1 1 *", "* * * * 1 *", "0 0 29 2 *", "*/7 * 3 * * *"] {
            for zone in ["UTC", "Europe/Berlin"] {
                let json: JSONValue = [
                    "cron": .string(text), "timezone": .string(zone), "catch_up_window": "P3650D",
                    "misfire": ["fire_all": ["max": 1000]],
                ]
                let schedule = try JobSchedule(json)
                let plan = schedule.plan(after: anchor, now: now, anchor: anchor)
                let late = plan.due.filter { $0.decision == .misfireFired }.map(\.at)
                #expect(late.count == 1_000 || text == "0 0 29 2 *" && late.count == 3, "\(text)")
                #expect(late.count + plan.missed <= JobSchedule.countedMax)
                // They are the last ones, one after the other up to what is in time.
                let following = late.map { schedule.next(after: $0, anchor: anchor) }
                let inTime = plan.due.dropFirst(late.count).first?.at ?? plan.next
                #expect(following == late.dropFirst().map(Optional.some) + [inTime], "\(text) in \(zone)")
            }
        }
        let plan = try JobSchedule(["every": 1, "misfire": "fire_all"]).plan(after: anchor, now: now, anchor: anchor)
        #expect(plan.due.count == 106 && plan.missed == 3_653 * 86_400 - 106)
        #expect(plan.due.last?.at == now && plan.next == now + .seconds(1))
    }
}
