import CognitionCore
import CognitionPostgres
import CognitionPostgresServer
import CognitionStorage
import CognitionTestSupport
import Logging
import Synchronization
import Testing

let tables = [
    Migration(
        "test.001_tables",
        [
            "CREATE TABLE items (item \(fragment: .int64) NOT NULL PRIMARY KEY, word \(fragment: .text))",
            "CREATE TABLE counters (name \(fragment: .text) NOT NULL PRIMARY KEY, count \(fragment: .int64) NOT NULL)",
            "INSERT INTO counters (name, count) VALUES ('one', 0), ('two', 0)",
        ])
]

/// Lends a database with ``tables`` on a server that the test may break.
func withBreakable<Value>(
    settings: [String: String] = [:], _ change: (inout PostgresOptions) -> Void = { _ in },
    _ body: (PostgresServer, PostgresDatabase) async throws -> Value
) async throws -> Value {
    try await PostgresServer.withServer(settings: PostgresServer.forTests.merging(settings) { $1 }) { server in
        try await lend(try await openPostgres(server.address, change), tables) { try await body(server, $0) }
    }
}

/// Lends a database with ``tables`` on the shared server.
func withDatabase<Value>(
    _ change: (inout PostgresOptions) -> Void = { _ in },
    _ body: (String, PostgresDatabase) async throws -> Value
) async throws -> Value {
    try await TestPostgres.withDatabase { url in
        try await lend(try await openPostgres(url, change), tables) { try await body(url, $0) }
    }
}

func insert(_ item: Int, in tx: borrowing Transaction) throws {
    try tx.execute("INSERT INTO items (item) VALUES (\(item))")
}

func items(_ database: any Database) async throws -> Set<Int> {
    Set(try await database.read { tx in try tx.query("SELECT item FROM items") { try $0[0] as Int } })
}

/// The code of the error that `work` throws.
func code(of work: () async throws -> Void) async -> String? {
    do {
        try await work()
        return nil
    } catch {
        return (error as? StorageError)?.code.name ?? "\(error)"
    }
}

/// Waits until `condition` holds; what tests wait for comes from another process.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "it did not come to pass in time")
        await Task.yield()
    }
}

/// Callers that write one item after the other, and what they were told.
final class Writers: Sendable {
    struct Ledger {
        var next = 0
        var acknowledged: Set<Int> = []
        var refused: [String: Int] = [:]
        var unknown: Set<Int> = []
        var isOpen = true
    }

    private let ledger = Mutex(Ledger())

    var acknowledged: Int { ledger.withLock { $0.acknowledged.count } }
    func close() { ledger.withLock { $0.isOpen = false } }
    var result: Ledger { ledger.withLock { $0 } }

    /// Writes until it is closed.
    func run(on database: any Database, callers: Int = 16) async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<callers {
                group.addTask { while await self.writeOne(on: database) {} }
            }
        }
    }

    private func writeOne(on database: any Database) async -> Bool {
        let item = ledger.withLock { ledger -> Int? in
            guard ledger.isOpen else { return nil }
            ledger.next += 1
            return ledger.next
        }
        guard let item else { return false }
        do {
            try await database.write { try insert(item, in: $0) }
            ledger.withLock { _ = $0.acknowledged.insert(item) }
        } catch let error as StorageError where error.code == .storageClosed {
            return false
        } catch let error as StorageError where error.code == .commitUnknown {
            ledger.withLock { _ = $0.unknown.insert(item) }
        } catch {
            let code = (error as? StorageError).map { $0.isTransient ? $0.code.name : "\($0)" } ?? "\(error)"
            ledger.withLock { $0.refused[code, default: 0] += 1 }
        }
        return true
    }

    /// What is there is what was acknowledged: nothing less and, as each request was told the truth, nothing more.
    func check(_ database: any Database) async throws {
        let (there, result) = (try await items(database), result)
        #expect(result.acknowledged.subtracting(there).isEmpty, "acknowledged and lost")
        #expect(there.subtracting(result.acknowledged).subtracting(result.unknown).isEmpty, "refused and written")
        let codes: Set = [
            "storage.unreachable", "storage.read_only", "storage.io_failed", "storage.conflict", "storage.busy",
        ]
        #expect(Set(result.refused.keys).subtracting(codes).isEmpty, "\(result.refused)")
    }
}

/// Remembers what is logged.
final class LogRecorder: Sendable {
    private let lines = Mutex<[(level: Logger.Level, text: String)]>([])

    func count(_ level: Logger.Level, _ text: String) -> Int {
        lines.withLock { $0.count { $0.level == level && $0.text.contains(text) } }
    }

    var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            recorder.lines.withLock { $0.append((event.level, "\(event.message)")) }
        }
    }
}
