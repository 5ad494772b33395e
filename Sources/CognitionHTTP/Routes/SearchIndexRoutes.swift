import CognitionCore
package import CognitionSearch
import HTTPTypes

/// Indexes: their settings, how they stand, and what is looked for in them.
package struct SearchIndexRoutes: RouteGroup {
    package static let tag = SearchRoutes.tag
    private let search: Search

    package init(search: Search) { self.search = search }

    package func routes(_ api: inout API) {
        indexRoutes(&api)
        settingsRoutes(&api)
        careRoutes(&api)
    }

    private func indexRoutes(_ api: inout API) {
        api.route(
            .get, "search", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<SearchIndexShape>.self)],
            access: .permission(.readSearch), summary: "Lists the indexes that the caller may search, by name.",
            use: list)
        api.route(
            .get, "search/{index}", parameters: [SearchPath.index], answers: [.ok(SearchIndexShape.self)],
            errors: [.notFound], access: .permission(.readSearch), summary: "Shows an index and its settings.",
            use: show)
        api.route(
            .put, "search/{index}", body: SearchSettingsRequest.self, parameters: [SearchPath.index, Self.check],
            answers: [
                .created(SearchIndexShape.self, "There was none of that name."),
                .ok(
                    SearchSettingsAnswer.self, "The index as it is now; with `check` what the pinned queries say."),
            ], errors: [.conflict, .limited, .notFound, .unavailable], access: .permission(.manageSearch),
            summary: "Makes an index, or changes its settings.",
            details: """
                Documents are indexed anew, and the index answers as before until that is done. With `check=true` nothing is \
                changed: pinned queries are run by the settings that are and by those that are given.
                """, use: set)
        api.route(
            .delete, "search/{index}", parameters: [SearchPath.index], answers: [.noContent],
            errors: [.notFound, .conflict], access: .permission(.manageSearch),
            summary: "Deletes an index with its documents.", use: delete)
    }

    private func settingsRoutes(_ api: inout API) {
        api.route(
            .get, "search/{index}/settings", parameters: [SearchPath.index],
            answers: [.ok(SettingsHistoryShape.self)], errors: [.notFound], access: .permission(.manageSearch),
            summary: "Lists the settings that an index has and had, the last first.",
            details: "The last 50 versions.", use: history)
        api.route(
            .post, "search/{index}/rollback", body: SearchRollbackRequest.self, parameters: [SearchPath.index],
            answers: [.ok(SearchIndexShape.self)], errors: [.notFound, .conflict], access: .permission(.manageSearch),
            summary: "Gives an index settings again that it had before.",
            details: "They become a new version.", use: rollBack)
        api.route(
            .get, "search/{index}/relevance", parameters: [SearchPath.index, Self.run],
            answers: [.ok(SearchRelevanceShape.self)], errors: [.notFound, .unavailable],
            access: .permission(.manageSearch), summary: "Shows the pinned queries of an index.",
            details: "With `run=true` also how well the index answers them now.", use: relevance)
        api.route(
            .put, "search/{index}/relevance", body: SearchRelevanceRequest.self, parameters: [SearchPath.index],
            answers: [.ok(SearchRelevanceShape.self)], errors: [.notFound, .conflict],
            access: .permission(.manageSearch), summary: "Pins queries and what they are expected to find.",
            use: setRelevance)
    }

    private func careRoutes(_ api: inout API) {
        api.route(
            .get, "search/{index}/analytics", parameters: [SearchPath.index], answers: [.ok(SearchAnalyticsShape.self)],
            errors: [.notFound, .unavailable], access: .permission(.manageSearch),
            summary: "Shows what is looked for, what finds nothing, and how long searches take.",
            details: """
                Texts that at least three people have looked for within a day, or all where `SEARCH_ANALYTICS` is `queries`; \
                besides those the caller's own of today.
                """, use: analytics)
        api.route(
            .post, "search/{index}/verify", parameters: [SearchPath.index], answers: [.ok(SearchVerdictShape.self)],
            errors: [.notFound, .unavailable], access: .permission(.manageSearch),
            summary: "Compares this node's copy of an index with the documents.",
            details: "Every byte is read. One that differs is made anew.", use: verify)
        api.route(
            .post, "search/{index}/rebuild", parameters: [SearchPath.index],
            answers: [.accepted(SearchIndexShape.self, "It is being made anew.")], errors: [.notFound, .unavailable],
            access: .permission(.manageSearch), summary: "Makes this node's copy of an index anew.",
            details: "The one before answers meanwhile.", use: rebuild)
    }

    private static let check = Parameter<Bool>(
        "check", in: .query, .flag(), "Whether only to say what the settings would change; false unless given.",
        read: { ["true": true, "false": false][$0] })
    private static let run = Parameter<Bool>(
        "run", in: .query, .flag(), "Whether to run the queries; false unless given.",
        read: { ["true": true, "false": false][$0] })

    // MARK: Handlers

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let after = try call.query(Query.cursor).map(SearchIndexShape.place)
        let limit = try call.limit
        let found = try await search.indexes(after: after ?? "", limit: limit + 1, as: call.searcher)
        return .ok(SearchIndexShape.page(found, limit: limit))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(SearchIndexShape(try await search.index(try call.path(SearchPath.index), as: call.searcher)))
    }

    @Sendable private func set(_ call: Call<SearchSettingsRequest>) async throws -> Answer {
        let name = try call.path(SearchPath.index)
        guard try call.query(Self.check) != true else {
            let report = try await search.check(name, call.body.settings, as: call.principal)
            return .ok(SearchSettingsAnswer.report(report))
        }
        let (view, isNew) = try await search.setIndex(name, to: call.body.settings, as: call.principal)
        return isNew ? .created(SearchIndexShape(view)) : .ok(SearchSettingsAnswer.index(SearchIndexShape(view)))
    }

    @Sendable private func delete(_ call: Call<Void>) async throws -> Answer {
        try await search.deleteIndex(try call.path(SearchPath.index), as: call.principal)
        return .noContent
    }

    @Sendable private func history(_ call: Call<Void>) async throws -> Answer {
        .ok(
            SettingsHistoryShape(
                try await search.settingsHistory(of: try call.path(SearchPath.index), as: call.principal)))
    }

    @Sendable private func rollBack(_ call: Call<SearchRollbackRequest>) async throws -> Answer {
        let name = try call.path(SearchPath.index)
        return .ok(
            SearchIndexShape(try await search.rollBack(name, toVersion: call.body.version, as: call.principal)))
    }

    @Sendable private func relevance(_ call: Call<Void>) async throws -> Answer {
        let name = try call.path(SearchPath.index)
        let runs = try call.query(Self.run) ?? false
        return .ok(SearchRelevanceShape(json: try await search.relevance(of: name, runs: runs, as: call.searcher)))
    }

    @Sendable private func setRelevance(_ call: Call<SearchRelevanceRequest>) async throws -> Answer {
        let name = try call.path(SearchPath.index)
        return .ok(
            SearchRelevanceShape(json: try await search.setRelevance(call.body.json, of: name, as: call.principal)))
    }

    @Sendable private func analytics(_ call: Call<Void>) async throws -> Answer {
        .ok(
            SearchAnalyticsShape(
                json: try await search.analytics(of: try call.path(SearchPath.index), as: call.searcher)))
    }

    @Sendable private func verify(_ call: Call<Void>) async throws -> Answer {
        .ok(SearchVerdictShape(json: try await search.verify(try call.path(SearchPath.index), as: call.searcher).json))
    }

    @Sendable private func rebuild(_ call: Call<Void>) async throws -> Answer {
        let name = try call.path(SearchPath.index)
        try await search.rebuild(name, as: call.searcher)
        return .accepted(SearchIndexShape(try await search.index(name, as: call.searcher)))
    }
}
