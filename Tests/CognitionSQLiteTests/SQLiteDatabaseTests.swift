import CognitionCore
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

@Suite struct SQLiteDatabaseTests {
    @Test func writerIsDurable() async throws {
        try await withSQLite { database, _ in
            let (journal, synchronous) = try await database.write { tx in
                (
                    try tx.first("PRAGMA journal_mode") { try $0[0] as String },
                    try tx.first("PRAGMA synchronous") { try $0[0] as Int }
                )
            }
            #expect(journal == "wal")
            #expect(synchronous == 2, "FULL")
            let foreignKeys = try await database.write { try $0.first("PRAGMA foreign_keys") { try $0[0] as Int } }
            #expect(foreignKeys == 1)
        }
    }

    @Test func fileIsPrivate() async throws {
        try await withSQLite { _, path in
            for name in [path, path + "-wal"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: name)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
        }
    }

    /// What has been acknowledged is in the files at that moment, whatever happens to the process.
    @Test func acknowledgedWritesAreInTheFiles() async throws {
        try await withSQLite { database, path in
            for item in 1...20 {
                try await database.write { try insert(item, in: $0) }
                let copy = path + ".copy\(item)"
                for suffix in ["", "-wal"] {
                    try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
                }
                let survivor = try await SQLiteDatabase.open(at: copy)
                #expect(try await items(survivor) == Array(1...item))
                await survivor.close()
            }
        }
    }

    @Test func closingEmptiesTheWAL() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/test.sqlite"
            let database = try await opened(path)
            for item in 1...50 { try await database.write { try insert(item, in: $0) } }
            await database.close()
            // When the connection of a reader is the last to go, the file stays, without anything in it.
            let left = try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
            #expect(left ?? 0 == 0)
            let again = try await SQLiteDatabase.open(at: path)
            #expect(try await items(again) == Array(1...50))
            await again.close()
        }
    }

    @Test func checkpointsBoundTheWAL() async throws {
        try await withSQLite { database, path in
            for item in 1...600 {
                try await database.write { tx in
                    try tx.execute(
                        "INSERT INTO items (item, data) VALUES (\(item), \([UInt8](repeating: 7, count: 65_536)))")
                }
            }
            // 600 · 64 KiB have gone through it; a checkpoint begins after 2,000 pages of 4 KiB.
            #expect(try size(path + "-wal") < 10 << 20)
            #expect(try size(path) > 30 << 20)
        }
    }

    @Test func textThatIsNotUTF8IsRead() async throws {
        try await withSQLite { database, _ in
            let text = try await database.read {
                try $0.first("SELECT CAST(X'41FF42' AS TEXT)") { try $0[0] as String }
            }
            #expect(text == "A\u{FFFD}B")
        }
    }

    @Test func notANumberIsRefused() async throws {
        try await withSQLite { database, _ in
            let code = await code {
                _ = try await database.read { try $0.first("SELECT \(Double.nan)") { try $0[0] as Double? } }
            }
            #expect(code == "storage.statement")
        }
    }

    /// A body that catches the failure of a full database must not go on outside its transaction.
    @Test func caughtFailuresEndTheRequest() async throws {
        var options = SQLiteOptions()
        options.pagesMax = 60
        try await withSQLite(options) { database, _ in
            let code = await code {
                try await database.write { tx in
                    try insert(1, in: tx)
                    _ = try? tx.execute("INSERT INTO items (item, data) VALUES (2, zeroblob(1000000))")
                    try? insert(3, in: tx)
                }
            }
            // Either the engine has ended the transaction, and then nothing is there, or it has undone the statement alone.
            let stored = try await items(database)
            #expect(code == nil ? stored == [1, 3] : stored.isEmpty)
            try await database.write { try insert(4, in: $0) }
        }
    }
}

@Suite struct SQLiteOpeningTests {
    @Test func folderIsRefused() async throws {
        try await withTemporaryDirectory { folder in
            #expect(await code { _ = try await SQLiteDatabase.open(at: folder) } == "storage.corrupt")
        }
    }

    @Test func foreignFileIsRefusedAndKept() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/letter.txt"
            let text = Data(String(repeating: "This is a letter. ", count: 500).utf8)
            try text.write(to: URL(fileURLWithPath: path))
            #expect(await code { _ = try await SQLiteDatabase.open(at: path) } == "storage.corrupt")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == text)
        }
    }

    @Test func missingFolderIsNamed() async throws {
        try await withTemporaryDirectory { folder in
            do {
                _ = try await SQLiteDatabase.open(at: folder + "/none/test.sqlite")
                Issue.record("a database without a folder was opened")
            } catch let error as StorageError {
                #expect(error.code == .storageIO)
                #expect(error.message.contains("/none/test.sqlite"))
            }
        }
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser may read and write everything"))
    func missingPermissionIsNamed() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/test.sqlite"
            await (try opened(path)).close()
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
            #expect(await code { _ = try await SQLiteDatabase.open(at: path) } == "storage.read_only")
        }
    }

    @Test func damagedFileIsReported() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/test.sqlite"
            let database = try await opened(path)
            for item in 1...200 {
                try await database.write { tx in
                    try tx.execute(
                        "INSERT INTO items (item, data) VALUES (\(item), \([UInt8](repeating: 1, count: 2_000)))")
                }
            }
            await database.close()
            try damage(path)
            let reopened = try await SQLiteDatabase.open(at: path)
            let code = await code {
                _ = try await reopened.read { try $0.query("SELECT item, data FROM items") { try $0[1] as [UInt8] } }
            }
            #expect(code == "storage.corrupt")
            await reopened.close()
        }
    }
}
