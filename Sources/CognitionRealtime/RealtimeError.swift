package import CognitionCore

/// Why a client of the real-time connection did not get what it asked for.
package struct RealtimeError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension ErrorCode {
    /// The message is not JSON, or not an action with the members that it needs.
    package static let actionInvalid = ErrorCode("realtime.action_invalid", category: .invalid)
    /// The action exists, or will, but this server does not do it.
    package static let realtimeUnsupported = ErrorCode("realtime.unsupported", category: .unsupported)
    /// The connection has no valid token.
    package static let realtimeUnauthenticated = ErrorCode("realtime.unauthenticated", category: .unauthenticated)
    /// The caller may not see what it asked for.
    package static let realtimeForbidden = ErrorCode("realtime.forbidden", category: .forbidden)
    /// The connection has as many subscriptions as it may have.
    package static let subscriptionsExceeded = ErrorCode("realtime.subscriptions_exceeded", category: .limited)
    /// The server has as many connections as it takes.
    package static let connectionsExceeded = ErrorCode("realtime.connections_exceeded", category: .unavailable)
    /// The client's network address has as many connections as it may have.
    package static let addressConnectionsExceeded = ErrorCode(
        "realtime.address_connections_exceeded", category: .limited)
    /// A page of another origin wanted to connect.
    package static let originRefused = ErrorCode("realtime.origin_refused", category: .forbidden)
    /// The path answers to WebSocket handshakes only.
    package static let upgradeRequired = ErrorCode("realtime.upgrade_required", category: .invalid)
    /// The WebSocket handshake lacks what RFC 6455 demands.
    package static let handshakeInvalid = ErrorCode("realtime.handshake_invalid", category: .invalid)
    /// Something of ours failed; nothing about it is told.
    package static let realtimeInternal = ErrorCode("realtime.internal", category: .internal)
}

extension ErrorCode {
    /// The room is not at the revision that was named.
    package static let roomChanged = ErrorCode("realtime.room_changed", category: .conflict)
    /// Only the platform talks in the room.
    package static let roomReadOnly = ErrorCode("realtime.room_read_only", category: .forbidden)
    /// There is no such room for the caller, who may not know of private ones.
    package static let roomNotFound = ErrorCode("realtime.room_not_found", category: .notFound)
    /// Another room has the id.
    package static let roomTaken = ErrorCode("realtime.room_taken", category: .conflict)
    /// What a room is to be is not as it has to be.
    package static let roomInvalid = ErrorCode("realtime.room_invalid", category: .invalid)
    /// The room has as many members as it takes.
    package static let roomFull = ErrorCode("realtime.room_full", category: .conflict)
    /// The workspace has as many rooms as it may have.
    package static let roomsExceeded = ErrorCode("realtime.rooms_exceeded", category: .limited)
    /// The workspace or the room has no such user.
    package static let memberUnknown = ErrorCode("realtime.member_unknown", category: .notFound)
    /// A message is not as it has to be, or too large.
    package static let messageInvalid = ErrorCode("realtime.message_invalid", category: .invalid)
    /// More messages wait to be written than the server takes, or it ends.
    package static let publishingOverloaded = ErrorCode("realtime.publishing_overloaded", category: .unavailable)
}

extension RealtimeError {
    static func roomNotFound(_ id: String) -> RealtimeError {
        RealtimeError(.roomNotFound, "there is no room \(id.prefix(160))")
    }
}
