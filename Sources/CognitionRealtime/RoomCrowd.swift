package import CognitionStorage

/// How many rooms there are, and people in them, of all workspaces and nodes.
package struct RoomCrowd: Sendable {
    package let rooms: Int
    package let people: Int

    package init(of database: any Database) async throws {
        (rooms, people) = try await database.read { tx in
            (
                try tx.first("SELECT COUNT(*) FROM rooms") { try $0[0] as Int } ?? 0,
                try tx.first("SELECT COUNT(*) FROM (SELECT DISTINCT room_key, user_id FROM room_presence) seats") {
                    try $0[0] as Int
                } ?? 0
            )
        }
    }
}
