package import CognitionCore
package import CognitionEvents

/// The body of `PUT events/types/{type}/schemas/{version}`.
struct EventSchemaRequest: RequestBody {
    let schema: JSONValue
    let compatibility: EventSchema.Compatibility?

    init(json: JSONValue) throws {
        schema = json["schema"] ?? .null
        compatibility = json["compatibility"]?.stringValue.flatMap(EventSchema.Compatibility.init)
    }

    static let schemaName = "EventSchemaRequest"
    static let schema: JSONValue = .record(
        [
            "schema": .anything("JSON Schema, draft 2020-12, of at most 64 KiB, without references to elsewhere."),
            "compatibility": .choice(EventSchema.Compatibility.allCases.map(\.rawValue)),
        ], optional: ["compatibility"], isClosed: true)
    static let sample: JSONValue = [
        "schema": [
            "type": "object", "properties": ["total": ["type": "number", "minimum": 0]], "required": ["total"],
        ], "compatibility": "full",
    ]
}

package struct EventSchemaShape: AnswerBody {
    package let schema: EventSchema

    package init(schema: EventSchema) { self.schema = schema }

    package var json: JSONValue {
        [
            "type": .string(schema.type), "type_version": .integer(Int64(schema.typeVersion)),
            "compatibility": .string(schema.compatibility.rawValue), "schema": schema.schema,
            "hash": .string(schema.hash.description), "revision": .integer(schema.revision),
            "created_at": .string(schema.createdAt.description), "updated_at": .string(schema.updatedAt.description),
            "actor": .string(schema.actor),
        ]
    }

    package static let schemaName = "EventSchema"
    package static let schema: JSONValue = .record([
        "type": .text(), "type_version": .whole(1...(.max)),
        "compatibility": .choice(EventSchema.Compatibility.allCases.map(\.rawValue)),
        "schema": .anything("JSON Schema."), "hash": .text("SHA-256 of its canonical JSON."),
        "revision": .whole(1...(.max), "How often it was set to something else."), "created_at": .moment,
        "updated_at": .moment, "actor": .text("Who has set it last."),
    ])
    package static let sample: JSONValue = [
        "type": "order.placed", "type_version": 1, "compatibility": "full",
        "schema": ["type": "object", "properties": ["total": ["type": "number"]], "required": ["total"]],
        "hash": "5f0c4d1f0e3a2b6c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4", "revision": 1,
        "created_at": "2026-11-27T08:00:00.000000Z", "updated_at": "2026-11-27T08:00:00.000000Z",
        "actor": "user:0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90",
    ]
}
