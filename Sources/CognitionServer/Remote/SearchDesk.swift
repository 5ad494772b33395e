import CognitionCore
import CognitionHTTP
import CognitionSearch

/// Where indexes are searched and looked after: in this process on the data folder, or by the server that holds it.
protocol SearchDesk: Sendable {
    /// As `{items, next_cursor}`.
    func list(_ page: PageWish) async throws -> JSONValue
    /// - Parameter search: As the body of `POST search/{index}/query`.
    func query(_ index: String, _ search: JSONValue) async throws -> JSONValue
    func suggest(_ index: String, _ text: String, limit: Int) async throws -> JSONValue
    func analytics(_ index: String) async throws -> JSONValue
    func verify(_ index: String) async throws -> JSONValue
    func rebuild(_ index: String) async throws
}

enum SearchDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any SearchDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteSearchDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(LocalSearchDesk(search: node.search))
            }
        }
    }
}

private struct LocalSearchDesk: SearchDesk {
    let search: Search

    func list(_ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map(SearchIndexShape.place)
        let found = try await search.indexes(after: after ?? "", limit: page.limit + 1, as: .localOperator)
        return SearchIndexShape.page(found, limit: page.limit).json
    }

    func query(_ index: String, _ search: JSONValue) async throws -> JSONValue {
        try JSONValue(
            parsing: String(decoding: try await self.search.query(index, search, as: .localOperator), as: UTF8.self))
    }

    func suggest(_ index: String, _ text: String, limit: Int) async throws -> JSONValue {
        SuggestionsShape(try await search.suggest(text, in: index, limit: limit, as: .localOperator)).json
    }

    func analytics(_ index: String) async throws -> JSONValue {
        try await search.analytics(of: index, as: .localOperator)
    }

    func verify(_ index: String) async throws -> JSONValue {
        try await search.verify(index, as: .localOperator).json
    }

    func rebuild(_ index: String) async throws {
        try await search.rebuild(index, as: .localOperator)
        try await search.settle(index, as: .localOperator)
    }
}

private struct RemoteSearchDesk: SearchDesk {
    let server: RemoteServer

    func list(_ page: PageWish) async throws -> JSONValue {
        try await server.call("GET", "search", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func query(_ index: String, _ search: JSONValue) async throws -> JSONValue {
        try await server.call("POST", "search", index, "query", body: .json(search))
    }

    func suggest(_ index: String, _ text: String, limit: Int) async throws -> JSONValue {
        try await server.call("GET", "search", index, "suggest", query: [("q", text), ("limit", String(limit))])
    }

    func analytics(_ index: String) async throws -> JSONValue {
        try await server.call("GET", "search", index, "analytics")
    }

    func verify(_ index: String) async throws -> JSONValue { try await server.call("POST", "search", index, "verify") }

    func rebuild(_ index: String) async throws { _ = try await server.call("POST", "search", index, "rebuild") }
}
