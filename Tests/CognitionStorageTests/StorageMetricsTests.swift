import CognitionCore
import CognitionStorage
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Testing

/// What every driver measures.
@Suite struct StorageMetricsTests {
    typealias Engine = TestDatabase.Engine

    private struct Refusal: Error {}

    private static let migrations =
        NodeLease.migrations + [
            Migration("metrics.001_items", ["CREATE TABLE items (item \(fragment: .int64) NOT NULL UNIQUE)"])
        ]

    /// A database that has measured nothing yet but its migration.
    private func withMetrics(
        _ engine: Engine, _ body: (any Database, TestMetrics) async throws -> Void
    ) async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withTestDatabase(engine, migrations: Self.migrations, writers: 1) { database in
                try await body(database, metrics)
            }
        }
    }

    private func insert(_ item: Int, in tx: borrowing Transaction) throws {
        try tx.execute("INSERT INTO items (item) VALUES (\(item))")
    }

    /// How often each code was counted.
    private func errors(_ metrics: TestMetrics) -> [String: Int64] {
        Dictionary(
            uniqueKeysWithValues: metrics.counters(label: "database.errors").map {
                ($0.dimensions.first?.1 ?? "", $0.totalValue)
            })
    }

    @Test("A round is measured once, its writes one by one", arguments: TestDatabase.engines)
    func rounds(on engine: Engine) async throws {
        try await withMetrics(engine) { database, metrics in
            let (commits, rounds, writes) = (
                try metrics.expectTimer("database.commit.duration"), try metrics.expectRecorder("database.round.size"),
                try metrics.expectTimer("database.write.duration")
            )
            #expect(rounds.values == [1] && commits.values.count == 1 && writes.values.count == 1)
            var requests: [Task<Void, any Error>] = []
            try await database.holdingWriter {
                for item in 0..<20 { requests.append(database.startWrite { try self.insert(item, in: $0) }) }
            }
            for request in requests { try await request.value }
            // The migration, the write that held the others, and these.
            #expect(rounds.values == [1, 1, 20] || rounds.values.reduce(0, +) == 22)
            #expect(commits.values.count == rounds.values.count)
            #expect(writes.values.count == 22)
            #expect((commits.values + writes.values).allSatisfy { $0 > 0 })
            let (slowestCommit, slowestWrite) = (try #require(commits.values.max()), try #require(writes.values.max()))
            #expect(slowestWrite >= slowestCommit)
        }
    }

    @Test("The queue's depth rises with those who wait, and ends at nothing", arguments: TestDatabase.engines)
    func depth(on engine: Engine) async throws {
        try await withMetrics(engine) { database, metrics in
            let gauge = try metrics.expectGauge("database.queue.depth", [("queue", "write")])
            var requests: [Task<Void, any Error>] = []
            try await database.holdingWriter {
                for item in 0..<20 { requests.append(database.startWrite { try self.insert(item, in: $0) }) }
                #expect(gauge.lastValue == 20 && database.writesWaiting == 20)
                if engine.readsBesideWrites {
                    let probe = try await database.probe()
                    #expect(probe.writesWaiting == 20 && !probe.isCrowded)
                }
            }
            for request in requests { try await request.value }
            while gauge.lastValue != 0 { await Task.yield() }
            #expect(database.writesWaiting == 0)
            #expect(DatabaseProbe(writesWaiting: WriteQueue.waitingMax / 2).isCrowded)
        }
    }

    @Test("Reads are measured, those that fail are errors", arguments: TestDatabase.engines)
    func reads(on engine: Engine) async throws {
        try await withMetrics(engine) { database, metrics in
            let timer = try metrics.expectTimer("database.read.duration")
            let before = timer.values.count
            for _ in 0..<3 {
                _ = try await database.read { tx in try tx.query("SELECT item FROM items") { try $0[0] as Int } }
            }
            #expect(timer.values.count == before + 3 && timer.values.allSatisfy { $0 > 0 })
            await #expect(throws: StorageError.self) {
                try await database.read { tx in try tx.query("SELECT nothing") { try $0[0] as Int } }
            }
            await #expect(throws: Refusal.self) { try await database.read { _ in throw Refusal() } }
            #expect(timer.values.count == before + 3)
            #expect(errors(metrics) == ["storage.statement": 1])
        }
    }

    @Test("The database's errors are counted once each, and no one else's", arguments: TestDatabase.engines)
    func errors(on engine: Engine) async throws {
        try await withMetrics(engine) { database, metrics in
            try await database.write { try self.insert(1, in: $0) }
            await #expect(throws: StorageError.self) { try await database.write { try self.insert(1, in: $0) } }
            #expect(errors(metrics) == ["storage.constraint": 1])

            // Among others, whose round has to be repeated, too.
            var requests: [Task<Void, any Error>] = []
            try await database.holdingWriter {
                for item in [2, 1, 3, 1, 4] {
                    requests.append(database.startWrite { try self.insert(item, in: $0) })
                }
                requests.append(database.startWrite { _ in throw Refusal() })
            }
            var failures = 0
            for request in requests { if case .failure = await request.result { failures += 1 } }
            #expect(failures == 3)
            #expect(errors(metrics) == ["storage.constraint": 3])

            await database.close()
            await #expect(throws: StorageError.self) { try await database.write { _ in } }
            await #expect(throws: StorageError.self) { try await database.read { _ in } }
            #expect(errors(metrics) == ["storage.constraint": 3, "storage.closed": 2])
        }
    }

    @Test("A database that does not answer is told by its probe", arguments: TestDatabase.engines)
    func probe(on engine: Engine) async throws {
        try await withMetrics(engine) { database, _ in
            let probe = try await database.probe()
            #expect(probe.writesWaiting == 0 && !probe.isReadOnly && probe.nodes == (database.isShared ? 0 : nil))
            await database.close()
            await #expect(throws: StorageError.self) { try await database.probe() }
        }
    }
}
