package import CognitionCore

/// Which events of the log a reader wants; what is `nil` does not matter.
package struct EventFilter: Sendable, Hashable {
    package static let typesMax = 64

    package var workspace: WorkspaceID?
    /// Any of these, spelled out; at most ``typesMax``.
    package var types: [String]?
    package var streamType: String?
    /// Any of these.
    package var streamTypes: Set<String>?
    /// None of these.
    package var hiddenStreamTypes: Set<String> = []
    /// One stream of `workspace`, which must then be given.
    package var stream: StreamName?
    /// Events of this moment or later. The clocks of the machines that write may differ by ``clockSkewMax``.
    package var since: Timestamp?

    package static let clockSkewMax: Duration = .seconds(300)

    package init(
        workspace: WorkspaceID? = nil, types: [String]? = nil, streamType: String? = nil,
        streamTypes: Set<String>? = nil, hiddenStreamTypes: Set<String> = [], stream: StreamName? = nil,
        since: Timestamp? = nil
    ) {
        self.workspace = workspace
        self.types = types
        self.streamType = streamType
        self.streamTypes = streamTypes
        self.hiddenStreamTypes = hiddenStreamTypes
        self.stream = stream
        self.since = since
    }

    /// Everything.
    package static let all = EventFilter()

    func check() throws(EventError) {
        if let types, types.count > Self.typesMax {
            throw EventError(.eventInvalid, "a filter takes at most \(Self.typesMax) types, not \(types.count)")
        }
        if stream != nil, workspace == nil {
            throw EventError(.eventInvalid, "a filter for a stream names its workspace")
        }
    }
}

/// Which way the log or a stream is read.
package enum ReadDirection: String, Sendable, Hashable, CaseIterable {
    /// The oldest first.
    case forward
    /// The newest first.
    case backward
}

/// A piece of the log.
package struct EventPage: Sendable {
    /// In the order in which the log was read.
    package let events: [Event]
    /// Up to where the log was looked through; the next page goes on from there, also when this one has no events.
    package let position: Int64
    /// The position of the log's last event when this page was read.
    package let head: Int64
    /// Nothing follows: `position` was the end of the log, or its beginning.
    package let isAtEnd: Bool
}

/// A piece of one stream.
package struct StreamPage: Sendable {
    /// In the order in which the stream was read.
    package let events: [Event]
    /// The version of the stream's last event, 0 when there is no such stream.
    package let version: Int64
}
