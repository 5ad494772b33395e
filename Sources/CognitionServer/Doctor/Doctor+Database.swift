import CognitionCore
import CognitionStorage
import Foundation
import Logging

extension Doctor {
    /// Looks without migrating or making anything.
    var database: [Diagnosis] {
        get async {
            do {
                let target = try configuration.database
                if case .sqlite(let path) = target, !FileManager.default.fileExists(atPath: path) {
                    return [
                        Diagnosis(
                            name: "database", status: .ok,
                            message: "there is none yet; serve, or the first command that needs it, makes \(path)")
                    ]
                }
                let database = try await target.open(
                    isGuest: true, Logger(label: "cognitionos") { _ in SwiftLogNoOpLogHandler() })
                do {
                    let found = try await examine(database)
                    await database.close()
                    return found
                } catch {
                    await database.close()
                    throw error
                }
            } catch {
                return [
                    Diagnosis(
                        name: "database", status: .failed,
                        message: (error as? any CodedError).map { "\($0.message) [\($0.code.name)]" } ?? "\(error)",
                        advice: Self.advice(for: error))
                ]
            }
        }
    }

    private static func advice(for error: any Error) -> String {
        switch (error as? StorageError)?.code {
        case .databaseNewer: "use the release that wrote it, or a later one; or restore an older backup"
        case .storageCorrupt: "stop the server, keep a copy of the file, and restore a backup: cognitionos restore FILE"
        default: "check DATABASE_URL or DB_*, that the server is up and takes connections, and the user's password"
        }
    }

    private func examine(_ database: any Database) async throws -> [Diagnosis] {
        let start = ContinuousClock.now
        let facts = try await DatabaseFacts.read(database)
        let took = ContinuousClock.now - start
        var found = [
            Diagnosis(
                name: "database", status: .ok,
                message: "\(facts.product) answers within \(Double(took.microseconds) / 1_000) ms",
                details: facts.details)
        ]
        let pending = try await database.pendingMigrations(Node.migrations)
        found.append(
            pending.isEmpty
                ? Diagnosis(name: "schema", status: .ok, message: "the tables are those of this release")
                : Diagnosis(
                    name: "schema", status: .warning, message: "\(pending.count) migrations are to come",
                    advice: "serve applies them when it starts; or now: cognitionos migrate"))
        found += facts.faults
        if pending.isEmpty { found += await work(on: database) }
        return found
    }
}

/// What a database says of itself.
private struct DatabaseFacts: Sendable {
    let product: String
    var details = JSONObject()
    var faults: [Diagnosis] = []

    static func read(_ database: any Database) async throws -> DatabaseFacts {
        switch database.dialect {
        case .sqlite: try await sqlite(database)
        case .postgres: try await postgres(database)
        }
    }

    private static func sqlite(_ database: any Database) async throws -> DatabaseFacts {
        let found = try await database.read { tx in
            (
                version: try tx.first("SELECT sqlite_version()") { try $0[0] as String } ?? "",
                pages: try tx.first("SELECT page_count FROM pragma_page_count") { try $0[0] as Int64 } ?? 0,
                pageBytes: try tx.first("SELECT page_size FROM pragma_page_size") { try $0[0] as Int64 } ?? 0
            )
        }
        var facts = DatabaseFacts(product: "SQLite \(found.version)")
        facts.details = [
            "driver": "sqlite", "version": .string(found.version), "bytes": .integer(found.pages * found.pageBytes),
        ]
        return facts
    }

    private static func postgres(_ database: any Database) async throws -> DatabaseFacts {
        let names = ["server_version", "fsync", "synchronous_commit", "full_page_writes", "max_connections"]
        let before = SystemWallClock().now
        let (settings, microseconds) = try await database.read { tx in
            (
                try tx.query("SELECT name, setting FROM pg_settings WHERE name IN \(list: names)") {
                    (try $0[0] as String, try $0[1] as String)
                },
                try tx.first("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)") {
                    try $0[0] as Int64
                } ?? 0
            )
        }
        let after = SystemWallClock().now
        let values = Dictionary(settings, uniquingKeysWith: { $1 })
        let version = values["server_version"] ?? ""
        var facts = DatabaseFacts(product: "PostgreSQL \(version)")
        facts.details = JSONObject(names.map { ($0, JSONValue.string(values[$0] ?? "")) })
        facts.details["driver"] = "postgres"
        for name in ["fsync", "full_page_writes"] where values[name] == "off" {
            facts.faults.append(
                Diagnosis(
                    name: "durability", status: .failed, message: "\(name) is off: a crash of the machine loses data",
                    advice: "set \(name) = on in postgresql.conf and reload the server"))
        }
        let there = Timestamp(microseconds: microseconds)
        let skew = there < before ? before - there : there > after ? there - after : .zero
        facts.details["clock_skew_ms"] = .number(Double(skew.microseconds) / 1_000)
        if skew > .seconds(1) {
            facts.faults.append(
                Diagnosis(
                    name: "clock", status: .warning,
                    message:
                        "this machine's clock and the database's differ by \(Double(skew.microseconds) / 1_000_000) s",
                    advice: "keep both right (chrony, systemd-timesyncd)"))
        }
        return facts
    }
}
