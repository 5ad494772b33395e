package import CognitionCore
package import CognitionEvents

/// What is written to one stream, without the stream's name.
private struct AppendedEvents {
    let expected: ExpectedVersion
    let events: [NewEvent]

    init(json: JSONValue) throws {
        expected =
            switch json["expected_version"] {
            case .integer(let version)?: .exact(version)
            case "none"?: .none
            default: .any
            }
        events = try (json["events"]?.arrayValue ?? []).map(Self.event)
    }

    /// - Parameter json: Fits ``eventSchema``.
    private static func event(_ json: JSONValue) throws -> NewEvent {
        var id: UUIDv7?
        if let text = json["event_id"]?.stringValue {
            guard let given = UUIDv7(text) else {
                throw RequestError(.bodyInvalid, "the body is not valid: an event_id is a UUID")
            }
            id = given
        }
        return NewEvent(
            json["type"]?.stringValue ?? "", data: json["data"] ?? [:], id: id,
            typeVersion: json["type_version"]?.integerValue.map(Int.init) ?? 1, subject: json["subject"]?.stringValue)
    }

    private static let eventSchema: JSONValue = .record(
        [
            "event_id": .text(
                "A UUID of one's own, best of version 7: sent again, the event is recognised.", length: 36...36),
            "type": .text("Dotted, past tense, e.g. `order.placed`.", length: 3...200),
            "type_version": .whole(1...1_000_000, "Of the shape of `data`; 1 unless given."),
            "subject": .text("The person it is about.", length: 1...200),
            "data": .anything("What happened; an empty object unless given."),
        ], optional: ["event_id", "type_version", "subject", "data"], isClosed: true)

    static let members: JSONObject = [
        "expected_version": [
            "anyOf": [["type": "string", "enum": ["any", "none"]], ["type": "integer", "minimum": 0]],
            "description":
                "The version that the stream has now; `none` or 0 when it does not exist; `any`, the standard.",
        ],
        "events": .list(of: eventSchema, max: AppendRequest.eventsMax),
    ]
}

/// Why events are written, as far as whoever writes them knows.
struct AppendReason {
    let causationID: String?
    let correlationID: String?

    init(json: JSONValue) {
        causationID = json["causation_id"]?.stringValue
        correlationID = json["correlation_id"]?.stringValue
    }

    static let members: JSONObject = [
        "causation_id": .text("What this follows from, usually the id of another event.", length: 1...200),
        "correlation_id": .text(
            "What everything that belongs together has in common; the request's id unless given.", length: 1...200),
    ]
}

/// The body of `POST streams/{type}/{id}`.
struct AppendRequest: RequestBody {
    /// Of one request.
    static let eventsMax = 1_000

    let expected: ExpectedVersion
    let events: [NewEvent]
    let reason: AppendReason

    init(json: JSONValue) throws {
        let appended = try AppendedEvents(json: json)
        expected = appended.expected
        events = appended.events
        reason = AppendReason(json: json)
    }

    static let schemaName = "AppendRequest"
    static let schema: JSONValue = .record(
        AppendedEvents.members.merging(AppendReason.members),
        optional: ["expected_version", "causation_id", "correlation_id"], isClosed: true)
    static let sample: JSONValue = [
        "expected_version": "any", "events": [["type": "order.placed", "data": ["total": 42]]],
    ]
}

/// The body of `POST streams`.
struct MultipleAppendRequest: RequestBody {
    static let streamsMax = 100

    let appends: [StreamAppend]
    let reason: AppendReason

    init(json: JSONValue) throws {
        appends = try (json["appends"]?.arrayValue ?? []).map { json in
            let appended = try AppendedEvents(json: json)
            let stream = StreamName(json["stream_type"]?.stringValue ?? "", json["stream_id"]?.stringValue ?? "")
            return StreamAppend(appended.events, to: stream, expecting: appended.expected)
        }
        guard appends.reduce(0, { $0 + $1.events.count }) <= AppendRequest.eventsMax else {
            throw RequestError(
                .bodyInvalid, "the body is not valid: a request has at most \(AppendRequest.eventsMax) events")
        }
        reason = AppendReason(json: json)
    }

