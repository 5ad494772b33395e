import CognitionCore
import CognitionRealtime
import Synchronization
import Testing

/// Clients that come, go, fall behind and write, as chance has it; each keeps a ledger of what it was told.
final class RoomSchedule: Sendable {
    enum Step: Sendable {
        case publish(room: Int, count: Int, node: Int)
        case connect(client: Int, node: Int)
        case disconnect(client: Int)
        case slow(client: Int, room: Int)
        case quick(client: Int)
        case pause
    }

    private struct Client {
        var peer: RoomPeer?
        var ledger = RoomLedger()
        let room: String
    }

    private let rooms: [String]
    private let clients: Mutex<[Client]>
    private static let ada = RoomPeople.caller("ada")

    init(rooms: [String], clients: Int) {
        self.rooms = rooms
        self.clients = Mutex((0..<clients).map { Client(room: rooms[$0 % rooms.count]) })
    }

    static func steps(_ count: Int, nodes: Int = 1, using random: inout SplitMix64) -> [Step] {
        (0..<count).map { _ in
            let client = Int.random(in: 0..<6, using: &random)
            let node = Int.random(in: 0..<nodes, using: &random)
            return switch Int.random(in: 0..<10, using: &random) {
            case 0...3: .publish(room: client % 2, count: Int.random(in: 1...20, using: &random), node: node)
            case 4, 5: .connect(client: client, node: node)
            case 6: .disconnect(client: client)
            case 7: .slow(client: client, room: Int.random(in: 0...5, using: &random))
            case 8: .quick(client: client)
            default: .pause
            }
        }
    }

    /// One room keeps everything, the other little.
    func makeRooms(on hub: RealtimeHub) async throws {
        for (index, id) in rooms.enumerated() {
            var settings = RoomSettings()
            settings.history = index == 0 ? .durable : .last(30)
            settings.slow = index == 0 ? .disconnect : .dropOldest
            _ = try await hub.rooms.create(id, settings, as: Self.ada)
        }
    }

    /// Takes the steps; all connections end afterwards, as their node does.
    func run(_ steps: [Step], on nodes: [RealtimeHub]) async throws {
        for step in steps {
            switch step {
            case .publish(let room, let count, let node):
                for number in 0..<count { try await nodes[node].say("\(number)", in: rooms[room]) }
            case .connect(let client, let node): connect(client, to: nodes[node])
            case .disconnect(let client): disconnect(client)
            case .slow(let client, let room): peer(client)?.setRoom(room)
            case .quick(let client): peer(client)?.setRoom(.max)
            case .pause: try await Task.sleep(for: .milliseconds(3))
            }
        }
        for client in indices { disconnect(client) }
    }

    private var indices: Range<Int> { clients.withLock { $0.indices } }
    private func peer(_ client: Int) -> RoomPeer? { clients.withLock { $0[client].peer } }

    private func connect(_ client: Int, to hub: RealtimeHub) {
        disconnect(client)
        let peer = RoomPeer(hub, as: "user\(client)")
        clients.withLock { clients in
            clients[client].peer = peer
            peer.say([
                "action": "subscribe", "room": .string(clients[client].room), "since": clients[client].ledger.since,
                "presence": false,
            ])
        }
    }

    private func disconnect(_ client: Int) {
        guard let peer = clients.withLock({ $0[client].peer.take() }) else { return }
        peer.disconnect()
        clients.withLock { $0[client].ledger.take(peer.messages) }
    }

    /// Everybody comes back, and then knows everything that there is, or that it has missed it.
    func finish(on nodes: [RealtimeHub], _ comment: Comment) async throws {
        for client in indices { connect(client, to: nodes[client % nodes.count]) }
        for client in indices {
            let room = try await nodes[0].rooms.room(rooms[client % rooms.count], for: Self.ada)
            try await peer(client)?.wait("the last message") { messages in
                messages.contains { ($0["offset"]?.integerValue ?? -1) >= room.lastOffset }
            }
        }
        var truth: [String: [Int64: JSONValue]] = [:]
        for id in rooms {
            let page = try await nodes[0].rooms.history(of: id, .newest, limit: 500, for: Self.ada)
            truth[id] = Dictionary(uniqueKeysWithValues: page.messages.map { ($0.offset, JSONValue.string($0.id)) })
        }
        for client in indices { disconnect(client) }
        for (index, client) in clients.withLock({ $0 }).enumerated() {
            #expect(client.ledger.faults.isEmpty, comment)
            // Of a durable room, nobody has missed anything.
            if index % rooms.count == 0 { #expect(client.ledger.gaps == 0, comment) }
            for (offset, id) in client.ledger.contents where truth[client.room]?[offset] != nil {
                #expect(truth[client.room]?[offset] == id, comment)
            }
        }
    }
}
