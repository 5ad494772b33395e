import CognitionCore
import CognitionScheduler
import Testing

/// Cases that others have published for their schedulers, as far as they mean the same by them.
@Suite("Cron as others have it") struct CronPublishedTests {
    /// Expression, zone, after, and the firings that follow.
    typealias Case = (text: String, zone: String, after: String, firings: [String])

    private func check(_ text: String, _ zone: String, _ after: String, _ expected: [String]) throws {
        let schedule = try JobSchedule(["cron": .string(text), "timezone": .string(zone)])
        var (cursor, found) = (moment(after), [Timestamp]())
        for _ in expected {
            cursor = try #require(schedule.next(after: cursor, anchor: moment(after)))
            found.append(cursor)
        }
        #expect(found == expected.map(moment), "\(text) in \(zone) after \(after)")
    }

    /// Source: the table of examples in Quartz's CronTrigger tutorial, and the examples of crontab(5); without years, and with
    /// the names of weekdays, which Quartz numbers from 1.
    @Test(
        "Examples of Quartz and crontab(5)",
        arguments: [
            ("0 0 12 * * ?", "2026-11-27T12:00:00Z", ["2026-11-28T12:00:00Z"]),
            ("0 15 10 ? * *", "2026-11-27T00:00:00Z", ["2026-11-27T10:15:00Z", "2026-11-28T10:15:00Z"]),
            ("0 * 14 * * ?", "2026-11-27T14:58:00Z", ["2026-11-27T14:59:00Z", "2026-11-28T14:00:00Z"]),
            ("0 0/5 14 * * ?", "2026-11-27T14:50:00Z", ["2026-11-27T14:55:00Z", "2026-11-28T14:00:00Z"]),
            ("0 0/5 14,18 * * ?", "2026-11-27T14:55:00Z", ["2026-11-27T18:00:00Z", "2026-11-27T18:05:00Z"]),
            ("0 0-5 14 * * ?", "2026-11-27T14:04:00Z", ["2026-11-27T14:05:00Z", "2026-11-28T14:00:00Z"]),
            ("0 10,44 14 ? 3 WED", "2026-03-31T00:00:00Z", ["2027-03-03T14:10:00Z", "2027-03-03T14:44:00Z"]),
            ("0 15 10 ? * MON-FRI", "2026-11-27T11:00:00Z", ["2026-11-30T10:15:00Z"]),
            ("0 15 10 15 * ?", "2026-11-27T00:00:00Z", ["2026-12-15T10:15:00Z"]),
            ("0 15 10 L * ?", "2028-02-01T00:00:00Z", ["2028-02-29T10:15:00Z", "2028-03-31T10:15:00Z"]),
            ("0 15 10 L-2 * ?", "2026-02-01T00:00:00Z", ["2026-02-26T10:15:00Z"]),
            ("0 15 10 ? * FRIL", "2026-11-01T00:00:00Z", ["2026-11-27T10:15:00Z", "2026-12-25T10:15:00Z"]),
            ("0 15 10 ? * FRI#3", "2026-11-01T00:00:00Z", ["2026-11-20T10:15:00Z", "2026-12-18T10:15:00Z"]),
            ("0 0 12 1/5 * ?", "2026-11-26T12:00:00Z", ["2026-12-01T12:00:00Z", "2026-12-06T12:00:00Z"]),
            ("0 11 11 11 11 ?", "2026-11-12T00:00:00Z", ["2027-11-11T11:11:00Z"]),
            ("5 0 * * *", "2026-11-27T00:05:00Z", ["2026-11-28T00:05:00Z"]),
            ("15 14 1 * *", "2026-11-27T00:00:00Z", ["2026-12-01T14:15:00Z"]),
            ("0 22 * * 1-5", "2026-11-27T22:00:00Z", ["2026-11-30T22:00:00Z"]),
            ("23 0-23/2 * * *", "2026-11-27T22:23:00Z", ["2026-11-28T00:23:00Z", "2026-11-28T02:23:00Z"]),
            ("5 4 * * sun", "2026-11-27T00:00:00Z", ["2026-11-29T04:05:00Z"]),
            ("0 4 8-14 * *", "2026-11-27T00:00:00Z", ["2026-12-08T04:00:00Z"]),
            // The 1st, the 15th, and every Friday.
            ("30 4 1,15 * 5", "2026-11-27T05:00:00Z", ["2026-12-01T04:30:00Z", "2026-12-04T04:30:00Z"]),
        ] as [(String, String, [String])])
    func examples(_ text: String, _ after: String, _ expected: [String]) throws {
        try check(text, "UTC", after, expected)
    }

