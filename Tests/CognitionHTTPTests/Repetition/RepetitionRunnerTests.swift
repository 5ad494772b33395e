import CognitionCore
import CognitionHTTP
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Old keys") struct RepetitionRunnerTests {
    private func insert(_ count: Int, owner: String?, isDone: Int, expiresAt: Timestamp, _ database: any Database)
        async throws
    {
        try await database.write { tx in
            for n in 0..<count {
                let id = SHA256Digest(of: Array("\(n) \(owner ?? "") \(isDone) \(expiresAt)".utf8)).bytes
                try tx.execute(
                    """
                    INSERT INTO http_repetitions (id, request, owner, claimed_until, is_done, expires_at)
                    VALUES (\(id), \(id), \(owner), \(expiresAt), \(isDone), \(expiresAt))
                    """)
            }
        }
    }

    private func count(_ database: any Database) async throws -> Int {
        try await database.read { tx in
            try tx.first("SELECT count(*) FROM http_repetitions") { try $0[0] as Int } ?? 0
        }
    }

    @Test("Keys are forgotten after their time, a batch at a time", arguments: TestDatabase.engines)
    func expiry(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: RepetitionStore.migrations) { database in
            let clock = ManualClock()
            let runner = RepetitionRunner(database: database, clock: clock)
            try await insert(600, owner: nil, isDone: 1, expiresAt: clock.now + .seconds(10), database)
            try await insert(5, owner: nil, isDone: 1, expiresAt: clock.now + .seconds(20), database)
            #expect(try await runner.deleteExpired() == 0)
            clock.advance(by: .seconds(11))
            #expect(try await runner.deleteExpired() == 500)
            #expect(try await runner.deleteExpired() == 100)
            #expect(try await runner.deleteExpired() == 0)
            #expect(try await count(database) == 5)
        }
    }

    @Test("A start frees the claims of the process before, where there is only one", arguments: TestDatabase.engines)
    func recovery(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: RepetitionStore.migrations) { database in
            let clock = ManualClock()
            try await insert(3, owner: "gone", isDone: 0, expiresAt: clock.now + .seconds(10), database)
            try await insert(2, owner: "gone", isDone: 1, expiresAt: clock.now + .seconds(10), database)
            try await RepetitionRunner(database: database, clock: clock).recover()
            #expect(try await count(database) == (database.isShared ? 5 : 2))
        }
    }
}
