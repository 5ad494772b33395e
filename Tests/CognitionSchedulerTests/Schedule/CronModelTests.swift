import CognitionCore
import CognitionScheduler
import Testing

/// Random expressions are held against a clock that is looked at every minute.
@Suite("Cron and a clock") struct CronModelTests {
    /// A cron expression as sets of what its fields take.
    private struct Model {
        let text: String
        let minutes: Set<Int64>
        let hours: Set<Int64>
        let days: Set<Int64>
        let months: Set<Int64>
        let weekdays: Set<Int64>
        let isAnyDay: Bool
        let isAnyWeekday: Bool
        let followsClock: Bool

        init(_ random: inout SplitMix64) {
            let minute = Self.field(0...59, &random)
            // Clocks are changed at night.
            let hour = Self.field(0...4, of: 0...23, &random)
            let day = Self.field(1...31, anyOften: true, &random)
            let month = Self.field(1...12, anyOften: true, &random)
            let weekday = Self.field(0...6, anyOften: true, &random)
            text = [minute, hour, day, month, weekday].map(\.text).joined(separator: " ")
            (minutes, hours, days, months) = (minute.values, hour.values, day.values, month.values)
            weekdays = weekday.values
            isAnyDay = day.text.hasPrefix("*")
            isAnyWeekday = weekday.text.hasPrefix("*")
            followsClock = minute.text.hasPrefix("*") || hour.text.hasPrefix("*")
        }

        private static func field(
            _ usual: ClosedRange<Int64>, of all: ClosedRange<Int64>? = nil, anyOften: Bool = false,
            _ random: inout SplitMix64
        ) -> (text: String, values: Set<Int64>) {
            let all = all ?? usual
            let (first, last) = (Int64.random(in: usual, using: &random), Int64.random(in: all, using: &random))
            let step = Int64.random(in: 1...7, using: &random)
            switch Int.random(in: 0..<(anyOften ? 12 : 6), using: &random) {
            case 0: return ("\(first)", [first])
            case 1 where first <= last: return ("\(first)-\(last)", Set(first...last))
            case 2 where first <= last:
                return ("\(first)-\(last)/\(step)", Set(stride(from: first, through: last, by: Int(step))))
            case 3:
                return ("*/\(step)", Set(stride(from: all.lowerBound, through: all.upperBound, by: Int(step))))
            case 4: return ("\(first),\(last)", [first, last])
            default: return ("*", Set(all))
            }
        }

        /// Whether it names what the clock shows: seconds since 1970 by the clock on the wall.
        func names(_ local: Int64) -> Bool {
            let (day, time) = local.floorDivided(by: 86_400)
            guard minutes.contains(time / 60 % 60), hours.contains(time / 3_600) else { return false }
            let (_, month, number) = Timestamp.civil(fromDays: day)
            guard months.contains(month) else { return false }
            let (isDay, isWeekday) = (days.contains(number), weekdays.contains((day + 4).floorDivided(by: 7).remainder))
            return isAnyDay || isAnyWeekday ? isDay && isWeekday : isDay || isWeekday
        }
    }

    @Test("They name the same, whatever the rules", arguments: TestZones.all)
    func model(zone: String) throws {
        let offset = TestZones.offset(zone)
        var random = SplitMix64(seed: zone.utf8.reduce(11) { $0 &* 31 &+ UInt64($1) })
        let begin = Int64(1_767_225_600)  // the beginning of 2026
        let changes = stride(from: begin, to: begin + 366 * 86_400, by: 900).filter { offset($0) != offset($0 - 900) }
        for change in changes + [begin + Int64.random(in: 0..<400, using: &random) * 86_400] {
            let window = change - 86_400...change + 86_400
            let wall = Wall(window, offset)
            for _ in 0..<12 {
                let model = Model(&random)
                for (gap, overlap) in [("run_after", "first"), ("skip", "both")] {
                    guard
                        let schedule = try? JobSchedule(
                            [
                                "cron": .string(model.text), "timezone": .string(zone), "gap": .string(gap),
                                "overlap": .string(overlap),
                            ])
                    else { continue }  // a day that no year has
                    let found = try preview(schedule, window)
                    let expected = firings(model, gap, overlap, wall)
                    #expect(found == expected, "\(model.text) in \(zone), \(gap), \(overlap)")
                }
            }
        }
    }

    /// What the clock shows, minute by minute.
    private struct Wall {
        let window: ClosedRange<Int64>
        var shown: [Int64: Int64] = [:]
        /// When it shows a time.
        var times: [Int64: [Int64]] = [:]

        init(_ window: ClosedRange<Int64>, _ offset: (Int64) -> Int64) {
            self.window = window
            for second in stride(from: window.lowerBound - 90_000, through: window.upperBound + 90_000, by: 60) {
                let local = second + offset(second)
                shown[second] = local
                times[local, default: []].append(second)
            }
        }
    }

    private func preview(_ schedule: JobSchedule, _ window: ClosedRange<Int64>) throws -> [String] {
        let from = Timestamp(microseconds: window.lowerBound * 1_000_000)
        let firings = try SchedulePreview(of: schedule, from: from, count: 900).firings
        return firings.prefix { $0.at.secondsFloored <= window.upperBound }.map { "\($0.at) \($0.decision.rawValue)" }
    }

    private func firings(_ model: Model, _ gap: String, _ overlap: String, _ wall: Wall) -> [String] {
        var firings: [String] = []
        for second in stride(from: wall.window.lowerBound, through: wall.window.upperBound, by: 60) {
            guard let local = wall.shown[second], let before = wall.shown[second - 60] else { continue }
            let moment = Timestamp(microseconds: second * 1_000_000)
            let isNamed = model.names(local)
            if model.followsClock {
                if isNamed { firings.append("\(moment) regular") }
                continue
            }
            let isLeaptOver = stride(from: before + 60, to: local, by: 60).contains(where: model.names)
            if isLeaptOver { firings.append("\(moment) \(gap == "skip" ? "gap_skipped" : "gap_run_after")") }
            guard isNamed, !isLeaptOver || gap == "skip" else { continue }
            let same = wall.times[local] ?? []
            if same.contains(where: { $0 < second }) {
                if overlap == "both" { firings.append("\(moment) overlap_second") }
            } else {
                firings.append("\(moment) \(same.count > 1 ? "overlap_first" : "regular")")
            }
        }
        return Array(firings.prefix(900))
    }
}
