package import CognitionCore

/// An event of the log on its way to other systems: a CloudEvent 1.0 in its JSON form.
///
/// What workflows and people have published is a CloudEvent already, and leaves as that. Of any other event the envelope
/// stands in extension attributes.
package struct BusMessage: Sendable, Hashable {
    /// The event's in the log: whatever is sent twice has the same.
    package let id: UUIDv7
    package let position: Int64
    /// The CloudEvent's.
    package let type: String
    package let workspace: WorkspaceID
    package let time: Timestamp
    package let correlationID: String?
    package let traceparent: String?
    /// Compact JSON in UTF-8.
    package let body: [UInt8]

    package init(_ event: Event) {
        id = event.id
        position = event.position
        type = Self.type(of: event)
        workspace = event.workspace
        time = event.time
        correlationID = event.correlationID
        traceparent = event.traceparent
        body = JSONValue.object(Self.cloudEvent(event)).jsonBytes
    }

    /// What the message of an event is called outside.
    package static func type(of event: Event) -> String {
        published(event)?["type"]?.stringValue ?? event.type
    }

    /// The CloudEvent that somebody has published, if the event tells of one.
    private static func published(_ event: Event) -> JSONObject? {
        guard event.stream.type == PlatformStreams.ofCloudEvents, case .object(let members) = event.data,
            members["type"]?.stringValue != nil
        else { return nil }
        return members
    }

    private static func cloudEvent(_ event: Event) -> JSONObject {
        var members: JSONObject
        if let published = published(event) {
            members = published
        } else {
            members = [
                "specversion": "1.0", "id": .string(event.id.description), "source": .string(source(of: event)),
                "type": .string(event.type), "time": .string(event.time.description),
                "datacontenttype": "application/json", "data": event.data,
                "streamtype": .string(event.stream.type), "streamid": .string(event.stream.id),
                "streamversion": .string(String(event.version)), "typeversion": .integer(Int64(event.typeVersion)),
                "actor": .string(event.actor), "datahash": .string(event.dataHash.description),
            ]
            let optional = [("subject", event.subject), ("keyid", event.keyID)]
            for case (let name, let value?) in optional { members[name] = .string(value) }
        }
        let others: [(String, String?)] = [
            // As text, since numbers of CloudEvents have 32 bits.
            ("position", String(event.position)), ("workspaceid", event.workspace.name),
            ("causationid", event.causationID), ("correlationid", event.correlationID),
            ("traceparent", event.traceparent),
        ]
        // Whoever has published a CloudEvent with such attributes does not speak for the log.
        for case (let name, let value?) in others { members[name] = .string(value) }
        return members
    }

    private static func source(of event: Event) -> String {
        let stream = [event.stream.type, event.stream.id].map { $0.percentEncoded }.joined(separator: "/")
        return "/workspaces/\(event.workspace.name)/streams/\(stream)"
    }
}

extension String {
    /// With `%XX` for each byte that is not unreserved by RFC 3986.
    fileprivate var percentEncoded: String {
        var text = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return text
    }
}
