import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionRealtime
import Hummingbird
import ServiceLifecycle

/// Rooms that the platform talks in, over HTTP: long polls and server-sent events with the offsets of the log.
struct LogRoomReader: Sendable {
    let hub: RealtimeHub
    let identity: Identity
    let topic: Topic

    private static let pageMax = 200

    /// Messages after an offset; when there are none, those that come within some time.
    func page(after offset: Int64, epoch: String?, limit: Int, within seconds: Int) async throws -> RoomHistoryShape {
        guard epoch == nil || epoch == hub.epoch else {
            return RoomHistoryShape(page: try await hub.history(of: topic, .newest, limit: limit), recovered: false)
        }
        var page = try await hub.history(of: topic, .after(offset), limit: limit)
        guard offset <= page.head else {
            return RoomHistoryShape(page: try await hub.history(of: topic, .newest, limit: limit), recovered: false)
        }
        let deadline = ContinuousClock.now + .seconds(seconds)
        var events = hub.tail(of: topic, after: page.position).makeAsyncIterator()
        while page.messages.isEmpty, page.position >= page.head, !Task.isShuttingDownGracefully {
            let left = deadline - .now
            guard left > .zero else { break }
            // Not every event that is read is told here.
            guard try await events.next(within: min(left, EventStream.look)) != nil else { continue }
            page = try await hub.news(of: topic, after: page.position, limit: limit)
        }
        return RoomHistoryShape(page: page, recovered: true)
    }

    /// Messages as server-sent events, as a ``RoomStream`` has them.
    /// - Parameter place: Where the client was; without, the stream begins with what comes next.
    func stream(since place: RoomStream.Place?, as caller: Caller) async throws -> Answer {
        // Also says that there is something to be told of.
        let head = try await hub.history(of: topic, .newest, limit: 1).head
        var after = head
        if let place {
            let isSame = (place.epoch ?? hub.epoch) == hub.epoch && place.offset <= head
            after = isSame ? place.offset : 0
        }
        let (start, permission) = (after, topic.permission)
        let isAllowed: @Sendable () async throws -> Bool = { [identity] in
            try await identity.mayGoOn(caller, with: permission)
        }
        return Answer(
            .ok,
            .stream(mediaType: EventStream.mediaType) { try await write(after: start, isAllowed, to: &$0) })
    }

    /// Writes until the client has gone, may read no longer, or the server ends.
    @concurrent private func write(
        after start: Int64, _ isAllowed: @Sendable () async throws -> Bool, to writer: inout any ResponseBodyWriter
    ) async throws {
        try await writer.write(ByteBuffer(string: EventStream.opening))
        var (after, silentSince, lookedAt) = (start, ContinuousClock.now, ContinuousClock.now)
        while !Task.isCancelled {
            if ContinuousClock.now - lookedAt >= EventStream.look {
                guard try await isAllowed() else { return }
                lookedAt = .now
            }
            let page = try await hub.news(of: topic, after: after, limit: Self.pageMax)
            after = max(after, page.position)
            if !page.messages.isEmpty {
                var bytes: [UInt8] = []
                for message in page.messages {
                    bytes += "id: \(page.epoch):\(message.position)\nevent: message\ndata: ".utf8
                    JSONValue.object(message.json(room: page.room)).writeJSON(into: &bytes)
                    bytes += [0x0A, 0x0A]
                }
                try await writer.write(ByteBuffer(bytes: bytes))
                silentSince = .now
            }
            guard page.position >= page.head else { continue }
            if Task.isShuttingDownGracefully { return }
            if ContinuousClock.now - silentSince >= EventStream.heartbeat {
                try await writer.write(ByteBuffer(string: EventStream.signOfLife))
                silentSince = .now
            }
            let (topic, hub, from) = (topic, hub, after)
            try await cancelWhenGracefulShutdown {
                var events = hub.tail(of: topic, after: from).makeAsyncIterator()
                _ = try await events.next(within: EventStream.look)
            }
        }
    }
}
