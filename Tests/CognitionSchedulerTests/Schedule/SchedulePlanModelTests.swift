import CognitionCore
import CognitionScheduler
import Testing

/// Plans are held against a walk over every firing, moment by moment.
@Suite("Plans and a walk") struct SchedulePlanModelTests {
    private let anchor = moment("2026-03-01T00:00:00Z")

    @Test("Any outage leads to what a walk finds", arguments: 0..<40)
    func outages(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) + 77)
        for _ in 0..<5 {
            let json = schedule(&random)
            let schedule = try JobSchedule(json)
            let last = anchor + .seconds(Int64.random(in: 0..<300 * 86_400, using: &random))
            let now = last + .milliseconds(Int64.random(in: 0..<40 * 3_600_000, using: &random))
            let plan = schedule.plan(after: last, now: now, anchor: anchor)
            let all = moments(of: schedule, after: last, upTo: now)
            let inTime = all.filter { now - $0 <= JobSchedule.grace + schedule.jitter }
            let window = all.filter { !inTime.contains($0) && now - $0 <= schedule.catchUpWindow }
            let made = window.suffix(limit(schedule.misfire))
            let comment: Comment = "seed \(seed): \(json) after \(last) at \(now)"
            #expect(plan.due.filter { $0.decision == .misfireFired }.map(\.at) == Array(made), comment)
            #expect(plan.due.filter { $0.decision != .misfireFired }.map(\.at) == inTime, comment)
            #expect(plan.missed == all.count - inTime.count - made.count, comment)
            #expect(plan.through == now && plan.next == schedule.next(after: now, anchor: anchor), comment)
        }
    }

    @Test("Ticks at any moments fire each firing once, and none is missed while they come in time", arguments: 0..<20)
    func ticks(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) + 1_234)
        let schedule = try JobSchedule(schedule(&random))
        let begin = anchor + .seconds(Int64.random(in: 0..<300 * 86_400, using: &random))
        var (last, fired) = (begin, [Timestamp]())
        for _ in 0..<300 {
            let next = schedule.next(after: last, anchor: anchor) ?? last + .seconds(60)
            let now = max(last, next) + .milliseconds(Int64.random(in: -4_000..<4_900, using: &random))
            let plan = schedule.plan(after: last, now: now, anchor: anchor)
            #expect(plan.missed == 0 && plan.due.allSatisfy { $0.decision != .misfireFired }, "seed \(seed)")
            fired += plan.due.map(\.at)
            last = plan.through
        }
        #expect(fired == moments(of: schedule, after: begin, upTo: last), "seed \(seed)")
    }

    private func limit(_ policy: MisfirePolicy) -> Int {
        switch policy {
        case .fireOnce: 1
        case .fireAll(let max): max
        case .skip: 0
        }
    }

    /// Each asked for anew.
    private func moments(of schedule: JobSchedule, after last: Timestamp, upTo now: Timestamp) -> [Timestamp] {
        var (moments, cursor) = ([Timestamp](), last)
        while let next = schedule.next(after: cursor, anchor: anchor), next <= now {
            moments.append(next)
            cursor = next
        }
        return moments
    }

    private func schedule(_ random: inout SplitMix64) -> JSONValue {
        let minute = Int.random(in: 0...59, using: &random)
        let triggers: [(String, JSONValue)] = [
            ("cron", "\(minute) * * * *"), ("cron", "*/\(minute % 20 + 11) * * * *"), ("cron", "\(minute) 1,2,3 * * *"),
            ("cron", "15,45 \(minute) 2 * * *"), ("every", .integer(Int64(minute) * 37 + 300)), ("every", "PT2H13.25S"),
        ]
        let policies: [JSONValue] = ["skip", "fire_once", "fire_all", ["fire_all": ["max": 3]]]
        let (name, value) = triggers[Int.random(in: triggers.indices, using: &random)]
        var json: JSONObject = [name: value]
        json["timezone"] = .string(TestZones.all[Int.random(in: TestZones.all.indices, using: &random)])
        json["gap"] = Bool.random(using: &random) ? "skip" : "run_after"
        json["overlap"] = Bool.random(using: &random) ? "both" : "first"
        json["misfire"] = policies[Int.random(in: policies.indices, using: &random)]
        json["catch_up_window"] = .integer(Int64.random(in: 0..<50 * 3_600, using: &random))
        if Bool.random(using: &random) { json["jitter"] = .integer(Int64.random(in: 0..<900, using: &random)) }
        return .object(json)
    }
}
