import CognitionCore
import CognitionEvents
import CognitionHTTPClient
import CognitionLanguageModels
import CognitionObservability
import CognitionSQLite
import CognitionStorage
import CognitionWorkflows
import Foundation
import Logging

/// Everything that a command works with, put together once.
///
/// The process that holds the data folder's lock is its owner: it migrates and may run executions. While it does, other
/// commands are guests: they read, and leave requests that the owner finds.
struct Node: Sendable {
    let configuration: ServerConfiguration
    let database: SQLiteDatabase
    let log: EventLog
    let workflows: Workflows
    let functions: [any TaskFunction]
    let clock: any WallClock
    let logger: Logger
    let ids: UUIDGenerator
    /// `nil` in a guest.
    private let directory: DataDirectory?

    var isOwner: Bool { directory != nil }

    static let migrations = EventLog.migrations + Workflows.migrations

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
    /// - Parameter folders: Folders that `call: documents` may read besides the configured ones.
    static func withNode<Result>(
        _ configuration: ServerConfiguration, _ access: Access, folders: [String] = [],
        _ body: (Node) async throws -> Result
    ) async throws -> Result {
        if access == .guest { try await prepareIfFree(configuration) }
        let node = try await open(configuration, access, folders: folders)
        defer { withExtendedLifetime(node.directory) {} }  // the lock is held until the database is closed
        do {
            let result = try await body(node)
            await node.database.close()
            return result
        } catch {
            await node.database.close()
            throw error
        }
    }

    private static func open(
        _ configuration: ServerConfiguration, _ access: Access, folders: [String]
    ) async throws -> Node {
        let directory = access == .guest ? nil : try DataDirectory.lock(configuration.dataDirectory)
        if directory == nil, access == .owner {
            let owner = DataDirectory.owner(of: configuration.dataDirectory)
            throw CommandFailure(
                "the data folder \(configuration.dataDirectory) is in use by process \(owner); wait for it to end, or name another folder with DATA_DIR"
            )
        }
        var options = SQLiteOptions()
        options.isGuest = directory == nil
        let database = try await SQLiteDatabase.open(at: configuration.databasePath, options: options)
        do {
            return try await Node(configuration, database, directory, folders: folders)
        } catch {
            await database.close()
            throw error
        }
    }

    /// Makes or migrates the database if nobody owns the folder, and lets go of it again.
    private static func prepareIfFree(_ configuration: ServerConfiguration) async throws {
        let node = try await open(configuration, .any, folders: [])
        await node.database.close()
        withExtendedLifetime(node.directory) {}
    }

    private init(
        _ configuration: ServerConfiguration, _ database: SQLiteDatabase, _ directory: DataDirectory?, folders: [String]
    ) async throws {
        self.configuration = configuration
        self.database = database
        self.directory = directory
        clock = SystemWallClock()
        ids = UUIDGenerator(clock: clock)
        logger = configuration.logger
        log = EventLog(database)
        functions = try Self.functions(
            folders: configuration.list(.fileRoots) + folders, provider: configuration[.languageModelProvider])
        workflows = Workflows(database: database, functions: functions, clock: clock, ids: ids)
        try await prepareSchema()
    }

    /// What a workflow can call by name.
    static func functions(
        folders: [String], provider: String = Setting.languageModelProvider.standard
    ) throws -> [any TaskFunction] {
        let models = try LanguageModels(providers: [ExtractiveProvider()], default: ModelReference(provider: provider))
        return [
            LanguageModelFunction(models: models),
            try DocumentsFunction(roots: folders, workingFolder: FileManager.default.currentDirectoryPath),
            try RehearseFunction(),
        ]
    }

    /// The owner brings the schema up to date, after a copy of what was there; a guest only looks.
    private func prepareSchema() async throws {
        let pending = try await database.pendingMigrations(Self.migrations)
        guard !pending.isEmpty else { return }
        guard directory != nil else {
            throw StorageError(
                .databaseOlder, "the database is of an older release, and the process that owns it is running")
        }
        if pending.count < Self.migrations.count {
            let name = "before-\(Release.version)-\(clock.now.microseconds / 1_000_000).db"
            let copy = configuration.dataDirectory + "/backups/" + name
            try FileManager.default.createDirectory(
                atPath: configuration.dataDirectory + "/backups", withIntermediateDirectories: true)
            try await database.backup(to: copy)
            logger.notice("Database copied before migrating", metadata: ["backup.path": "\(copy)"])
        }
        try await database.migrate(Self.migrations, now: clock.now)
    }

    /// Runs an engine while `body` runs; ends it in good order.
    func withEngine<Result: Sendable>(
        _ body: @escaping @Sendable (WorkflowEngine) async throws -> Result
    ) async throws -> Result {
        var settings = HTTPClientSettings()
        settings.connectionsPerHost = configuration.number(.connectionsPerHost)
        settings.egress = try EgressRules(
            deny: configuration.list(.egressDeny), allow: configuration.list(.egressAllow))
        let http = OutboundHTTPClient(settings: settings)
        var engineSettings = WorkflowEngine.Settings()
        engineSettings.effectsMax = configuration.number(.concurrency)
        let engine = WorkflowEngine(
            workflows: workflows,
            executor: EffectExecutor(functions: functions, http: http, workflows: workflows, clock: clock),
            node: ids.next(), clock: clock, settings: engineSettings, logger: logger)
        do {
            let result = try await Self.run(engine, during: body)
            await http.shutdown()
            return result
        } catch {
            await http.shutdown()
            throw error
        }
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

extension ServerConfiguration {
    /// Writes to standard error as the configuration says.
    fileprivate var logger: Logger {
        let sink = LogSink()
        // Commands show what they do themselves; their log speaks up when something is wrong, unless it is asked to say more.
        let level = isGiven(.logLevel) ? Logger.Level(rawValue: self[.logLevel].lowercased()) ?? .info : .warning
        let format = LogFormat(rawValue: self[.logFormat].lowercased()) ?? .text
        return Logger(label: "cognitionos") { label in
            ServerLogHandler(label: label, level: level, format: format, sink: sink)
        }
    }
}
