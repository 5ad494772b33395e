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
}
