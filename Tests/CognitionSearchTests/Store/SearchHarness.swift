import CognitionCore
import CognitionEvents
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Logging
import OrderedCollections
import Synchronization
import Testing

/// Search on a database, with the runner of one node.
struct SearchHarness: Sendable {
    static let migrations = EventLog.migrations + Search.migrations

    let database: any Database
    let search: Search
    let runner: SearchRunner
    let clock: any WallClock

    init(
        _ database: any Database, folder: String, clock: any WallClock = SystemWallClock(),
        configure: (inout Search.Settings) -> Void = { _ in }
    ) {
        var settings = Search.Settings()
        settings.commitInterval = .milliseconds(40)
        configure(&settings)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.database = database
        self.clock = clock
        search = Search(
            database: database, folder: folder, settings: settings, clock: clock, ids: UUIDGenerator(), logger: logger)
        runner = SearchRunner(search, logger: logger)
    }

    /// Lends a node on an empty database of its own.
    static func with<Value>(
        _ engine: TestDatabase.Engine, clock: any WallClock = SystemWallClock(),
        configure: (inout Search.Settings) -> Void = { _ in },
        _ body: (SearchHarness, _ folder: String) async throws -> Value
    ) async throws -> Value {
        try await withTemporaryDirectory { folder in
            try await withTestDatabase(engine, migrations: migrations) { database in
                try await body(SearchHarness(database, folder: folder, clock: clock, configure: configure), folder)
            }
        }
    }

    /// Looks after copies while `body` runs.
    func running<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let run = Task { try await runner.run() }
        do {
            let result = try await body()
            run.cancel()
            try await run.value
            return result
        } catch {
            run.cancel()
            _ = await run.result
            throw error
        }
    }

    static func settings(_ fields: (String, SearchField)...) -> SearchSettings {
        var settings = SearchSettings()
        for (name, field) in fields { settings.fields[name] = field }
        return settings
    }

    static let text = settings(("text", SearchField(.text)))

    @discardableResult
    func put(
        _ texts: [(id: String, text: String)], into index: String = "notes", roles: [String]? = nil,
        as principal: Principal = .localOperator
    ) async throws -> Int64 {
        let documents = texts.map { SearchDocument(id: $0.id, roles: roles, fields: ["text": .string($0.text)]) }
        return try await search.put(documents, into: index, as: principal).sequence
    }

    /// Ids of what is found for words.
    func find(
        _ words: String, in index: String = "notes", reaching sequence: Int64? = nil,
        as caller: SearchCaller = .localOperator
    ) async throws -> [String] {
        var request = SearchRequest(.words(WordsQuery(words)))
        request.limit = 1_000
        request.fuzziness = .off
        request.countsExactly = true
        var order = SearchOrder(request)
        order.text = words
        order.waitSequence = sequence
        order.waitLimit = .seconds(20)
        return try await search.search(index, order, as: caller).hits.map(\.hit.id).sorted()
    }

    func count(_ statement: SQL) async throws -> Int {
        try await database.read { tx in try tx.first(statement) { try $0[0] as Int } ?? 0 }
    }

    func until(
        sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () async throws -> Bool
    ) async throws {
        let start = ContinuousClock.now
        while try await !isSo() {
            guard ContinuousClock.now - start < .seconds(30) else {
                Issue.record("it did not come about within 30 s", sourceLocation: sourceLocation)
                throw NotSo()
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    struct NotSo: Error {}
}

extension SearchCaller {
    static func of(
        _ workspace: String, roles: Set<String> = ["viewer"],
        _ permissions: Set<Permission> = [.readSearch, .writeSearch]
    ) -> SearchCaller {
        SearchCaller(
            Principal(actor: "user:\(workspace)", workspace: WorkspaceID(workspace), permissions: permissions),
            roles: roles)
    }
}
