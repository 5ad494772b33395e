import CognitionCore
import CognitionRedis
import CognitionStorage
import CognitionWorkflows
import Logging

/// The way over Redis to the other nodes of a database. Without it, or while it is down, everything goes on as the database
/// alone has it.
struct RedisLink: Sendable {
    let client: RedisClient
    let wakeUps: SignalRelay
    let texts: TokenRelay

    /// - Parameter epoch: The name of the log.
    /// - Returns: `nil` where the settings name no Redis server, or the database has one node only.
    static func make(for node: Node, epoch: String) async throws -> RedisLink? {
        guard node.database.isShared, let options = try node.configuration.redis else { return nil }
        // A copy of a database may still have the epoch of the one that it was made from.
        let place = try await node.database.read { tx in
            try tx.first("SELECT current_database() || ':' || coalesce(current_schema(), '')") { try $0[0] as String }
        }
        let client = try RedisClient(options, logger: node.logger)
        let id: UUIDv7 = node.ids.next()
        let channel = "cognitionos:\(epoch):\(place ?? "")"
        return RedisLink(
            client: client,
            wakeUps: SignalRelay(
                node.database.signals, over: client, channel: channel + ":wake", node: id.description),
            texts: TokenRelay(node.workflows.tokens, over: client, channel: channel, node: id.description))
    }

    /// Runs until the task is cancelled.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await client.run() }
            group.addTask { await wakeUps.run() }
            group.addTask { await texts.run() }
        }
    }
}
