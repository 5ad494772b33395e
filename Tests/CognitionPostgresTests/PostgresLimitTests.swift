import CognitionCore
import CognitionPostgres
import CognitionPostgresServer
import CognitionStorage
import CognitionTestSupport
import Dispatch
import Synchronization
import Testing

/// Locks, time limits and cancellation.
@Suite("PostgreSQL limits", .timeLimit(.minutes(2))) struct PostgresLimitTests {
    @Test("What a stranger has locked fails as transient, while everything else goes on")
    func strangersLock() async throws {
        try await withDatabase {
            $0.lockTimeout = .milliseconds(100)
        } _: { url, database in
            let stranger = try await openPostgres(url, writers: 1)
            let gate = WriteGate()
            let held = stranger.startWrite { tx in
                try tx.execute("UPDATE counters SET count = 0 WHERE name = 'one'")
                gate.pass()
            }
            await gate.reached()
            var stuck: [Task<Void, any Error>] = []
            for _ in 0..<4 {
                stuck.append(
                    database.startWrite { tx in
                        _ = try tx.execute("UPDATE counters SET count = count + 1 WHERE name = 'one'")
                    })
            }
            for item in 0..<50 { try await database.write { try insert(item, in: $0) } }
            for write in stuck {
                let refused = await code { try await write.value }
                #expect(refused == "storage.busy")
            }
            gate.open()
            try await held.value
            try await database.write { tx in
                _ = try tx.execute("UPDATE counters SET count = count + 1 WHERE name = 'one'")
            }
            #expect(try await items(database).count == 50)
            await stranger.close()
        }
    }

    @Test("Of two transactions that wait for each other one is repeated, and both are done")
    func deadlocks() async throws {
        try await withDatabase { url, database in
            let other = try await openPostgres(url)
            let marks = [DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)]
            let runs = Mutex([0, 0])
            @Sendable func write(_ place: Int, _ order: [String]) -> @Sendable (borrowing Transaction) throws -> Void {
                { tx in
                    let isFirst = runs.withLock { runs in
                        runs[place] += 1
                        return runs[place] == 1
                    }
                    try tx.execute("UPDATE counters SET count = count + 1 WHERE name = \(order[0])")
                    if isFirst {
                        marks[place].signal()
                        marks[1 - place].wait()
                    }
                    try tx.execute("UPDATE counters SET count = count + 1 WHERE name = \(order[1])")
                }
            }
            let (first, second) = (
                database.startWrite(write(0, ["one", "two"])), other.startWrite(write(1, ["two", "one"]))
            )
            try await first.value
            try await second.value
            let counts = try await database.read { tx in
                try tx.query("SELECT count FROM counters ORDER BY name") { try $0[0] as Int }
            }
            #expect(counts == [2, 2])
            #expect(runs.withLock { $0.reduce(0, +) } >= 3, "one was repeated, or this test shows nothing")
            await other.close()
        }
    }

    @Test("A statement that takes too long is ended, and the next one works")
    func statementTimeout() async throws {
        try await withDatabase {
            $0.statementTimeout = .milliseconds(100)
        } _: { _, database in
            let sleep: SQL = "SELECT 1 FROM pg_sleep(30)"
            let read = await code { _ = try await database.read { try $0.first(sleep) { try $0[0] as Int } } }
            #expect(read == "storage.timeout")
            let write = await code { _ = try await database.write { try $0.first(sleep) { try $0[0] as Int } } }
            #expect(write == "storage.timeout")
            try await database.write { tx in
                try tx.allow(.seconds(10))
                _ = try tx.first("SELECT 1 FROM pg_sleep(0.3)") { try $0[0] as Int }
                try insert(1, in: tx)
            }
            #expect(try await items(database) == [1])
        }
    }

    @Test("A read whose caller goes away is ended on the server")
    func cancellation() async throws {
        try await withDatabase { url, database in
            let reading = Task {
                try await database.read { try $0.first("SELECT 1 FROM pg_sleep(60)") { try $0[0] as Int } }
            }
            let running =
                "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'"
            try await eventually { try PostgresServer.execute(running, at: url) != nil }
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            try await eventually { try PostgresServer.execute(running, at: url) == nil }
            #expect(try await items(database).isEmpty)
        }
    }

    @Test("A cancellation that arrives late ends nobody else's read")
    func lateCancellation() async throws {
        try await withDatabase {
            $0.readers = 1
        } _: { _, database in
            for _ in 0..<20 {
                // About as long as it takes until a reader looks whether its caller is still there.
                let reading = Task {
                    try await database.read { try $0.first("SELECT 1 FROM pg_sleep(0.021)") { try $0[0] as Int } }
                }
                await Task.yield()
                reading.cancel()
                _ = await reading.result
                let found = try await items(database)
                #expect(found.isEmpty)
            }
        }
    }

    @Test("A value that was NULL at first may have any type later")
    func typesOfValues() async throws {
        try await withDatabase { _, database in
            func store(_ item: Int, _ word: String?) async throws {
                try await database.write { tx in
                    try tx.execute("INSERT INTO items (item, word) VALUES (\(item), \(word))")
                }
            }
            try await store(1, nil)
            try await store(2, "two")
            try await store(3, nil)
            let words = try await database.read { tx in
                try tx.query("SELECT word FROM items ORDER BY item") { try $0[0] as String? }
            }
            #expect(words == [nil, "two", nil])
        }
    }

    @Test("Rows are written and changed in bulk, with NULL, empty and large values")
    func bulk() async throws {
        try await withDatabase { _, database in
            let table = BulkTable("items", ["item": .integer, "word": .text], suffix: "RETURNING item")
            let words = (0..<1_000).map { $0 % 3 == 0 ? nil : $0 % 3 == 1 ? "" : String(repeating: "ä", count: $0) }
            let returned = try await database.write { tx in
                var returned: [Int] = []
                try tx.insert(into: table, words.enumerated().flatMap { [$0.offset.sqlValue, $0.element.sqlValue] }) {
                    row in
                    returned.append(try row[0])
                }
                try tx.settle()
                return returned
            }
            #expect(returned.sorted() == Array(0..<1_000))
            let update = BulkUpdate(
                "items", ["item": .integer, "word": .text, "old": .text],
                "SET word = v.word WHERE items.item = v.item AND items.word = v.old")
            try await database.write { tx in
                let values: [[SQLValue]] = [
                    [.integer(1), .text("changed"), .text("")], [.integer(4), .null, .text("")],
                    [.integer(7), .text("no"), .text("another")],
                ]
                try tx.update(update, values.flatMap(\.self)) { #expect($0 == 2) }
            }
            let found = try await database.read { tx in
                try tx.query("SELECT word FROM items WHERE item IN (1, 4, 7, 8) ORDER BY item") { try $0[0] as String? }
            }
            #expect(found == ["changed", nil, "", String(repeating: "ä", count: 8)])
        }
    }

    @Test("A statement that was sent and fails fails its body, and nobody else's")
    func sentStatements() async throws {
        try await withDatabase {
            $0.writers = 1
        } _: { _, database in
            try await database.write { try insert(3, in: $0) }
            var requests: [Task<Void, any Error>] = []
            try await database.holdingWriter {
                for item in 0..<6 {
                    requests.append(
                        database.startWrite { tx in
                            try tx.send("INSERT INTO items (item) VALUES (\(item))")
                            try tx.send("UPDATE counters SET count = count + 1 WHERE name = \("one")") { changed in
                                if item == 4 { throw StorageError(.storageUnsupported, "not wanted") }
                                #expect(changed == 1)
                            }
                        })
                }
            }
            for (item, request) in requests.enumerated() {
                let failure = await code { try await request.value }
                #expect(failure == (item == 3 ? "storage.constraint" : item == 4 ? "storage.unsupported" : nil))
            }
            #expect(try await items(database) == [0, 1, 2, 3, 5])
            let count = try await database.read { tx in
                try tx.first("SELECT count FROM counters WHERE name = 'one'") { try $0[0] as Int }
            }
            #expect(count == 4)
        }
    }
}
