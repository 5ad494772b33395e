import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

@Suite struct AuditTrailTests {
    /// An archive in memory that can be told to break.
    private final class Shelf: Archive {
        struct Failure: Error {}

        let files = Mutex<[String: [UInt8]]>([:])
        let isBroken = Mutex(false)

        func store(_ lines: [UInt8], as name: String) throws {
            if isBroken.withLock({ $0 }) { throw Failure() }
            files.withLock { $0[name] = lines }
        }

        func load(_ name: String, bytesMax: Int) throws -> [UInt8]? { files.withLock { $0[name] } }

        func has(_ name: String) -> Bool { files.withLock { $0[name] != nil } }

        func discard(_ name: String) throws { files.withLock { $0[name] = nil } }

        /// Ids of the entries in all files, in the order of names and lines.
        func ids() throws -> [Int64] {
            try files.withLock { files in
                try files.sorted { $0.key.count == $1.key.count ? $0.key < $1.key : $0.key.count < $1.key.count }
                    .flatMap { _, bytes in
                        try bytes.split(separator: UInt8(ascii: "\n")).map { line in
                            try #require(try JSONValue(parsing: Array(line))["id"]?.integerValue)
                        }
                    }
            }
        }
    }

    /// Entries one second apart, written by hand.
    private func fill(_ world: World, _ count: Int, workspace: String = "w") async throws {
        let start = world.clock.now
        try await world.database.write { tx in
            for number in 0..<count {
                try tx.execute(
                    """
                    INSERT INTO audit_entries (workspace_id, time, actor, action, target, outcome, details)
                    VALUES (\(workspace), \(start + .seconds(number)), \("user:\(number % 3)"), 'auth.refresh',
                        \("session:\(number)"), \(number % 2 == 0 ? "success" : "failure"), \(Array("{}".utf8)))
                    """)
            }
        }
    }

