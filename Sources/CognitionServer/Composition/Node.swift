import CognitionCore
import CognitionEvents
import CognitionHTTP
import CognitionIdentity
import CognitionLanguageModels
import CognitionObservability
import CognitionRealtime
import CognitionSQLite
import CognitionSandbox
import CognitionScheduler
import CognitionSearch
import CognitionStorage
import CognitionWorkflows
import Foundation
import Logging

/// Everything that a command works with, put together once.
///
/// The process that holds the data folder's lock is its owner: it migrates and may run executions. While it does, other
/// commands are guests: they read, and leave requests that the owner finds. Where the database is a server's, other owners
/// with folders of their own may be nodes of it as well.
struct Node: Sendable {
    let configuration: ServerConfiguration
    let database: any Database
    let log: EventLog
    let schemas: EventSchemas
    let workflows: Workflows
    let scheduler: Scheduler
    let search: Search
    let functions: [any TaskFunction]
    let http: OutboundHTTPOnDemand
    let sandbox: BubblewrapSandbox
    let clock: any WallClock
    let logger: Logger
    let ids: UUIDGenerator
    /// `nil` in a guest.
    private let directory: DataDirectory?

    var isOwner: Bool { directory != nil }

    static let migrations =
        NodeLease.migrations + EventLog.migrations + EventLog.busMigrations + Workflows.migrations
        + LanguageModels.migrations + Identity.migrations + Scheduler.migrations
        + Rooms.migrations + Search.migrations + RepetitionStore.migrations

    /// What events of older releases are read through. No type of ours has a second version yet.
    static let upcasters = Upcasters.none

    /// Read models that are made of the log, for as long as a server runs.
    static let projections: [any Projection] = [EventTypesProjection()]

    /// What is asked and told of WebSockets, in a program that has something to say about them.
    static let connectionHooks: (any ConnectionHooks)? = nil

    enum Access {
        /// The folder's owner, or nothing.
        case owner
        /// The owner if the folder is free, else a guest.
        case any
        /// A guest in any case, so that looking at something keeps nobody from running something.
        case guest
    }

    /// Opens what `configuration` names, lends it to `body`, and closes it.
    ///
    /// - Parameters:
    ///   - folders: Folders that `call: documents` may read besides the configured ones.
    ///   - logger: `nil` for that of a command.
    static func withNode<Result>(
        _ configuration: ServerConfiguration, _ access: Access, folders: [String] = [], logger: Logger? = nil,
        _ body: (Node) async throws -> Result
    ) async throws -> Result {
        let logger = logger ?? Logger(label: "cognitionos", factory: configuration.logHandlers(forServer: false))
        if access == .guest { try await prepareIfFree(configuration, logger) }
        let node = try await open(configuration, access, folders: folders, logger)
        defer { withExtendedLifetime(node.directory) {} }  // the lock is held until the database is closed
        do {
            let result = try await body(node)
            await node.close()
            return result
        } catch {
            await node.close()
            throw error
        }
    }

    /// Lends a node on an empty database in memory without tables, for what only describes the program.
    static func withEmptyNode<Result>(
        _ configuration: ServerConfiguration, _ body: (Node) async throws -> Result
    ) async throws -> Result {
        let database = try await SQLiteDatabase.inMemory()
        let logger = Logger(label: "cognitionos", factory: configuration.logHandlers(forServer: false))
        let node: Node
        do {
            node = try Node(configuration, database, nil, folders: [], logger)
        } catch {
            await database.close()
            throw error
        }
        do {
            let result = try await body(node)
            await node.close()
            return result
        } catch {
            await node.close()
            throw error
        }
    }

    private func close() async {
        await search.close()
        if !isOwner { try? FileManager.default.removeItem(atPath: Self.guestFolder) }
        await sandbox.close()
        await http.shutdown()
        await database.close()
    }

