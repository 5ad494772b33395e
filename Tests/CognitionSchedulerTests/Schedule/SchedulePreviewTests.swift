import CognitionCore
import CognitionScheduler
import Testing

@Suite("Previews of schedules") struct SchedulePreviewTests {
    private func shown(
        _ json: JSONValue, from: String, count: Int, outage: (String, String)? = nil
    ) throws -> [String] {
        let outage = outage.map { SchedulePreview.Outage(from: moment($0.0), until: moment($0.1)) }
        let preview = try SchedulePreview(of: JobSchedule(json), from: moment(from), count: count, outage: outage)
        return preview.firings.map {
            "\($0.at.description.dropFirst(5).prefix(11)) \($0.decision.rawValue)"
                + ($0.runsAt.map { " \($0.description.dropFirst(5).prefix(11))" } ?? "")
        }
    }

    @Test("Each firing says how it came about")
    func decisions() throws {
        let json: JSONValue = ["cron": "30 2 * * *", "timezone": "Europe/Berlin", "overlap": "both"]
        #expect(
            try shown(json, from: "2026-03-28T01:30:00Z", count: 3)
                == ["03-28T01:30 regular", "03-29T01:00 gap_run_after", "03-30T00:30 regular"])
        #expect(
            try shown(json, from: "2026-10-25T00:00:00Z", count: 3)
                == ["10-25T00:30 overlap_first", "10-25T01:30 overlap_second", "10-26T01:30 regular"])
        #expect(
            try shown(
                ["cron": "30 2 * * *", "timezone": "Europe/Berlin", "gap": "skip"], from: "2026-03-29T00:00:00Z",
                count: 2)
                == ["03-29T01:00 gap_skipped", "03-30T00:30 regular"])
        #expect(
            try shown(["every": "PT6H"], from: "2026-03-01T00:00:00Z", count: 2) == [
                "03-01T06:00 regular", "03-01T12:00 regular",
            ])
        #expect(try shown(["after": "PT0S"], from: "2026-03-01T00:00:00Z", count: 5) == ["03-01T00:00 regular"])
        #expect(try shown(["on": "order.*"], from: "2026-03-01T00:00:00Z", count: 5).isEmpty)
    }

    @Test("An outage shows what is made up for, and when it comes")
    func outage() throws {
        let outage = ("2026-03-01T01:00:00Z", "2026-03-01T04:00:02Z")
        #expect(
            try shown(["cron": "0 * * * *"], from: "2026-03-01T00:00:00Z", count: 6, outage: outage) == [
                "03-01T00:00 regular", "03-01T01:00 misfire_skipped", "03-01T02:00 misfire_skipped",
                "03-01T03:00 misfire_fired 03-01T04:00", "03-01T04:00 regular 03-01T04:00", "03-01T05:00 regular",
            ])
        #expect(
            try shown(["cron": "0 * * * *", "misfire": "skip"], from: "2026-03-01T02:00:00Z", count: 2, outage: outage)
                == ["03-01T02:00 misfire_skipped", "03-01T03:00 misfire_skipped"])
        let preview = try SchedulePreview(
            of: JobSchedule(["cron": "* * * * *"]), from: moment("2026-03-01T00:00:00Z"), count: 1,
            outage: .init(from: moment("2026-03-01T00:00:00Z"), until: moment("2026-03-02T00:00:30Z")))
        #expect(preview.missed == 1_440 && preview.firings.map(\.decision) == [.misfireSkipped])
    }

    @Test("Counts and outages that cannot be are refused")
    func invalid() throws {
        let schedule = try JobSchedule(["every": 60])
        for count in [0, -1, 1_001] {
            #expect(throws: SchedulerError.self) {
                try SchedulePreview(of: schedule, from: moment("2026-03-01T00:00:00Z"), count: count)
            }
        }
        let now = moment("2026-03-01T00:00:00Z")
        #expect(throws: SchedulerError.self) {
            try SchedulePreview(of: schedule, from: now, count: 1, outage: .init(from: now, until: now))
        }
        #expect(try SchedulePreview(of: schedule, from: now, count: 1_000).firings.count == 1_000)
    }
}
