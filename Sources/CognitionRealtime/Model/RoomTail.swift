/// How far one subscription was told of a room, and what happens next. What is published comes with its number; whatever does
/// not follow the last one is read from the room's history.
package struct RoomTail: Sendable {
    enum Flow: Sendable {
        /// The room is being entered.
        case opening
        /// What is published goes straight to the connection.
        case live
        /// Something is to be read from the history, once the connection takes it.
        case behind
        case reading
    }

    /// What becomes of a message that is published.
    enum Step: Sendable, Hashable {
        case nothing
        /// It is the next one.
        case write
        /// Others come before it.
        case read
    }

    var flow = Flow.opening
    /// Of the room that was entered, once it was.
    var key: Int64 = 0
    /// Everything up to here was told, or said to be missing.
    private(set) var after: Int64 = 0
    /// The last that is known of, and in which room of that name.
    private var newest: Int64 = 0
    private var newestKey: Int64 = 0
    var policy = SlowPolicy.disconnect
    /// What was missed before it was entered is told in full, as far as there is any.
    private(set) var isRecovering = false
    var wantsPresence = true
    /// It is not counted, and outlives the room: of the next one of that name everything is told.
    var isQuiet = false
    /// Of the room's numbers; of key 0 while there is none.
    private(set) var epoch = ""
    /// Who may be in it, as was said while it was being entered.
    var access: RoomAccess?
    var seat: RoomSeat?

    init() {}

    mutating func open(_ start: RoomStart) {
        key = start.room.key
        after = start.from
        newest = max(newestKey == key ? newest : 0, start.room.lastOffset)
        policy = start.room.settings.slow
        epoch = start.room.epoch
        seat = start.seat
        flow = .live
    }

    /// Instead of ``open(_:)``, of a room that it is in without having asked.
    mutating func attend(_ place: RoomPlace) {
        key = place.room?.key ?? 0
        (epoch, after) = (place.epoch, place.offset)
        policy = place.room?.settings.slow ?? .disconnect
        flow = .live
        if key == 0, newestKey != 0 { adopt(newestKey) }
        newest = max(newestKey == key ? newest : 0, after)
    }

    /// The room that was not there is: nothing of it was told.
    private mutating func adopt(_ key: Int64) {
        self.key = key
        epoch = Room.epoch(of: log, key: key)
        isRecovering = true
    }

    /// The room is not there any more.
    mutating func forget() {
        epoch = Room.epoch(of: log, key: 0)
        (key, after, newest, newestKey, isRecovering) = (0, 0, 0, 0, false)
        // What is being read is of the room that was.
        if flow != .reading { flow = .live }
    }

    /// What was read is of a room that is not there any more.
    /// - Returns: Whether there is something to read of the next one.
    mutating func dropReading() -> Bool {
        flow = .live
        if newestKey != 0 { adopt(newestKey) }
        return recover()
    }

    private var log: String { String(epoch.prefix { $0 != "." }) }

    /// After ``open(_:)`` and whatever gap was told then: reads what was missed.
    /// - Returns: Whether there is something to read.
    mutating func recover() -> Bool {
        guard after < newest else { return false }
        isRecovering = true
        flow = .behind
        return true
    }

    mutating func published(_ offset: Int64, key: Int64) -> Step {
        guard flow != .opening else {
            (newest, newestKey) = (key == newestKey ? max(newest, offset) : offset, key)
            return .nothing
        }
        if self.key == 0 {
            guard flow == .live else {
                (newest, newestKey) = (key == newestKey ? max(newest, offset) : offset, key)
                return .nothing
            }
            adopt(key)
        }
        guard key == self.key else { return .nothing }
        newest = max(newest, offset)
        guard flow == .live, offset > after else { return .nothing }
        if offset == after + 1 {
            isRecovering = false
            return .write
        }
        flow = .behind
        return .read
    }

    /// Whether messages with these numbers are to be written as they are; if not, each has to be asked for.
    mutating func isNext(_ offsets: ClosedRange<Int64>, key: Int64) -> Bool {
        guard flow == .live, key == self.key, offsets.lowerBound == after + 1 else { return false }
        newest = max(newest, offsets.upperBound)
        isRecovering = false
        return true
    }

    mutating func told(upTo offset: Int64) { after = max(after, offset) }

    /// Nothing is missing any more, as far as `last` and what was published say.
    /// - Returns: Whether it is live again.
    mutating func caughtUp(_ last: Int64) -> Bool {
        newest = max(newest, last)
        flow = after >= newest ? .live : .behind
        if flow == .live { isRecovering = false }
        return flow == .live
    }

    /// What is read next.
    var reading: RoomReading {
        switch policy {
        case _ where isRecovering: .recovery
        case .disconnect: .all
        case .dropOldest: .newest
        case .conflate: .newestOfEachType
        }
    }
}

/// Where a room stands that somebody is in without having asked.
package struct RoomPlace: Sendable {
    package let topic: Topic
    /// `nil` as long as nobody has used it.
    let room: Room?
    let epoch: String
    let offset: Int64

    /// - Parameter log: The name of the log.
    init(_ topic: Topic, _ room: Room?, offset: Int64, log: String) {
        self.topic = topic
        self.room = room
        self.offset = offset
        epoch = room?.epoch ?? Room.epoch(of: log, key: 0)
    }
}

/// Which of the messages that were missed a connection gets.
package enum RoomReading: Sendable, Hashable {
    case all
    /// All, also those that have left the history since it was said that they follow.
    case recovery
    case newest
    case newestOfEachType
}

/// Where a subscription to a room begins.
package struct RoomStart: Sendable {
    package let room: Room
    /// The offset that the client named, or else the room's last.
    package let from: Int64
    /// Whether everything after the place that the client named follows; `nil` when it named none.
    package let recovered: Bool?
    /// What the client named is too far back: these are not told.
    package let gap: ClosedRange<Int64>?
    /// Users who are in it, this one included.
    package let users: Set<String>
    package let seat: RoomSeat

    package static let usersShownMax = 100
}

/// Messages that a connection has missed.
package struct RoomCatchUp: Sendable {
    /// Rising.
    package let messages: [FeedMessage]
    /// The room's last offset when it was read.
    package let last: Int64
}

/// Keeps a user in a room, on this node, until it is given back.
package final class RoomSeat: Sendable {
    /// Of the room.
    let epoch: String
    private let once: OnceAction

    package init(epoch: String, _ leave: @escaping @Sendable () -> Void) {
        self.epoch = epoch
        once = OnceAction(leave)
    }

    package func leave() { once.run() }
}
