import CognitionCore
import CognitionEvents
import CognitionHTTP
import CognitionIdentity
import CognitionObservability
import CognitionRealtime
import CognitionScheduler
import CognitionSearch
import CognitionStorage
import CognitionWorkflows
import Logging
import Metrics
import ServiceLifecycle
import Synchronization
import Tracing
import UnixSignals

/// Everything that runs in `cognitionos serve`, put together once.
///
/// Services start in the order in which they are listed and end in the reverse one: first the server takes no more
/// requests and finishes those in flight, then the engine gives its executions back.
struct Server {
    private let node: Node
    private let engine: WorkflowEngine
    private let jobs: JobRunner
    private let identity: Identity
    private let hub: RealtimeHub
    /// `nil` where no Redis is used.
    private let redis: RedisLink?
    /// `nil` when no setting names one.
    private let bus: BusServices?
    private let state: HealthState
    private let metrics: PrometheusMetrics
    private let levels: LogLevels
    /// `nil` when tracing is off.
    private let traces: TraceExport?
    private var configuration: ServerConfiguration { node.configuration }

    /// Serves until the process is asked to end.
    static func run(_ configuration: ServerConfiguration) async throws {
        try configuration.checkConflicts()
        let metrics = PrometheusMetrics()
        metrics.onScrape(ProcessMetrics.collect)
        // Without, nothing is counted either.
        if configuration.isOn(.enableMetrics) { MetricsSystem.bootstrap(metrics) }
        let levels = LogLevels(configuration.logLevel(forServer: true))
        LoggingSystem.bootstrap(configuration.logHandlers(forServer: true, levels: levels))
        let traces = try TraceExport(configuration, logger: Logger(label: configuration[.serviceName]))
        if let traces { InstrumentationSystem.bootstrap(traces.tracer) }
        let state = HealthState()
        try await withLogger(Logger(label: configuration[.serviceName])) { _ in
            for warning in configuration.warnings { Logger.current.warning("\(warning)") }
            state.advance(to: .migrating)
            try await Node.withNode(configuration, .owner, logger: .current) { node in
                try await Server(node, state, metrics, levels, traces).run()
            }
        }
    }

    private init(
        _ node: Node, _ state: HealthState, _ metrics: PrometheusMetrics, _ levels: LogLevels, _ traces: TraceExport?
    ) async throws {
        self.node = node
        self.levels = levels
        self.traces = traces
        engine = try node.engine()
        jobs = node.jobRunner(on: engine)
        self.state = state
        self.metrics = metrics
        identity = try node.identity(mayCreateKeys: true)
        bus = try BusServices(node)
        var settings = RealtimeHub.Settings()
        settings.connectionsPerUserMax = node.configuration.number(.connectionsPerUser)
        settings.evictsOldest = node.configuration[.connectionsPerUserPolicy] == "evict"
        settings.connectionsPerAddressMax = node.configuration.number(.connectionsPerAddress)
        settings.connectionsMax = node.configuration.number(.webSocketConnections)
        settings.connectionEvents = node.configuration.isOn(.connectionEvents)
        settings.hooks = Node.connectionHooks
        settings.heartbeat = node.configuration.duration(.heartbeatInterval)
        hub = try await RealtimeHub.open(
            node.database, source: RealtimeExecutions(workflows: node.workflows),
            jobs: RealtimeJobs(scheduler: node.scheduler), authenticator: RealtimeIdentity(identity: identity),
            texts: RealtimeTexts(streams: node.workflows.tokens),
            directory: RoomUsers(identity: identity), lease: engine.lease, settings: settings, wallClock: node.clock,
            ids: node.ids)
        redis = try await RedisLink.make(for: node, epoch: hub.epoch)
    }

