package import CognitionCore
package import CognitionScheduler

/// A job, or a schedule that makes jobs.
package struct JobShape: AnswerBody {
    package let json: JSONValue

    package init(job: JobView) { json = job.json }

    /// A page of what was found, which was asked for one more than a page has.
    package static func page(_ found: [JobView], limit: Int) -> Page<JobShape> {
        let last = found.count > limit ? found[limit - 1].id : nil
        return Page(found.prefix(limit).map(JobShape.init), next: last.map { Cursor("jobs", afterName: $0) })
    }

    /// The id that a page has ended with.
    /// - Throws: `request.cursor_invalid`.
    package static func place(_ cursor: String) throws -> String {
        try Cursor.name(cursor, of: "jobs", isName: JobNames.isName)
    }

    package static let states = [
        "scheduled", "ready", "running", "blocked", "paused", "completed", "failed", "dead", "cancelled",
    ]
    static let id: JSONValue = .text(pattern: JobNames.pattern)
    static let failure: JSONValue = .nullable(
        .record(
            ["code": .text("What rules of a retry name."), "message": .text()], description: "Of the last attempt."))
    private static let lastRun: JSONValue = .record([
        "id": id, "state": .choice(states), "due_at": .nullable(.moment), "started_at": .nullable(.moment),
        "ended_at": .nullable(.moment), "error": failure,
    ])
    static let members: JSONObject = [
        "id": id, "name": .nullable(.text()), "queue": .text(), "priority": .choice(JobPriority.allCases.map(\.name)),
        "state": .choice(states), "target": JobTargetShape.reference,
        "schedule": .nullable(JobScheduleShape.reference),
        "tags": ["type": "object", "additionalProperties": ["type": "string"]],
        "retry": .nullable(JobRetryShape.reference), "timeout_seconds": .nullable(["type": "number"]),
        "limit": .nullable(JobLimitShape.reference), "runs_completed": .whole(0...(.max)),
        "last_run": .nullable(lastRun), "next_run": .nullable(.moment),
        "created_by": .text("Who has asked for it, and in whose name it runs."), "created_at": .moment,
        "ended_at": .nullable(.moment),
        "preemptible": .flag(), "cascade": .choice(CascadePolicy.allCases.map(\.rawValue)),
        "runs_failed": .whole(0...(.max), "Of a schedule."),
        "skipped": .whole(0...(.max), "Of a schedule: firings that did not come."),
        "attempt": .whole(0...(.max), "Attempts that have begun."), "attempts_max": .whole(1...100),
        "unique_key": .nullable(.text()), "progress": .nullable(.number(0...100)),
        "result": .anything("What it has come to; null until it has completed."), "error": failure,
        "cancel_requested": .flag("It runs, and is to end."),
        "schedule_id": .nullable(.text("The schedule that it is a run of.")),
        "due_at": .nullable([
            "type": "string", "format": "date-time", "description": "The firing that it is the run of.",
        ]),
        "run_at": .nullable(["type": "string", "format": "date-time", "description": "It does not run before."]),
        "started_at": .nullable(.moment),
        "depends_on": .list(
            of: .record([
                "job": id, "on": .choice(JobCondition.allCases.map(\.rawValue)), "state": .choice(states),
            ])),
    ]
    static let optional: Set<String> = [
        "preemptible", "cascade", "runs_failed", "skipped", "attempt", "attempts_max", "unique_key", "progress",
        "result",
        "error", "cancel_requested", "schedule_id", "due_at", "run_at", "started_at", "depends_on",
    ]

    package static let schemaName = "Job"
    package static let parts = JobMembers.parts
    package static let schema: JSONValue = .record(
        members, optional: optional,
        description: "A job that comes once has what concerns its attempts, a schedule what concerns its runs.")
    package static let sample: JSONValue = [
        "id": "morning-digest", "name": "morning digest", "queue": "default", "priority": "normal",
        "state": "scheduled",
        "target": JobTargetShape.sample,
        "schedule": [
            "cron": "30 6 * * MON-FRI", "timezone": "Europe/Zurich", "gap": "run_after", "overlap": "first",
            "jitter": "PT0S", "misfire": "fire_once", "catch_up_window": "P1D", "overlap_policy": "skip",
        ],
        "tags": ["team": "press"], "retry": .null, "timeout_seconds": .null, "limit": .null, "runs_completed": 12,
        "runs_failed": 0, "skipped": 0,
        "last_run": [
            "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "state": "completed", "due_at": "2026-11-27T05:30:00.000000Z",
            "started_at": "2026-11-27T05:30:00.004000Z", "ended_at": "2026-11-27T05:30:07.000000Z", "error": .null,
        ],
        "next_run": "2026-11-30T05:30:00.000000Z", "created_by": "user:0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90",
        "created_at": "2026-11-11T08:00:00.000000Z", "ended_at": .null,
    ]
}

