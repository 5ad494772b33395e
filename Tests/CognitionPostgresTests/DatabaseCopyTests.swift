import CognitionCore
import CognitionPostgres
import CognitionPostgresServer
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Testing

/// From a file into a server's database.
@Suite("Copies of databases", .timeLimit(.minutes(2))) struct DatabaseCopyTests {
    private static let migrations = [
        Migration(
            "test.001",
            [
                // Sorted by name, the child comes first.
                """
                CREATE TABLE zoo (
                    key \(fragment: .lastingIdentity), name \(fragment: .text) NOT NULL UNIQUE, size \(fragment: .double),
                    photo \(fragment: .bytes)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE animals (
                    zoo \(fragment: .text) NOT NULL REFERENCES zoo (name), kind \(fragment: .text) NOT NULL,
                    number \(fragment: .int64) NOT NULL, PRIMARY KEY (zoo, kind, number)
                ) \(fragment: .strict)
                """,
                "INSERT INTO zoo (name, size) VALUES ('first', 0.5)",
            ])
    ]

    /// A file with something of every type in it, and the address of an empty database.
    private func withBoth(
        animals: Int = 2_500, _ body: (SQLiteDatabase, String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            let source = try await SQLiteDatabase.open(at: folder + "/source.db")
            try await lend(source, Self.migrations) { source in
                try await source.write { tx in
                    try tx.execute(
                        """
                        INSERT INTO zoo (name, size, photo) VALUES ('Zürich "√"', 0.1, \([UInt8](0...255))), ('', NULL, NULL)
                        """)
                    try tx.execute("INSERT INTO zoo (name) VALUES ('closed')")
                    try tx.execute("DELETE FROM zoo WHERE name = 'closed'")
                    for number in 0..<animals {
                        try tx.execute(
                            """
                            INSERT INTO animals (zoo, kind, number)
                            VALUES ('first', \(number.isMultiple(of: 3) ? "Ä" : "a"), \(Int64.max - Int64(number)))
                            """)
                    }
                }
                try await TestPostgres.withDatabase { try await body(source, $0) }
            }
        }
    }

    private func copy(
        _ source: SQLiteDatabase, to url: String, progress: (DatabaseCopy.Report) throws -> Void = { _ in }
    ) async throws -> [DatabaseCopy.Report] {
        let target = try await openPostgres(url)
        do {
            let reports = try await DatabaseCopy(
                from: source, to: target, migrations: Self.migrations, now: ManualClock().now
            ).run { report in try progress(report) }
            await target.close()
            return reports
        } catch {
            await target.close()
            throw error
        }
    }

    @Test("Everything is there afterwards, and new keys come after those that were given")
    func complete() async throws {
        try await withBoth { source, url in
            let reports = try await copy(source, to: url)
            #expect(reports.map(\.table) == ["zoo", "animals"] && reports.map(\.digest.rows) == [3, 2_500])
            try await lend(try await openPostgres(url), Self.migrations) { target in
                try await target.write { tx in try tx.execute("INSERT INTO zoo (name) VALUES ('new')") }
                let rows = try await target.read { tx in
                    try tx.query("SELECT key, name, size, photo FROM zoo ORDER BY key") { row in
                        (
                            key: try row[0] as Int, name: try row[1] as String, size: try row[2] as Double?,
                            photo: try row[3] as [UInt8]?
                        )
                    }
                }
                #expect(rows.map(\.key) == [1, 2, 3, 5], "the fourth key was given, and its row deleted")
                #expect(rows.map(\.name) == ["first", "Zürich \"√\"", "", "new"])
                #expect(rows[1].size == 0.1 && rows[2].size == nil && rows[1].photo == [UInt8](0...255))
            }
        }
    }

    @Test("A copy that was interrupted is no database yet, and the next one begins anew")
    func interrupted() async throws {
        struct Interruption: Error {}
        try await withBoth { source, url in
            await #expect(throws: Interruption.self) { try await copy(source, to: url) { _ in throw Interruption() } }
            #expect(try PostgresServer.execute("SELECT count(*) FROM zoo", at: url) == "3")
            let early = try await openPostgres(url)
            #expect(
                await code { try await early.migrate(Self.migrations, now: ManualClock().now) }
                    == "storage.newer_database")
            await early.close()
            #expect(try await copy(source, to: url).map(\.digest.rows) == [3, 2_500])
            #expect(await code { _ = try await copy(source, to: url) } == "storage.copy_refused")
        }
    }

    @Test(
        "A row that is not as it was is found, and then there is no database",
        arguments: [
            "UPDATE zoo SET size = 0.1000000000000001 WHERE name LIKE 'Z%'", "DELETE FROM zoo WHERE name = ''",
            "INSERT INTO zoo (key, name) VALUES (99, 'more')",
        ])
    func different(change: String) async throws {
        try await withBoth(animals: 3) { source, url in
            let failure = await code {
                _ = try await copy(source, to: url) { report in
                    if report.table == "animals" { _ = try PostgresServer.execute(change, at: url) }
                }
            }
            #expect(failure == "storage.copy_differs")
            let target = try await openPostgres(url)
            #expect(
                await code { try await target.migrate(Self.migrations, now: ManualClock().now) }
                    == "storage.newer_database")
            await target.close()
        }
    }
}
