import CognitionCore
import Foundation
import Testing

@Suite("Cron in time zones") struct CronFiringTests {
    private func firings(
        _ text: String, _ zone: String, after moment: String, _ gap: GapRule = .runAfter,
        _ overlap: OverlapRule = .first, count: Int
    ) throws -> [String] {
        let zone = try #require(TimeZone(identifier: zone))
        let firings = CronFirings(
            try CronExpression(text), after: try #require(Timestamp(moment)), gap: gap, overlap: overlap,
            offset: zone.offset)
        return firings.prefix(count).map { "\($0.at.description.prefix(16)) \($0.decision.rawValue)" }
    }

    @Test("A time that the clock leaps over comes right after, or not at all")
    func gaps() throws {
        let moment = "2026-03-28T12:00:00Z"
        #expect(
            try firings("30 2 * * *", "Europe/Berlin", after: moment, count: 2)
                == ["2026-03-29T01:00 gap_run_after", "2026-03-30T00:30 regular"])
        #expect(
            try firings("30 2 * * *", "Europe/Berlin", after: moment, .skip, count: 2)
                == ["2026-03-29T01:00 gap_skipped", "2026-03-30T00:30 regular"])
        // Two of them come once, and so does one that is due at that very moment.
        #expect(
            try firings("0,30 2,3 * * *", "Europe/Berlin", after: moment, count: 3)
                == ["2026-03-29T01:00 gap_run_after", "2026-03-29T01:30 regular", "2026-03-30T00:00 regular"])
        #expect(
            try firings("*/30 * * * *", "Europe/Berlin", after: "2026-03-29T00:15:00Z", count: 3)
                == ["2026-03-29T00:30 regular", "2026-03-29T01:00 regular", "2026-03-29T01:30 regular"])
    }

    @Test("A time that the clock shows twice comes once, or twice")
    func overlaps() throws {
        let moment = "2026-10-24T12:00:00Z"
        #expect(
            try firings("30 2 * * *", "Europe/Berlin", after: moment, count: 2)
                == ["2026-10-25T00:30 overlap_first", "2026-10-26T01:30 regular"])
        #expect(
            try firings("30 2 * * *", "Europe/Berlin", after: moment, .runAfter, .both, count: 3)
                == ["2026-10-25T00:30 overlap_first", "2026-10-25T01:30 overlap_second", "2026-10-26T01:30 regular"])
        // Whoever asks between the two is not told of the second.
        #expect(
            try firings("30 2 * * *", "Europe/Berlin", after: "2026-10-25T00:45:00Z", count: 1)
                == ["2026-10-26T01:30 regular"])
        #expect(
            try firings("0 * * * *", "Europe/Berlin", after: "2026-10-24T23:30:00Z", count: 3)
                == ["2026-10-25T00:00 regular", "2026-10-25T01:00 regular", "2026-10-25T02:00 regular"])
    }

    @Test("Half hours, days that are not there, and the other side of the world")
    func elsewhere() throws {
        // Lord Howe Island moves its clock by half an hour.
        #expect(
            try firings("15 2 * * *", "Australia/Lord_Howe", after: "2026-10-02T12:00:00Z", count: 2)
                == ["2026-10-02T15:45 regular", "2026-10-03T15:30 gap_run_after"])
        // Samoa had no 30 December 2011.
        #expect(
            try firings("0 12 * * *", "Pacific/Apia", after: "2011-12-29T00:00:00Z", count: 3)
                == ["2011-12-29T22:00 regular", "2011-12-30T10:00 gap_run_after", "2011-12-30T22:00 regular"])
        #expect(
            try firings("0 9 * * MON", "Asia/Kolkata", after: "2026-11-27T00:00:00Z", count: 1)
                == ["2026-11-30T03:30 regular"])
    }

    private static let zones: [String] = [
        "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
        "America/Santiago", "Africa/Casablanca", "Africa/Cairo", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu",
        "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
        "Atlantic/Azores", "Antarctica/Troll",
    ]

    /// Minute by minute around each change of the clock, what it shows is compared with the fields.
    @Test("They are those of a clock that is looked at every minute", arguments: Self.zones)
    func model(zone name: String) throws {
        let offset = try #require(TimeZone(identifier: name)).offset
        var random = SplitMix64(seed: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
        let begin = Int64(1_735_689_600)  // the beginning of 2025
        let changes = stride(from: begin, to: begin + 400 * 86_400, by: 900).filter { offset($0) != offset($0 - 900) }
        for change in changes + [begin] {
            let window = change - 2 * 86_400...change + 2 * 86_400
            for _ in 0..<4 {
                let (minute, hour) = (Int64.random(in: 0...59, using: &random), Int64.random(in: 0...3, using: &random))
                for (text, hours) in ["\(minute) \(hour) * * *": hour...hour, "\(minute) * * * *": 0...23] {
                    let found = CronFirings(
                        try CronExpression(text), after: Timestamp(microseconds: window.lowerBound * 1_000_000),
                        offset: offset
                    ).lazy.map(\.at.secondsFloored).prefix { $0 <= window.upperBound }
                    #expect(
                        Array(found) == moments(in: window, minute: minute, hours: hours, offset), "\(text) in \(name)")
                }
            }
        }
    }

    private func moments(
        in window: ClosedRange<Int64>, minute: Int64, hours: ClosedRange<Int64>, _ offset: (Int64) -> Int64
    ) -> [Int64] {
        let followsClock = hours.count > 1
        var (moments, seen) = ([Int64](), Set<Int64>())
        for second in stride(from: window.lowerBound + 60, through: window.upperBound, by: 60) {
            let (now, before) = (offset(second), offset(second - 60))
            let leapt = stride(from: second + before, to: second + now, by: 60)
            let isDue = { (local: Int64) in local / 60 % 60 == minute && hours.contains(local / 3_600 % 24) }
            let isLeaptOver = !followsClock && leapt.contains(where: isDue)
            let isShown = isDue(second + now) && (followsClock || seen.insert(second + now).inserted)
            if isLeaptOver || isShown { moments.append(second) }
        }
        return moments
    }
}

extension TimeZone {
    fileprivate var offset: @Sendable (Int64) -> Int64 {
        { Int64(self.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval($0)))) }
    }
}
