/// Why the server ends a connection, as a close code of RFC 6455 and what the client should do about it.
package struct CloseReason: Sendable, Hashable {
    package let code: UInt16
    /// At most 123 bytes, as a close frame has no room for more.
    package let text: String

    private init(_ code: UInt16, _ text: String) {
        self.code = code
        self.text = text
    }

    // Connect again, after a random delay.
    package static let goingAway = CloseReason(1001, "the server is going away")
    package static let internalError = CloseReason(1011, "something went wrong in the server")

    // The client is wrong; the same again will not help.
    package static func protocolError(_ text: String) -> CloseReason { CloseReason(1002, text) }
    package static let binary = CloseReason(1003, "messages are text")
    package static let notUTF8 = CloseReason(1007, "a text message is UTF-8")
    package static func tooLarge(_ text: String) -> CloseReason { CloseReason(1009, text) }

    // Get a new token, then connect again.
    package static let notAuthenticated = CloseReason(4401, "no valid token was sent in time")
    package static let tokenRefused = CloseReason(4401, "the token is not valid")
    package static let tokenExpired = CloseReason(4401, "the token has expired")
    package static let sessionRevoked = CloseReason(4401, "the session has ended")

    // Do not connect again.
    package static let replaced = CloseReason(4001, "a newer connection of the user has taken the place")
    package static let forbidden = CloseReason(4403, "the token is of another user or workspace")

    // Connect again when there is something to do.
    package static let idle = CloseReason(4408, "no action for too long")
    package static let silent = CloseReason(4408, "no sign of life for too long")

    // Connect again later, and with fewer connections or a faster reader.
    package static let tooManyConnections = CloseReason(4429, "the user has too many connections")
    package static let tooSlow = CloseReason(4429, "messages are not read fast enough")
}
