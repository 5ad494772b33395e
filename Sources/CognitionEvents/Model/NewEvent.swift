package import CognitionCore

/// Something that has happened and is to be written to the log.
///
/// Its data is encoded and hashed here, by the caller, so that the one thread that writes has less to do.
package struct NewEvent: Sendable {
    /// Given by a caller who may send the same event again: then it is recognised. `nil`: the log makes one.
    package let id: UUIDv7?
    /// `[a-z][a-z0-9_]*(\.[a-z0-9_]+)+`, at most 200 bytes, in the past tense, e.g. `workflow.created`.
    package let type: String
    /// Version of the shape of the data, from 1.
    package let typeVersion: Int
    /// The person the data is about, by whose key it is encrypted; at most 200 bytes.
    package let subject: String?
    /// The key that the data is encrypted with; at most 200 bytes.
    package let keyID: String?
    /// Compact JSON in UTF-8, at most ``AppendLimits/dataBytesMax``.
    let data: [UInt8]
    let dataHash: SHA256Digest

    package init(
        _ type: String, data: JSONValue = [:], id: UUIDv7? = nil, typeVersion: Int = 1, subject: String? = nil,
        keyID: String? = nil
    ) {
        self.id = id
        self.type = type
        self.typeVersion = typeVersion
        self.subject = subject
        self.keyID = keyID
        self.data = data.jsonBytes
        self.dataHash = SHA256Digest(of: self.data)
    }
}

/// In whose name, when and why events are written.
package struct EventContext: Sendable {
    package var workspace: WorkspaceID
    /// Who acts, as `Principal.actor` says it; 1...200 bytes.
    package var actor: String
    package var time: Timestamp
    /// What this follows from directly, usually the id of another event; at most 200 bytes.
    package var causationID: String?
    /// What everything that belongs together has in common; at most 200 bytes.
    package var correlationID: String?
    /// W3C Trace Context; at most 200 bytes.
    package var traceparent: String?
    /// Makes the ids of events that come without one.
    package let ids: UUIDGenerator

    package init(
        _ principal: Principal, time: Timestamp, ids: UUIDGenerator, causationID: String? = nil,
        correlationID: String? = nil, traceparent: String? = nil
    ) {
        workspace = principal.workspace
        actor = principal.actor
        self.time = time
        self.ids = ids
        self.causationID = causationID
        self.correlationID = correlationID
        self.traceparent = traceparent
    }
}
