import CognitionStorage

extension SignalTopic {
    /// The rooms are divided among so many topics, so that a node looks after a part of its rooms for each wake-up.
    static let roomParts: Int64 = 16

    static func rooms(part: Int64) -> SignalTopic { SignalTopic(name: "realtime.rooms.\(part)") }

    /// There is a room that devices are in without asking.
    static let roomsMade = SignalTopic(name: "realtime.rooms.made")

    /// Something has changed about the room.
    static func rooms(_ key: Int64, isShared: Bool) -> SignalTopic { rooms(part: isShared ? key % roomParts : 0) }
}
