package import CognitionCore
import CognitionScheduler

/// A queue and how it is doing.
package struct QueueShape: AnswerBody {
    package let json: JSONValue

    /// - Parameter queue: As the façade tells it.
    package init(_ queue: JSONValue) { json = queue }

    /// A page of what was found, which was asked for one more than a page has.
    package static func page(_ found: [JSONValue], limit: Int) -> Page<QueueShape> {
        let last = found.count > limit ? found[limit - 1]["name"]?.stringValue : nil
        return Page(found.prefix(limit).map(QueueShape.init), next: last.map { Cursor("queues", afterName: $0) })
    }

    /// The name that a page has ended with.
    /// - Throws: `request.cursor_invalid`.
    package static func place(_ cursor: String) throws -> String {
        try Cursor.name(cursor, of: "queues", isName: JobNames.isName)
    }

    private static func counts(_ names: [String]) -> JSONValue {
        .record(JSONObject(names.map { ($0, .whole(0...(.max))) }))
    }

    private static func seconds(_ names: [String]) -> JSONValue {
        .record(JSONObject(names.map { ($0, .nullable(["type": "number", "minimum": 0])) }))
    }

    package static let schemaName = "Queue"
    package static let parts: [any WireType.Type] = [JobRetryShape.self]
    package static let schema: JSONValue = .record([
        "name": .text(pattern: JobNames.pattern),
        "settings": .record([
            "concurrency": .nullable(.whole(1...10_000)), "rate": .nullable(JobLimitShape.rate),
            "retry": JobRetryShape.reference, "timeout_seconds": .nullable(["type": "number"]),
            "keep_completed_seconds": ["type": "number"], "keep_failed_seconds": ["type": "number"],
        ]),
        "concurrency": .whole(1...(.max), "Jobs that run at once: as set, else as the server has it."),
        "paused": .flag("Nothing of it is started."), "paused_by": .nullable(.text()), "paused_at": .nullable(.moment),
        "counts": counts(["scheduled", "ready", "running", "blocked", "completed", "failed", "dead", "cancelled"]),
        "rates": counts(["completed_per_minute", "failed_per_minute", "completed_per_hour", "failed_per_hour"]),
        "latency": seconds([
            "wait_p50_seconds", "wait_p95_seconds", "run_p50_seconds", "run_p95_seconds", "oldest_ready_seconds",
        ]),
        "failed_jobs": .whole(0...(.max), "Dead letters."),
        "delayed_jobs": .whole(0...(.max), "Jobs whose moment has not come."), "healthy": .flag("No dead letters."),
    ])
    package static let sample: JSONValue = [
        "name": "default",
        "settings": [
            "concurrency": .null, "rate": .null,
            "retry": [
                "attempts": 5, "delay_seconds": 1, "multiplier": 2, "max_delay_seconds": 3_600, "rules": [],
            ],
            "timeout_seconds": .null, "keep_completed_seconds": 3_600, "keep_failed_seconds": 86_400,
        ],
        "concurrency": 10, "paused": false, "paused_by": .null, "paused_at": .null,
        "counts": [
            "scheduled": 1, "ready": 0, "running": 2, "blocked": 0, "completed": 40, "failed": 0, "dead": 0,
            "cancelled": 0,
        ],
        "rates": [
            "completed_per_minute": 1, "failed_per_minute": 0, "completed_per_hour": 40, "failed_per_hour": 0,
        ],
        "latency": [
            "wait_p50_seconds": 0.002, "wait_p95_seconds": 0.02, "run_p50_seconds": 0.4, "run_p95_seconds": 1.2,
            "oldest_ready_seconds": .null,
        ],
        "failed_jobs": 0, "delayed_jobs": 1, "healthy": true,
    ]
}

/// The body of `PATCH queues/{name}`.
struct QueueChangeRequest: RequestBody {
    let patch: JSONValue

    init(json: JSONValue) throws { patch = json }

    static let schemaName = "QueueChangeRequest"
    static let parts: [any WireType.Type] = [JobRetryShape.self]
    private static let members: JSONObject = [
        "concurrency": .nullable(.whole(1...10_000, "Jobs that run at once, on all nodes together.")),
        "rate": .nullable(JobLimitShape.rate), "retry": JobRetryShape.reference,
        "timeout_seconds": .nullable(.number(0.001...2_592_000, "Of one attempt.")),
        "keep_completed_seconds": .number(0...31_536_000),
        "keep_failed_seconds": .number(0...31_536_000, "Of those that have failed, are dead, or were cancelled."),
    ]
    static let schema: JSONValue = .record(
        members, optional: Set(members.keys), description: "Null takes a bound away.", isClosed: true)
    static let sample: JSONValue = ["concurrency": 4, "retry": ["attempts": 3]]
}

/// A dead letter: a job with the attempts that have failed.
package struct DeadJobShape: AnswerBody {
    package let json: JSONValue

    /// - Parameter job: As the façade tells it.
    package init(_ job: JSONValue) { json = job }

    private static let attempt: JSONValue = .record([
        "attempt": .whole(0...(.max)), "node": .nullable(.text()), "started_at": .moment,
        "ended_at": .nullable(.moment),
        "outcome": .text("`failed`, `released` or `lost`."), "error": JobShape.failure,
    ])
    package static let schemaName = "DeadJob"
    package static let parts = JobMembers.parts
    package static let schema: JSONValue = {
        var members = JobShape.members
        members["attempts"] = .list(of: attempt)
        return .record(members, optional: JobShape.optional)
    }()
    package static let sample: JSONValue = {
        var members = JobShape.sample.objectValue ?? [:]
        for name in ["runs_failed", "skipped"] { members[name] = nil }
        let error: JSONValue = ["code": "http_client.timeout", "message": "no answer within 30 s"]
        members["state"] = "dead"
        (members["schedule"], members["next_run"], members["error"]) = (.null, .null, error)
        members["attempts"] = [
            [
                "attempt": 1, "node": .null, "started_at": "2026-11-27T05:30:00.004000Z",
                "ended_at": "2026-11-27T05:30:30.004000Z", "outcome": "failed", "error": error,
            ]
        ]
        return .object(members)
    }()
}

/// The body of `POST queues/{name}/dead/redrive`.
struct RedriveRequest: RequestBody {
    let json: JSONValue

    init(json: JSONValue) throws { self.json = json }

    static let schemaName = "RedriveRequest"
    static let schema: JSONValue = .record(
        [
            "ids": .nullable(.list(of: .text(), max: Scheduler.bulkMax)),
            "kind": .nullable(.text("Of the target, e.g. `http`.", length: 1...255)),
            "error": .nullable(.text("A code, or the beginning of some with `.*` behind it.", length: 1...255)),
            "to": .nullable(.text("Another queue for them.", pattern: JobNames.pattern)),
        ], optional: ["ids", "kind", "error", "to"], description: "Which dead letters; an empty object means all.",
        isClosed: true)
    static let sample: JSONValue = ["error": "http_client.*"]
}

package struct RedrivenShape: AnswerBody {
    let count: Int

    package init(count: Int) { self.count = count }

    package var json: JSONValue { ["redriven": .integer(Int64(count))] }

    package static let schemaName = "Redriven"
    package static let schema: JSONValue = .record(["redriven": .whole(0...(.max), "Jobs that are tried again.")])
    package static let sample: JSONValue = ["redriven": 3]
}
