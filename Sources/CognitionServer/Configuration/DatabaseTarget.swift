import CognitionPostgres
import CognitionSQLite
import CognitionStorage
import Logging

/// Which database the settings name.
enum DatabaseTarget: Sendable {
    case sqlite(path: String)
    case postgres(PostgresOptions)

    /// Opens it.
    /// - Parameter isGuest: Another process owns the data folder, and with it a database inside of a file.
    func open(isGuest: Bool, _ logger: Logger) async throws -> any Database {
        switch self {
        case .sqlite(let path):
            var options = SQLiteOptions()
            options.isGuest = isGuest
            return try await SQLiteDatabase.open(at: path, options: options)
        case .postgres(let options): return try await PostgresDatabase.open(options, logger: logger)
        }
    }

    /// The file of a database in one.
    /// - Throws: `CommandFailure` when there is a server instead, whose own tools do `what`.
    func path(for what: String) throws -> String {
        switch self {
        case .sqlite(let path): return path
        case .postgres: throw CommandFailure("a PostgreSQL database is \(what) by its own tools; see Docs/Storage.md")
        }
    }
}

extension ServerConfiguration {
    /// - Throws: `CommandFailure` for an address of neither kind.
    var database: DatabaseTarget {
        get throws {
            let url = self[.databaseURL]
            if url.isEmpty {
                if !self[.databaseHost].isEmpty { return .postgres(pool(PostgresOptions(keywords: keywords))) }
                return .sqlite(path: dataDirectory + "/cognition.db")
            }
            return try database(at: url)
        }
    }

    /// - Throws: `CommandFailure` for an address of neither kind.
    func database(at url: String) throws -> DatabaseTarget {
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            return .postgres(pool(PostgresOptions(url: url)))
        }
        guard url.hasPrefix("sqlite:") else {
            throw CommandFailure("DATABASE_URL begins with sqlite:, postgres:// or postgresql://")
        }
        let path = url.dropFirst("sqlite:".count)
        return .sqlite(path: absolute(String(path.hasPrefix("///") ? path.dropFirst(2) : path)))
    }

    private var keywords: [PostgresOptions.Keyword] {
        let values: KeyValuePairs<String, Setting> = [
            "host": .databaseHost, "port": .databasePort, "dbname": .databaseName, "user": .databaseUser,
            "password": .databasePassword, "sslmode": .databaseTLS,
        ]
        var keywords = values.map { PostgresOptions.Keyword($0.key, self[$0.value]) }
        if !self[.databaseRootCertificate].isEmpty {
            keywords.append(PostgresOptions.Keyword("sslrootcert", absolute(self[.databaseRootCertificate])))
        }
        return keywords
    }

    private func pool(_ options: PostgresOptions) -> PostgresOptions {
        var options = options
        let size = number(.databasePool)
        options.writers = min(max(1, size / 5), 4)
        options.readers = size - 1 - options.writers
        options.connectTimeout = duration(.databaseConnectTimeout)
        options.outagePatience = options.connectTimeout
        options.statementTimeout = duration(.databaseStatementTimeout)
        options.lockTimeout = duration(.databaseLockTimeout)
        return options
    }
}
