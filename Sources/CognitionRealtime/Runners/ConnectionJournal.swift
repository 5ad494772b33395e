import CognitionCore
import CognitionEvents
import CognitionStorage
import Logging
import Synchronization

/// Tells of connections that were opened and that have ended: the log, where that is wanted, and ``ConnectionHooks``.
///
/// Neither a handshake nor an event loop waits for it: what happens is noted, and told a moment later, many at once. What
/// there is no room for, or what cannot be written, is counted and forgotten.
final class ConnectionJournal: Sendable {
    enum Change: Sendable {
        case opened
        case closed(ConnectionEnd)
    }

    private struct Entry {
        let connection: ConnectionDetails
        let change: Change
        let time: Timestamp
    }

    /// Changes that wait to be told.
    static let waitingMax = 16_384
    private static let batchMax = 256
    /// In which changes gather.
    private static let pause = Duration.milliseconds(100)

    private let database: any Database
    private let writesEvents: Bool
    private let hooks: (any ConnectionHooks)?
    private let ids: UUIDGenerator
    private let metrics: RealtimeMetrics
    private let waiting = Mutex<[Entry]>([])
    private let rings: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(
        _ database: any Database, writesEvents: Bool, hooks: (any ConnectionHooks)?, ids: UUIDGenerator,
        metrics: RealtimeMetrics
    ) {
        self.database = database
        self.writesEvents = writesEvents
        self.hooks = hooks
        self.ids = ids
        self.metrics = metrics
        (rings, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func note(_ change: Change, of connection: ConnectionDetails, at time: Timestamp) {
        let hasRoom = waiting.withLock { waiting in
            guard waiting.count < Self.waitingMax else { return false }
            waiting.append(Entry(connection: connection, change: change, time: time))
            return true
        }
        if hasRoom { ring.yield() } else { metrics.countUnrecorded(1) }
    }

    /// Tells until the task is cancelled, and then what is left.
    func run() async {
        for await _ in rings {
            // Ends early when the task is cancelled, as the loop does then.
            try? await Task.sleep(for: Self.pause)
            await tellAll()
        }
        // Not a child, as connections end when the server does, and a cancelled task writes nothing any more.
        await Task { await self.tellAll() }.value
    }

    private func tellAll() async {
        while true {
            let batch = waiting.withLock { waiting in
                let batch = Array(waiting.prefix(Self.batchMax))
                waiting.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            if writesEvents { await write(batch) }
            guard let hooks else { continue }
            for entry in batch {
                if case .closed(let end) = entry.change { await hooks.disconnected(entry.connection, end) }
            }
        }
    }

    private func write(_ batch: [Entry]) async {
        do {
            try await database.write { [ids] tx in
                for entry in batch {
                    try tx.append(
                        [Self.event(entry)], to: StreamName("connection", entry.connection.id.description),
                        context: EventContext(entry.connection.principal, time: entry.time, ids: ids))
                }
            }
        } catch {
            metrics.countUnrecorded(batch.count)
            Logger.current.warning(
                "Connections are missing in the log",
                metadata: [
                    "connections": "\(batch.count)",
                    "error": "\((error as? any CodedError)?.code.name ?? "\(type(of: error))")",
                ])
        }
    }

    private static func event(_ entry: Entry) -> NewEvent {
        var data: JSONObject = [
            "connection": .string(entry.connection.id.description), "user": .string(entry.connection.user),
            "address": entry.connection.address.map(JSONValue.string) ?? .null,
        ]
        switch entry.change {
        case .opened: return NewEvent("connection.opened", data: .object(data))
        case .closed(let end):
            data["code"] = .integer(Int64(end.code))
            return NewEvent("connection.closed", data: .object(data))
        }
    }
}
