package import CognitionCore
package import CognitionEvents
package import CognitionIdentity
import HTTPTypes

/// The log of events: streams of one's own, and everything that has happened in a workspace.
package struct EventLogRoutes: RouteGroup {
    package static let tag = "Events"
    private let log: EventLog
    private let schemas: EventSchemas
    private let identity: Identity
    private let clock: any WallClock
    private let ids: UUIDGenerator

    package init(
        log: EventLog, schemas: EventSchemas, identity: Identity, clock: any WallClock, ids: UUIDGenerator
    ) {
        self.log = log
        self.schemas = schemas
        self.identity = identity
        self.clock = clock
        self.ids = ids
    }

    package func routes(_ api: inout API) {
        appending(&api)
        api.route(
            .get, "streams/{type}/{id}",
            parameters: [Self.streamType, Self.streamID, Self.from, Self.direction, Query.limit, Query.cursor],
            answers: [.ok(StreamPageShape.self)], errors: [.notFound, .forbidden, .gone],
            access: .permission(.readEvents),
            summary: "Lists the events of one stream.", use: stream)
        api.route(
            .get, "events",
            parameters: [
                Self.after, Self.type, Self.category, Self.since, Self.direction, Query.limit, Query.cursor,
                Self.lastEventID,
            ],
            answers: [.okOrEvents(EventLogPageShape.self, "A page; or events as they come, as server-sent events.")],
            errors: [.gone], access: .permission(.readEvents),
            summary: "Lists what has happened in the workspace, or follows it.",
            details: """
                In the order of the log, which has no gaps: positions that are missing here are of other workspaces. A page \
                looks through at most 10,000 positions, so it may have no items and a `next_cursor`. Events that were archived \
                are read back; where that cannot be done, the answer is 410 with `event.archived`.

                With `Accept: text/event-stream` the answer goes on without an end. It begins after `Last-Event-ID` or \
                `after`, with `since` at that moment, else with what comes next. Events of users and of the workspace itself \
                are for those who may read the audit trail.
                """, use: events)
    }

    private func appending(_ api: inout API) {
        let answers: [AnswerShape] = [
            .created(AppendedShape.self, "They are in the log."),
            .ok(AppendedShape.self, "These very events, by their ids, were there already."),
        ]
        let rules = """
            All of them or none. Ids make a repetition harmless: the same events again are answered with their places. A \
            stream that has another version than expected answers 409 with `event.version_conflict` and `actual_version`. \
            Streams that the platform writes itself (`execution`, `workflow`, …) are not written to. Data that does not fit \
            the schema of its type and version answers 400 with `event.schema_violated` and `faults`.
            """
        api.route(
            .post, "streams/{type}/{id}", body: AppendRequest.self, parameters: [Self.streamType, Self.streamID],
            answers: answers, errors: [.conflict, .forbidden, .limited], access: .permission(.appendEvents),
            summary: "Writes events to a stream.", details: rules, use: append)
        api.route(
            .post, "streams", body: MultipleAppendRequest.self,
            answers: [.created(MultipleAppendedShape.self, "They are in the log.")],
            errors: [.conflict, .forbidden, .limited], access: .permission(.appendEvents),
            summary: "Writes events to several streams at once.", details: rules, use: appendToMany)
    }

    static let streamType = Parameter.text("type", in: .path, "The kind of stream, e.g. `order`.", bytesMax: 63)
    static let streamID = Parameter.text("id", in: .path, "Which one.", bytesMax: 200)
    private static let from = Parameter<Int64>(
        "from", in: .query, .whole(1...(.max)), "The version to begin with; the first, or backward the last.",
        read: { Int64($0).flatMap { $0 >= 1 ? $0 : nil } })
    private static let after = position("after", in: .query, "The position after which to begin; not with `cursor`.")
    private static let lastEventID = position(
        "Last-Event-ID", in: .header, "Where a stream of server-sent events goes on.")
    private static let type = Parameter<[String]>(
        "type", in: .query, .text(length: 1...2_048, pattern: "^[a-z0-9_.,]+$"),
        "Only events of these types, separated by commas; at most \(EventFilter.typesMax).",
        read: { text in
            guard (1...2_048).contains(text.utf8.count), text.utf8.allSatisfy(isTypeByte) else { return nil }
            return text.split(separator: ",").map(String.init)
        })
    private static let category = Parameter.text("category", "Only streams of this type.", bytesMax: 63)
    private static let since = Parameter.moment("since", "Only events of this moment or later.")
    private static let direction = Parameter<ReadDirection>(
        "direction", in: .query, .choice(ReadDirection.allCases.map(\.rawValue)),
        "`backward` has the newest first; `forward` unless given.", read: ReadDirection.init)

    @Sendable private static func isTypeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ","): true
        default: false
        }
    }

    private static func position(_ name: String, in place: ParameterPlace, _ what: String) -> Parameter<Int64> {
        Parameter(name, in: place, .whole(0...(.max)), what, read: { Int64($0).flatMap { $0 >= 0 ? $0 : nil } })
    }

    // MARK: Writing

    @Sendable private func append(_ call: Call<AppendRequest>) async throws -> Answer {
        let stream = StreamName(try call.path(Self.streamType), try call.path(Self.streamID))
        let append = StreamAppend(call.body.events, to: stream, expecting: call.body.expected)
        let receipts = try await write([append], call.body.reason, call)
        guard let receipt = receipts.first else { preconditionFailure("each append has a receipt") }
        let shape = AppendedShape(stream: stream, receipt: receipt)
        return receipt.isRepeat ? .ok(shape) : .created(shape)
    }

    @Sendable private func appendToMany(_ call: Call<MultipleAppendRequest>) async throws -> Answer {
        let receipts = try await write(call.body.appends, call.body.reason, call)
        let shapes = zip(call.body.appends, receipts).map { AppendedShape(stream: $0.stream, receipt: $1) }
        return .created(MultipleAppendedShape(appends: shapes))
    }

    private func write<Body>(
        _ appends: [StreamAppend], _ reason: AppendReason, _ call: Call<Body>
    ) async throws -> [AppendReceipt] {
        let context = EventContext(
            call.principal, time: clock.now, ids: ids, causationID: reason.causationID,
            correlationID: reason.correlationID ?? call.requestID, traceparent: TraceContext.current?.traceparent)
        return try await log.accept(appends, context: context, checkedBy: schemas)
    }

    // MARK: Reading

    @Sendable private func stream(_ call: Call<Void>) async throws -> Answer {
        let stream = try Self.readable(call)
        let direction = try call.query(Self.direction) ?? .forward
        let list = "stream-\(direction.rawValue)"
        let start: Int64
        if let key = try call.cursor(of: list)?.key {
            start = direction == .forward ? key + 1 : key - 1
        } else {
            start = try call.query(Self.from) ?? (direction == .forward ? 1 : .max)
        }
        let page = try await log.readStream(
            stream, workspace: call.workspace, fromVersion: start, direction, limit: try call.limit)
        guard page.version > 0 else { throw Self.unknown(stream) }
        let last = page.events.last?.version ?? (direction == .forward ? page.version : 1)
        let hasMore = direction == .forward ? last < page.version : last > 1
        let items = Page(page.events.map(EventShape.init), next: hasMore ? Cursor(list, after: last) : nil)
        return .ok(StreamPageShape(page: items, version: page.version))
    }

    /// The stream that a path names.
    /// - Throws: `event.stream_reserved` for one of accounts, unless the caller may read the audit trail.
    static func readable(_ call: Call<Void>) throws -> StreamName {
        let stream = StreamName(try call.path(streamType), try call.path(streamID))
        guard !PlatformStreams.ofAccounts.contains(stream.type) || call.principal.may(.readAudit) else {
            throw EventError(
                .streamReserved, "streams of type \(stream.type) are for those who may read the audit trail")
        }
        return stream
    }

    static func unknown(_ stream: StreamName) -> EventError {
        EventError(.streamUnknown, "there is no stream \(stream)")
    }

    @Sendable private func events(_ call: Call<Void>) async throws -> Answer {
        let filter = try filter(call)
        // What is none is refused, also where it says nothing.
        _ = try call.header(Self.lastEventID)
        let after = try call.query(Self.after)
        if call.accepts(EventStream.mediaType) { return try await follow(filter, call) }
        let direction = try call.query(Self.direction) ?? .forward
        let list = "events-\(direction.rawValue)"
        let start = try call.cursor(of: list)?.key
        let page =
            switch direction {
            case .forward:
                try await log.readAll(
                    after: start ?? after ?? 0, limit: try call.limit, filter: filter)
            case .backward: try await log.readAll(before: start, limit: try call.limit, filter: filter)
            }
        let items = Page(
            page.events.map(EventShape.init), next: page.isAtEnd ? nil : Cursor(list, after: page.position))
        return .ok(EventLogPageShape(page: items, position: page.position, head: page.head))
    }

    private func filter(_ call: Call<Void>) throws -> EventFilter {
        var filter = EventFilter(workspace: call.workspace)
        filter.types = try call.query(Self.type)
        filter.streamType = try call.query(Self.category)
        filter.since = try call.query(Self.since)
        if !call.principal.may(.readAudit) { filter.hiddenStreamTypes = PlatformStreams.ofAccounts }
        return filter
    }

    private func follow(_ filter: EventFilter, _ call: Call<Void>) async throws -> Answer {
        let after = try call.header(Self.lastEventID) ?? call.query(Self.after) ?? (filter.since == nil ? nil : 0)
        // What cannot be told from here is told before the first event.
        if let after { _ = try await log.readAll(after: after, limit: 1, filter: filter) }
        // Who may no longer see everything comes again, and then sees the rest.
        let needed: Permission = filter.hiddenStreamTypes.isEmpty ? .readAudit : .readEvents
        let stream = EventStream(
            tail: log.tail(after: after, filter: filter), isLast: { _ in false }, hasEnded: false,
            isAllowed: { [identity, caller = call.caller] in try await identity.mayGoOn(caller, with: needed) })
        return Answer(.ok, .stream(mediaType: EventStream.mediaType) { try await stream.write(to: &$0) })
    }
}
