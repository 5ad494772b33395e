import CognitionCore
import CognitionPostgres
import CognitionPostgresServer
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

/// What nodes of one database hear of each other, and what stands between them and the server.
@Suite("PostgreSQL nodes", .timeLimit(.minutes(2))) struct PostgresNodeTests {
    @Test("A commit wakes those who wait on other nodes, also after the listener has lost its connection")
    func wakeUps() async throws {
        try await withTestNodes(2, migrations: tables) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            func wakes(_ item: Int) async throws {
                // Whatever was on its way before is not what is waited for.
                let heard = Task {
                    for await _ in far.signals.wakeUps(for: "test.items") {
                        if try await items(far).contains(item) { return }
                    }
                }
                try await eventually {
                    try await near.write { tx in
                        tx.signal("test.items")
                        _ = try tx.execute("INSERT INTO items (item) VALUES (\(item)) ON CONFLICT (item) DO NOTHING")
                    }
                    await Task.yield()
                    return try await items(far).contains(item)
                }
                try await heard.value
            }
            try await wakes(1)
            try await near.read { tx in
                _ = try tx.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND query LIKE '%LISTEN%' AND pid <> pg_backend_pid()
                    """
                ) { _ in }
            }
            try await wakes(2)
        }
    }

    @Test("Nodes that start at the same moment migrate once")
    func migrations() async throws {
        try await TestPostgres.withDatabase { url in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let node = try await openPostgres(url)
                        try await node.migrate(tables, now: ManualClock().now)
                        try await node.write { _ = try $0.execute("UPDATE counters SET count = count + 1") }
                        await node.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(try PostgresServer.execute("SELECT sum(count) FROM counters", at: url) == "8")
        }
    }

    @Test("A renewal that comes too late is a lapse, though nobody has taken the row away")
    func late() async throws {
        try await withTestNodes(1, migrations: NodeLease.migrations) { nodes in
            var settings = NodeLease.Settings()
            settings.duration = .zero
            let lease = NodeLease(nodes[0], node: UUIDGenerator().next(), settings: settings)
            try await lease.renew()
            try await lease.renew()
            // One that the second renewal has noticed, and one that this look does.
            #expect(lease.lapses == 2)
        }
    }

    @Test("A lease that others have taken away is told once; a node that leaves is not among the dead")
    func leases() async throws {
        try await withTestNodes(2, migrations: NodeLease.migrations) { nodes in
            let ids = UUIDGenerator()
            let leases = nodes.map { NodeLease($0, node: ids.next()) }
            for lease in leases { try await lease.renew() }
            #expect(try await nodes[0].read { try NodeLease.count(in: $0) } == 2)
            #expect(leases[0].standing() == .held)
            try await nodes[1].write { tx in
                _ = try tx.execute("UPDATE nodes SET lease_until = 1 WHERE id = \(leases[0].node)")
            }
            try await leases[0].renew()
            #expect(leases[0].standing() == .held, "nobody has taken anything away")
            try await nodes[1].write { tx in try NodeLease.clear([leases[0].node], in: tx) }
            try await leases[0].renew()
            #expect(leases[0].standing() == .lapsed && leases[0].standing() == .held)
            try await leases[1].end()
            #expect(try await nodes[0].read { try NodeLease.count(in: $0) } == 1)
        }
    }

    @Test("Whichever way the clock of the database is set, a node that lives is not taken for dead, and a dead one is")
    func databaseClock() async throws {
        try await withTestNodes(2, migrations: NodeLease.migrations) { nodes in
            let ids = UUIDGenerator()
            let leases = nodes.map { NodeLease($0, node: ids.next()) }
            for lease in leases { try await lease.renew() }
            // What the rows are like after the database's clock was set.
            func setClock(_ seconds: Int64) async throws {
                try await nodes[0].write { tx in
                    _ = try tx.execute("UPDATE nodes SET lease_until = lease_until - \(seconds * 1_000_000)")
                }
            }
            func dead(_ watch: inout NodeWatch, at instant: ContinuousClock.Instant) async throws -> [UUIDv7] {
                watch.note(try await nodes[0].read { try leases[0].others(in: $0) }, at: instant).map(\.node)
            }
            let start = ContinuousClock.now
            for hour in [Int64(3_600), -3_600] {
                var watch = NodeWatch(NodeLease.Settings())
                #expect(try await dead(&watch, at: start).isEmpty)
                try await setClock(hour)
                #expect(try await dead(&watch, at: start + .seconds(2)).isEmpty)
                #expect(try await dead(&watch, at: start + .seconds(4)).isEmpty)
                try await leases[1].renew()
                #expect(leases[1].standing() == .held)
                for second in stride(from: 6, through: 16, by: 2) {
                    #expect(try await dead(&watch, at: start + .seconds(second)).isEmpty, "\(hour) \(second)")
                }
                // It says nothing any more, and its lease seems to be good for another hour, or has run out long ago.
                try await setClock(hour)
                #expect(try await dead(&watch, at: start + .seconds(17)).isEmpty)
                #expect(try await dead(&watch, at: start + .seconds(22)).isEmpty)
                #expect(try await dead(&watch, at: start + .seconds(36)) == [leases[1].node])
                let signs = try await nodes[0].read { try leases[0].others(in: $0) }
                try await leases[1].renew()
                #expect(try await nodes[0].write { try NodeLease.stillSilent(signs, in: $0) }.isEmpty)
            }
        }
    }

    @Test("Behind PgBouncer, which hands out sessions by transaction, everything works but listening")
    func pooler() async throws {
        try await PostgresServer.withServer { server in
            let pooler = try PgBouncer(server)
            defer { pooler.stop() }
            try await lend(try await openPostgres(pooler.address(database: "postgres"), writers: 3)) {
                database in
                try await database.migrate(tables, now: ManualClock().now)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<12 {
                        group.addTask {
                            for step in 0..<20 {
                                let item = caller * 100 + step
                                try await database.write { tx in
                                    try insert(item, in: tx)
                                    try tx.send("UPDATE counters SET count = count + 1 WHERE name = \("one")")
                                }
                                #expect(try await items(database).contains(item))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let limits = try await database.read { tx in
                    try tx.query(
                        "SELECT current_setting('statement_timeout'), current_setting('transaction_isolation')"
                    ) {
                        "\(try $0[0] as String) \(try $0[1] as String)"
                    }
                }
                #expect(limits == ["30s repeatable read"])
                #expect(
                    try PostgresServer.execute("SELECT count FROM counters WHERE name = 'one'", at: server.address)
                        == "240")
            }
        }
    }

    @Test("Connections are encrypted, and the server's certificate is checked, as the address says")
    func encryption() async throws {
        try await PostgresServer.withServer { server in
            try server.useCertificate()
            try server.stop()
            try server.start()
            let encrypted = "SELECT CASE WHEN ssl THEN 1 ELSE 0 END FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            let root = server.folder.replacing("/", with: "%2F") + "%2Fserver.crt"
            for (options, isEncrypted) in [
                ("?sslmode=require", true), ("?sslmode=disable", false),
                ("?sslmode=verify-ca&sslrootcert=\(root)", true),
            ] {
                try await lend(try await openPostgres(server.remoteAddress(options: options))) { database in
                    let found = try await database.read { tx in
                        try tx.first(SQL(stringLiteral: encrypted)) { try $0[0] as Int }
                    }
                    #expect(found == (isEncrypted ? 1 : 0), "\(options)")
                }
            }
            // The certificate is for another name.
            let refused = await code {
                _ = try await openPostgres(server.remoteAddress(options: "?sslmode=verify-full&sslrootcert=\(root)")) {
                    $0.outagePatience = .zero
                }
            }
            #expect(refused == "storage.unreachable")
        }
    }
}

extension PostgresServer {
    /// Makes a certificate for another name, signed by itself.
    func useCertificate() throws {
        let command = """
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=elsewhere.example \
            -keyout '\(folder)/server.key' -out '\(folder)/server.crt' 2>/dev/null && chmod 600 '\(folder)/server.key' \
            && chown --reference='\(folder)/data' '\(folder)/server.key' '\(folder)/server.crt'
            """
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", command]
        try shell.run()
        shell.waitUntilExit()
        try #require(shell.terminationStatus == 0)
        for (name, value) in [
            "ssl": "on", "ssl_cert_file": "\(folder)/server.crt", "ssl_key_file": "\(folder)/server.key",
        ] {
            try Self.execute("ALTER SYSTEM SET \(name) = '\(value)'", at: address)
        }
    }
}

/// PgBouncer in transaction mode before a server, with two sessions for all.
final class PgBouncer {
    private let process = Process()
    private let port: Int

    init(_ server: PostgresServer) throws {
        port = try PostgresServer.freePort()
        let settings = """
            [databases]
            * = host=\(server.folder) port=\(server.port) user=\(PostgresServer.user)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 2
            ignore_startup_parameters = extra_float_digits
            """
        let file = server.folder + "/pgbouncer.ini"
        try settings.write(toFile: file, atomically: true, encoding: .utf8)
        let words = PostgresServer.asServerUser + ["/usr/sbin/pgbouncer", "-q", file]
        process.executableURL = URL(fileURLWithPath: words[0])
        process.arguments = Array(words.dropFirst())
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let deadline = ContinuousClock.now + .seconds(10)
        while (try? PostgresServer.execute("SELECT 1", at: address(database: "postgres"))) == nil {
            try #require(ContinuousClock.now < deadline && process.isRunning, "PgBouncer does not start")
            usleep(20_000)
        }
    }

    func address(database: String) -> String {
        "postgres://\(PostgresServer.user)@127.0.0.1:\(port)/\(database)?sslmode=disable"
    }

    func stop() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
