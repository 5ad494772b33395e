package import CognitionCore
package import CognitionStorage
package import Logging
package import Metrics

/// Here are words, give me the documents.
///
/// The database is the truth: documents and their sequence are written in the caller's transaction. Each node makes a copy of
/// each index that it needs, and a ``SearchRunner`` keeps the copies up to date. Each workspace has indexes of its own, each
/// with a dictionary of its own, so that nothing of one workspace shows in another, not even by how its words are weighed.
package struct Search: Sendable {
    package struct Settings: Sendable {
        /// Of a document's fields as JSON.
        package var documentBytesMax = 1 << 20
        /// Indexes that a workspace may have.
        package var indexesMax = 100
        /// Copies that are open at once on this node.
        package var openMax = 64
        /// A copy that nobody has used for so long is closed.
        package var idle: Duration = .seconds(600)
        /// Changes after which a copy is made durable, and after how long at the latest; what is lost with a crash before is
        /// read again.
        package var commitDocuments = 20_000
        package var commitInterval: Duration = .seconds(5)
        /// How long removals are kept; a copy that was not looked after for longer is made anew.
        package var removalsKept: Duration = .seconds(7 * 86_400)
        package var purgeInterval: Duration = .seconds(60)
        package var analytics = AnalyticsMode.counts
        /// Days for which analytics are kept.
        package var analyticsDays = 30
        package var analyticsInterval: Duration = .seconds(60)

        package init() {}
    }

    /// Documents of one call.
    package static let batchMax = 1_000
    package static let limitMax = 200
    /// `offset` and `limit` together.
    package static let windowMax = 10_000
    /// How long a search waits for a sequence, unless it says so, and at most.
    package static let waitStandard: Duration = .seconds(5)
    package static let waitMax: Duration = .seconds(30)
    /// How long a search waits for an index that is made for the first time.
    static let buildingWait: Duration = .seconds(5)

    package let database: any Database
    package let settings: Settings
    let clock: any WallClock
    let ids: UUIDGenerator
    package let copies: IndexCopies
    let queries: QueryLog
    let completions = CompletionCache()
    let metrics: SearchMetrics
    let logger: Logger

    /// - Parameter folder: Where this node, and nobody else, keeps its copies.
    package init(
        database: any Database, folder: String, settings: Settings = Settings(),
        clock: any WallClock = SystemWallClock(), ids: UUIDGenerator, logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.database = database
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.logger = logger
        copies = IndexCopies(database: database, folder: folder, settings: settings, logger: logger)
        queries = QueryLog(mode: settings.analytics)
        self.metrics = SearchMetrics(metrics)
    }

    /// How the copies of this node are doing.
    package struct Overview: Sendable {
        package var open = 0
        package var rebuilding = 0
        package var failing = 0
        package var documents = 0
        package var words = 0
        package var bytes = 0
    }

    package var overview: Overview {
        var overview = Overview()
        for copy in copies.all {
            if copy.isRebuilding { overview.rebuilding += 1 }
            if copy.isFailing { overview.failing += 1 }
            guard let index = copy.current?.index else { continue }
            let snapshot = index.snapshot()
            overview.open += 1
            overview.documents += snapshot.documentCount
            overview.words += copy.current?.vocabularySize ?? 0
            overview.bytes += index.byteCount
        }
        return overview
    }

    /// Makes durable what the copies know, and closes them.
    package func close() async { await copies.close() }
}

/// Whose words decide what is found.
package struct SearchCaller: Sendable {
    package let principal: Principal
    /// Roles by which documents are found that name roles; `nil` for whoever may see all.
    package let roles: Set<String>?

    package init(_ principal: Principal, roles: Set<String>?) {
        self.principal = principal
        self.roles = principal.may(.manageSearch) ? nil : roles
    }

    package static let localOperator = SearchCaller(.localOperator, roles: nil)

    var workspace: WorkspaceID { principal.workspace }

    /// Whether the index may be searched.
    func maySearch(_ name: String) -> Bool {
        guard principal.may(.readSearch) else { return false }
        return IndexName.permission(toSearch: name).map { principal.may($0) } ?? true
    }
}