    /// Source: Open Cron Pattern Specification 1.0 to 1.4 (draft), and the cases that croner and Cronos test for it.
    @Test(
        "The open specification",
        arguments: [
            ("  0\t0  * * *  ", "2026-11-27T00:00:00Z", ["2026-11-28T00:00:00Z"]),
            (" @Daily ", "2026-11-27T00:00:00Z", ["2026-11-28T00:00:00Z"]),
            ("@ANNUALLY", "2017-03-23T16:46:00Z", ["2018-01-01T00:00:00Z"]),
            ("5-59/15 0 * * *", "2026-11-27T00:20:00Z", ["2026-11-27T00:35:00Z", "2026-11-27T00:50:00Z"]),
            (
                "0 12 1 * MON", "2026-11-27T00:00:00Z",
                ["2026-11-30T12:00:00Z", "2026-12-01T12:00:00Z", "2026-12-07T12:00:00Z"]
            ),
            ("0 12 1 * +MON", "2026-11-27T00:00:00Z", ["2027-02-01T12:00:00Z", "2027-03-01T12:00:00Z"]),
            (
                "0 0 13 * +FRI", "2024-01-01T00:00:00Z",
                ["2024-09-13T00:00:00Z", "2024-12-13T00:00:00Z", "2025-06-13T00:00:00Z"]
            ),
            ("0 12 1 * +MON-FRI", "2026-07-31T00:00:00Z", ["2026-09-01T12:00:00Z"]),
            ("0 0 * * FRI#L", "2026-11-01T00:00:00Z", ["2026-11-27T00:00:00Z"]),
            ("0 0 * * 5#l", "2026-11-28T00:00:00Z", ["2026-12-25T00:00:00Z"]),
            ("0 0 * * 7#1", "2026-11-02T00:00:00Z", ["2026-12-06T00:00:00Z"]),
            ("0 0 * 2 FRI#5", "2024-01-01T00:00:00Z", ["2036-02-29T00:00:00Z"]),
            ("0 12 19W 3 *", "2022-01-01T00:00:00Z", ["2022-03-18T12:00:00Z"]),
            ("0 0 1W * *", "2025-02-01T00:00:00Z", ["2025-02-03T00:00:00Z"]),
            ("0 0 1W * *", "2025-05-02T00:00:00Z", ["2025-06-02T00:00:00Z"]),
            ("30 17 30W * *", "2017-02-06T00:00:00Z", ["2017-03-30T17:30:00Z", "2017-04-28T17:30:00Z"]),
            ("0 0 LW * *", "2017-09-29T00:00:00Z", ["2017-10-31T00:00:00Z"]),
            ("0 0 L-28 * *", "2016-01-31T00:00:00Z", ["2016-02-01T00:00:00Z"]),
            ("0 0 L-29 * *", "2016-02-01T00:00:00Z", ["2016-03-02T00:00:00Z"]),
            ("0 0 L-30 * *", "2016-02-01T00:00:00Z", ["2016-03-01T00:00:00Z", "2016-05-01T00:00:00Z"]),
            ("0 30 17 27W * 1#4", "2017-03-10T17:45:00Z", ["2017-03-27T17:30:00Z"]),
        ] as [(String, String, [String])])
    func openSpecification(_ text: String, _ after: String, _ expected: [String]) throws {
        try check(text, "UTC", after, expected)
    }

