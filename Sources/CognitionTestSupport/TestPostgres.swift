import CognitionPostgresServer
import Foundation

/// The server that all tests share: the one that `COGNITIONOS_TEST_POSTGRES` names, else one that is started when the first
/// test asks for it and ends with this process.
package enum TestPostgres {
    private static let shared = Result {
        if let given = ProcessInfo.processInfo.environment["COGNITIONOS_TEST_POSTGRES"], !given.isEmpty { return given }
        let server = try PostgresServer()
        try server.start()
        return server.address
    }

    /// Lends a new empty database.
    package static func withDatabase<Value>(_ body: (_ url: String) async throws -> Value) async throws -> Value {
        try await PostgresServer.withDatabase(at: shared.get(), body)
    }

    /// Lends a new empty database, whose connections `body` closes.
    /// - Returns: How often the server had to end a transaction because some waited for each other in a circle.
    package static func deadlocks(during body: (_ url: String) async throws -> Void) async throws -> Int {
        try await withDatabase { url in
            try await body(url)
            // What a connection has counted is there once it has ended.
            let others =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            while try PostgresServer.execute(others, at: url) != "0" { try await Task.sleep(for: .milliseconds(10)) }
            let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            return try PostgresServer.execute(count, at: url).flatMap { Int($0) } ?? 0
        }
    }
}
