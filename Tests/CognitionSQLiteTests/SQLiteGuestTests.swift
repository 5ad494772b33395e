import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

@Suite struct SQLiteGuestTests {
    private var guestOptions: SQLiteOptions {
        var options = SQLiteOptions()
        options.isGuest = true
        options.readers = 1
        return options
    }

    @Test func guestAndOwnerWriteAtTheSameTime() async throws {
        try await withSQLite { owner, path in
            let guest = try await SQLiteDatabase.open(at: path, options: guestOptions)
            try await withThrowingTaskGroup { group in
                for (offset, database) in [(0, owner), (1, guest)] {
                    group.addTask {
                        for step in 0..<100 { try await database.write { try insert(2 * step + offset, in: $0) } }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await items(owner) == Array(0..<200))
            #expect(try await items(guest) == Array(0..<200))
            await guest.close()
            try await owner.write { try insert(1_000, in: $0) }
            #expect(try await isSound(owner))
        }
    }

    @Test func guestNeverCheckpoints() async throws {
        try await withSQLite { owner, path in
            let guest = try await SQLiteDatabase.open(at: path, options: guestOptions)
            let before = try size(path)
            for item in 0..<200 {
                try await guest.write { tx in
                    try tx.execute("INSERT INTO items (item, data) VALUES (\(item), zeroblob(65536))")
                }
            }
            await guest.close()
            #expect(try size(path) == before, "what the guest wrote is in the WAL alone")
            #expect(try size(path + "-wal") > 200 * 65_536)
            try await owner.write { try insert(1_000, in: $0) }
            #expect(try size(path) > 200 * 65_536, "the owner's next commit checkpoints")
        }
    }

    @Test func guestMigratesNothing() async throws {
        try await withSQLite { _, path in
            let guest = try await SQLiteDatabase.open(at: path, options: guestOptions)
            try await guest.migrate(migrations, now: ManualClock().now)
            let more = migrations + [Migration("test.002_more", ["CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT"])]
            #expect(await code { try await guest.migrate(more, now: ManualClock().now) } == "storage.older_database")
            #expect(try await guest.pendingMigrations(more) == ["test.002_more"])
            await guest.close()
        }
    }

    @Test func guestMakesNoFile() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/none.sqlite"
            #expect(
                await code { _ = try await SQLiteDatabase.open(at: path, options: guestOptions) } == "storage.io_failed"
            )
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    /// A lock that is not let go of fails requests as busy, and they may be repeated.
    @Test func heldLockIsBusy() async throws {
        var options = SQLiteOptions()
        options.busyTimeout = .milliseconds(20)
        try await withSQLite(options) { owner, path in
            let guest = try await SQLiteDatabase.open(at: path, options: guestOptions)
            let gate = WriteGate()
            let held = guest.startWrite { tx in
                try insert(1, in: tx)
                gate.pass()
            }
            await gate.reached()
            let refused = await code { try await owner.write { try insert(2, in: $0) } }
            gate.open()
            try await held.value
            #expect(refused == "storage.busy")
            try await owner.write { try insert(2, in: $0) }
            #expect(try await items(owner) == [1, 2])
            await guest.close()
        }
    }
}