    private func run() async throws {
        let files = ServerFiles(folder: configuration.dataDirectory, identity: identity)
        let monitor = HealthMonitor(
            HealthCheck.all(node, engine, hub, redis?.client) + (bus.map { [$0.healthCheck] } ?? []))
        let tls = try configuration.tls
        let repetitions = RepetitionRunner(database: node.database, clock: node.clock)
        try await repetitions.recover()
        try await bus?.check(identity)
        let http = try httpServer(monitor, files, tls) { port in
            let host = configuration[.host]
            do {
                try await files.announce(host: host, port: port, isEncrypted: tls != nil)
            } catch {
                Logger.current.error(
                    "Commands on this machine will not find the server", metadata: ["error": "\(error)"])
            }
            // An engine that still recovers takes no executions.
            while !engine.load.isRunning, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(2)) }
            // From here on every check has a finding of its own, which counts while a later one takes its time.
            _ = await monitor.system()
            state.advance(to: .ready)
            Logger.current.notice("Server is ready", metadata: ["server.host": "\(host)", "server.port": "\(port)"])
        }
        var services: [any Service] = [
            // What others rely on first.
            Loop { try await engine.run() },
            Loop { try await runJobs() },
            Loop { try await EventFirings(node.scheduler).run() },
            Loop { try await SearchRunner(node.search, logger: node.logger).run() },
            Loop { try await hub.run() },
            Loop { try await RevocationRunner(identity).run() },
            Loop { try await MailRunner(identity, mail: MailFolder(configuration)).run() },
            Loop { try await repetitions.run() },
        ]
        services += Node.projections.map { projection in
            Loop {
                // On a server with little to do, an append would otherwise cost a commit more.
                try await ProjectionRunner(
                    projection, database: node.database, archives: node.log.archives, wallClock: node.clock,
                    rest: .milliseconds(200),
                    upcasters: Node.upcasters
                ).run()
            }
        }
        services += node.searchSources(identity).map { source in Loop { try await source.run() } }
        if configuration.isOn(.searchPlatform) { services.append(Loop { await node.publishDocumentation() }) }
        services += bus?.services ?? []
        services += [
            files,
            http,
            Announcement { state.advance(to: .draining) },
        ]
        if let retention = configuration.auditRetention {
            let folder = ArchiveFolder(path: configuration.dataDirectory + "/audit")
            let archiver = AuditArchiver(identity, archive: folder, retention: retention)
            services.insert(Loop { try await archiver.run() }, at: 0)
        }
        let eventRetention = try configuration.eventRetention
        if !eventRetention.isEmpty {
            let archiver = EventArchiver(
                node.log, retention: eventRetention,
                // What an execution was at a moment is told by its events, as long as it is there.
                keepers: [Workflows.executionStreamType: { try Workflows.existing($0, in: $1) }],
                owner: node.ids.next(), wallClock: node.clock)
            services.insert(Loop { try await archiver.run() }, at: 0)
        }
        if let tls { services.insert(Loop { try await CertificateReload(tls: tls).run() }, at: 0) }
        if let redis { services.insert(Loop { await redis.run() }, at: 0) }
        if let traces { services.insert(traces, at: 0) }
        var group = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: node.logger)
        group.maximumGracefulShutdownDuration = configuration.duration(.shutdownTimeout)
        try await ServiceGroup(configuration: group).run()
    }

    /// Jobs begin once the engine has taken up what was left, and end before it.
    private func runJobs() async throws {
        while !engine.load.isRunning, !Task.isCancelled { try await Task.sleep(for: .milliseconds(2)) }
        try await node.workflows.handOverSchedules()
        try await node.scheduler.ensure(MaintenanceJobs.schedules, as: .localOperator)
        try await jobs.run()
    }

    private func httpServer(
        _ monitor: HealthMonitor, _ files: ServerFiles, _ tls: TLSIdentity?,
        _ onRunning: @escaping @Sendable (Int) async -> Void
    ) throws -> HTTPServer {
        var settings = HTTPServer.Settings()
        settings.host = configuration[.host]
        settings.port = configuration.number(.port)
        settings.logsAccess = configuration.isOn(.accessLog)
        settings.tracer = traces?.tracer
        settings.bodyBytesMax = configuration.number(.bodyBytesMax)
        settings.tls = tls
        settings.edge = try configuration.edge
        settings.connection.idleTimeout = configuration.duration(.idleTimeout)
        settings.connection.bodyTimeout = configuration.duration(.requestTimeout)
        settings.connection.headTimeout = min(.seconds(10), configuration.duration(.requestTimeout) / 10)
        return HTTPServer(
            Self.api(
                node, engine: engine, hub: hub, identity: identity, state: state, monitor: monitor, metrics: metrics,
                levels: levels, onKeyRotation: files.renewToken),
            webSocket: WebSocketEndpoint(hub: hub, settings: try configuration.webSocket, ids: node.ids),
            identity: identity,
            repetitions: RepetitionDesk(
                database: node.database, clock: node.clock, ids: node.ids,
                digest: identity.keyedDigest(for: "cognitionos repetitions")),
            settings: settings,
            ids: node.ids, logger: node.logger,
            onRunning: onRunning)
    }

    /// A hub that nothing runs, to describe the routes with.
    static func describingHub(_ node: Node, _ identity: Identity) -> RealtimeHub {
        RealtimeHub(
            Rooms(node.database, epoch: "", clock: node.clock, ids: node.ids),
            lease: NodeLease(node.database, node: node.ids.next()), start: 0,
            source: RealtimeExecutions(workflows: node.workflows),
            authenticator: RealtimeIdentity(identity: identity), wallClock: node.clock)
    }

    /// Every route.
    static func api(
        _ node: Node, engine: WorkflowEngine, hub: RealtimeHub, identity: Identity, state: HealthState,
        monitor: HealthMonitor, metrics: PrometheusMetrics?, levels: LogLevels,
        onKeyRotation: @escaping @Sendable () async throws -> Void = {}
    ) -> API {
        let token = node.configuration[.metricsToken]
        var root: [any RouteGroup] = [
            RootHealthRoutes(state: state, monitor: monitor), PublicKeyRoutes(identity: identity),
        ]
        if let metrics, node.configuration.isOn(.enableMetrics) {
            root.append(MetricsRoutes(metrics: metrics, token: token.isEmpty ? nil : Secret(token)))
        }
        return API.documented(
            [
                IdentityRoutes(identity: identity), APIKeyRoutes(identity: identity), AuditRoutes(identity: identity),
                SigningKeyRoutes(
                    identity: identity, store: KeyRingFile(configuration: node.configuration),
                    algorithm: node.configuration.signingAlgorithm, onRotation: onKeyRotation),
                PasswordRoutes(identity: identity), SessionRoutes(identity: identity), UserRoutes(identity: identity),
                WorkspaceRoutes(identity: identity), InvitationRoutes(identity: identity),
                WorkflowRoutes(workflows: node.workflows),
                ExecutionRoutes(workflows: node.workflows, engine: engine, log: node.log, identity: identity),
                ScheduleRoutes(workflows: node.workflows), ExecutionControlRoutes(workflows: node.workflows),
                EventLogRoutes(
                    log: node.log, schemas: node.schemas, identity: identity, clock: node.clock, ids: node.ids),
                EventSchemaRoutes(schemas: node.schemas),
                StreamStateRoutes(log: node.log),
                ProjectionRoutes(
                    projections: Projections(
                        node.database, archives: node.log.archives, clock: node.clock, upcasters: Node.upcasters),
                    known: Node.projections, log: node.log),
                SagaRoutes(workflows: node.workflows, engine: engine),
                JobRoutes(scheduler: node.scheduler), QueueRoutes(scheduler: node.scheduler),
                RoomRoutes(hub: hub, identity: identity),
                SearchRoutes(search: node.search), SearchIndexRoutes(search: node.search),
                SecretRoutes(workflows: node.workflows, identity: identity),
                ForkRoutes(workflows: node.workflows),
                LanguageModelRoutes(database: node.database), LogLevelRoutes(levels: levels),
                HealthRoutes(state: state, monitor: monitor),
            ], root: root)
    }
}

/// Work without an end of its own, ended when the server is.
struct Loop: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws { try await cancelWhenGracefulShutdown(body) }
}

/// Does something as soon as the server is asked to end, before any other service is.
private struct Announcement: Service {
    let body: @Sendable () -> Void

    func run() async throws {
        try await gracefulShutdown()
        body()
    }
}
