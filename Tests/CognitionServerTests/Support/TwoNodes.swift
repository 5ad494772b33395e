import CognitionTestSupport

/// Two servers of the real program on one new PostgreSQL database, each with a data folder of its own.
struct TwoNodes {
    /// A key that all nodes know, as they have to.
    static let settings = ["SECURITY_SECRET_KEY": "a key that both nodes know, as they have to"]

    let first: LiveServer
    let second: LiveServer
    /// Of the database.
    let url: String

    /// Lends two nodes.
    /// - Parameter others: Further settings.
    static func with(_ others: [String: String] = [:], _ body: (TwoNodes) async throws -> Void) async throws {
        let settings = settings.merging(others) { $1 }
        try await TestPostgres.withDatabase { url in
            try await withSandbox(on: url) { one in
                try await withSandbox(on: url) { another in
                    let nodes = TwoNodes(
                        first: try await LiveServer.start(in: one, settings),
                        second: try await LiveServer.start(in: another, settings), url: url)
                    try await body(nodes)
                }
            }
        }
    }
}

extension APIUser {
    /// The same person, asking another node.
    func asking(_ server: LiveServer) -> APIUser {
        APIUser(server: server, email: email, id: id, home: home, token: token, refreshToken: refreshToken)
    }
}
