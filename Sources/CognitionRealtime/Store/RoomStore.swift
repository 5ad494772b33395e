import CognitionCore
import CognitionStorage

/// Rooms and who was let into them, as rows.
struct RoomStore: Sendable {
    /// The name of the log, with which each room's own begins: a backup that is restored has another.
    let epoch: String

    /// `presence` counts changes of who is in the room, and `revision` those of who may be; both tell other nodes that there is
    /// something to look at. Messages of a room that was deleted are taken away bit by bit (`room_leftovers`).
    static let migrations = [
        Migration(
            "realtime.002_rooms",
            [
                """
                CREATE TABLE rooms (
                    key \(fragment: .lastingIdentity), workspace_id \(fragment: .text) NOT NULL,
                    id \(fragment: .text) NOT NULL, name \(fragment: .text), owner \(fragment: .text) NOT NULL,
                    is_private \(fragment: .int64) NOT NULL, members_max \(fragment: .int64) NOT NULL,
                    history_max \(fragment: .int64), slow \(fragment: .text) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, last_offset \(fragment: .int64) NOT NULL DEFAULT 0,
                    presence \(fragment: .int64) NOT NULL DEFAULT 0, revision \(fragment: .int64) NOT NULL DEFAULT 0,
                    UNIQUE (workspace_id, id)
                ) \(fragment: .strictWithRoom)
                """,
                """
                CREATE TABLE room_members (
                    room_key \(fragment: .int64) NOT NULL, user_id \(fragment: .text) NOT NULL,
                    since \(fragment: .int64) NOT NULL, PRIMARY KEY (room_key, user_id)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE room_messages (
                    room_key \(fragment: .int64) NOT NULL, number \(fragment: .int64) NOT NULL,
                    id \(fragment: .text) NOT NULL, sender \(fragment: .text) NOT NULL,
                    type \(fragment: .text) NOT NULL, content \(fragment: .text) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, idempotency_key \(fragment: .text),
                    PRIMARY KEY (room_key, number)
                ) \(fragment: .strict)
                """,
                """
                CREATE UNIQUE INDEX room_messages_by_key ON room_messages (room_key, sender, idempotency_key)
                WHERE idempotency_key IS NOT NULL
                """,
                """
                CREATE TABLE room_presence (
                    room_key \(fragment: .int64) NOT NULL, user_id \(fragment: .text) NOT NULL,
                    node \(fragment: .text) NOT NULL, token \(fragment: .int64) NOT NULL,
                    since \(fragment: .int64) NOT NULL, PRIMARY KEY (room_key, user_id, node)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX room_presence_by_node ON room_presence (node)",
                """
                CREATE TABLE room_leftovers (
                    room_key \(fragment: .int64) NOT NULL PRIMARY KEY
                ) \(fragment: .strict)
                """,
            ]),
        Migration(
            "realtime.003_room_changes",
            ["ALTER TABLE rooms ADD COLUMN oldest \(fragment: .int64) NOT NULL DEFAULT 1"]),
    ]

    private static let columns: StaticString =
        "r.key, r.workspace_id, r.id, r.owner, r.is_private, r.members_max, r.history_max, r.slow, r.created_at, r.last_offset, r.name, r.revision, r.oldest"

    private func room(_ row: borrowing Row) throws -> Room {
        let (key, id): (Int64, String) = (try row[0], try row[2])
        guard let name = RoomName(id), let slow = SlowPolicy(rawValue: try row[7]) else {
            throw RealtimeError(.realtimeInternal, "the row of a room cannot be read")
        }
        var settings = RoomSettings()
        settings.name = try row[10]
        settings.isPrivate = try row[4]
        settings.membersMax = try row[5]
        settings.history = (try row[6] as Int?).map(RoomHistory.last) ?? .durable
        settings.slow = slow
        return Room(
            key: key, workspace: try row[1], id: name, owner: try row[3], settings: settings, revision: try row[11],
            oldest: try row[12], createdAt: try row[8], lastOffset: try row[9], epoch: Room.epoch(of: epoch, key: key))
    }

    // MARK: Reading

    /// - Parameter isLocked: Nobody changes it before the commit.
    func find(
        _ id: RoomName, in workspace: WorkspaceID, isLocked: Bool = false, _ tx: borrowing Transaction
    ) throws -> Room? {
        let lock: SQL = isLocked ? "\(fragment: .forUpdate)" : ""
        return try tx.first(
            """
            SELECT \(columns: Self.columns) FROM rooms r WHERE r.workspace_id = \(workspace) AND r.id = \(id.text) \(lock)
            """, as: room)
    }

    /// Rooms in the order of `names`, with one way to the database and back.
    /// - Parameter isLocked: Nobody changes them before the commit.
    func find(
        _ names: [(id: String, workspace: WorkspaceID)], isLocked: Bool = true, _ tx: borrowing Transaction
    ) throws -> [Room?] {
        let lock: SQL = isLocked ? "\(fragment: .forUpdate)" : ""
        let found = Found(count: names.count)
        for (index, name) in names.enumerated() {
            try tx.send(
                """
                SELECT \(columns: Self.columns) FROM rooms r
                WHERE r.workspace_id = \(name.workspace) AND r.id = \(name.id) \(lock)
                """
            ) { row in found.rooms[index] = try room(row) }
        }
        try tx.settle()
        return found.rooms
    }

    private final class Found {
        var rooms: [Room?]
        init(count: Int) { rooms = Array(repeating: nil, count: count) }
    }

    /// The room, for whom it exists.
    /// - Throws: `realtime.room_not_found`.
    func visible(
        _ id: RoomName, to caller: RoomCaller, isLocked: Bool = false, _ tx: borrowing Transaction
    ) throws -> Room {
        guard let room = try find(id, in: caller.workspace, isLocked: isLocked, tx), try isVisible(room, to: caller, tx)
        else { throw RealtimeError.roomNotFound(id.text) }
        return room
    }

    func isVisible(_ room: Room, to caller: RoomCaller, _ tx: borrowing Transaction) throws -> Bool {
        try !needsMember(room, caller) || isMember(caller.user, of: room.key, tx)
    }

    /// Whether the caller sees the room only as a member.
    func needsMember(_ room: Room, _ caller: RoomCaller) -> Bool {
        room.settings.isPrivate && room.owner != caller.user && !caller.seesAll
    }

    /// Those that are there, by their keys.
    func rooms(_ keys: [Int64], _ tx: borrowing Transaction) throws -> [Int64: Room] {
        let rooms = try tx.query(
            "SELECT \(columns: Self.columns) FROM rooms r WHERE r.key IN \(list: keys)", as: room)
        return Dictionary(uniqueKeysWithValues: rooms.map { ($0.key, $0) })
    }

    /// Rooms in one page of ``homes(after:_:)``.
    static let homesMax = 1_000

    /// Rooms with a greater key that devices are in without asking, by their keys, at most ``homesMax``.
    func homes(after key: Int64, _ tx: borrowing Transaction) throws -> [Room] {
        try tx.query(
            """
            SELECT \(columns: Self.columns) FROM rooms r WHERE r.key > \(key)
                AND (r.id >= 'user:' AND r.id < 'user;' OR r.id >= 'workspace:' AND r.id < 'workspace;')
            ORDER BY r.key LIMIT \(Self.homesMax)
            """, as: room)
    }

    func lastKey(_ tx: borrowing Transaction) throws -> Int64 {
        try tx.first("SELECT COALESCE(MAX(key), 0) FROM rooms") { try $0[0] } ?? 0
    }

    /// By id.
    func list(
        for caller: RoomCaller, after: String, limit: Int, _ tx: borrowing Transaction
    ) throws -> [Room] {
        let seesAll = caller.seesAll
        var rooms: [Room] = []
        var present: [Int] = []
        _ = try tx.query(
            """
            SELECT \(columns: Self.columns),
                (SELECT COUNT(DISTINCT p.user_id) FROM room_presence p WHERE p.room_key = r.key)
            FROM rooms r WHERE r.workspace_id = \(caller.workspace) AND r.id > \(after)
                AND (r.is_private = 0 OR r.owner = \(caller.user) OR 1 = \(seesAll)
                    OR EXISTS (SELECT 1 FROM room_members m WHERE m.room_key = r.key AND m.user_id = \(caller.user)))
            ORDER BY r.id LIMIT \(limit)
            """
        ) { row in
            rooms.append(try room(row))
            present.append(try row[13])
        }
        for index in rooms.indices { rooms[index].present = present[index] }
        return rooms
    }

    func count(_ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM rooms") { try $0[0] } ?? 0
    }

    /// What has changed about rooms, by their keys; those that are not there are not among them.
    func marks(of keys: some Sequence<Int64>, _ tx: borrowing Transaction) throws -> [Int64: RoomMarks] {
        var marks: [Int64: RoomMarks] = [:]
        _ = try tx.query("SELECT key, last_offset, presence, revision FROM rooms WHERE key IN \(list: keys)") { row in
            marks[try row[0]] = RoomMarks(lastOffset: try row[1], presence: try row[2], revision: try row[3])
        }
        return marks
    }

    // MARK: Making

    /// - Returns: `nil` when there is one of that name.
    func insert(
        _ id: RoomName, in workspace: WorkspaceID, owner: String, _ settings: RoomSettings, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Room? {
        let limit: Int? = if case .last(let count) = settings.history { count } else { nil }
        let key: Int64? = try tx.first(
            """
            INSERT INTO rooms (workspace_id, id, name, owner, is_private, members_max, history_max, slow, created_at)
            VALUES (\(workspace), \(id.text), \(settings.name), \(owner), \(settings.isPrivate),
                \(settings.membersMax), \(limit), \(settings.slow.rawValue), \(now))
            ON CONFLICT (workspace_id, id) DO NOTHING RETURNING key
            """
        ) { try $0[0] }
        guard let key else { return nil }
        return Room(
            key: key, workspace: workspace, id: id, owner: owner, settings: settings, revision: 0, oldest: 1,
            createdAt: now,
            lastOffset: 0, epoch: Room.epoch(of: epoch, key: key))
    }

    /// How many rooms a workspace has.
    func count(in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM rooms WHERE workspace_id = \(workspace)") { try $0[0] } ?? 0
    }

    /// - Parameter oldest: See ``Room/oldest``.
    func change(_ key: Int64, _ settings: RoomSettings, oldest: Int64, _ tx: borrowing Transaction) throws {
        let limit: Int? = if case .last(let count) = settings.history { count } else { nil }
        try tx.execute(
            """
            UPDATE rooms SET name = \(settings.name), is_private = \(settings.isPrivate), oldest = \(oldest),
                members_max = \(settings.membersMax), history_max = \(limit), slow = \(settings.slow.rawValue),
                revision = revision + 1 WHERE key = \(key)
            """)
    }

    /// Its messages are taken away afterwards.
    func delete(_ room: Room, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM rooms WHERE key = \(room.key)")
        try tx.execute("DELETE FROM room_members WHERE room_key = \(room.key)")
        try tx.execute("DELETE FROM room_presence WHERE room_key = \(room.key)")
        try tx.execute("INSERT INTO room_leftovers (room_key) VALUES (\(room.key)) ON CONFLICT DO NOTHING")
    }

    // MARK: Members

    func isMember(_ user: String, of key: Int64, _ tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM room_members WHERE room_key = \(key) AND user_id = \(user)") { try $0[0] as Int }
            != nil
    }

    /// Those who were let in, and the owner is not among them.
    func members(of key: Int64, _ tx: borrowing Transaction) throws -> Set<String> {
        Set(try tx.query("SELECT user_id FROM room_members WHERE room_key = \(key)") { try $0[0] as String })
    }

    func memberCount(of key: Int64, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM room_members WHERE room_key = \(key)") { try $0[0] } ?? 0
    }

    /// - Returns: Whether it was none before.
    func add(_ user: String, to key: Int64, now: Timestamp, _ tx: borrowing Transaction) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO room_members (room_key, user_id, since) VALUES (\(key), \(user), \(now)) ON CONFLICT DO NOTHING
            """) == 1
    }

    func remove(_ user: String, from key: Int64, _ tx: borrowing Transaction) throws -> Bool {
        try tx.execute("DELETE FROM room_members WHERE room_key = \(key) AND user_id = \(user)") == 1
    }

    /// Tells other nodes that somebody else may be in the room now.
    func revise(_ key: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("UPDATE rooms SET revision = revision + 1 WHERE key = \(key)")
    }

    /// Members and those who are in the room, by user.
    func people(
        of room: Room, after: String, limit: Int, _ tx: borrowing Transaction
    ) throws -> [RoomMember] {
        let (key, owner) = (room.key, room.owner)
        return try tx.query(
            """
            SELECT user_id, MAX(member), MAX(present), MIN(since) FROM (
                SELECT user_id, 1 AS member, 0 AS present, since FROM room_members WHERE room_key = \(key)
                UNION ALL SELECT user_id, 0, 1, since FROM room_presence WHERE room_key = \(key)
                UNION ALL SELECT \(owner), 1, 0, \(room.createdAt.microseconds)
            ) people WHERE user_id > \(after) GROUP BY user_id ORDER BY user_id LIMIT \(limit)
            """
        ) { row in
            let user: String = try row[0]
            return RoomMember(
                user: user, isOwner: user == owner, isMember: try row[1], isPresent: try row[2], since: try row[3])
        }
    }
}

/// What tells that there is something new about a room.
struct RoomMarks: Sendable, Hashable {
    var lastOffset: Int64
    /// Counts changes of who is in it.
    var presence: Int64
    /// Counts changes of who may be in it.
    var revision: Int64
}
