import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

@Suite struct SQLiteBackupTests {
    /// Adds an item and counts it, so that a snapshot can be told from a mixture.
    private static func add(_ item: Int, to database: any Database) async throws {
        try await database.write { tx in
            try tx.execute("INSERT INTO items (item, data) VALUES (\(item), zeroblob(3000))")
            try tx.execute("UPDATE totals SET count = count + 1")
        }
    }

    private func total(_ database: any Database) async throws -> Int? {
        try await database.read { try $0.first("SELECT count FROM totals") { try $0[0] as Int } }
    }

    @Test func backupUnderLoadIsOneMoment() async throws {
        try await withSQLite { database, path in
            for item in 0..<300 { try await Self.add(item, to: database) }
            let target = path + ".backup"
            let stop = ManualFlag()
            try await withThrowingTaskGroup { group in
                group.addTask {
                    var item = 300
                    while !stop.isSet {
                        try await Self.add(item, to: database)
                        item += 1
                    }
                }
                do {
                    for _ in 0..<5 { try await database.backup(to: target, overwrites: true) }
                } catch {
                    stop.set()
                    throw error
                }
                stop.set()
                try await group.waitForAll()
            }
            let restored = path + ".restored"
            try SQLiteDatabase.restore(from: target, to: restored)
            let copy = try await SQLiteDatabase.open(at: restored)
            let kept = try await items(copy)
            #expect(kept == Array(0..<kept.count))
            #expect(kept.count >= 300)
            #expect(try await total(copy) == kept.count)
            #expect(try await isSound(copy))
            await copy.close()
            let names = try FileManager.default.contentsOfDirectory(
                atPath: (path as NSString).deletingLastPathComponent)
            #expect(!names.contains { $0.hasSuffix(".tmp") })
        }
    }

    @Test func memoryIsBackedUp() async throws {
        try await withTemporaryDirectory { folder in
            let database = try await SQLiteDatabase.inMemory()
            try await database.migrate(migrations, now: ManualClock().now)
            for item in 0..<10 { try await Self.add(item, to: database) }
            try await database.backup(to: folder + "/copy.sqlite")
            await database.close()
            let copy = try await SQLiteDatabase.open(at: folder + "/copy.sqlite")
            #expect(try await items(copy) == Array(0..<10))
            await copy.close()
        }
    }

    @Test func existingFileIsKept() async throws {
        try await withSQLite { database, path in
            let target = path + ".backup"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: target))
            #expect(await code { try await database.backup(to: target) } == "storage.exists")
            #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data("mine".utf8))
            try await database.backup(to: target, overwrites: true)
            #expect(try size(target) > 4_096)
        }
    }

    @Test func cancelledBackupLeavesNothing() async throws {
        try await withSQLite { database, path in
            for item in 0..<20 { try await Self.add(item, to: database) }
            let target = path + ".backup"
            let backup = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await database.backup(to: target)
            }
            #expect(await backup.result.error is CancellationError)
            let folder = (path as NSString).deletingLastPathComponent
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(!names.contains { $0.contains("backup") })
        }
    }

    @Test func restoreReplacesTheDatabaseWithItsWAL() async throws {
        try await withTemporaryDirectory { folder in
            let (path, target) = (folder + "/test.sqlite", folder + "/backup.sqlite")
            let database = try await opened(path)
            try await Self.add(1, to: database)
            try await database.backup(to: target)
            try await Self.add(2, to: database)
            // As a crash would leave it: with a WAL that belongs to the old file.
            let crashed = folder + "/crashed.sqlite"
            for suffix in ["", "-wal"] {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: crashed + suffix)
            }
            await database.close()
            try SQLiteDatabase.restore(from: target, to: crashed)
            let restored = try await SQLiteDatabase.open(at: crashed)
            #expect(try await items(restored) == [1])
            #expect(try await isSound(restored))
            await restored.close()
        }
    }

    @Test func foreignOrDamagedBackupIsRefused() async throws {
        try await withTemporaryDirectory { folder in
            let (path, target) = (folder + "/test.sqlite", folder + "/backup.sqlite")
            let database = try await opened(path)
            for item in 0..<300 { try await Self.add(item, to: database) }
            try await database.backup(to: target)
            await database.close()
            try damage(target)
            #expect(await code { try SQLiteDatabase.restore(from: target, to: path) } == "storage.corrupt")

            let other = try await SQLiteDatabase.open(at: folder + "/other.sqlite")
            try await other.write { _ = try $0.execute("CREATE TABLE guests (id INTEGER PRIMARY KEY) STRICT") }
            await other.close()
            #expect(
                await code { try SQLiteDatabase.restore(from: folder + "/other.sqlite", to: path) } == "storage.corrupt"
            )
            #expect(await code { try SQLiteDatabase.restore(from: folder + "/none", to: path) } == "storage.corrupt")

            let kept = try await SQLiteDatabase.open(at: path)
            #expect(try await items(kept) == Array(0..<300), "the old database stays as it was")
            await kept.close()
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(!names.contains { $0.hasSuffix(".tmp") })
        }
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
