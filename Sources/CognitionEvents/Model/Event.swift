package import CognitionCore

/// Something that has happened, as the log keeps it.
package struct Event: Sendable, Hashable {
    /// Place in the whole log, from 1, without gaps, in the order of the commits.
    package let position: Int64
    package let workspace: WorkspaceID
    package let stream: StreamName
    /// Place in the stream, from 1, without gaps.
    package let version: Int64
    package let id: UUIDv7
    /// Dotted, past tense, e.g. `workflow.created`.
    package let type: String
    /// Version of the shape of `data`, from 1.
    package private(set) var typeVersion: Int
    package let time: Timestamp
    /// Who acted, as `Principal.actor` says it.
    package let actor: String
    /// What this follows from directly, usually the id of another event.
    package let causationID: String?
    /// What everything that belongs together has in common, e.g. the id of the first request.
    package let correlationID: String?
    /// W3C Trace Context of the moment.
    package let traceparent: String?
    /// The person the data is about, by whose key it is encrypted.
    package let subject: String?
    /// The key that `data` is encrypted with.
    package let keyID: String?
    package private(set) var data: JSONValue
    /// SHA-256 of the bytes that are stored for `data`.
    package let dataHash: SHA256Digest
}

extension Event {
    /// The same as another version of its type tells it.
    func with(data: JSONValue, typeVersion: Int) -> Event {
        var event = self
        event.data = data
        event.typeVersion = typeVersion
        return event
    }

    /// The envelope as it is sent; members that have no value are left out.
    package var json: JSONValue {
        var members = envelope
        members["data"] = data
        members["data_hash"] = .string(dataHash.description)
        return .object(members)
    }

    /// The same without the data and its hash, which come last.
    var envelope: JSONObject {
        var members: JSONObject = [
            "position": .integer(position), "workspace_id": .string(workspace.name),
            "stream_type": .string(stream.type), "stream_id": .string(stream.id), "version": .integer(version),
            "event_id": .string(id.description), "type": .string(type), "type_version": .integer(Int64(typeVersion)),
            "time": .string(time.description), "actor": .string(actor),
        ]
        let optional = [
            ("causation_id", causationID), ("correlation_id", correlationID), ("traceparent", traceparent),
            ("subject", subject), ("key_id", keyID),
        ]
        for case (let name, let value?) in optional { members[name] = .string(value) }
        return members
    }
}
