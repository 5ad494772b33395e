import CognitionCore
import CognitionScheduler
import Testing

@Suite("Schedules") struct JobScheduleTests {
    private let anchor = moment("2026-03-01T10:00:20.5Z")

    @Test("An interval counts from when the schedule was made, or from its start")
    func every() throws {
        let schedule = try JobSchedule(["every": "PT1M"])
        #expect(schedule.next(after: anchor, anchor: anchor) == moment("2026-03-01T10:01:20.5Z"))
        #expect(schedule.next(after: anchor - .seconds(9_999), anchor: anchor) == moment("2026-03-01T10:01:20.5Z"))
        #expect(
            schedule.next(after: moment("2036-03-01T10:01:20.5Z"), anchor: anchor) == moment("2036-03-01T10:02:20.5Z"))
        let started = try JobSchedule(["every": "PT7M", "start": "2026-03-01T12:00:00Z", "end": "2026-03-01T12:14:00Z"])
        #expect(started.next(after: anchor, anchor: anchor) == moment("2026-03-01T12:00:00Z"))
        #expect(started.next(after: moment("2026-03-01T12:00:00Z"), anchor: anchor) == moment("2026-03-01T12:07:00Z"))
        // The end does not belong to it.
        #expect(started.next(after: moment("2026-03-01T12:07:00Z"), anchor: anchor) == nil)
        for end in [Timestamp(microseconds: .min), Timestamp(microseconds: .max)] {
            #expect(
                schedule.next(after: end, anchor: anchor) == (end < anchor ? moment("2026-03-01T10:01:20.5Z") : nil))
        }
    }

    @Test("Bounds of a cron expression")
    func bounds() throws {
        let schedule = try JobSchedule([
            "cron": "0 12 * * *", "timezone": "Europe/Berlin", "start": "2026-03-02T11:00:00Z",
            "end": "2026-03-04T11:00:00Z",
        ])
        #expect(schedule.next(after: anchor, anchor: anchor) == moment("2026-03-02T11:00:00Z"))
        #expect(schedule.next(after: moment("2026-03-02T11:00:00Z"), anchor: anchor) == moment("2026-03-03T11:00:00Z"))
        #expect(schedule.next(after: moment("2026-03-03T11:00:00Z"), anchor: anchor) == nil)
        #expect(
            !schedule.isOpen(at: moment("2026-03-02T10:59:59.999999Z"))
                && schedule.isOpen(at: moment("2026-03-02T11:00:00Z")))
        #expect(!schedule.isOpen(at: moment("2026-03-04T11:00:00Z")))
    }

    @Test("What comes once comes once")
    func once() throws {
        let after = try JobSchedule(["after": "PT1H"])
        #expect(after.next(after: anchor, anchor: anchor) == moment("2026-03-01T11:00:20.5Z"))
        #expect(after.next(after: moment("2026-03-01T11:00:20.5Z"), anchor: anchor) == nil)
        let at = try JobSchedule(["at": "2026-03-01T12:00:00+02:00"])
        #expect(at.next(after: moment("2026-03-01T09:59:59Z"), anchor: anchor) == moment("2026-03-01T10:00:00Z"))
        #expect(at.next(after: moment("2026-03-01T10:00:00Z"), anchor: anchor) == nil)
        // Made up for after a month, too.
        let plan = at.plan(after: anchor - .seconds(86_400), now: anchor + .seconds(30 * 86_400), anchor: anchor)
        #expect(plan.due.map(\.decision) == [.misfireFired] && plan.missed == 0 && plan.next == nil)
        #expect(try JobSchedule(["on": "order.placed"]).next(after: anchor, anchor: anchor) == nil)
    }

    @Test("A time that lies in a gap of every year never comes, and that is found out")
    func neverDue() throws {
        let schedule = try JobSchedule(["cron": "30 2 * 3 7L", "timezone": "Europe/Berlin", "gap": "skip"])
        #expect(schedule.next(after: anchor, anchor: anchor) == nil)
        let plan = schedule.plan(after: anchor, now: anchor + .seconds(60 * 86_400), anchor: anchor)
        #expect(plan.due.isEmpty && plan.missed == 0 && plan.next == nil)
    }

    @Test("Jitter delays by a draw that is the same each time")
    func jitter() throws {
        let schedule = try JobSchedule(["every": "PT1H", "jitter": "PT10M"])
        let delays = (0..<2_000).map { hour in
            let due = anchor + .seconds(3_600 * hour)
            let delayed = schedule.delayed(due, of: "nightly")
            #expect(delayed == schedule.delayed(due, of: "nightly"))
            return (delayed - due).seconds
        }
        #expect(delays.allSatisfy { (0..<600).contains($0) })
        // An even draw leaves no tenth of the ten minutes with less than half its share.
        for tenth in 0..<10 {
            #expect(delays.count { Int($0 / 60) == tenth } > 100)
        }
        #expect(schedule.delayed(anchor, of: "nightly") != schedule.delayed(anchor, of: "weekly"))
        #expect(schedule.delayed(anchor, of: "nightly") == moment("2026-03-01T10:09:56.356511Z"))
        #expect(try JobSchedule(["every": "PT1H"]).delayed(anchor, of: "nightly") == anchor)
    }
}

/// A moment of RFC 3339 in a test.
func moment(_ text: String) -> Timestamp {
    guard let moment = Timestamp(text) else { preconditionFailure("\(text) is no moment") }
    return moment
}
