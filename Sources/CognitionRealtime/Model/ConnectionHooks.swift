package import CognitionCore

/// What a program that is built around the server hears of its connections, and may refuse.
///
/// Nothing of it is asked on an event loop. While one message of a connection is looked at, its later ones wait in their
/// order, and the connection is read no further; other connections do not notice.
package protocol ConnectionHooks: Sendable {
    /// Somebody with a good token wants to connect, or has sent one as the first message. It may still be one too many, and then
    /// nothing is told of its end.
    /// - Throws: A `CodedError` to refuse it: the handshake is answered with it, a first message with an `error`.
    func connected(_ connection: ConnectionDetails) async throws

    /// A connection that was authenticated has ended; told soon afterwards, for all connections one after the other.
    func disconnected(_ connection: ConnectionDetails, _ end: ConnectionEnd) async

    /// A message of an authenticated client, before anything is done about it. Those that wait when the connection ends are not
    /// asked about, and nothing is done about them.
    /// - Throws: A `CodedError` to refuse it: the client is answered with an `error`, and the connection goes on.
    func received(_ text: String, on connection: ConnectionDetails) async throws
}

extension ConnectionHooks {
    package func connected(_ connection: ConnectionDetails) async throws {}
    package func disconnected(_ connection: ConnectionDetails, _ end: ConnectionEnd) async {}
    package func received(_ text: String, on connection: ConnectionDetails) async throws {}
}

/// A connection of somebody.
package struct ConnectionDetails: Sendable, Hashable {
    /// As `connected` tells it to the client.
    package let id: UUIDv7
    package let user: String
    package let principal: Principal
    /// Of the client, without a port, as far as it is known.
    package let address: String?

    package init(id: UUIDv7, user: String, principal: Principal, address: String?) {
        self.id = id
        self.user = user
        self.principal = principal
        self.address = address
    }
}

/// How a connection has ended.
package struct ConnectionEnd: Sendable, Hashable {
    /// The code of the close frame, whoever sent it first; 1005 for one without, 1006 when there was none.
    package let code: UInt16
    package let time: Timestamp

    package init(code: UInt16, time: Timestamp) {
        self.code = code
        self.time = time
    }
}
