package import CognitionCore
package import CognitionEvents

package struct ProjectionShape: AnswerBody {
    package let state: ProjectionState

    package init(state: ProjectionState) { self.state = state }

    package var json: JSONValue {
        var members: JSONObject = [
            "name": .string(state.name), "status": .string(state.status.rawValue),
            "generation": .integer(state.generation), "fold_version": .integer(Int64(state.foldVersion)),
            "position": .integer(state.position), "head": .integer(state.head), "lag": .integer(state.lag),
            "parked": .integer(Int64(state.parked)),
        ]
        members["failure"] = Self.failure(state.failure)
        members["rebuild"] =
            state.rebuild.map { rebuild in
                [
                    "generation": .integer(rebuild.generation), "position": .integer(rebuild.position),
                    "failure": Self.failure(rebuild.failure),
                ]
            } ?? .null
        return .object(members)
    }

    private static func failure(_ failure: SubscriptionState.Failure?) -> JSONValue {
        guard let failure else { return .null }
        return [
            "position": .integer(failure.position), "error": .string(failure.error),
            "time": .string(failure.time.description),
        ]
    }

    private static let failureSchema: JSONValue = .nullable(
        .record(
            ["position": .whole(0...(.max)), "error": .text(), "time": .moment],
            description: "The event that could not be handled."))
    package static let schemaName = "Projection"
    package static let schema: JSONValue = .record([
        "name": .text(), "status": .choice(ProjectionState.Status.allCases.map(\.rawValue)),
        "generation": .whole(1...(.max), "That is read."), "fold_version": .whole(1...(.max)),
        "position": .whole(0...(.max), "Everything up to here is handled."), "head": .whole(0...(.max)),
        "lag": .whole(0...(.max), "Events of the log that it has not looked through yet."),
        "parked": .whole(0...(.max), "Events that were put aside."), "failure": failureSchema,
        "rebuild": .nullable(
            .record(
                ["generation": .whole(1...(.max)), "position": .whole(0...(.max)), "failure": failureSchema],
                description: "The generation that is being made.")),
    ])
    package static let sample: JSONValue = [
        "name": "event_types", "status": "running", "generation": 1, "fold_version": 1, "position": 17, "head": 17,
        "lag": 0, "parked": 0, "failure": .null, "rebuild": .null,
    ]
}

package struct ParkedEventShape: AnswerBody {
    package let event: ParkedEvent

    package init(event: ParkedEvent) { self.event = event }

    package var json: JSONValue {
        [
            "position": .integer(event.position), "error": .string(event.error),
            "parked_at": .string(event.parkedAt.description),
        ]
    }

    package static let schemaName = "ParkedEvent"
    package static let schema: JSONValue = .record([
        "position": .whole(1...(.max)), "error": .text(), "parked_at": .moment,
    ])
    package static let sample: JSONValue = [
        "position": 17, "error": "event.invalid: …", "parked_at": "2026-11-21T08:00:00.000000Z",
    ]
}

struct EventTypeShape: AnswerBody {
    let type: EventType

    var json: JSONValue {
        [
            "type": .string(type.type), "type_version": .integer(Int64(type.typeVersion)),
            "count": .integer(type.count), "first_position": .integer(type.first.position),
            "first_at": .string(type.first.time.description), "last_position": .integer(type.last.position),
            "last_at": .string(type.last.time.description),
        ]
    }

    static let schemaName = "EventType"
    static let schema: JSONValue = .record([
        "type": .text(), "type_version": .whole(1...(.max)), "count": .whole(1...(.max)),
        "first_position": .whole(1...(.max)), "first_at": .moment, "last_position": .whole(1...(.max)),
        "last_at": .moment,
    ])
    static let sample: JSONValue = [
        "type": "order.placed", "type_version": 1, "count": 12, "first_position": 3,
        "first_at": "2026-11-21T08:00:00.000000Z", "last_position": 17, "last_at": "2026-11-21T09:00:00.000000Z",
    ]
}
