import CognitionCore
import CognitionRealtime
import Hummingbird
import ServiceLifecycle

/// Messages of a room as server-sent events; an event's id is `EPOCH:OFFSET`.
struct RoomStream: Sendable {
    /// After which message it goes on.
    struct Place: Sendable, Hashable {
        /// `nil` where only the offset was named.
        let epoch: String?
        let offset: Int64

        init(epoch: String?, offset: Int64) {
            self.epoch = epoch
            self.offset = offset
        }

        /// Reads `EPOCH:OFFSET`, or an offset alone.
        init?(_ text: String) {
            guard (1...100).contains(text.utf8.count) else { return nil }
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let last = parts.last, let offset = Int64(last), offset >= 0 else { return nil }
            self.init(epoch: parts.count == 2 ? String(parts[0]) : nil, offset: offset)
        }
    }

    private static let pageMax = 200

    private let hub: RealtimeHub
    private let id: String
    private let caller: RoomCaller
    private let start: Place
    private let isAllowed: @Sendable () async throws -> Bool
    private let wakeUps: AsyncStream<Void>

    /// - Parameters:
    ///   - place: Where the client was; without, the stream begins with what comes next.
    ///   - isAllowed: Whether whoever reads may still do so; asked once a second.
    /// - Throws: `realtime.room_not_found`.
    static func open(
        _ hub: RealtimeHub, _ id: String, as caller: RoomCaller, since place: Place?,
        isAllowed: @escaping @Sendable () async throws -> Bool
    ) async throws -> RoomStream {
        let wakeUps = try await hub.listen(to: id, as: caller)
        let room = try await hub.rooms.room(id, for: caller)
        var start = Place(epoch: room.epoch, offset: room.lastOffset)
        // Of offsets of another epoch none is known to be told.
        if let place {
            let isSame = (place.epoch ?? room.epoch) == room.epoch && place.offset <= room.lastOffset
            start = Place(epoch: room.epoch, offset: isSame ? place.offset : 0)
        }
        return RoomStream(hub: hub, id: id, caller: caller, start: start, isAllowed: isAllowed, wakeUps: wakeUps)
    }

    private init(
        hub: RealtimeHub, id: String, caller: RoomCaller, start: Place,
        isAllowed: @escaping @Sendable () async throws -> Bool, wakeUps: AsyncStream<Void>
    ) {
        self.hub = hub
        self.id = id
        self.caller = caller
        self.start = start
        self.isAllowed = isAllowed
        self.wakeUps = wakeUps
    }

    /// Writes until the client has gone, may read no longer, the room is gone, or the server ends.
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: EventStream.opening))
        var after = start.offset
        var (silentSince, lookedAt) = (ContinuousClock.now, ContinuousClock.now)
        // What is there already, before anybody has said that there is something new.
        var isFirst = true
        var wakeUps = wakeUps.makeAsyncIterator()
        while true {
            if !isFirst {
                guard await wakeUps.next() != nil, !Task.isShuttingDownGracefully else { return }
            }
            isFirst = false
            if ContinuousClock.now - lookedAt >= EventStream.look {
                guard try await isAllowed() else { return }
                lookedAt = .now
            }
            var isFull = true
            while isFull {
                guard let page = try await page(after: after) else { return }
                (after, isFull) = (page.after, page.isFull)
                guard !page.bytes.isEmpty else { continue }
                try await writer.write(ByteBuffer(bytes: page.bytes))
                silentSince = .now
            }
            if ContinuousClock.now - silentSince >= EventStream.heartbeat {
                try await writer.write(ByteBuffer(string: EventStream.signOfLife))
                silentSince = .now
            }
        }
    }

    /// The next messages as events; `nil` when the room is not the same any more.
    private func page(after offset: Int64) async throws -> (bytes: [UInt8], after: Int64, isFull: Bool)? {
        let page: RoomPage
        do {
            page = try await hub.rooms.history(of: id, .after(offset), limit: Self.pageMax, for: caller)
        } catch let error as RealtimeError where error.code == .roomNotFound {
            return nil
        }
        guard page.room.epoch == start.epoch else { return nil }
        var (after, bytes) = (offset, [UInt8]())
        for message in page.messages {
            if message.offset > after + 1 {
                let gap: JSONValue = [
                    "room": .string(page.room.id.text), "from": .integer(after + 1), "to": .integer(message.offset - 1),
                ]
                bytes += "id: \(page.room.epoch):\(message.offset - 1)\nevent: gap\ndata: \(gap.jsonText)\n\n".utf8
            }
            bytes += "id: \(page.room.epoch):\(message.offset)\nevent: message\ndata: ".utf8
            message.writeData(room: page.room.id, into: &bytes)
            bytes += [0x0A, 0x0A]
            after = message.offset
        }
        return (bytes, after, page.messages.count == Self.pageMax)
    }
}
