import CognitionCore
import Testing

@Suite struct TimeTests {
    @Test(
        "ISO 8601 durations are read and printed",
        arguments: [
            ("PT1.5S", .milliseconds(1_500), "PT1.5S"), ("P1DT2H", .seconds(93_600), "P1DT2H"),
            ("P2W", .seconds(1_209_600), "P14D"),
            ("PT0S", .zero, "PT0S"), ("PT36H", .seconds(129_600), "P1DT12H"), ("PT1M30S", .seconds(90), "PT1M30S"),
            ("PT0,5H", .seconds(1_800), "PT30M"), ("P0.5D", .seconds(43_200), "PT12H"),
            ("P1W2DT3H4M5.000006S", .microseconds(788_645_000_006), "P9DT3H4M5.000006S"),
            (
                "PT0.000000000000000001S", Duration(secondsComponent: 0, attosecondsComponent: 1),
                "PT0.000000000000000001S"
            ),
        ] as [(String, Duration, String)])
    func durations(text: String, duration: Duration, printed: String) throws {
        #expect(try Duration(iso8601: text) == duration)
        #expect(duration.iso8601 == printed)
        #expect(try Duration(iso8601: printed) == duration)
    }

    @Test(
        "What is no duration of fixed length is refused",
        arguments: [
            "", "P", "PT", "P1", "1S", "PT1", "P1S", "PT1D", "P1DT", "P1Y", "P2M", "P1Y2M3D", "PT1S1M", "PT1S2S",
            "P-1D", "-P1D", "PT.5S",
            "PT1.S", "PT0.5M1S", "P1D ", " P1D", "pt1s", "P99999999999999999999D", "P9999999999999W",
            "PT1.0000000000000000001S",
            "P1DT1H1W",
        ])
    func notDurations(text: String) {
        let error = #expect(throws: DurationError.self) { try Duration(iso8601: text) }
        #expect(error?.code == .durationInvalid)
    }

    @Test("Years and months are refused with the reason")
    func months() {
        let error = #expect(throws: DurationError.self) { try Duration(iso8601: "P1M") }
        #expect(error?.message.contains("no fixed length") == true)
    }

    @Test("Durations of the settings")
    func settings() throws {
        func read(_ text: String, bareUnit: DurationUnit = .seconds) throws -> Duration {
            try Duration(configurationText: text, bareUnit: bareUnit)
        }
        #expect(try read("30s") == .seconds(30))
        #expect(try read("5m") == .seconds(300))
        #expect(try read("250ms") == .milliseconds(250))
        #expect(try read("2h") == .seconds(7_200))
        #expect(try read("1d") == .seconds(86_400))
        #expect(try read("1.5s") == .milliseconds(1_500))
        #expect(try read("0.5ms") == .microseconds(500))
        #expect(try read("30") == .seconds(30))
        #expect(try read("30", bareUnit: .milliseconds) == .milliseconds(30))
        for text in ["", "s", "-1s", "1x", "1 s", "1h30m", "9999999999999d", "1S"] {
            #expect(throws: DurationError.self) { try read(text) }
        }
        for text in ["30s", "5m", "250ms", "2h", "1d", "90s", "0s"] {
            #expect(try read(text).configurationText == text)
        }
    }

    @Test(
        "RFC 3339 moments are read with any offset",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T03:31:00.000000Z", 1_795_231_860_000_000),
            ("2026-11-21T04:31:00+01:00", 1_795_231_860_000_000),
            ("2026-11-20t22:01:00.5-05:30", 1_795_231_860_500_000),
            ("1969-12-31T23:59:59.999999999Z", -1), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("2017-01-01T00:59:60+01:00", 1_483_228_800_000_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ] as [(String, Int64)])
    func moments(text: String, microseconds: Int64) {
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(
        "Dates that do not exist and other texts are refused",
        arguments: [
            "", "2026-11-21", "2026-11-21T03:31:00", "2026-11-21 03:31:00Z", "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T12:00:60Z", "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01",
            "2026-1-1T00:00:00Z",
            "2026-01-01T00:00:00Zx", "+2026-01-01T00:00:00Z", "２026-01-01T00:00:00Z",
        ])
    func notMoments(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("What is printed is read back")
    func printed() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<5_000 {
            let moment = Timestamp(
                microseconds: .random(in: -62_167_219_200_000_000...253_402_300_799_999_999, using: &random))
            #expect(Timestamp(moment.description) == moment)
        }
    }
}
