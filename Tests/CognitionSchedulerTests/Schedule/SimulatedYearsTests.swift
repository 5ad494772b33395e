import CognitionCore
import CognitionScheduler
import Testing

/// Ten years of firings in every zone: none is doubled, lost or out of order.
@Suite("Ten years") struct SimulatedYearsTests {
    private let begin = moment("2026-01-01T00:00:00Z")
    private let end = moment("2036-01-01T00:00:00Z")
    private let days = 3_652

    @Test("A time of the day comes once a day, the next as soon as the last has come", arguments: TestZones.all)
    func daily(zone: String) throws {
        let schedule = try JobSchedule(["cron": "30 2 * * *", "timezone": .string(zone)])
        var (last, count) = (begin, 0)
        while let next = schedule.next(after: last, anchor: begin), next < end {
            // Days have 23 to 25 hours, one with a time that was leapt over a little less or more.
            let hours = (next - last).seconds / 3_600
            #expect(count == 0 || (22...26).contains(hours), "\(last) to \(next) in \(zone)")
            count += 1
            last = next
        }
        #expect((days - 1...days).contains(count))
    }

    @Test(
        "Every hour comes, as it does on the clock", arguments: ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
    func hourly(zone: String) throws {
        let schedule = try JobSchedule(["cron": "15 * * * *", "timezone": .string(zone)])
        var (from, count) = (begin, 0)
        while from < end {
            let firings = try SchedulePreview(of: schedule, from: from, count: 1_000).firings.map(\.at)
            #expect(zip(firings, firings.dropFirst()).allSatisfy { $1 - $0 == .seconds(3_600) })
            count += firings.count { $0 < end }
            from = try #require(firings.last) + .seconds(1)
        }
        #expect(count == days * 24)
    }

    @Test("Ticks of a scheduler fire what there is, through all changes of the clock", arguments: TestZones.all)
    func ticks(zone: String) throws {
        let schedule = try JobSchedule(["cron": "0 1,2,3 * * SUN", "timezone": .string(zone), "overlap": "both"])
        var (last, fired) = (begin, [Timestamp]())
        var next: Timestamp? = schedule.next(after: last, anchor: begin)
        while let due = next, due < end {
            let plan = schedule.plan(after: last, now: due + .milliseconds(120), anchor: begin)
            #expect(plan.missed == 0 && plan.due.allSatisfy { $0.decision != .misfireFired })
            fired += plan.due.map(\.at)
            (last, next) = (plan.through, plan.next)
        }
        #expect(zip(fired, fired.dropFirst()).allSatisfy { $0 < $1 })
        // Three on each of 522 Sundays; a leap of the clock may merge two, and a step back double some.
        #expect((521 * 3 - 40...522 * 3 + 40).contains(fired.count))
    }
}
