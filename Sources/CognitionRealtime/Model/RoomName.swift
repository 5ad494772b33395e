package import CognitionCore

/// The name of a room, one within its workspace.
///
/// `[a-z0-9][a-z0-9_-]{0,62}` for rooms that somebody makes; `scope:id` for those that are there as soon as somebody uses
/// them: `user:ID` and `workspace:NAME`, and scopes of one's own such as `framework:react`.
package struct RoomName: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// Somebody has made it.
        case plain
        /// Of one user, who alone reads it; everybody may send to it.
        case user(String)
        /// Of everybody in the workspace.
        case workspace(String)
        case scope
    }

    package let text: String
    package let kind: Kind

    package static let pattern = "^([a-z0-9][a-z0-9_-]{0,62}|[a-z][a-z0-9_-]{0,30}:[A-Za-z0-9._-]{1,128})$"
    /// `nil` for what is no name.
    package init?(_ text: String) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            guard Self.isPlain(text) else { return nil }
            self.text = text
            kind = .plain
            return
        }
        let (scope, id) = (text[..<colon], text[text.utf8.index(after: colon)...])
        guard Self.isScope(scope), (1...128).contains(id.utf8.count), id.utf8.allSatisfy(Self.isIDByte),
            !LogRoom.scopes.contains(String(scope))
        else { return nil }
        switch scope {
        case "user":
            // Ids are one whatever the case of their digits.
            guard let user = UUIDv7(String(id))?.description else { return nil }
            self.text = "user:" + user
            kind = .user(user)
        case "workspace":
            self.text = text
            kind = .workspace(String(id))
        default:
            self.text = text
            kind = .scope
        }
    }

    /// The name of a room that people and programs talk in.
    /// - Throws: `realtime.room_not_found`; `realtime.room_read_only` for one that the platform talks in.
    package static func parse(_ text: String) throws(RealtimeError) -> RoomName {
        if let name = RoomName(text) { return name }
        if LogRoom(text) != nil {
            throw RealtimeError(
                .roomReadOnly,
                "the room \(text) tells what the log tells: it can be subscribed to, and its history read")
        }
        throw RealtimeError.roomNotFound(text)
    }

    package static func user(_ id: String) -> RoomName? { RoomName("user:" + id) }
    package static func workspace(_ id: WorkspaceID) -> RoomName? { RoomName("workspace:" + id.name) }

    /// It is there as soon as somebody uses it.
    package var isMadeByUse: Bool { kind != .plain }

    /// Devices are in it without asking.
    package var isHome: Bool {
        switch kind {
        case .user, .workspace: true
        case .plain, .scope: false
        }
    }

    package var description: String { text }

    package static func isPlain(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, isWordByte(first) else { return false }
        return text.utf8.allSatisfy { isWordByte($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    private static func isScope(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first), text.utf8.count <= 31 else { return false }
        return text.utf8.allSatisfy { isWordByte($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        isWordByte(byte) || (0x41...0x5A).contains(byte)
            || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
    }
}
