import CognitionCore
import CognitionScheduler

/// What a job runs: one member.
struct JobTargetShape: WireType {
    static let schemaName = "JobTarget"
    private static let id: JSONValue = .text(length: 1...2_048)
    static let schema: JSONValue = [
        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
        "properties": [
            "workflow": .record(
                [
                    "id": .text("`namespace.name`, or `name` in the namespace `default`.", length: 1...2_048),
                    "version": .text("The highest unless given."), "input": .anything("Of the execution."),
                    "wait": .flag("The job ends with the execution; so unless it is false."),
                    "priority": .whole(0...9, "Of the execution."),
                ], optional: ["version", "input", "wait", "priority"],
                description: "Starts an execution; needs `workflows:execute` as well.", isClosed: true),
            "http": .record(
                [
                    "url": .text(length: 1...2_048),
                    "method": .text("`GET` unless given, with a body `POST`.", length: 1...32),
                    "headers": ["type": "object", "additionalProperties": ["type": "string"]],
                    "body": .anything("A text as it is, anything else as JSON."),
                    "success_statuses": .list(of: .whole(100...599)), "follow_redirects": .flag(),
                ], optional: ["method", "headers", "body", "success_statuses", "follow_redirects"],
                description: "Sends a request.", isClosed: true),
            "emit": .record(
                [
                    "type": .text("Of the event, e.g. `order.reminded`.", length: 1...2_048),
                    "data": .anything("Of the event."),
                    "stream": .text("`type/id`: into that stream; without it to whoever listens."), "subject": .text(),
                    "source": .text(),
                ], optional: ["data", "stream", "subject", "source"],
                description: "Writes an event; needs `events:append` as well.", isClosed: true),
            "handler": .record(
                ["name": id, "input": .anything("What the handler is given.")], optional: ["input"],
                description: "Code of the server by its name; needs `server:operate`.", isClosed: true),
        ],
    ]
    static let sample: JSONValue = ["workflow": ["id": "default.digest", "input": ["folder": "notes"]]]
}

/// When a job runs.
struct JobScheduleShape: WireType {
    static let schemaName = "JobSchedule"
    private static let duration: JSONValue = [
        "type": ["string", "number", "null"], "description": "As `PT5M`, `5m`, or a number of seconds.",
    ]
    private static let event: JSONValue = .record(
        ["type": .text(), "subject": .text(), "stream_type": .text(), "stream_id": .text()],
        optional: ["subject", "stream_type", "stream_id"], isClosed: true)
    private static let misfire: JSONValue = [
        "anyOf": [
            .choice(["fire_once", "fire_all", "skip"]),
            .record(
                ["fire_all": .record(["max": .whole(MisfirePolicy.maxima)], isClosed: true)], isClosed: true),
            ["type": "null"],
        ]
    ]
    static let schema: JSONValue = .record(
        [
            "cron": .nullable(.text("Five fields, or six with the second in front.")), "every": duration,
            "at": .nullable(.moment), "after": duration, "after_run": duration,
            "owner": .flag("Only shown: a workflow fires it, as its events are complete."),
            "on": ["anyOf": [.text(), event, ["type": "null"]]],
            "timezone": .nullable(.text("A name of the IANA database; `UTC` unless given.")),
            "gap": .nullable(.choice(GapRule.allCases.map(\.rawValue))),
            "overlap": .nullable(.choice(OverlapRule.allCases.map(\.rawValue))), "jitter": duration,
            "start": .nullable(.moment), "end": .nullable(.moment), "misfire": misfire, "catch_up_window": duration,
            "overlap_policy": .nullable(.choice(OverlapPolicy.allCases.map(\.rawValue))),
        ], optional: Set(names), description: "Exactly one of `cron`, `every`, `at`, `after`, `after_run` and `on`.",
        isClosed: true)
    private static let names = [
        "cron", "every", "at", "after", "after_run", "on", "owner", "timezone", "gap", "overlap", "jitter", "start",
        "end", "misfire",
        "catch_up_window", "overlap_policy",
    ]
    static let sample: JSONValue = ["cron": "30 6 * * MON-FRI", "timezone": "Europe/Zurich"]
}

/// How often, and after which delays, a job is tried again.
struct JobRetryShape: WireType {
    static let schemaName = "JobRetry"
    private static let rule: JSONValue = .record(
        [
            "error": .text("A code, or the beginning of some with `.*` behind it; any unless given.", length: 1...255),
            "action": .choice(JobRetry.Rule.Action.allCases.map(\.rawValue)), "delay_seconds": .number(0...2_592_000),
        ], optional: ["error", "action", "delay_seconds"], isClosed: true)
    static let schema: JSONValue = .record(
        [
            "attempts": .whole(JobRetry.attemptsRange, "The first one included."), "delay_seconds": .number(0...86_400),
            "multiplier": .number(1...100), "max_delay_seconds": .number(0...2_592_000),
            "rules": .list(of: rule, max: 20),
        ], optional: ["attempts", "delay_seconds", "multiplier", "max_delay_seconds", "rules"],
        description: "What is not given is as the queue has it.", isClosed: true)
    static let sample: JSONValue = ["attempts": 3, "delay_seconds": 10]
}

/// What all jobs with the same key share.
struct JobLimitShape: WireType {
    static let schemaName = "JobLimit"
    static let rate: JSONValue = .record(
        ["amount": .whole(1...1_000_000_000_000), "per_seconds": .number(0.001...2_592_000)], optional: ["per_seconds"],
        description: "So much in so many seconds, 1 unless given.", isClosed: true)
    static let schema: JSONValue = .record(
        [
            "key": .text(length: 1...200), "concurrency": .nullable(.whole(1...1_000_000, "How many run at once.")),
            "rate": .nullable(rate), "amount": .whole(1...1_000_000_000_000, "What this job takes of the rate."),
        ], optional: ["concurrency", "rate", "amount"], description: "`concurrency`, `rate` or both.", isClosed: true)
    static let sample: JSONValue = ["key": "crm", "concurrency": 2]
}

extension JSONValue {
    static func number(_ range: ClosedRange<Double>, _ description: String? = nil) -> JSONValue {
        var schema: JSONObject = [
            "type": "number", "minimum": JSONValue(range.lowerBound), "maximum": JSONValue(range.upperBound),
        ]
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }
}
