package import CognitionCore

/// What the data of events of one type and version has to look like in a workspace.
package struct EventSchema: Sendable, Hashable {
    /// What a new schema has to understand of the one before, or the one before of it.
    package enum Compatibility: String, Sendable, Hashable, CaseIterable {
        /// Data that fitted fits still.
        case backward
        /// New data fits the schema before.
        case forward
        case full
        /// Nothing is compared: an upcaster sees to it, or nobody has read it yet.
        case unchecked = "none"
    }

    /// Which events it is for.
    struct Kind: Sendable, Hashable {
        let type: String
        let version: Int
    }

    package let type: String
    package let typeVersion: Int
    package let compatibility: Compatibility
    /// JSON Schema, draft 2020-12.
    package let schema: JSONValue
    /// SHA-256 of its canonical JSON.
    package let hash: SHA256Digest
    /// How often it was set to something else, from 1.
    package let revision: Int64
    package let createdAt: Timestamp
    package let updatedAt: Timestamp
    /// Who has set it last.
    package let actor: String
}

/// One thing that is wrong with data or with a schema.
package struct EventFault: Sendable, Hashable {
    /// In the data.
    package let pointer: JSONPointer
    /// Stable, e.g. `type_narrowed`; `nil` where the message says it.
    package let reason: String?
    package let message: String

    package init(pointer: JSONPointer, reason: String? = nil, message: String) {
        self.pointer = pointer
        self.reason = reason
        self.message = message
    }

    package var text: String {
        "\(pointer.isRoot ? "" : "\(pointer): ")\(reason.map { "\($0): " } ?? "")\(message)"
    }
}

/// What is to be known of JSON Schema, which is not the log's business.
package protocol EventSchemaRules: Sendable {
    /// - Throws: Why it is no schema, as a `CodedError`.
    func check(_ schema: JSONValue) throws
    /// What a new schema breaks; none for ``EventSchema/Compatibility/unchecked``.
    func breaks(old: JSONValue, new: JSONValue, _ compatibility: EventSchema.Compatibility) -> [EventFault]
    /// The test of a schema that was asked for before, if it is still at hand.
    func test(of hash: SHA256Digest) -> EventDataTest?
    /// Makes the test of a schema, and keeps it for a while.
    func test(of schema: EventSchema) throws -> EventDataTest
}

/// In what data does not fit a schema.
package typealias EventDataTest = @Sendable (JSONValue) -> [EventFault]
