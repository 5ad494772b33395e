import CognitionCore
import CognitionRealtime
import Testing

@Suite struct RoomRunTests {
    private static let now = Timestamp(microseconds: 0)

    private func message(_ position: Int64, in key: Int64 = 1, _ topic: String = "a", bytes: Int = 3) -> FeedMessage {
        FeedMessage(
            position: position, topics: [.room(WorkspaceID("w"), topic)], time: Self.now,
            json: [UInt8](repeating: 0x78, count: bytes), kind: .room(key: key))
    }

    /// The positions of each piece; a message by itself has its own with a minus.
    private func pieces(_ messages: [FeedMessage]) -> [[Int64]] {
        FeedPiece.pieces(of: messages).map { piece in
            switch piece {
            case .message(let message): return [-message.position]
            case .run(let run):
                #expect(run.first == run.messages.first?.position && run.last == run.messages.last?.position)
                #expect(run.bytes == run.messages.reduce(0) { $0 + $1.json.count })
                return run.messages.map(\.position)
            }
        }
    }

    @Test("Runs are what follows in one room")
    func runs() {
        let event = FeedMessage(position: 9, topics: [.execution(WorkspaceID("w"), "e")], time: Self.now, json: [])
        #expect(pieces([]) == [])
        #expect(pieces([message(1), message(2), message(3)]) == [[1, 2, 3]])
        #expect(pieces([message(1), message(3), message(4)]) == [[1], [3, 4]])
        #expect(pieces([message(2), message(2), message(1)]) == [[2], [2], [1]])
        #expect(pieces([message(1), message(2, in: 2), message(3, in: 2)]) == [[1], [2, 3]])
        #expect(pieces([message(1), message(2, "b")]) == [[1], [2]])
        #expect(pieces([message(1), event, message(2)]) == [[1], [-9], [2]])
    }

    @Test("A run has a size, unless one message alone is larger")
    func sizes() {
        let half = RoomRun.bytesMax / 2
        #expect(pieces([message(1, bytes: half), message(2, bytes: half), message(3, bytes: 1)]) == [[1, 2], [3]])
        #expect(pieces([message(1, bytes: 3 * half), message(2), message(3)]) == [[1], [2, 3]])
    }
}
