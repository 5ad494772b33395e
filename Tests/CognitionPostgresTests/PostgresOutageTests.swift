import CognitionCore
import CognitionPostgres
import CognitionPostgresServer
import CognitionStorage
import CognitionTestSupport
import Logging
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Servers that go away, connections that are cut, and what callers are told of it.
@Suite("PostgreSQL outages", .timeLimit(.minutes(3))) struct PostgresOutageTests {
    @Test(
        "A server that ends, in order or killed, and comes back loses nothing that was acknowledged",
        arguments: [SIGINT, SIGKILL])
    func restart(signal: Int32) async throws {
        try await withBreakable { server, database in
            let writers = Writers()
            let running = Task { await writers.run(on: database) }
            for _ in 0..<2 {
                let before = writers.acknowledged
                try await eventually { writers.acknowledged > before + 200 }
                try server.stop(signal)
                try server.start()
            }
            let before = writers.acknowledged
            try await eventually { writers.acknowledged > before + 200 }
            writers.close()
            await running.value
            try await writers.check(database)
        }
    }

    @Test("Connections that are cut in the middle of rounds lose and repeat nothing")
    func cutConnections() async throws {
        try await withBreakable { server, database in
            let writers = Writers()
            let running = Task { await writers.run(on: database) }
            for _ in 0..<40 {
                let before = writers.acknowledged
                try await eventually { writers.acknowledged > before + 20 }
                try PostgresServer.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'cognitionos' AND pid <> pg_backend_pid()
                    """, at: server.address)
            }
            writers.close()
            await running.value
            try await writers.check(database)
            #expect(writers.result.unknown.isEmpty)
        }
    }

    @Test("Connections that break in the middle of a message lose and repeat nothing", arguments: [1, 2])
    func brokenConnections(seed: UInt64) async throws {
        try await PostgresServer.withServer(settings: PostgresServer.forTests) { server in
            // Connecting takes some 3,000 bytes, a round of 16 writers some 5,000.
            let proxy = try CuttingProxy(to: server.port, bytes: 4_000...60_000, seed: seed)
            defer { proxy.close() }
            let url = server.remoteAddress().replacing(":\(server.port)/", with: ":\(proxy.port)/")
            let direct = try await openPostgres(server.remoteAddress())
            try await lend(direct, tables) { _ in
                let database = try await openPostgres(url + "?sslmode=disable")
                try await lend(database) { database in
                    let writers = Writers()
                    let running = Task { await writers.run(on: database) }
                    try await eventually { proxy.cuts > 40 && writers.acknowledged > 500 }
                    proxy.heal()
                    writers.close()
                    await running.value
                    try await writers.check(direct)
                    #expect(writers.result.unknown.isEmpty)
                }
            }
        }
    }

    @Test("A commit whose answer was lost is acknowledged, and not repeated")
    func lostAnswer() async throws {
        try await withBreakable { server, database in
            // A commit is complete here, and then waits for a standby that does not exist.
            func waitForStandby(_ name: String) throws {
                try PostgresServer.execute("ALTER SYSTEM SET synchronous_standby_names = '\(name)'", at: server.address)
                try PostgresServer.execute("SELECT pg_reload_conf()", at: server.address)
            }
            try await database.write { try $0.execute("UPDATE counters SET count = 1 WHERE name = 'one'") }
            try waitForStandby("nobody")
            try await eventually {
                try PostgresServer.execute("SHOW synchronous_standby_names", at: server.address) == "nobody"
            }
            let write = database.startWrite { tx in
                _ = try tx.execute("UPDATE counters SET count = count + 1 WHERE name = 'one'")
            }
            let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'"
            try await eventually { try PostgresServer.execute(waiting, at: server.address) != nil }
            try PostgresServer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                at: server.address)
            try waitForStandby("")
            try await write.value
            let count = try await database.read { tx in
                try tx.first("SELECT count FROM counters WHERE name = 'one'") { try $0[0] as Int }
            }
            #expect(count == 2)
        }
    }

    @Test("A commit that was cut before it took effect is repeated")
    func lostCommit() async throws {
        try await withBreakable { server, database in
            for statement in [
                "CREATE SEQUENCE commits",
                """
                CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('commits') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
                    RETURN NULL;
                END $$
                """,
                """
                CREATE CONSTRAINT TRIGGER cut AFTER UPDATE ON counters DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION cut()
                """,
            ] { try PostgresServer.execute(statement, at: server.address) }
            try await database.write { tx in
                _ = try tx.execute("UPDATE counters SET count = count + 1 WHERE name = 'one'")
            }
            let count = try await database.read { tx in
                try tx.first("SELECT count FROM counters WHERE name = 'one'") { try $0[0] as Int }
            }
            #expect(count == 1)
            let commits = try PostgresServer.execute("SELECT last_value FROM commits", at: server.address)
            #expect(commits == "2", "the first commit was cut, or this test shows nothing")
        }
    }

    @Test("A transaction that was sent, and is still held up when its connection is lost, does not come later as well")
    func lateCommit() async throws {
        try await PostgresServer.withServer { server in
            let proxy = try CuttingProxy(to: server.port, bytes: .max ... .max, seed: 1)
            defer { proxy.close() }
            let url = server.remoteAddress().replacing(":\(server.port)/", with: ":\(proxy.port)/")
            let direct = try await openPostgres(server.remoteAddress())
            try await lend(direct, tables) { direct in
                let database = try await openPostgres(url + "?sslmode=disable")
                try await lend(database) { database in
                    try await database.write { try $0.execute("UPDATE counters SET count = 1 WHERE name = 'two'") }
                    @Sendable func count(_ condition: String) throws -> String? {
                        try PostgresServer.execute(
                            "SELECT count(*) FROM pg_stat_activity WHERE \(condition)", at: server.address)
                    }
                    let isHeldUp = "wait_event_type = 'Lock' AND query LIKE 'UPDATE counters%'"
                    // Nothing of it is answered before COMMIT is sent.
                    let write = try await direct.write { tx in
                        try tx.execute("UPDATE counters SET count = 5 WHERE name = 'one'")
                        let write = database.startWrite { tx in
                            try tx.send("UPDATE counters SET count = count + 1 WHERE name = 'one'")
                        }
                        while try count(isHeldUp) != "1" { usleep(5_000) }
                        proxy.cut()
                        while try count(isHeldUp) != "2" { usleep(5_000) }
                        return write
                    }
                    try await write.value
                    try await eventually { try count(isHeldUp) == "0" }
                    try await eventually { try count("state = 'active' AND application_name = 'cognitionos'") == "0" }
                    let counted = try await direct.read { tx in
                        try tx.first("SELECT count FROM counters WHERE name = 'one'") { try $0[0] as Int }
                    }
                    #expect(counted == 6)
                }
            }
        }
    }

    @Test("A server that takes no writes any more is told by the probe; when it does again, writes succeed")
    func readOnly() async throws {
        try await withBreakable {
            $0.outagePatience = .milliseconds(200)
        } _: { server, database in
            try await database.migrate(tables + NodeLease.migrations, now: ManualClock().now)
            func set(_ value: String) throws {
                try PostgresServer.execute(
                    "ALTER SYSTEM SET default_transaction_read_only = \(value)", at: server.address)
                try PostgresServer.execute("SELECT pg_reload_conf()", at: server.address)
            }
            try await database.write { try insert(1, in: $0) }
            try set("on")
            try await eventually { try await database.probe().isReadOnly }
            let refused = await code { try await database.write { try insert(2, in: $0) } }
            #expect(["storage.read_only", "storage.unreachable"].contains(refused ?? ""), "\(refused ?? "none")")
            #expect(try await items(database) == [1], "reads go on")
            try set("off")
            try await eventually { await code { try await database.write { try insert(3, in: $0) } } == nil }
            #expect(try await items(database) == [1, 3])
            #expect(try await !database.probe().isReadOnly)
        }
    }

    @Test("When the server takes no more connections, requests fail as transient, and later succeed")
    func tooManyConnections() async throws {
        let settings = ["max_connections": "8", "superuser_reserved_connections": "0", "max_wal_senders": "0"]
        try await withBreakable(settings: settings) { options in
            options.outagePatience = .milliseconds(200)
        } _: { server, database in
            // The writer is connected, the readers are not yet.
            let strangers = try await fill(server.address)
            let refused = await code { _ = try await items(database) }
            #expect(refused == "storage.unreachable")
            for stranger in strangers { await stranger.close() }
            try await eventually { await code { _ = try await items(database) } == nil }
            try await database.write { try insert(1, in: $0) }
        }
    }

    /// Takes all connections that the server gives.
    private func fill(_ url: String) async throws -> [PostgresDatabase] {
        var strangers: [PostgresDatabase] = []
        while strangers.count < 10 {
            do {
                let stranger = try await openPostgres(url) { options in
                    options.outagePatience = .zero
                    options.writers = 1
                }
                strangers.append(stranger)
                try await database(stranger, reads: 1)
            } catch let error as StorageError where error.isTransient {
                break
            }
        }
        return strangers
    }

    private func database(_ database: PostgresDatabase, reads count: Int) async throws {
        for _ in 0..<count { try await database.read { tx in _ = try tx.first("SELECT 1") { try $0[0] as Int } } }
    }

    @Test("An outage is told once, and its end once")
    func outageIsLoggedOnce() async throws {
        try await PostgresServer.withServer { server in
            let log = LogRecorder()
            var options = PostgresOptions(url: server.address)
            options.outagePatience = .milliseconds(100)
            let database = try await PostgresDatabase.open(options, logger: log.logger)
            try await lend(database) { database in
                try await database.migrate(tables, now: ManualClock().now)
                try server.stop()
                var refused = 0
                for item in 0..<200
                where await code(of: { try await database.write { try insert(item, in: $0) } }) != nil {
                    refused += 1
                }
                #expect(refused == 200)
                #expect(log.count(.warning, "Database not reached") == 1)
                try server.start()
                try await eventually { await code { try await database.write { try insert(1_000, in: $0) } } == nil }
                #expect(log.count(.notice, "Database reached again") == 1)
                #expect(log.count(.warning, "") == 1 && log.count(.error, "") == 0)
            }
        }
    }

    @Test("A wrong password or name is refused at once, and the password is in no message")
    func refusals() async throws {
        try await PostgresServer.withServer { server in
            let wrong = server.remoteAddress().replacing("a%20password", with: "secret-word")
            for url in [
                wrong, server.remoteAddress(database: "nothing"), "postgres://u:secret-word@[bad",
                "postgres://127.0.0.1:1/x",
            ] {
                do {
                    _ = try await openPostgres(url) { $0.outagePatience = .milliseconds(100) }
                    Issue.record("\(url) was opened")
                } catch let error as StorageError {
                    #expect(error.code == .storageUnreachable)
                    #expect(!"\(error) \(error.message)".contains("secret-word"), "\(error)")
                }
            }
        }
    }
}
