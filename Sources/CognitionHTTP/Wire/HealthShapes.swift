import CognitionCore
import CognitionObservability

struct LiveShape: AnswerBody {
    var json: JSONValue { ["status": "alive"] }

    static let schemaName = "Live"
    static let schema: JSONValue = .record(["status": .choice(["alive"])])
    static let sample: JSONValue = ["status": "alive"]
}

struct ReadyShape: AnswerBody {
    let phase: HealthState.Phase
    let status: HealthStatus

    var json: JSONValue {
        [
            "ready": .bool(phase == .ready && status != .unhealthy), "phase": .string(phase.name),
            "status": .string(status.rawValue),
        ]
    }

    static let phase: JSONValue = .choice(HealthState.Phase.allCases.map(\.name), "What the server is about.")
    static let schemaName = "Ready"
    static let schema: JSONValue = .record([
        "ready": .flag(), "phase": phase, "status": .choice(HealthStatus.allCases.map(\.rawValue)),
    ])
    static let sample: JSONValue = ["ready": true, "phase": "ready", "status": "healthy"]
}

struct HealthShape: AnswerBody {
    let status: HealthStatus
    let phase: HealthState.Phase

    var json: JSONValue {
        ["status": .string(status.rawValue), "phase": .string(phase.name), "version": .string(Release.version)]
    }

    static let schemaName = "Health"
    static let schema: JSONValue = .record([
        "status": .choice(HealthStatus.allCases.map(\.rawValue)), "phase": ReadyShape.phase, "version": .text(),
    ])
    static let sample: JSONValue = ["status": "healthy", "phase": "ready", "version": .string(Release.version)]
}

/// One part of the server.
struct PartHealthShape: AnswerBody {
    let status: HealthStatus
    /// For everybody.
    let totals: JSONObject
    /// For those who may see it.
    let result: CheckResult?

    var json: JSONValue {
        var members: JSONObject = ["status": .string(status.rawValue)]
        members.merge(totals)
        if let result {
            members["latency_ms"] = .number(Double(result.latency.microseconds) / 1_000)
            members["checked_at"] = .string(result.checkedAt.description)
            members["details"] = .object(result.details)
            if let errorClass = result.errorClass { members["error_class"] = .string(errorClass) }
        }
        return .object(members)
    }

    static let schemaName = "PartHealth"
    static let schema: JSONValue = .record(
        [
            "status": .choice(HealthStatus.allCases.map(\.rawValue)),
            "latency_ms": ["type": "number", "minimum": 0], "checked_at": .moment,
            "details": .record([:]), "error_class": .text(),
            "total_events": .whole(0...(.max), "Of the log, of all workspaces."),
            "total_snapshots": .whole(0...(.max), "States of aggregates that are kept."),
            "running_jobs": .whole(0...(.max), "Of all workspaces."),
            "indexed_documents": .whole(0...(.max), "Of the indexes that are open on this node."),
            "vocabulary_size": .whole(0...(.max), "Different words of these."),
            "total_jobs": .whole(0...(.max), "Jobs that are kept, runs of schedules and schedules among them."),
            "metrics": [
                "type": "object", "description": "Jobs by their states, schedules, and nodes that run jobs.",
                "additionalProperties": .whole(0...(.max)),
            ],
        ],
        optional: [
            "latency_ms", "checked_at", "details", "error_class", "total_events", "total_snapshots", "running_jobs",
            "total_jobs", "metrics", "indexed_documents", "vocabulary_size",
        ])
    static let sample: JSONValue = ["status": "healthy"]
}

struct SystemShape: AnswerBody {
    let health: SystemHealth
    let phase: HealthState.Phase
    let showsChecks: Bool

    var json: JSONValue {
        var members: JSONObject = [
            "status": .string(health.status.rawValue.uppercased()), "phase": .string(phase.name),
            "version": .string(Release.version),
        ]
        if showsChecks {
            members["checks"] = .object(JSONObject(health.checks.map { ($0.name, Self.json(of: $0)) }))
        }
        return .object(members)
    }

    private static func json(of entry: SystemHealth.Entry) -> JSONValue {
        let result = entry.result
        var members: JSONObject = [
            "status": .string(result.status.rawValue.uppercased()), "required": .bool(entry.isRequired),
            "latency_ms": .number(Double(result.latency.microseconds) / 1_000),
            "checked_at": .string(result.checkedAt.description), "stale": .bool(result.isStale),
            "details": .object(result.details),
        ]
        if let errorClass = result.errorClass { members["error_class"] = .string(errorClass) }
        return .object(members)
    }

    static let schemaName = "SystemHealth"
    private static let status: JSONValue = .choice(HealthStatus.allCases.map { $0.rawValue.uppercased() })
    static let schema: JSONValue = .record(
        [
            "status": status, "phase": ReadyShape.phase, "version": .text(),
            "checks": [
                "type": "object", "description": "By name; for operators only.",
                "additionalProperties": .record(
                    [
                        "status": status, "required": .flag("The server cannot do its work without it."),
                        "latency_ms": ["type": "number", "minimum": 0], "checked_at": .moment,
                        "stale": .flag("An earlier finding: this time the check did not end in time."),
                        "details": .record([:]), "error_class": .text(),
                    ], optional: ["error_class"]),
            ],
        ], optional: ["checks"])
    static let sample: JSONValue = [
        "status": "HEALTHY", "phase": "ready", "version": .string(Release.version),
        "checks": [
            "database": [
                "status": "HEALTHY", "required": true, "latency_ms": 0.4,
                "checked_at": "2026-11-21T08:00:00.000000Z", "stale": false, "details": [:],
            ]
        ],
    ]
}
