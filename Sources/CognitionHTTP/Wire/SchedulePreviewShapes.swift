package import CognitionCore
package import CognitionScheduler

/// The body of `POST schedules/preview`.
package struct SchedulePreviewRequest: RequestBody {
    package let schedule: JobSchedule
    package let from: Timestamp?
    package let count: Int
    package let outage: SchedulePreview.Outage?

    private static let usualCount = 10

    package init(json: JSONValue) throws {
        schedule = try JobSchedule(json["schedule"] ?? .null)
        from = try Self.moment(json, "from", at: "/from")
        count = json["count"]?.integerValue.map { Int($0) } ?? Self.usualCount
        let outage = json["outage"] ?? .null
        guard !outage.isNull, let start = try Self.moment(outage, "from", at: "/outage/from"),
            let end = try Self.moment(outage, "until", at: "/outage/until")
        else {
            self.outage = nil
            return
        }
        self.outage = SchedulePreview.Outage(from: start, until: end)
    }

    private static func moment(_ json: JSONValue, _ member: String, at pointer: String) throws -> Timestamp? {
        guard let text = json[member]?.stringValue else { return nil }
        guard let moment = Timestamp(text) else {
            throw RequestError(
                .bodyInvalid, "the body is not valid: \(pointer): is a date and time such as 2026-11-21T09:00:00Z")
        }
        return moment
    }

    package static let schemaName = "SchedulePreviewRequest"
    package static let parts: [any WireType.Type] = [JobScheduleShape.self]
    package static let schema: JSONValue = .record(
        [
            "schedule": JobScheduleShape.reference,
            "from": .nullable([
                "type": "string", "format": "date-time", "description": "Where it begins; now unless given.",
            ]),
            "count": .whole(SchedulePreview.counts, "How many firings; \(usualCount) unless given."),
            "outage": .nullable(
                .record(
                    ["from": .moment, "until": .moment], description: "Nobody is there meanwhile.", isClosed: true)),
        ], optional: ["from", "count", "outage"], isClosed: true)
    package static let sample: JSONValue = [
        "schedule": JobScheduleShape.sample, "from": "2026-11-27T00:00:00Z", "count": 2,
        "outage": ["from": "2026-11-27T05:00:00Z", "until": "2026-11-27T08:00:00Z"],
    ]
}

package struct SchedulePreviewShape: AnswerBody {
    let preview: SchedulePreview

    package init(preview: SchedulePreview) { self.preview = preview }

    package var json: JSONValue {
        [
            "firings": .array(preview.firings.map(Self.json)), "missed": .integer(Int64(preview.missed)),
        ]
    }

    private static func json(of firing: SchedulePreview.Firing) -> JSONValue {
        var members: JSONObject = [
            "at": .string(firing.at.description), "decision": .string(firing.decision.rawValue),
        ]
        if let late = firing.runsAt { members["runs_at"] = .string(late.description) }
        return .object(members)
    }

    package static let schemaName = "SchedulePreview"
    package static let schema: JSONValue = .record([
        "firings": .list(
            of: .record(
                [
                    "at": ["type": "string", "format": "date-time", "description": "In UTC, before its jitter."],
                    "decision": .choice(FiringDecision.allCases.map(\.rawValue)),
                    "runs_at": [
                        "type": "string", "format": "date-time", "description": "Where the outage has it come late.",
                    ],
                ], optional: ["runs_at"])),
        "missed": .whole(0...(.max), "Firings of the outage that are not made up for."),
    ])
    package static let sample: JSONValue = [
        "firings": [
            [
                "at": "2026-11-27T05:30:00.000000Z", "decision": "misfire_fired",
                "runs_at": "2026-11-27T08:00:00.000000Z",
            ], ["at": "2026-11-30T05:30:00.000000Z", "decision": "regular"],
        ],
        "missed": 0,
    ]
}