    @Test(
        "Entries come by time, newest first, page by page, whatever the order of their keys",
        arguments: TestDatabase.engines)
    func pages(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let caller = try await world.operatorCaller()
            let now = world.clock.now
            try await world.database.write { tx in
                for offset in [5, 3, 9, 3, 1, 9, 0, 3] {
                    try tx.execute(
                        """
                        INSERT INTO audit_entries (time, actor, action, outcome, details)
                        VALUES (\(now + .seconds(offset)), 'x', 'auth.refresh', 'success', \(Array("{}".utf8)))
                        """)
                }
            }
            var times: [Int64] = []
            var keys: Set<Int64> = []
            var after: Int64?
            repeat {
                let page = try await world.identity.auditEntries(
                    AuditFilter(), PageRequest(after: after, limit: 3), as: caller)
                times += page.items.map { ($0.time.microseconds - now.microseconds) / 1_000_000 }
                keys.formUnion(page.items.map(\.key))
                after = page.next
            } while after != nil
            #expect(times == [9, 9, 5, 3, 3, 3, 1, 0])
            #expect(keys.count == 8)
            let some = try await world.identity.auditEntries(
                AuditFilter(since: now + .seconds(3), until: now + .seconds(9)), PageRequest(), as: caller)
            #expect(some.items.map { ($0.time.microseconds - now.microseconds) / 1_000_000 } == [5, 3, 3, 3])
        }
    }

    @Test("Every filter finds what it names, and all of them together", arguments: TestDatabase.engines)
    func filters(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await fill(world, 12)
            let caller = try await world.operatorCaller()
            let start = world.clock.now
            func count(_ filter: AuditFilter) async throws -> Int {
                try await world.identity.auditEntries(filter, PageRequest(limit: 200), as: caller).items.count
            }
            #expect(try await count(AuditFilter()) == 12)
            #expect(try await count(AuditFilter(workspace: WorkspaceID("w"))) == 12)
            #expect(try await count(AuditFilter(workspace: WorkspaceID("v"))) == 0)
            #expect(try await count(AuditFilter(action: .refresh)) == 12)
            #expect(try await count(AuditFilter(action: .logout)) == 0)
            #expect(try await count(AuditFilter(actor: "user:1")) == 4)
            #expect(try await count(AuditFilter(target: "session:7")) == 1)
            #expect(try await count(AuditFilter(outcome: .failure)) == 6)
            #expect(try await count(AuditFilter(since: start + .seconds(4))) == 8)
            #expect(try await count(AuditFilter(until: start + .seconds(4))) == 4)
            #expect(
                try await count(
                    AuditFilter(
                        workspace: WorkspaceID("w"), action: .refresh, actor: "user:1", target: "session:7",
                        outcome: .failure, since: start, until: start + .seconds(8))) == 1)
        }
    }

    @Test("Every filter has an index that gives its pages in order")
    func indexes() async throws {
        try await withWorld { world in
            try await fill(world, 10)
            let conditions: [(SQL, String)] = [
                ("1 = 1", "audit_entries_time"), ("workspace_id = 'w'", "audit_entries_workspace_time"),
                ("action = 'auth.refresh'", "audit_entries_action_time"), ("actor = 'x'", "audit_entries_actor_time"),
                ("target = 'x'", "audit_entries_target_time"),
                ("actor = 'x' AND (time, key) < (5, 5) AND time >= 1", "audit_entries_actor_time"),
            ]
            for (condition, index) in conditions {
                let plan = try await world.database.read { tx in
                    try tx.query(
                        """
                        EXPLAIN QUERY PLAN SELECT key FROM audit_entries WHERE \(condition)
                        ORDER BY time DESC, key DESC LIMIT 50
                        """
                    ) { try $0[3] as String }
                }
                #expect(plan.count == 1 && plan[0].contains("INDEX \(index)"), "\(plan)")
            }
        }
    }

    @Test("Who may see what: everything, the workspace, or what concerns oneself", arguments: TestDatabase.engines)
    func views(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let lab = WorkspaceID("lab")
            let admin = ClientInfo(address: "198.51.100.1", userAgent: "admin's")
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.register("eve@b.c")
            _ = try await identity.createWorkspace("lab", as: ada, from: admin)
            _ = try await identity.addMember(email: "eve@b.c", role: .viewer, to: lab, as: ada, from: admin)
            let inLab = try await world.caller("eve@b.c", workspace: lab)
            _ = await code { _ = try await world.login("eve@b.c", Secret("wrong password")) }
            try await identity.changeRole(of: eve.id, to: .user, in: lab, as: ada, from: admin)
            func entries(_ caller: Caller, _ filter: AuditFilter = AuditFilter()) async throws -> [AuditEntry] {
                try await identity.auditEntries(filter, PageRequest(limit: 200), as: caller).items
            }

            let all = try await entries(try await world.operatorCaller())
            #expect(Set(all.compactMap(\.workspace)).count == 3)
            let adaInLab = try await identity.caller(ada, in: lab)
            #expect(try await entries(adaInLab).allSatisfy { $0.workspace == lab })
            #expect(try await entries(adaInLab).contains { $0.actor == ada.principal.actor })

            let own = try await entries(inLab)
            let concerned = all.filter { $0.actor == eve.actor || $0.target == eve.actor }
            #expect(own.map(\.key) == concerned.map(\.key))
            #expect(own.contains { $0.action == .roleAssign && $0.actor == ada.principal.actor })
            #expect(own.contains { $0.action == .loginFailure && $0.client == World.client })
            // From where others did something is theirs.
            #expect(own.allSatisfy { $0.client != admin })
            #expect(own.filter { $0.actor == eve.actor }.allSatisfy { $0.client == World.client })
            #expect(try await entries(inLab, AuditFilter(actor: ada.principal.actor)).count == 2)
            #expect(
                await code { _ = try await entries(inLab, AuditFilter(workspace: ada.principal.workspace)) }
                    == "identity.workspace_not_found")
            let two = try await identity.auditEntries(AuditFilter(), PageRequest(limit: 2), as: inLab)
            let rest = try await identity.auditEntries(
                AuditFilter(), PageRequest(after: two.next, limit: 200), as: inLab)
            #expect((two.items + rest.items).map(\.key) == own.map(\.key))
        }
    }

    // MARK: Archiving

    private func archiver(_ world: World, _ shelf: Shelf, days: Int = 30) -> AuditArchiver {
        AuditArchiver(world.identity, archive: shelf, retention: .seconds(days * 86_400))
    }

    @Test(
        "What is older than the rule lies in the archive, in order and once, and is gone from the database",
        arguments: TestDatabase.engines)
    func archive(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let count = AuditArchiver.entriesPerFile + 700
            try await fill(world, count)
            let shelf = Shelf()
            world.clock.advance(by: .seconds(30 * 86_400))
            #expect(try await archiver(world, shelf).archiveDue() == 0)
            world.clock.advance(by: .seconds(count - 100))
            #expect(try await archiver(world, shelf).archiveDue() == count - 100)
            #expect(shelf.files.withLock { $0.count } == 2)
            #expect(try shelf.ids() == Array(1...Int64(count - 100)))
            let left = try await world.audit()
            #expect(left.filter { $0.action == .refresh }.count == 100)
            let noted = left.filter { $0.action == .auditArchive }
            #expect(noted.map { $0.details["entries"] } == [.integer(Int64(AuditArchiver.entriesPerFile)), 600])
            #expect(noted.allSatisfy { $0.actor == "server" })
            #expect(world.archivedEntries == Int64(count - 100))
            // The next time goes on from there.
            world.clock.advance(by: .seconds(100))
            #expect(try await archiver(world, shelf).archiveDue() == 100)
            #expect(try shelf.ids() == Array(1...Int64(count)))
        }
    }

    @Test("A crash between file, mark and deletion loses nothing and repeats nothing", arguments: TestDatabase.engines)
    func crash(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await fill(world, 900)
            world.clock.advance(by: .seconds(31 * 86_400))
            let shelf = Shelf()
            // The disk fails: nothing is deleted, and the claim is not in the way of the next try.
            shelf.isBroken.withLock { $0 = true }
            let first = archiver(world, shelf)
            await #expect(throws: Shelf.Failure.self) { try await first.archiveDue() }
            #expect(try await world.count("SELECT count(*) FROM audit_entries") == 900)
            shelf.isBroken.withLock { $0 = false }
            // A file is there, and the mark is not: as after a crash between the two, with fewer entries than are due now.
            try shelf.store(Array("{\"id\": 1}\n".utf8), as: "audit-2026-01-01-1.jsonl")
            let name = try await world.database.read { tx in
                try tx.first("SELECT time FROM audit_entries ORDER BY time LIMIT 1") { try $0[0] as Timestamp }
            }
            shelf.files.withLock { files in
                files = ["audit-\(name?.description.prefix(10) ?? "")-1.jsonl": Array("{\"id\": 1}\n".utf8)]
            }
            // The claim of the one that failed runs on; it is the same one that tries again.
            #expect(try await first.archiveDue() == 900)
            #expect(try shelf.ids() == Array(1...900))
            // The mark is there, and entries before it are: the deletion was cut off.
            try await world.database.write { tx in
                try tx.execute(
                    """
                    INSERT INTO audit_entries (key, time, actor, action, outcome, details)
                    VALUES (1, \(name), 'x', 'auth.refresh', 'success', \(Array("{}".utf8)))
                    """)
            }
            #expect(try await archiver(world, shelf).archiveDue() == 0)
            #expect(try await world.count("SELECT count(*) FROM audit_entries WHERE action = 'auth.refresh'") == 0)
            #expect(try shelf.ids() == Array(1...900))
        }
    }

    @Test("Of several nodes one archives at a time", arguments: TestDatabase.engines)
    func nodes(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await fill(world, 2_000)
            world.clock.advance(by: .seconds(31 * 86_400))
            let shelves = (0..<4).map { _ in Shelf() }
            let counts = try await race(4) { number in
                try await AuditArchiver(
                    try world.node(), archive: shelves[number], retention: .seconds(30 * 86_400)
                ).archiveDue()
            }
            #expect(counts.reduce(0, +) == 2_000)
            #expect(try shelves.flatMap { try $0.ids() }.sorted() == Array(1...2_000))
        }
    }
}
