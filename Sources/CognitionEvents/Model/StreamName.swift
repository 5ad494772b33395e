/// The events of one thing, in their order: which kind of thing, and which one.
package struct StreamName: Sendable, Hashable, CustomStringConvertible {
    /// `[a-z][a-z0-9_]{0,62}`, e.g. `execution`.
    package let type: String
    /// 1...200 bytes of text without control characters; unique among the streams of its type in a workspace.
    package let id: String

    package init(_ type: String, _ id: String) {
        self.type = type
        self.id = id
    }

    package var description: String { "\(type)/\(id)" }

    /// Names are equal when their bytes are, as the database has it; Swift also takes `é` in two spellings for the
    /// same.
    package static func == (left: StreamName, right: StreamName) -> Bool {
        left.type.hasSameBytes(as: right.type) && left.id.hasSameBytes(as: right.id)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in type.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(ascii: "/"))
        for byte in id.utf8 { hasher.combine(byte) }
    }
}

/// What an append demands of the stream before it.
package enum ExpectedVersion: Sendable, Hashable {
    /// Whatever is there.
    case any
    /// The stream does not exist yet.
    case none
    /// The stream's last version; 0 means that it does not exist yet.
    case exact(Int64)
}

/// What is to be written to one of several streams.
package struct StreamAppend: Sendable {
    package let stream: StreamName
    package let expected: ExpectedVersion
    package let events: [NewEvent]

    package init(_ events: [NewEvent], to stream: StreamName, expecting expected: ExpectedVersion = .any) {
        self.stream = stream
        self.expected = expected
        self.events = events
    }
}

extension String {
    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
