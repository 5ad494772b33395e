import CognitionCore
import CognitionEvents
import CognitionObservability
import CognitionRealtime
import CognitionRedis
import CognitionScheduler
import CognitionSearch
import CognitionStorage
import CognitionWorkflows

extension HealthCheck {
    /// Everything that the server depends on.
    static func all(_ node: Node, _ engine: WorkflowEngine, _ hub: RealtimeHub, _ redis: RedisClient?) -> [HealthCheck]
    {
        [
            database(node.database), eventLog(node.log, SnapshotCount(node.log, clock: node.clock)),
            .diskSpace(ofFolder: node.configuration.dataDirectory),
            self.engine(engine), scheduler(SchedulerWatch(node.scheduler)), webSocket(hub),
            search(node.search),
        ] + (redis.map { [self.redis($0)] } ?? [])
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
    private static func eventLog(_ log: EventLog, _ snapshotCount: SnapshotCount) -> HealthCheck {
        HealthCheck("event_log", isRequired: true) {
            let (head, snapshots) = (try await log.head(), try await snapshotCount.value)
            // Buses have a check of their own.
            let followers = try await log.followers().filter { !BusPublisher.isOfBus($0.name) }
            let lags = followers.map { ($0.name, JSONValue.integer(max(0, head - $0.position))) }
            let stopped = followers.filter { $0.failure != nil }.map { JSONValue.string($0.name) }
            let isBehind = followers.contains { head - $0.position > lagMax && !$0.isRebuild }
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

    /// Whether jobs can be looked at, and whether somebody runs what is ready.
    private static func scheduler(_ watch: SchedulerWatch) -> HealthCheck {
        HealthCheck("scheduler", isRequired: false) {
            let overview = try await watch.overview
            let states = ["ready", "scheduled", "blocked", "paused", "completed", "failed", "dead", "cancelled"]
            let metrics =
                states.map { ($0, overview.count($0)) }
                + [("schedules", overview.schedules), ("nodes", overview.nodes)]
            return Finding(
                overview.isStranded ? .degraded : .healthy,
                details: [
                    "running_jobs": .integer(overview.running), "total_jobs": .integer(overview.total),
                    "metrics": .object(JSONObject(metrics.map { ($0, .integer($1)) })),
                ])
        }
    }

    /// Whether indexes can be searched: of those that are open on this node.
    private static func search(_ search: Search) -> HealthCheck {
        HealthCheck("search", isRequired: false) {
            let overview = search.overview
            return Finding(
                overview.failing > 0 ? .degraded : .healthy,
                details: [
                    "indexed_documents": .integer(Int64(overview.documents)),
                    "vocabulary_size": .integer(Int64(overview.words)), "open_indexes": .integer(Int64(overview.open)),
                    "rebuilding": .integer(Int64(overview.rebuilding)), "failing": .integer(Int64(overview.failing)),
                    "bytes": .integer(Int64(overview.bytes)),
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

    /// Whether Redis answers. Without it nodes hear of each other by the database, a little later.
    private static func redis(_ client: RedisClient) -> HealthCheck {
        HealthCheck("redis", isRequired: false) {
            // Where there is no connection, the reason why is known already.
            if client.standing.isConnected { try? await client.ping() }
            let standing = client.standing
            var details: JSONObject = ["connected": .bool(standing.isConnected)]
            if let version = standing.version { details["version"] = .string(version) }
            if let failure = standing.failure { details["error"] = .string(failure.code.name) }
            return Finding(standing.isConnected ? .healthy : .degraded, details: details)
        }
    }
}
