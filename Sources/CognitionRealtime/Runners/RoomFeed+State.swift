import CognitionCore
import CognitionStorage

/// What is known of the rooms that are followed.
extension RoomFeed.State {
    func post(_ messages: [FeedMessage]) {
        guard !messages.isEmpty else { return }
        for lane in lanes { lane.post(messages) }
    }

    func wake(_ topic: Topic) {
        guard let listeners = topics[topic]?.listeners, !listeners.isEmpty else { return }
        for listener in listeners.values { listener.yield() }
    }

    /// From here on what is new about the room is told.
    mutating func follow(_ room: Room, _ marks: RoomMarks, as topic: Topic, _ old: RoomFeed.Watched) {
        var watched = old
        if let old = watched.key { keys[old] = nil }
        (watched.key, watched.room, watched.marks) = (room.key, room, marks)
        // Who is in it already has been told nothing.
        if watched.isMissing { watched.marks.lastOffset = 0 }
        watched.isMissing = false
        // What came between the reading and now.
        watched.isDirty = true
        hasDirty = true
        topics[topic] = watched
        keys[room.key] = topic
    }

    /// The room was looked for.
    mutating func settle(_ topic: Topic, _ opening: Rooms.Opening?) {
        guard var watched = topics[topic], watched.key == nil else { return }
        guard let opening else {
            topics[topic]?.isMissing = true
            return
        }
        watched.users = opening.users
        follow(opening.room, opening.marks, as: topic, watched)
    }

    /// Where rooms stand; `nil` unless it is known of all.
    mutating func places(of wanted: [Topic], log: String) -> [RoomPlace]? {
        var places: [RoomPlace] = []
        for topic in wanted {
            topics[topic]?.isAttended = true
            guard let watched = topics[topic] else {
                // Nobody waits for it any more.
                places.append(RoomPlace(topic, nil, offset: 0, log: log))
                continue
            }
            guard watched.room != nil || watched.isMissing else { return nil }
            places.append(
                RoomPlace(topic, watched.room, offset: watched.room == nil ? 0 : watched.marks.lastOffset, log: log))
        }
        return places
    }

    /// A room that is not there any more.
    mutating func forget(_ key: Int64, now: Timestamp) {
        guard let topic = keys.removeValue(forKey: key), topics[topic]?.key == key else { return }
        topics[topic]?.key = nil
        topics[topic]?.room = nil
        topics[topic]?.users = []
        if topics[topic]?.isAttended == true {
            topics[topic]?.isMissing = true
            // Another one of that name may be there already.
            lost.insert(topic)
        }
        post([Self.access(RoomAccess(key: key, rule: .nobody), topic, now)])
        wake(topic)
    }

    mutating func tell(_ news: Rooms.News, _ frames: [FeedMessage], now: Timestamp) {
        guard let topic = keys[news.room.key], var watched = topics[topic] else { return }
        var next: [FeedMessage] = []
        // Before what is said in it from now on.
        if let access = news.access { next.append(Self.access(access, topic, now)) }
        if let old = watched.room, old.settings != news.room.settings {
            next.append(
                FeedMessage(
                    position: 0, topics: [topic], time: now, json: ServerMessage.changed(news.room, at: now),
                    kind: .settings(key: news.room.key, news.room.settings.slow)))
        }
        for frame in frames where frame.position > watched.marks.lastOffset {
            next.append(frame)
            watched.marks.lastOffset = frame.position
        }
        if let users = news.users {
            let old = watched.users
            for (user, isThere) in users.subtracting(old).map({ ($0, true) })
                + old.subtracting(users).map({ ($0, false) })
            {
                next.append(
                    FeedMessage(
                        position: 0, topics: [topic], time: now,
                        json: ServerMessage.presence(user, isThere: isThere, in: topic, members: users.count, at: now),
                        kind: .presence(key: news.room.key)))
            }
            watched.users = users
        }
        watched.room = news.room
        watched.marks.presence = news.marks.presence
        watched.marks.revision = news.marks.revision
        if watched.marks.lastOffset < news.marks.lastOffset {
            // A page was full; or the rest is not kept any more, which each subscription finds by itself.
            if frames.isEmpty { watched.marks.lastOffset = news.marks.lastOffset }
            watched.isDirty = true
            hasDirty = true
        }
        topics[topic] = watched
        post(next)
        wake(topic)
    }

    private static func access(_ access: RoomAccess, _ topic: Topic, _ now: Timestamp) -> FeedMessage {
        FeedMessage(position: 0, topics: [topic], time: now, json: [], kind: .access(access))
    }
}
