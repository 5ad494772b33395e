package import CognitionCore

/// A session as its user is shown it.
package struct SessionDetails: Sendable, Hashable {
    package let id: SessionID
    package let workspace: WorkspaceID
    /// From where it was last refreshed, or begun.
    package let client: ClientInfo
    package let createdAt: Timestamp
    /// To about a minute.
    package let lastSeenAt: Timestamp
    /// When it ends unless it is refreshed.
    package let expiresAt: Timestamp

    /// What people recognise: `Firefox on Linux`; `nil` when the client said nothing of itself.
    package var device: String? { client.userAgent.map(DeviceName.read) }
}