/// The ids of jobs, in the order in which they were asked for.
package struct JobIDsShape: AnswerBody {
    let ids: [String]

    package init(ids: [String]) { self.ids = ids }

    package var json: JSONValue { ["ids": .array(ids.map(JSONValue.string))] }

    package static let schemaName = "JobIDs"
    package static let schema: JSONValue = .record(["ids": .list(of: JobShape.id)])
    package static let sample: JSONValue = ["ids": ["0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f"]]
}

/// What `POST jobs` answers: the job, or of several their ids.
enum MadeJobsShape: AnswerBody {
    case job(JobView)
    case graph(JobIDsShape)

    var json: JSONValue {
        switch self {
        case .job(let job): job.json
        case .graph(let ids): ids.json
        }
    }

    static let schemaName = "MadeJobs"
    static let parts: [any WireType.Type] = [JobShape.self, JobIDsShape.self]
    static let schema: JSONValue = ["anyOf": [JobShape.reference, JobIDsShape.reference]]
    static let sample = JobShape.sample
}

/// A run of a schedule, or an attempt at a job.
package struct JobRunShape: AnswerBody {
    package let json: JSONValue

    /// - Parameters:
    ///   - run: As the façade tells it: the job of a run, or an attempt.
    ///   - id: Of the schedule or job whose it is.
    package init(_ run: JSONValue, of id: String) {
        var members: JSONObject = [
            "id": run["id"] ?? .string(id), "state": run["state"] ?? run["outcome"] ?? .null,
        ]
        for member in ["attempt", "node", "due_at", "started_at", "ended_at", "error", "result"] {
            members[member] = run[member] ?? .null
        }
        json = .object(members)
    }

    package static let schemaName = "JobRun"
    package static let schema: JSONValue = .record([
        "id": JobShape.id,
        "state": .choice(
            JobShape.states + ["released", "lost"],
            "Of an attempt what has become of it: `released` was given back, `lost` with its process."),
        "attempt": .whole(0...(.max), "Of the run the last one."),
        "node": .nullable(.text("Of an attempt where it ran.")), "due_at": .nullable(.moment),
        "started_at": .nullable(.moment), "ended_at": .nullable(.moment), "error": JobShape.failure,
        "result": .anything("Of a run what it has come to."),
    ])
    package static let sample: JSONValue = [
        "id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "state": "completed", "attempt": 1, "node": .null,
        "due_at": "2026-11-27T05:30:00.000000Z", "started_at": "2026-11-27T05:30:00.004000Z",
        "ended_at": "2026-11-27T05:30:07.000000Z", "error": .null, "result": ["ok": true],
    ]
}

/// Why a job does not run now.
struct JobExplanationShape: AnswerBody {
    let json: JSONValue

    static let schemaName = "JobExplanation"
    private static let codes = [
        "paused", "not_due", "retry_delay", "waits_for_event", "parent_unfinished", "queue_paused", "key_full",
        "rate_exhausted", "queue_full", "no_worker", "schedule_failed", "running", "ended",
    ]
    private static let reason: JSONValue = .record(
        [
            "code": .choice(codes), "message": .text("For people."), "until": .moment, "job": JobShape.id,
            "state": .choice(JobShape.states), "queue": .text(), "by": .text("Who has paused the queue."),
            "key": .text(),
            "running": .whole(0...(.max)), "max": .whole(0...(.max)),
            "ahead": .whole(0...(.max), "Jobs of the queue that go first."), "kind": .text("Of the target."),
            "error": .record(["code": .text(), "message": .text()], description: "Why a schedule was paused."),
        ], optional: ["until", "job", "state", "queue", "by", "key", "running", "max", "ahead", "kind", "error"])
    static let schema: JSONValue = .record([
        "id": JobShape.id, "state": .choice(JobShape.states),
        "can_run": .flag("Nothing keeps it; it runs as soon as somebody takes it."), "reasons": .list(of: reason),
    ])
    static let sample: JSONValue = [
        "id": "morning-digest", "state": "scheduled", "can_run": false,
        "reasons": [
            [
                "code": "not_due", "message": "it fires next at 2026-11-30T05:30:00.000000Z",
                "until": "2026-11-30T05:30:00.000000Z",
            ]
        ],
    ]
}
