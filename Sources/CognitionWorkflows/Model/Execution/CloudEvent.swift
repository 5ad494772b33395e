package import CognitionCore

/// An event as CloudEvents 1.0 describes one, in its JSON form.
package struct CloudEvent: Sendable, Hashable {
    /// Bytes of its JSON at most.
    package static let bytesMax = 1 << 20
    private static let attributeBytesMax = 2_048
    private static let attributesMax = 64

    /// All attributes, `data` among them.
    package let json: JSONObject

    package var id: String { json["id"]?.stringValue ?? "" }
    package var source: String { json["source"]?.stringValue ?? "" }
    package var type: String { json["type"]?.stringValue ?? "" }
    package var data: JSONValue { json["data"] ?? .null }

    /// Completes and checks what somebody publishes.
    ///
    /// - Parameters:
    ///   - attributes: An object; `id`, `time` and `specversion` may be missing.
    ///   - id: The event's, unless it has one.
    /// - Throws: `workflow.event_invalid`.
    package init(_ attributes: JSONValue, id: @autoclosure () -> String, now: Timestamp) throws {
        guard case .object(var members) = attributes else {
            throw WorkflowError(.cloudEventInvalid, "an event is an object, not \(attributes.typeName)")
        }
        guard members.count <= Self.attributesMax else {
            throw WorkflowError(.cloudEventInvalid, "an event has at most \(Self.attributesMax) attributes")
        }
        for (name, value) in members where name != "data" {
            if value.isNull {
                members[name] = nil
                continue
            }
            guard Self.isAttributeName(name), value.isScalar else {
                throw WorkflowError(
                    .cloudEventInvalid,
                    "'\(name.shortened)' is no attribute: names have lower-case letters and digits, and values are "
                        + "text, numbers or truth values")
            }
            if let text = value.stringValue, let fault = Self.fault(of: text, as: name) {
                throw WorkflowError(.cloudEventInvalid, "'\(name)' of an event \(fault)")
            }
        }
        for name in ["source", "type"] where members[name]?.stringValue == nil {
            throw WorkflowError(.cloudEventInvalid, "an event needs '\(name)', a text")
        }
        var json: JSONObject = [
            "specversion": "1.0",
            "id": members["id"] ?? .string(id()),
            "time": members["time"] ?? .string(now.description),
        ]
        for (name, value) in members { json[name] = value }
        self.json = json
        guard JSONValue.object(json).jsonBytes.count <= Self.bytesMax else {
            throw WorkflowError(.cloudEventTooLarge, "an event has at most \(Self.bytesMax) bytes as JSON")
        }
    }

    /// An event that was checked when it was stored.
    init(stored json: JSONValue) { self.json = json.objectValue ?? JSONObject() }

    /// What a `listen` gives of it.
    func read(as reading: ListenDefinition.Reading) -> JSONValue {
        switch reading {
        case .data: data
        case .envelope: .object(json)
        case .raw: .string(data.stringValue ?? data.jsonText)
        }
    }

    static func isAttributeName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }

    /// What is wrong with the text of an attribute; `nil` when nothing is.
    static func fault(of text: String, as name: String) -> String? {
        if text.isEmpty { return "must not be empty" }
        if text.utf8.count > attributeBytesMax { return "has at most \(attributeBytesMax) bytes" }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "cannot hold control characters" }
        switch name {
        case "type" where text.utf8.count > 200: return "has at most 200 bytes"
        case "specversion" where text != "1.0": return "must be '1.0'"
        case "time" where Timestamp(text) == nil: return "must be a moment as in RFC 3339"
        default: return nil
        }
    }
}
