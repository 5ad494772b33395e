/// Messages of one room that are published together, each the next one after the one before: who is live gets all of them at once.
package final class RoomRun: Sendable {
    /// Of the room.
    package let key: Int64
    /// At least one.
    package let messages: ArraySlice<FeedMessage>
    package let first: Int64
    package let last: Int64
    /// Of the messages.
    package let bytes: Int

    /// A message that would make a run longer begins another one, so that no connection takes much more than it has room for.
    package static let bytesMax = 64 << 10

    fileprivate init(key: Int64, messages: ArraySlice<FeedMessage>, bytes: Int) {
        self.key = key
        self.messages = messages
        first = messages.first?.position ?? 0
        last = messages.last?.position ?? 0
        self.bytes = bytes
    }

    package var topic: Topic? { messages.first?.topics.first }
}

/// What a loop delivers at a time.
package enum FeedPiece: Sendable {
    case message(FeedMessage)
    case run(RoomRun)

    /// The same messages in the same order.
    package static func pieces(of messages: [FeedMessage]) -> [FeedPiece] {
        var pieces: [FeedPiece] = []
        var (start, bytes) = (0, 0)
        for index in messages.indices {
            let message = messages[index]
            bytes += message.json.count
            if index + 1 < messages.count, bytes + messages[index + 1].json.count <= RoomRun.bytesMax,
                message.isFollowed(by: messages[index + 1])
            {
                continue
            }
            if case .room(let key) = message.kind {
                pieces.append(.run(RoomRun(key: key, messages: messages[start...index], bytes: bytes)))
            } else {
                pieces.append(.message(message))
            }
            (start, bytes) = (index + 1, 0)
        }
        return pieces
    }
}

extension FeedMessage {
    fileprivate func isFollowed(by next: FeedMessage) -> Bool {
        guard case .room(let key) = kind, case .room(key) = next.kind else { return false }
        return next.position == position + 1 && next.topics == topics
    }
}
