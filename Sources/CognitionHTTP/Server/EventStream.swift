import CognitionCore
import CognitionEvents
import Hummingbird
import ServiceLifecycle

/// Events of the log as server-sent events (WHATWG HTML, section 9.2); an event's id is its position in the log.
struct EventStream: Sendable {
    static let mediaType = "text/event-stream"
    /// How long silence lasts at most; clients and proxies give a silent connection up.
    static let heartbeat: Duration = .seconds(15)
    /// How often the right to watch is looked at.
    static let look: Duration = .seconds(1)
    /// What every stream begins with: when a client may come again.
    static let opening = "retry: 2000\n\n"
    static let signOfLife = ": still here\n\n"

    let tail: EventTail
    /// Whether nothing follows an event.
    let isLast: @Sendable (Event) -> Bool
    /// Nothing new will happen: the stream ends with what is there, even if that has no last event.
    let hasEnded: Bool
    /// Whether whoever reads may still do so; asked once a second.
    let isAllowed: @Sendable () async throws -> Bool

    /// Writes until the last event, or until the client has gone, may read no longer, or the server ends.
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: Self.opening))
        var events = tail.makeAsyncIterator()
        var silentSince = ContinuousClock.now
        var lookedAt = silentSince
        while !Task.isCancelled {
            let next = try await cancelWhenGracefulShutdown { [events] in
                var events = events
                let event = try await events.next(within: Self.look)
                return (event: event, events: events)
            }
            events = next.events
            if ContinuousClock.now - lookedAt >= Self.look {
                guard try await isAllowed() else { return }
                lookedAt = .now
            }
            if let event = next.event {
                try await writer.write(ByteBuffer(bytes: Self.bytes(of: event)))
                if isLast(event) { return }
            } else {
                if Task.isShuttingDownGracefully || hasEnded { return }
                guard ContinuousClock.now - silentSince >= Self.heartbeat else { continue }
                try await writer.write(ByteBuffer(string: Self.signOfLife))
            }
            silentSince = .now
        }
    }

    static func bytes(of event: Event) -> [UInt8] {
        var bytes = Array("id: \(event.position)\nevent: \(event.type)\ndata: ".utf8)
        event.json.writeJSON(into: &bytes)
        bytes += [0x0A, 0x0A]
        return bytes
    }
}
