import CognitionCore
import CognitionEvents
import Hummingbird
import ServiceLifecycle

/// Events of the log as server-sent events (WHATWG HTML, section 9.2); an event's id is its position in the log.
struct EventStream: Sendable {
    static let mediaType = "text/event-stream"
    /// How long silence lasts at most; clients and proxies give a silent connection up.
    private static let heartbeat: Duration = .seconds(15)

    let tail: EventTail
    /// Whether nothing follows an event.
    let isLast: @Sendable (Event) -> Bool

    /// Writes until the last event, or until the client has gone or the server ends.
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
        var events = tail.makeAsyncIterator()
        while !Task.isCancelled {
            let event = try await cancelWhenGracefulShutdown { [events] in
                var events = events
                let event = try await events.next(within: Self.heartbeat)
                return (event, events)
            }
            events = event.1
            guard let event = event.0 else {
                if Task.isShuttingDownGracefully { return }
                try await writer.write(ByteBuffer(string: ": still here\n\n"))
                continue
            }
            try await writer.write(ByteBuffer(bytes: Self.bytes(of: event)))
            if isLast(event) { return }
        }
    }

    private static func bytes(of event: Event) -> [UInt8] {
        var bytes = Array("id: \(event.position)\nevent: \(event.type)\ndata: ".utf8)
        event.json.writeJSON(into: &bytes)
        bytes += [0x0A, 0x0A]
        return bytes
    }
}