    private static func open(
        _ configuration: ServerConfiguration, _ access: Access, folders: [String], _ logger: Logger
    ) async throws -> Node {
        let directory = access == .guest ? nil : try await lock(configuration.dataDirectory, waits: access == .owner)
        if directory == nil, access == .owner {
            let owner = DataDirectory.owner(of: configuration.dataDirectory)
            throw CommandFailure(
                "the data folder \(configuration.dataDirectory) is in use\(owner.isEmpty ? "" : " by process \(owner)"); wait for it to end, or name another folder with DATA_DIR"
            )
        }
        if let directory {
            ServerFiles.removeStale(from: directory)
            BubblewrapSandbox.endAbandoned()
        }
        let database = try await configuration.database.open(isGuest: directory == nil, logger)
        do {
            let node = try Node(configuration, database, directory, folders: folders, logger)
            try await node.prepareSchema()
            return node
        } catch {
            await database.close()
            throw error
        }
    }

    /// - Parameter waits: Commands that only look hold the lock for a moment, which must not keep a server from starting.
    private static func lock(_ path: String, waits: Bool) async throws -> DataDirectory? {
        let deadline = ContinuousClock.now + .seconds(1)
        while true {
            let directory = try DataDirectory.lock(path)
            guard directory == nil, waits, ContinuousClock.now < deadline else { return directory }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Makes or migrates the database if nobody owns the folder, and lets go of it again.
    private static func prepareIfFree(_ configuration: ServerConfiguration, _ logger: Logger) async throws {
        let node = try await open(configuration, .any, folders: [], logger)
        await node.close()
        withExtendedLifetime(node.directory) {}
    }

    private init(
        _ configuration: ServerConfiguration, _ database: any Database, _ directory: DataDirectory?,
        folders: [String], _ logger: Logger
    ) throws {
        self.configuration = configuration
        self.directory = directory
        clock = SystemWallClock()
        let database = InlineDatabase.serving(
            Self.projections, in: database, clock: clock, upcasters: Self.upcasters)
        self.database = database
        ids = UUIDGenerator(clock: clock)
        self.logger = logger
        log = EventLog(
            database, archives: EventArchives(ArchiveFolder(path: configuration.dataDirectory + "/events")))
        schemas = EventSchemas(database, rules: JSONSchemaRules(), clock: clock, ids: ids)
        http = OutboundHTTPOnDemand(settings: try configuration.httpClient)
        functions = try Self.functions(
            folders: configuration.list(.fileRoots) + folders, models: try configuration.languageModels(over: http, ids)
        )
        sandbox = BubblewrapSandbox(settings: try configuration.sandbox)
        scheduler = Scheduler(database: database, settings: configuration.scheduler, clock: clock, ids: ids)
        workflows = Workflows(
            database: database, functions: functions, processes: configuration.processRules,
            cipher: Self.cipher(configuration, isOwner: directory != nil, ids), clock: clock, ids: ids, http: http,
            keeper: WorkflowSchedules(scheduler))
        search = Search(
            database: database,
            folder: directory == nil ? Self.guestFolder : configuration.dataDirectory + "/search",
            settings: configuration.search, clock: clock, ids: ids, logger: logger)
    }

    /// Where a guest makes copies of indexes, as those in the data folder are their owner's.
    private static let guestFolder = FileManager.default.temporaryDirectory
        .appendingPathComponent("cognitionos-search-\(ProcessInfo.processInfo.processIdentifier)").path

    private static func cipher(
        _ configuration: ServerConfiguration, isOwner: Bool, _ ids: UUIDGenerator
    ) -> any SecretCipher {
        SecretKeyring {
            try KeyFile.secretKeys(configuration, mayCreate: isOwner, ids: ids, now: SystemWallClock().now)
        }
    }

    /// What a workflow can call by name.
    static func functions(folders: [String], models: LanguageModels) throws -> [any TaskFunction] {
        [
            LanguageModelFunction(models: models),
            try DocumentsFunction(roots: folders, workingFolder: FileManager.default.currentDirectoryPath),
            try RehearseFunction(),
        ]
    }

    /// The same, to check documents with: nothing of it is called.
    static func functionsToCheckWith() throws -> [any TaskFunction] {
        let models = try LanguageModels(providers: [ExtractiveProvider()], default: ModelReference(provider: "local"))
        return try functions(folders: [], models: models)
    }

    /// How long a guest waits for an owner that may be just about to bring the schema up to date.
    private static let schemaPatience = Duration.seconds(5)

    private func waitForSchema() async throws {
        let deadline = ContinuousClock.now + Self.schemaPatience
        while ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
            if try await database.pendingMigrations(Self.migrations).isEmpty { return }
        }
        throw StorageError(
            .databaseOlder, "the database is of an older release, and the process that owns it is running")
    }

    /// The owner brings the schema up to date, after a copy of what was there; a guest only looks.
    private func prepareSchema() async throws {
        let pending = try await database.pendingMigrations(Self.migrations)
        guard !pending.isEmpty else { return }
        guard directory != nil else { return try await waitForSchema() }
        // A server's database is copied by whoever looks after that server.
        if pending.count < Self.migrations.count, !database.isShared {
            let name = "before-\(Release.version)-\(clock.now.microseconds / 1_000_000).db"
            let copy = configuration.dataDirectory + "/backups/" + name
            try FileManager.default.createDirectory(
                atPath: configuration.dataDirectory + "/backups", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            try await database.backup(to: copy)
            logger.notice("Database copied before migrating", metadata: ["backup.path": "\(copy)"])
        }
        try await database.migrate(Self.migrations, now: clock.now)
    }

    /// An engine for this node; whoever gets it runs it.
    func engine() throws -> WorkflowEngine {
        let id: UUIDv7 = ids.next()
        var settings = WorkflowEngine.Settings()
        settings.effectsMax = configuration.number(.concurrency)
        if database.isShared { settings.predecessor = try NodeFile.exchange(for: id, in: configuration.dataDirectory) }
        return WorkflowEngine(
            workflows: workflows,
            executor: EffectExecutor(
                functions: functions, http: http, sandbox: sandbox, workflows: workflows, clock: clock),
            node: id, clock: clock, settings: settings, logger: logger)
    }

    /// What runs jobs on this node, beside its engine.
    func jobRunner(on engine: WorkflowEngine) -> JobRunner {
        let handlers: [any JobHandler] = [
            WorkflowJobs(workflows, on: engine), HTTPJobs(http, clock: clock),
            EmitJobs(workflows, schemas, clock: clock, ids: ids),
        ]
        return JobRunner(
            scheduler, handlers: handlers + MaintenanceJobs(scheduler, log: log).handlers, node: engine.node,
            lease: engine.lease, settings: configuration.jobRunner, clock: clock, logger: logger)
    }

    /// What keeps the indexes of the platform, as far as these are wanted.
    func searchSources(_ identity: Identity) -> [SourceRunner] {
        guard configuration.isOn(.searchPlatform) else { return [] }
        let sources: [any SearchSource] = [
            WorkflowDocuments(workflows: workflows), ExecutionDocuments(workflows: workflows),
            MemberDocuments(identity: identity),
        ]
        return sources.map { SourceRunner($0, for: search, log: log, logger: logger) }
    }

    /// Lets the documentation of this release be found.
    func publishDocumentation() async {
        // The start of the server comes first. An error is the cancellation that ends the wait.
        try? await Task.sleep(for: .seconds(1))
        guard !Task.isCancelled else { return }
        do {
            try await search.replace(
                Documentation.documents, of: IndexName.documentation, settings: Documentation.settings)
        } catch is CancellationError {
            return
        } catch {
            logger.warning("Documentation is not indexed", metadata: ["error": "\(error)"])
        }
        // A service that ends would end the server. An error is the cancellation that ends the wait.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
    }

    /// Runs an engine while `body` runs; ends it in good order.
    func withEngine<Result: Sendable>(
        _ body: @escaping @Sendable (WorkflowEngine) async throws -> Result
    ) async throws -> Result {
        try await Self.run(try engine(), during: body)
    }

    /// Who may use this server.
    /// - Parameter mayCreateKeys: Makes the file of keys when it is missing.
    func identity(mayCreateKeys: Bool) throws -> Identity {
        let keys = try KeyFile.signingKeys(configuration, mayCreate: mayCreateKeys, ids: ids, now: clock.now)
        return try Identity(
            database: database, clock: clock, ids: ids, keys: keys, settings: configuration.identity)
    }

    /// Ends the engine when the body has ended, and the body when the engine has failed.
    private static func run<Result: Sendable>(
        _ engine: WorkflowEngine, during body: @escaping @Sendable (WorkflowEngine) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await engine.run()
                return nil
            }
            group.addTask { try await body(engine) }
            var result: Result?
            for try await value in group {
                result = value ?? result
                group.cancelAll()
            }
            guard let result else { throw CancellationError() }
            return result
        }
    }
}