    /// Source: cron(8) of cronie for the rules; the moments are those that Cronos tests.
    @Test(
        "Changes of the clock",
        arguments: [
            // New York leaps from 2:00 to 3:00 on 13 March 2016.
            (
                "30 2 * * *", "America/New_York", "2016-03-13T01:59:00-05:00",
                ["2016-03-13T03:00:00-04:00", "2016-03-14T02:30:00-04:00"]
            ),
            (
                "0,30 2 * * *", "America/New_York", "2016-03-12T02:30:00-05:00",
                ["2016-03-13T03:00:00-04:00", "2016-03-14T02:00:00-04:00"]
            ),
            ("0,30 02 13 03 *", "America/New_York", "2016-03-13T01:45:00-05:00", ["2016-03-13T03:00:00-04:00"]),
            (
                "30 0-23/2 * * *", "America/New_York", "2016-03-13T00:30:00-05:00",
                ["2016-03-13T03:00:00-04:00", "2016-03-13T04:30:00-04:00"]
            ),
            (
                "*/30 * * * *", "America/New_York", "2016-03-13T01:30:00-05:00",
                ["2016-03-13T03:00:00-04:00", "2016-03-13T03:30:00-04:00"]
            ),
            (
                "0,59 * * * *", "America/New_York", "2016-03-13T01:58:00-05:00",
                ["2016-03-13T01:59:00-05:00", "2016-03-13T03:00:00-04:00"]
            ),
            // And goes back from 2:00 to 1:00 on 6 November 2016.
            (
                "0,30 1 * * *", "America/New_York", "2016-11-06T00:59:00-04:00",
                ["2016-11-06T01:00:00-04:00", "2016-11-06T01:30:00-04:00", "2016-11-07T01:00:00-05:00"]
            ),
            ("0 1 * 11 SUN#1", "America/New_York", "2015-11-01T01:00:00-05:00", ["2016-11-06T01:00:00-04:00"]),
            ("0 2 * * *", "America/New_York", "2016-11-06T01:45:00-04:00", ["2016-11-06T02:00:00-05:00"]),
            (
                "*/30 1 * * *", "America/New_York", "2016-11-06T01:30:00-04:00",
                ["2016-11-06T01:00:00-05:00", "2016-11-06T01:30:00-05:00", "2016-11-07T01:00:00-05:00"]
            ),
            (
                "*/30 * * * *", "America/New_York", "2016-11-06T01:15:00-04:00",
                ["2016-11-06T01:30:00-04:00", "2016-11-06T01:00:00-05:00"]
            ),
            // Lord Howe Island leaps by half an hour.
            (
                "0,30 2 * * *", "Australia/Lord_Howe", "2017-10-01T01:59:00+10:30",
                ["2017-10-01T02:30:00+11:00", "2017-10-02T02:00:00+11:00"]
            ),
            // Jordan leaps over midnight, Chile goes back to the day before.
            (
                "30 0 L * *", "Asia/Amman", "2017-03-30T23:59:59.9999+02:00",
                ["2017-03-31T01:00:00+03:00", "2017-04-30T00:30:00+03:00"]
            ),
            (
                "30 23 * * *", "America/Santiago", "2017-05-13T23:29:00-03:00",
                ["2017-05-13T23:30:00-03:00", "2017-05-14T23:30:00-04:00"]
            ),
            ("30 23 * * *", "America/Santiago", "2017-05-13T23:59:59.9999-03:00", ["2017-05-14T23:30:00-04:00"]),
        ] as [Case])
    func changes(_ text: String, _ zone: String, _ after: String, _ expected: [String]) throws {
        try check(text, zone, after, expected)
    }

    @Test(
        "What is none is refused",
        arguments: [
            "* * * L *", "* * * 2#2 *", "* * * * SUNDAY", "* * * * SUN#050", "* * * * 0#0", "* * * * MON#+2",
            "* * * * L",
            "* * 10-15W * *", "* * * * */", "* * * * 1/0", "*/+5 * * * *", "@every_hour", "@@daily", "@daily !",
            "0 +12 * * *",
            "0 12 1 * +", "0 12 1 * ++MON", "0 12 1 * MON,+TUE", "? * * * *", "0 0 * * #L", "0 0 32 * *",
            "0 17-9 * * *",
            "/30 * * * *", "0 \u{661} * * *", "0 0 0 1 1 * 2030", " ",
        ])
    func invalid(_ text: String) {
        #expect(throws: SchedulerError.self) { try JobSchedule(["cron": .string(text)]) }
    }
}
