import CognitionPostgres
import CognitionPostgresServer
import CognitionSQLite
import CognitionStorage
import Logging

/// A database that something is measured on.
enum BenchEngine: Sendable {
    case sqlite(path: String)
    case postgres(url: String)

    /// How a line of the report begins.
    var prefix: String {
        switch self {
        case .sqlite: ""
        case .postgres: "PostgreSQL: "
        }
    }

    /// Whether several nodes may have it open at once.
    var isShared: Bool {
        switch self {
        case .sqlite: false
        case .postgres: true
        }
    }

    func open() async throws -> any Database {
        switch self {
        case .sqlite(let path): return try await SQLiteDatabase.open(at: path)
        case .postgres(let url):
            var logger = Logger(label: "bench")
            logger.logLevel = .warning
            return try await PostgresDatabase.open(PostgresOptions(url: url), logger: logger)
        }
    }

    /// The same tables without the log.
    func openRaw() throws -> any RawLog {
        switch self {
        case .sqlite(let path): try RawSQLiteLog(path)
        case .postgres(let url): try RawPostgresLog(url)
        }
    }
}

extension Bench {
    /// Lends a server with standard settings whose files lie on the disk that is measured; `nil`, with a word about it,
    /// where PostgreSQL is not installed.
    func withPostgres<Result>(_ body: (PostgresServer) async throws -> Result) async throws -> Result? {
        guard PostgresServer.isInstalled else {
            Terminal.progress("PostgreSQL's server is not installed, and is not measured")
            return nil
        }
        return try await PostgresServer.withServer(in: folder, settings: [:], body)
    }
}
