import CognitionCore
import CognitionEvents

struct EventShape: AnswerBody {
    let event: Event

    var json: JSONValue { event.json }

    static let schemaName = "Event"
    static let schema: JSONValue = .record(
        [
            "position": .whole(1...(.max), "Place in the whole log."), "workspace_id": .text(),
            "stream_type": .text("e.g. `execution`"), "stream_id": .text(),
            "version": .whole(1...(.max), "Place in the stream."), "event_id": .uuid,
            "type": .text("Dotted, past tense, e.g. `task.completed`."), "type_version": .whole(1...(.max)),
            "time": .moment, "actor": .text("Who acted."), "causation_id": .text(), "correlation_id": .text(),
            "traceparent": .text(), "subject": .text(), "key_id": .text(), "data": .anything("What happened."),
            "data_hash": .text("SHA-256 of the stored bytes of `data`."),
        ], optional: ["causation_id", "correlation_id", "traceparent", "subject", "key_id"])
    static let sample: JSONValue = [
        "position": 17, "workspace_id": "default", "stream_type": "execution",
        "stream_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "version": 3,
        "event_id": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "type": "task.completed", "type_version": 1,
        "time": "2026-11-21T08:00:00.000000Z", "actor": "engine",
        "data": ["status": "running", "progress": 50, "name": "hello"],
        "data_hash": "4b1f2e6d8c0a9b7e5d3c1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d",
    ]
}
