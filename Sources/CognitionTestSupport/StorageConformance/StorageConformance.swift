import CognitionCore
package import CognitionStorage
import Testing

/// What every driver promises. Each function takes an empty database with ``migrations`` applied and records what it finds
/// broken as an issue of the test that calls it.
package enum StorageConformance {
    package static let migrations = [
        Migration(
            "conformance.001_tables",
            [
                """
                CREATE TABLE samples (
                    id \(fragment: .identity), number \(fragment: .int64), ratio \(fragment: .double), words \(fragment: .text),
                    data \(fragment: .bytes)
                ) \(fragment: .strict)
                """,
                "CREATE TABLE items (id \(fragment: .identity), item \(fragment: .int64) NOT NULL UNIQUE) \(fragment: .strict)",
                "CREATE TABLE counters (name \(fragment: .text) NOT NULL PRIMARY KEY, count \(fragment: .int64) NOT NULL) \(fragment: .strict)",
            ])
    ]

    /// What a body throws when it changes its mind.
    struct Refusal: Error, Equatable {
        let item: Int
    }

    /// The items stored, in the order of their writing.
    static func items(_ database: any Database) async throws -> [Int] {
        try await database.read { tx in try tx.query("SELECT item FROM items ORDER BY id") { try $0[0] } }
    }

    static func insert(_ item: Int, in tx: borrowing Transaction) throws {
        try tx.execute("INSERT INTO items (item) VALUES (\(item))")
    }

    static func code(of work: () async throws -> Void) async -> String? {
        do {
            try await work()
            return nil
        } catch {
            return (error as? StorageError)?.code.name ?? "\(error)"
        }
    }
}
