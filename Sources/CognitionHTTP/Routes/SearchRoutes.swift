import CognitionCore
import CognitionIdentity
package import CognitionSearch
import HTTPTypes

/// Searching, and documents to be found.
package struct SearchRoutes: RouteGroup {
    package static let tag = "Search"
    private let search: Search

    package init(search: Search) { self.search = search }

    package func routes(_ api: inout API) {
        queryRoutes(&api)
        documentRoutes(&api)
    }

    private func queryRoutes(_ api: inout API) {
        api.route(
            .post, "search/{index}/query", body: SearchRequestBody.self, parameters: [SearchPath.indexes],
            answers: [.ok(SearchAnswerShape.self)], errors: [.notFound, .unavailable],
            access: .permission(.readSearch), summary: "Searches an index, or several.",
            details: """
                `{index}` is a name, several separated by commas, or `_all`: every index that the caller may search. Indexes \
                of the platform need besides what reading the thing itself needs: `_workflows` and `_executions` \
                `workflows:read`, `_users` `workspace:read`.
                """, use: query)
        api.route(
            .post, "search/{index}/explain", body: SearchRequestBody.self, parameters: [SearchPath.indexes],
            answers: [.ok(SearchAnswerShape.self)], errors: [.notFound, .unavailable],
            access: .permission(.readSearch), summary: "Says how the score of each hit came about.",
            details: "With `why_not`, the id of a document, also why that is no hit. Analytics do not count it.",
            use: explain)
        api.route(
            .get, "search/{index}/suggest", parameters: [SearchPath.indexes, Self.text, Self.suggestions],
            answers: [.ok(SuggestionsShape.self)], errors: [.notFound, .unavailable],
            access: .permission(.readSearch), summary: "Completes what is being typed.", use: suggest)
        api.route(
            .post, "search/{index}/clicks", body: SearchClickRequest.self, parameters: [SearchPath.index],
            answers: [.noContent], errors: [.notFound], access: .permission(.readSearch),
            summary: "Notes that a hit was opened.", use: click)
    }

    private func documentRoutes(_ api: inout API) {
        api.route(
            .post, "search/{index}/documents", body: SearchDocumentsRequest.self, parameters: [SearchPath.index],
            answers: [.ok(SearchWrittenShape.self)], errors: [.notFound, .conflict], access: .permission(.writeSearch),
            summary: "Puts documents into an index, all or none.",
            details: """
                A document whose id is there is replaced. What was answered is durable; a search with `wait_for_seq` finds it.
                """, use: put)
        api.route(
            .get, "search/{index}/documents/{id}", parameters: [SearchPath.index, SearchPath.document],
            answers: [.ok(StoredDocumentShape.self)], errors: [.notFound], access: .permission(.readSearch),
            summary: "Shows a document as it is stored.", use: document)
        api.route(
            .delete, "search/{index}/documents/{id}", parameters: [SearchPath.index, SearchPath.document],
            answers: [.ok(SearchWrittenShape.self)], errors: [.notFound, .conflict], access: .permission(.writeSearch),
            summary: "Removes a document.", use: remove)
    }

    // MARK: Parameters

    private static let text = Parameter<String>(
        "q", in: .query, .text(length: 0...256), "What was typed so far.",
        read: { $0.unicodeScalars.count <= 256 ? $0 : nil })
    private static let suggestions = Parameter.whole("limit", 1...50, "How many; 10 unless given.")

    // MARK: Handlers

    @Sendable private func query(_ call: Call<SearchRequestBody>) async throws -> Answer {
        let index = try call.path(SearchPath.indexes)
        return .ok(json: try await search.query(index, call.body.json, as: call.searcher))
    }

    @Sendable private func explain(_ call: Call<SearchRequestBody>) async throws -> Answer {
        let index = try call.path(SearchPath.indexes)
        return .ok(json: try await search.explain(index, call.body.json, as: call.searcher))
    }

    @Sendable private func suggest(_ call: Call<Void>) async throws -> Answer {
        let limit = try call.query(Self.suggestions) ?? 10
        let found = try await search.suggest(
            try call.query(Self.text) ?? "", in: try call.path(SearchPath.indexes), limit: limit, as: call.searcher)
        return .ok(SuggestionsShape(found))
    }

    @Sendable private func click(_ call: Call<SearchClickRequest>) async throws -> Answer {
        try await search.noteClick(
            on: call.body.query, rank: call.body.rank, in: try call.path(SearchPath.index), as: call.searcher)
        return .noContent
    }

    @Sendable private func put(_ call: Call<SearchDocumentsRequest>) async throws -> Answer {
        let index = try call.path(SearchPath.index)
        return .ok(SearchWrittenShape(try await search.put(json: call.body.documents, into: index, as: call.principal)))
    }

    @Sendable private func document(_ call: Call<Void>) async throws -> Answer {
        let (index, id) = (try call.path(SearchPath.index), try call.path(SearchPath.document))
        return .ok(StoredDocumentShape(json: try await search.document(id, of: index, as: call.searcher)))
    }

    @Sendable private func remove(_ call: Call<Void>) async throws -> Answer {
        let (index, id) = (try call.path(SearchPath.index), try call.path(SearchPath.document))
        return .ok(SearchWrittenShape(try await search.remove(id, from: index, as: call.principal)))
    }
}

enum SearchPath {
    /// What cannot be a name is no index's, and so answered by whoever looks for it.
    static let index = Parameter<String>(
        "index", in: .path, .text(pattern: IndexName.pattern), "The index's name.", read: { $0 })
    static let indexes = Parameter<String>(
        "index", in: .path, .text(pattern: IndexName.listPattern),
        "The index's name, several separated by commas, or `_all`.", read: { $0 })
    static let document = Parameter<String>(
        "id", in: .path, .text(length: 1...512), "The document's id.", read: { $0 })
}

extension Call {
    /// The caller with the roles by which documents are found: a role finds what those below it find.
    var searcher: SearchCaller {
        var roles: Set<String> = []
        for role in caller.roles {
            switch role {
            case .admin, .operator: roles.formUnion(["admin", "user", "viewer"])
            case .user: roles.formUnion(["user", "viewer"])
            case .viewer: roles.insert("viewer")
            }
        }
        return SearchCaller(principal, roles: roles)
    }
}