    static let schemaName = "MultipleAppendRequest"
    static let schema: JSONValue = {
        let names: JSONObject = [
            "stream_type": .text("e.g. `order`", length: 1...63), "stream_id": .text("Which one.", length: 1...200),
        ]
        let append = JSONValue.record(
            names.merging(AppendedEvents.members), optional: ["expected_version"], isClosed: true)
        let appends: JSONObject = ["appends": .list(of: append, max: streamsMax)]
        return .record(
            appends.merging(AppendReason.members), optional: ["causation_id", "correlation_id"], isClosed: true)
    }()
    static let sample: JSONValue = [
        "appends": [
            ["stream_type": "order", "stream_id": "17", "events": [["type": "order.placed", "data": ["total": 42]]]],
            [
                "stream_type": "stock", "stream_id": "blue-chair", "expected_version": 3,
                "events": [["type": "stock.reserved", "data": ["count": 1]]],
            ],
        ]
    ]
}

extension JSONObject {
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        var all = self
        all.merge(other)
        return all
    }
}

/// What became of an append to one stream.
package struct AppendedShape: AnswerBody {
    package let stream: StreamName
    package let receipt: AppendReceipt

    package init(stream: StreamName, receipt: AppendReceipt) {
        self.stream = stream
        self.receipt = receipt
    }

    package var json: JSONValue {
        let events = zip(receipt.eventIDs, zip(receipt.versions, receipt.positions)).map { id, place -> JSONValue in
            ["event_id": .string(id.description), "version": .integer(place.0), "position": .integer(place.1)]
        }
        return [
            "stream_type": .string(stream.type), "stream_id": .string(stream.id),
            "version": .integer(receipt.lastVersion), "events": .array(events), "repeated": .bool(receipt.isRepeat),
        ]
    }

    package static let schemaName = "Appended"
    package static let schema: JSONValue = .record([
        "stream_type": .text(), "stream_id": .text(), "version": .whole(1...(.max), "Of the last of these events."),
        "events": .list(
            of: .record([
                "event_id": .uuid, "version": .whole(1...(.max), "Place in the stream."),
                "position": .whole(1...(.max), "Place in the whole log."),
            ])), "repeated": .flag("These very events were there already, and nothing was written."),
    ])
    package static let sample: JSONValue = [
        "stream_type": "order", "stream_id": "17", "version": 1,
        "events": [["event_id": "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90", "version": 1, "position": 18]],
        "repeated": false,
    ]
}

struct MultipleAppendedShape: AnswerBody {
    let appends: [AppendedShape]

    var json: JSONValue { ["appends": .array(appends.map(\.json))] }

    static let schemaName = "MultipleAppended"
    static let parts: [any WireType.Type] = [AppendedShape.self]
    static let schema: JSONValue = .record(["appends": .list(of: AppendedShape.reference)])
    static let sample: JSONValue = ["appends": [AppendedShape.sample]]
}

struct StreamPageShape: AnswerBody {
    let page: Page<EventShape>
    let version: Int64

    var json: JSONValue {
        var members = page.json.objectValue ?? [:]
        members["version"] = .integer(version)
        return .object(members)
    }

    static let schemaName = "StreamPage"
    static let parts: [any WireType.Type] = [EventShape.self]
    static let schema: JSONValue = .record([
        "items": .list(of: EventShape.reference), "next_cursor": .nullable(.text("Where the next page starts.")),
        "version": .whole(1...(.max), "That the stream has now."),
    ])
    static let sample: JSONValue = ["items": [EventShape.sample], "next_cursor": .null, "version": 3]
}

struct EventLogPageShape: AnswerBody {
    let page: Page<EventShape>
    let position: Int64
    let head: Int64

    var json: JSONValue {
        var members = page.json.objectValue ?? [:]
        members["position"] = .integer(position)
        members["head"] = .integer(head)
        return .object(members)
    }

    static let schemaName = "EventLogPage"
    static let parts: [any WireType.Type] = [EventShape.self]
    static let schema: JSONValue = .record([
        "items": .list(of: EventShape.reference),
        "next_cursor": .nullable(.text("Where the next page starts; null at the end of the log, or its beginning.")),
        "position": .whole(0...(.max), "Up to where the log was looked through: what `after` takes to go on later."),
        "head": .whole(0...(.max), "Position of the last event of the whole log."),
    ])
    static let sample: JSONValue = [
        "items": [EventShape.sample], "next_cursor": .null, "position": 17, "head": 17,
    ]
}
