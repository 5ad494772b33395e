package import CognitionCore

/// Names the type of a checkpoint's identifier.
package enum CheckpointEntity {}
package typealias CheckpointID = Identifier<CheckpointEntity>

/// A point in the history of an execution that somebody wants to come back to.
package struct Checkpoint: Sendable {
    /// Of one execution.
    package static let countMax = 1_000

    package var id: CheckpointID
    package var execution: ExecutionID
    /// `[a-z0-9][a-z0-9_-]{0,62}`, unlike that of any other of the execution; `nil` for one that has only its id.
    package var name: String?
    /// How many tasks had ended.
    var ends: Int
    package var takenAt: Timestamp
    /// Of the last event before it.
    package var position: Int64
    package var createdBy: String

    package var json: JSONValue {
        [
            "id": .string(id.description), "execution_id": .string(execution.description),
            "name": name.map(JSONValue.string) ?? .null, "taken_at": .string(takenAt.description),
            "position": .integer(position), "created_by": .string(createdBy),
        ]
    }

    static func isName(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), CheckpointID(text) == nil else { return false }
        return text.utf8.enumerated().allSatisfy { place, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "-"): place > 0
            default: false
            }
        }
    }
}
