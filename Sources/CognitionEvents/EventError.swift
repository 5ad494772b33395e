package import CognitionCore

/// Why something could not be written to the log or read from it.
package struct EventError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?
    /// With `event.version_conflict`: the version that the stream has, 0 for one that does not exist.
    package let actualVersion: Int64?
    /// With `event.damaged`, where the damage is known to be: the event's position.
    package let position: Int64?
    /// With `event.schema_violated` and `event.schema_incompatible`: what is wrong.
    package let faults: [EventFault]

    package init(
        _ code: ErrorCode, _ message: String, actualVersion: Int64? = nil, position: Int64? = nil,
        faults: [EventFault] = [], cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.actualVersion = actualVersion
        self.position = position
        self.faults = faults
        self.cause = cause
    }
}

extension ErrorCode {
    /// The stream has another version than the caller expected.
    package static let eventVersionConflict = ErrorCode("event.version_conflict", category: .conflict)
    /// An event with that id exists, and is not the one that was sent.
    package static let eventIDReused = ErrorCode("event.id_reused", category: .conflict)
    /// A name, a number or a text of an event is not what it may be.
    package static let eventInvalid = ErrorCode("event.invalid", category: .invalid)
    /// An event, or the events of one append together, have more bytes than the log takes.
    package static let eventTooLarge = ErrorCode("event.too_large", category: .limited)
    /// There is no such stream.
    package static let streamUnknown = ErrorCode("event.stream_unknown", category: .notFound)
    /// The data of an event cannot be told in the newest version of its type.
    package static let upcastFailed = ErrorCode("event.upcast_failed", category: .internal)
    /// There is no projection of that name.
    package static let projectionUnknown = ErrorCode("event.projection_unknown", category: .notFound)
    /// It is made anew already.
    package static let projectionRebuilding = ErrorCode("event.projection_rebuilding", category: .conflict)
    /// It stands still until it is resumed.
    package static let projectionPaused = ErrorCode("event.projection_paused", category: .conflict)
    /// A handler writes to a generation that was exchanged or paused meanwhile; inside of this module only.
    static let projectionRetired = ErrorCode("event.projection_retired", category: .unavailable)
    /// No event at that position was put aside.
    package static let parkedUnknown = ErrorCode("event.parked_unknown", category: .notFound)
    /// More events than one request folds.
    package static let historyTooLong = ErrorCode("event.history_too_long", category: .limited)
    /// Streams of that type are written by the platform alone, or tell of accounts.
    package static let streamReserved = ErrorCode("event.stream_reserved", category: .forbidden)
    /// The events are in an archive that cannot be read from here: another node has it, or it is missing.
    package static let eventArchived = ErrorCode("event.archived", category: .gone)
    /// There is no archive of that number.
    package static let archiveUnknown = ErrorCode("event.archive_unknown", category: .notFound)
    /// Stored data is missing or is not JSON.
    package static let eventDamaged = ErrorCode("event.damaged", category: .internal)
    /// The data of an event does not fit the schema of its type and version.
    package static let schemaViolated = ErrorCode("event.schema_violated", category: .invalid)
    /// A schema breaks what the one before has promised.
    package static let schemaIncompatible = ErrorCode("event.schema_incompatible", category: .conflict)
    /// There is no schema of that type and version.
    package static let schemaUnknown = ErrorCode("event.schema_unknown", category: .notFound)
    /// A schema has more bytes than the registry takes.
    package static let schemaTooLarge = ErrorCode("event.schema_too_large", category: .limited)
    /// The workspace has as many schemas as it may.
    package static let schemaTooMany = ErrorCode("event.schema_too_many", category: .limited)
    /// There is no subscription of that name.
    package static let subscriptionUnknown = ErrorCode("event.subscription_unknown", category: .notFound)
    /// The broker that carries events cannot be reached, or has not answered in time.
    package static let busUnavailable = ErrorCode("bus.unavailable", category: .unavailable)
    /// A message of another system is no event that can be taken.
    package static let busMessageInvalid = ErrorCode("bus.message_invalid", category: .invalid)
    /// The broker refuses what it is asked for: user and password, an exchange or a queue.
    package static let busRefused = ErrorCode("bus.refused", category: .forbidden)
}
