import CognitionCore
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Foundation

let migrations = [
    Migration(
        "test.001_items",
        [
            "CREATE TABLE items (item INTEGER NOT NULL PRIMARY KEY, data BLOB) STRICT",
            "CREATE TABLE totals (count INTEGER NOT NULL) STRICT",
            "INSERT INTO totals (count) VALUES (0)",
        ])
]

/// Opens a file with the tables of these tests.
func opened(_ path: String, _ options: SQLiteOptions = SQLiteOptions()) async throws -> SQLiteDatabase {
    let database = try await SQLiteDatabase.open(at: path, options: options)
    try await database.migrate(migrations, now: ManualClock().now)
    return database
}

func withSQLite(
    _ options: SQLiteOptions = SQLiteOptions(), _ body: (SQLiteDatabase, _ path: String) async throws -> Void
) async throws {
    try await withTemporaryDirectory { folder in
        let path = folder + "/test.sqlite"
        let database = try await opened(path, options)
        do {
            try await body(database, path)
            await database.close()
        } catch {
            await database.close()
            throw error
        }
    }
}

func insert(_ item: Int, in tx: borrowing Transaction) throws {
    try tx.execute("INSERT INTO items (item) VALUES (\(item))")
}

func items(_ database: any Database) async throws -> [Int] {
    try await database.read { tx in try tx.query("SELECT item FROM items ORDER BY item") { try $0[0] } }
}

func isSound(_ database: any Database) async throws -> Bool {
    try await database.read { tx in try tx.query("PRAGMA integrity_check") { try $0[0] as String } } == ["ok"]
}

/// The code of the error that `work` throws.
func code(of work: () async throws -> Void) async -> String? {
    do {
        try await work()
        return nil
    } catch {
        return (error as? StorageError)?.code.name ?? "\(error)"
    }
}

func size(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.size] as? Int) ?? 0
}

/// Overwrites a stretch in the middle of a file.
func damage(_ path: String) throws {
    let middle = UInt64(try size(path) / 2 / 4_096 * 4_096)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.seek(toOffset: middle)
    try file.write(contentsOf: Data(repeating: 0xEE, count: 16_384))
    try file.close()
}
