import CognitionCore
import CognitionScheduler
import Testing

@Suite("Schedules as JSON") struct JobScheduleJSONTests {
    @Test("What is left out has its default, and all of it is said back")
    func defaults() throws {
        let schedule = try JobSchedule(["cron": "30  2 * * *", "start": .null])
        #expect(
            schedule.json == [
                "cron": "30 2 * * *", "timezone": "UTC", "gap": "run_after", "overlap": "first", "jitter": "PT0S",
                "misfire": "fire_once", "catch_up_window": "P1D", "overlap_policy": "skip",
            ])
        #expect(schedule.isRecurring)
        // What comes once has nothing that could stand for it.
        #expect(try JobSchedule(["after": "PT1H"]).json["catch_up_window"] == "P3650D")
        #expect(try !JobSchedule(["at": "2026-11-21T09:00:00Z"]).isRecurring)
    }

    @Test(
        "A schedule is the same when it is read again",
        arguments: [
            ["cron": "@daily", "timezone": "Europe/Zurich"], ["cron": "*/20 59 23 L * FRI#L", "gap": "skip"],
            ["cron": "0 9 1 * +MON", "overlap": "both"], ["every": "PT5M", "jitter": "90s"],
            ["every": 1.5, "start": "2026-11-21T09:00:00+01:00", "end": "2027-01-01T00:00:00.5Z"],
            ["at": "2026-11-21T09:00:00.123456Z", "misfire": "skip"], ["after": 0, "catch_up_window": 0],
            ["on": "order.placed", "overlap_policy": "allow_all"], ["on": "order.*", "end": "2027-01-01T00:00:00Z"],
            ["on": ["type": "order.placed", "subject": "Zoë", "stream_type": "order", "stream_id": "7"]],
            ["every": "1d", "misfire": "fire_all"], ["every": "1d", "misfire": ["fire_all": ["max": 7]]],
        ] as [JSONValue])
    func roundTrip(_ json: JSONValue) throws {
        let schedule = try JobSchedule(json)
        #expect(try JobSchedule(schedule.json) == schedule)
        #expect(try JobSchedule(schedule.json).json == schedule.json)
    }

    @Test(
        "A duration is written in three ways",
        arguments: [
            ("PT5M", "PT5M"), ("5m", "PT5M"), (300, "PT5M"), (2.5, "PT2.5S"), ("1500ms", "PT1.5S"), ("90", "PT1M30S"),
        ]
            as [(JSONValue, JSONValue)])
    func durations(_ text: JSONValue, _ same: JSONValue) throws {
        #expect(try JobSchedule(["every": text]).json["every"] == same)
    }

    @Test("Misfire policies")
    func misfires() throws {
        #expect(try JobSchedule(["every": 60, "misfire": "fire_all"]).misfire == .fireAll(max: 100))
        #expect(try JobSchedule(["every": 60, "misfire": ["fire_all": ["max": 1000]]]).misfire == .fireAll(max: 1_000))
        #expect(try JobSchedule(["every": 60, "misfire": "skip"]).misfire == .skip)
        #expect(try JobSchedule(["every": 60]).misfire == .fireOnce)
    }

    @Test(
        "What is none is refused, with the member and what it may be",
        arguments: [
            ("* * * * *", "a schedule is an object"),
            ([:], "exactly one of 'cron', 'every', 'at', 'after', 'after_run' and 'on'"),
            (["every": 60, "cron": "* * * * *"], "not 'cron' and 'every'"), (["crn": "* * * * *"], "no member 'crn'"),
            (["cron": "* * * *"], "'cron' of a schedule: a schedule has five fields"), (["cron": 5], "'cron'"),
            (["cron": "0 0 31 2 *"], "no such day"), (["every": "PT0.5S"], "'every' of a schedule is a duration of 1s"),
            (["every": "P1M"], "'every'"), (["every": -5], "'every'"), (["every": "5 m"], "'every'"),
            (["every": 1e300], "'every'"), (["every": true], "not true"), (["every": "P40000D"], "to 36525d"),
            (["after": "-PT1S"], "'after'"), (["at": "tomorrow"], "'at' of a schedule is a date and time"),
            (["at": "2026-11-21T09:00:00"], "'at'"), (["at": 1_700_000_000], "'at'"),
            (["every": 60, "timezone": "IST"], "'timezone' of a schedule is a name of the IANA"),
            (["every": 60, "timezone": "GMT+2"], "'timezone'"),
            (["every": 60, "timezone": "Europe/Berlin\0"], "'timezone'"),
            (["every": 60, "timezone": "Mars/Olympus"], "'timezone'"), (["every": 60, "timezone": ""], "'timezone'"),
            (["every": 60, "gap": "run"], "'gap' of a schedule is one of 'run_after' and 'skip', not 'run'"),
            (["every": 60, "overlap": "twice"], "'first' and 'both'"), (["every": 60, "jitter": "2d"], "'jitter'"),
            (["every": 60, "misfire": "once"], "'misfire'"),
            (["every": 60, "misfire": ["fire_all": ["max": 0]]], "1 to 1000"),
            (["every": 60, "misfire": ["fire_all": ["max": 5], "x": 1]], "'misfire'"),
            (["every": 60, "misfire": ["fire_all": 5]], "'misfire'"),
            (["every": 60, "catch_up_window": "20y"], "to 3650d"),
            (
                ["every": 60, "overlap_policy": "queue"],
                "'skip', 'buffer_one', 'buffer_all', 'cancel_other' and 'allow_all'"
            ),
            (["every": 60, "start": "2026-01-02T00:00:00Z", "end": "2026-01-02T00:00:00Z"], "later than its 'start'"),
            (["after": 60, "end": "2026-01-02T00:00:00Z"], "not for 'after'"),
            (["on": "order"], "'on' of a schedule"),
            (["on": "*"], "names a type of events"), (["on": "Order.*"], "names a type"),
            (["on": ["subject": "a"]], "names a type"),
            (["on": ["type": "order.placed", "stream_id": "7"]], "needs a 'stream_type'"),
            (["on": ["type": "order.placed", "strem": "7"]], "no member 'strem'"),
            (["on": ["type": "order.placed", "subject": "a\u{0}b"]], "'subject' of 'on' of a schedule"),
        ] as [(JSONValue, String)])
    func invalid(_ json: JSONValue, _ reason: String) {
        let error = #expect(throws: SchedulerError.self) { try JobSchedule(json) }
        #expect(error?.code == .scheduleInvalid)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
}
