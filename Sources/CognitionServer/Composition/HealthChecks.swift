import CognitionCore
import CognitionEvents
import CognitionObservability
import CognitionRealtime
import CognitionStorage
import CognitionWorkflows

extension HealthCheck {
    /// Everything that the server depends on.
    static func all(_ node: Node, _ engine: WorkflowEngine, _ hub: RealtimeHub) -> [HealthCheck] {
        [
            database(node.database), eventLog(node.log), .diskSpace(ofFolder: node.configuration.dataDirectory),
            self.engine(engine), webSocket(hub),
        ]
    }

    /// Whether the database answers a query, and how busy it is.
    private static func database(_ database: any Database) -> HealthCheck {
        HealthCheck("database", isRequired: true) {
            let probe = try await database.probe()
            var details: JSONObject = [
                "driver": .string(database.dialect.rawValue),
                "writes_waiting": .integer(Int64(probe.writesWaiting)),
            ]
            if let nodes = probe.nodes { details["nodes"] = .integer(Int64(nodes)) }
            if probe.isReadOnly { details["read_only"] = true }
            return Finding(probe.isReadOnly ? .unhealthy : probe.isCrowded ? .degraded : .healthy, details: details)
        }
    }

    /// Events that a subscriber may be behind before that is told.
    private static let lagMax: Int64 = 10_000

    /// Whether the log can be read, and whether its subscribers follow.
    private static func eventLog(_ log: EventLog) -> HealthCheck {
        HealthCheck("event_log", isRequired: true) {
            let (head, snapshots) = (try await log.head(), try await log.snapshotCount())
            // Buses have a check of their own.
            let subscriptions = try await log.subscriptions().filter { !BusPublisher.isOfBus($0.name) }
            let lags = subscriptions.map { ($0.name, JSONValue.integer(max(0, head - $0.position))) }
            let stopped = subscriptions.filter { $0.failure != nil }.map { JSONValue.string($0.name) }
            let isBehind = subscriptions.contains { head - $0.position > lagMax }
            return Finding(
                stopped.isEmpty && !isBehind ? .healthy : .degraded,
                details: [
                    "total_events": .integer(head), "total_snapshots": .integer(snapshots),
                    "subscribers_behind": .object(JSONObject(lags)),
                    "subscribers_stopped": .array(stopped),
                ])
        }
    }

    /// Whether executions are run here.
    private static func engine(_ engine: WorkflowEngine) -> HealthCheck {
        HealthCheck("engine", isRequired: true) {
            let load = engine.load
            return Finding(
                !load.isRunning
                    ? .unhealthy
                    : load.isFailing || load.executions >= load.executionsMax ? .degraded : .healthy,
                details: [
                    "executions": .integer(Int64(load.executions)),
                    "executions_max": .integer(Int64(load.executionsMax)),
                    "tasks_running": .integer(Int64(load.effectsRunning)),
                    "tasks_waiting": .integer(Int64(load.effectsWaiting)),
                ])
        }
    }

    /// Whether there is room for more connections.
    private static func webSocket(_ hub: RealtimeHub) -> HealthCheck {
        HealthCheck("websocket", isRequired: false) {
            let stats = hub.stats
            let isCrowded = stats.connectedClients >= hub.connectionsMax / 10 * 9
            return Finding(
                isCrowded ? .degraded : .healthy,
                details: [
                    "connections": .integer(Int64(stats.connectedClients)),
                    "connections_max": .integer(Int64(hub.connectionsMax)),
                    "subscriptions": .integer(Int64(stats.activeSubscriptions)),
                    "errors": .integer(Int64(stats.errors)),
                ])
        }
    }
}
