package import CognitionCore
package import CognitionScheduler

/// The members of a job that somebody asks for.
enum JobMembers {
    static let parts: [any WireType.Type] = [
        JobTargetShape.self, JobScheduleShape.self, JobRetryShape.self, JobLimitShape.self,
    ]

    /// What can be changed later, too; null is as if it were not there.
    static let changeable: JSONObject = [
        "name": .nullable(.text("For people.", length: 1...200)), "schedule": .nullable(JobScheduleShape.reference),
        "target": JobTargetShape.reference,
        "queue": .nullable(.text("`default` unless given.", pattern: JobNames.pattern)),
        "priority": .nullable(.choice(JobPriority.allCases.map(\.name), "`normal` unless given.")),
        "retry": .nullable(JobRetryShape.reference), "run_at": .nullable(.moment),
        "delay_seconds": .nullable(.number(0...315_360_000)),
        "timeout_seconds": .nullable(.number(0.001...JobOptions.timeoutSecondsMax, "Of one attempt.")),
        "limit": .nullable(JobLimitShape.reference),
        "preemptible": .nullable(.flag("A critical job may take its slot; so for `background` unless given.")),
        "cascade": .nullable(
            .choice(
                CascadePolicy.allCases.map(\.rawValue),
                "What becomes of it when one that it depends on has not ended as needed; `cancel` unless given.")),
        "tags": .nullable([
            "type": "object", "maxProperties": 20, "additionalProperties": .text(length: 0...255),
        ]),
    ]

    /// What is fixed once it is made.
    static let fixed: JSONObject = [
        "id": .nullable(.text("Unique in the workspace; made up unless given.", pattern: JobNames.pattern)),
        "ref": .nullable(.text("How other jobs of the same call name it.", length: 1...255)),
        "unique_key": .nullable(.text("As `unique`.", length: 1...255)),
        "unique": [
            "anyOf": [
                .text(length: 1...255),
                .record(
                    [
                        "key": .text(length: 1...255),
                        "states": [
                            "type": "array", "minItems": 1, "maxItems": 16,
                            "items": .choice(JobShape.states),
                        ],
                        "window_seconds": .number(0.001...31_536_000),
                    ], optional: ["states", "window_seconds"], isClosed: true),
                ["type": "null"],
            ],
            "description": "While a job of the queue has the key, it is answered, and none is made.",
        ],
        "depends_on": .nullable([
            "type": "array", "maxItems": .integer(Int64(NewJob.dependenciesMax)),
            "items": [
                "anyOf": [
                    .text(length: 1...255),
                    .record(
                        [
                            "job": .text("Its id, or its `ref` in the same call.", length: 1...255),
                            "on": .choice(JobCondition.allCases.map(\.rawValue), "`success` unless given."),
                        ], optional: ["on"], isClosed: true),
                ]
            ],
        ]),
    ]

    static var all: JSONObject {
        var all = fixed
        all.merge(changeable)
        return all
    }

    /// A job as it is asked for, alone or as one of many.
    static let job: JSONValue = .record(
        all, optional: Set(all.keys.filter { $0 != "target" }), description: "A job.", isClosed: true)
}

/// One of the jobs of a list.
struct JobRequest: WireType {
    static let schemaName = "NewJob"
    static let parts = JobMembers.parts
    static let schema = JobMembers.job
    static let sample: JSONValue = [
        "name": "morning digest", "schedule": JobScheduleShape.sample, "target": JobTargetShape.sample,
        "tags": ["team": "press"],
    ]
}

/// The body of `POST jobs`: a job, or a list of them.
package struct NewJobRequest: RequestBody {
    package enum Content: Sendable {
        case one(NewJob)
        case graph([NewJob])
    }

    package let content: Content

    package init(json: JSONValue) throws {
        guard let jobs = json["jobs"] else {
            content = .one(try NewJob(json))
            return
        }
        guard json.objectValue?.count == 1 else {
            throw RequestError(.bodyInvalid, "the body is not valid: beside 'jobs' there is no other member")
        }
        content = .graph(try (jobs.arrayValue ?? []).map { try NewJob($0) })
    }

    package static let schemaName = "NewJobRequest"
    package static let parts: [any WireType.Type] = JobMembers.parts + [JobRequest.self]
    package static let schema: JSONValue = {
        var members = JobMembers.all
        members["jobs"] = JobListRequest.jobs
        var schema =
            JSONValue.record(
                members, optional: Set(members.keys),
                description: "A job; or `jobs` alone: several at once, all or none, which may depend on one another.",
                isClosed: true
            ).objectValue ?? [:]
        schema["anyOf"] = [["required": ["target"]], ["required": ["jobs"]]]
        return .object(schema)
    }()
    package static let sample = JobRequest.sample
}

/// The body of `POST queues/{name}/jobs`.
struct JobListRequest: RequestBody {
    let jobs: [JSONValue]

    init(json: JSONValue) throws { jobs = json["jobs"]?.arrayValue ?? [] }

    static let jobs: JSONValue = [
        "type": "array", "minItems": 1, "maxItems": .integer(Int64(Scheduler.bulkMax)), "items": JobRequest.reference,
    ]
    static let schemaName = "JobListRequest"
    static let parts: [any WireType.Type] = [JobRequest.self]
    static let schema: JSONValue = .record(["jobs": jobs], isClosed: true)
    static let sample: JSONValue = [
        "jobs": [["target": JobTargetShape.sample, "priority": "high", "delay_seconds": 60, "unique_key": "digest"]]
    ]
}

/// A tag that lists are filtered by.
package enum JobTag {
    /// How many at once.
    package static let filterMax = Parameter<String>.repetitionsMax
    private static let bytesMax = 512

    /// Reads `name:value`; the name has no colon.
    package static func read(_ text: String) -> (name: String, value: String)? {
        guard text.utf8.count <= bytesMax, let colon = text.firstIndex(of: ":"), colon > text.startIndex,
            !text.utf8.contains(0)
        else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}

/// The body of `PATCH jobs/{id}`.
struct JobChangeRequest: RequestBody {
    let patch: JSONValue

    init(json: JSONValue) throws { patch = json }

    /// What the job would run; `nil` when that stays.
    var target: JobTarget? { get throws { try patch["target"].map { try JobTarget($0) } } }

    static let schemaName = "JobChangeRequest"
    static let parts = JobMembers.parts
    static let schema: JSONValue = .record(
        JobMembers.changeable, optional: Set(JobMembers.changeable.keys), description: "Null takes away.",
        isClosed: true)
    static let sample: JSONValue = ["priority": "low", "tags": ["team": "press"]]
}
