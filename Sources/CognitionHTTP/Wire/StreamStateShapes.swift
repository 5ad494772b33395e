package import CognitionCore
package import CognitionEvents

package struct StreamStateShape: AnswerBody {
    package let stream: StreamName
    package let folded: Folded<MergedState>
    /// Where it was asked for.
    package let origins: [Provenance.Origin]?

    package init(stream: StreamName, folded: Folded<MergedState>, origins: [Provenance.Origin]?) {
        self.stream = stream
        self.folded = folded
        self.origins = origins
    }

    package var json: JSONValue {
        var members: JSONObject = [
            "stream_type": .string(stream.type), "stream_id": .string(stream.id), "version": .integer(folded.version),
            "state": folded.state.value,
        ]
        if let origins {
            members["provenance"] = .object(JSONObject(origins.map { ($0.pointer.description, Self.origin($0.event)) }))
        }
        return .object(members)
    }

    private static func origin(_ event: Event) -> JSONValue {
        [
            "version": .integer(event.version), "position": .integer(event.position),
            "event_id": .string(event.id.description), "type": .string(event.type),
            "time": .string(event.time.description), "actor": .string(event.actor),
        ]
    }

    package static let schemaName = "StreamState"
    package static let schema: JSONValue = .record(
        [
            "stream_type": .text(), "stream_id": .text(),
            "version": .whole(0...(.max), "Of the last event that counts."),
            "state": .record([:]),
            "provenance": [
                "type": "object", "description": "By JSON pointer into the state: the event that has set the value.",
                "additionalProperties": .record([
                    "version": .whole(1...(.max)), "position": .whole(1...(.max)), "event_id": .uuid, "type": .text(),
                    "time": .moment, "actor": .text(),
                ]),
            ],
        ], optional: ["provenance"])
    package static let sample: JSONValue = [
        "stream_type": "order", "stream_id": "17", "version": 2, "state": ["total": 42, "status": "paid"],
        "provenance": [
            "/status": [
                "version": 2, "position": 19, "event_id": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "type": "order.paid",
                "time": "2026-11-21T08:00:00.000000Z", "actor": "user:0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
            ]
        ],
    ]
}

struct StreamChangesShape: AnswerBody {
    let stream: StreamName
    let before: Folded<MergedState>
    let after: Folded<MergedState>

    var json: JSONValue {
        [
            "stream_type": .string(stream.type), "stream_id": .string(stream.id), "from": .integer(before.version),
            "to": .integer(after.version), "before": before.state.value, "after": after.state.value,
            "operations": .array(before.state.value.patch(to: after.state.value)),
        ]
    }

    static let schemaName = "StreamChanges"
    static let schema: JSONValue = .record([
        "stream_type": .text(), "stream_id": .text(), "from": .whole(0...(.max)), "to": .whole(0...(.max)),
        "before": .record([:]), "after": .record([:]),
        "operations": .list(
            of: .record(
                [
                    "op": .choice(["add", "remove", "replace"]), "path": .text("JSON pointer."),
                    "value": .anything("The new value."),
                ], optional: ["value"], description: "Of a JSON Patch (RFC 6902).")),
    ])
    static let sample: JSONValue = [
        "stream_type": "order", "stream_id": "17", "from": 1, "to": 2, "before": ["total": 42],
        "after": ["total": 42, "status": "paid"],
        "operations": [["op": "add", "path": "/status", "value": "paid"]],
    ]
}
