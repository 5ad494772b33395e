package import CognitionCore
package import CognitionEvents

/// Which events of the log let a job run.
package struct EventTrigger: Sendable, Hashable {
    /// An event's type, or the beginning of several: `order.placed`, `order.*`.
    package let type: String
    package let subject: String?
    package let streamType: String?
    /// Of `streamType`, which is then given.
    package let streamID: String?

    /// - Parameters:
    ///   - json: A type, or an object of `type`, `subject`, `stream_type` and `stream_id`.
    ///   - what: What it is, for messages.
    /// - Throws: `scheduler.schedule_invalid`.
    init(_ json: JSONValue, of what: String) throws(SchedulerError) {
        let object: JSONValue = if json.stringValue != nil { ["type": json] } else { json }
        let reader = try ScheduleReader(object, of: what, known: ["type", "subject", "stream_type", "stream_id"])
        let bytesMax = AppendLimits.textBytesMax
        guard let type = try reader.text("type", bytesMax: bytesMax), Self.isPattern(type) else {
            throw reader.invalid("names a type of events, such as 'order.placed', or the beginning of some: 'order.*'")
        }
        self.type = type
        subject = try reader.text("subject", bytesMax: bytesMax)
        streamType = try reader.text("stream_type", bytesMax: bytesMax)
        streamID = try reader.text("stream_id", bytesMax: bytesMax)
        guard streamID == nil || streamType != nil else {
            throw reader.invalid("needs a 'stream_type' beside its 'stream_id'")
        }
    }

    private static func isPattern(_ text: String) -> Bool {
        AppendLimits.isEventType(text.hasSuffix(".*") ? String(text.dropLast()) + "x" : text)
    }

    /// The type up to its `*`.
    private var prefix: Substring? { type.hasSuffix("*") ? type.dropLast() : nil }

    package func matches(_ event: Event) -> Bool {
        let isType = if let prefix { event.type.hasPrefix(prefix) } else { event.type == type }
        return isType && subject.isNilOrSame(as: event.subject) && streamType.isNilOrSame(as: event.stream.type)
            && streamID.isNilOrSame(as: event.stream.id)
    }

    /// Asks the log for as few events as can be; ``matches(_:)`` has the last word.
    package func filter(in workspace: WorkspaceID) -> EventFilter {
        var stream: StreamName?
        if let streamType, let streamID { stream = StreamName(streamType, streamID) }
        return EventFilter(
            workspace: workspace, types: prefix == nil ? [type] : nil, streamType: streamType, stream: stream)
    }

    /// The type alone where that is all, as it may be given.
    package var json: JSONValue {
        let others = [("subject", subject), ("stream_type", streamType), ("stream_id", streamID)]
        var members: JSONObject = ["type": .string(type)]
        for case (let name, let value?) in others { members[name] = .string(value) }
        return members.count == 1 ? .string(type) : .object(members)
    }
}

extension String? {
    /// Bytes count: Swift takes some spellings of a letter for the same.
    fileprivate func isNilOrSame(as other: String?) -> Bool {
        guard let self else { return true }
        return other.map { self.utf8.elementsEqual($0.utf8) } ?? false
    }
}
