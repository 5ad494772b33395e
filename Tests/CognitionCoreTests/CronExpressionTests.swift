import CognitionCore
import Testing

@Suite("Cron expressions") struct CronExpressionTests {
    @Test(
        "The next moment",
        arguments: [
            ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            ("* * * * *", "2026-01-01T00:00:59.5Z", "2026-01-01T00:01:00Z"),
            ("0 0 * * *", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("*/15 9-17 * * MON-FRI", "2026-11-27T17:50:00Z", "2026-11-30T09:00:00Z"),
            ("5,10 8 * * *", "2026-11-27T08:05:00Z", "2026-11-27T08:10:00Z"),
            ("0 12 31 * *", "2026-11-01T00:00:00Z", "2026-12-31T12:00:00Z"),
            ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
            // Either day is enough when both are restricted: the 13th, and every Friday.
            ("0 0 13 * FRI", "2026-11-07T00:00:00Z", "2026-11-13T00:00:00Z"),
            ("0 0 13 * FRI", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"),
            ("0 0 * * 7", "2026-11-27T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("10/20 * * * *", "2026-11-27T00:00:00Z", "2026-11-27T00:10:00Z"),
            ("@monthly", "2026-11-27T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("@hourly", "1969-12-31T23:30:00Z", "1970-01-01T00:00:00Z"),
        ])
    func next(_ text: String, from: String, to: String) throws {
        let expression = try CronExpression(text)
        #expect(expression.next(after: try #require(Timestamp(from))) == Timestamp(to))
    }

    @Test(
        "What is none is refused",
        arguments: [
            "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *", "a * * * *", "1,,2 * * * *", "0 0 31 2 *", "@never", "* * * * mond", "-1 * * * *",
        ])
    func invalid(_ text: String) {
        #expect(throws: CronExpression.Invalid.self) { try CronExpression(text) }
    }
}
