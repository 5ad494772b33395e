package import CognitionCore
import CognitionStorage

/// Pinned queries: what is to be found, and what a change of settings would do to that.
extension Search {
    private static let relevanceBytesMax = 1 << 20
    /// Documents of an index, and their bytes, that is made in memory to be compared.
    private static let comparedMax = 100_000
    private static let comparedBytesMax: Int64 = 256 << 20

    /// - Parameter json: `{queries: […]}`.
    /// - Throws: `search.relevance_invalid`.
    package func setRelevance(_ json: JSONValue, of name: String, as principal: Principal) async throws -> JSONValue {
        let check = try RelevanceCheck(
            json: json["queries"] ?? .array([]), at: JSONPointer.root.appending("queries"),
            code: .searchRelevanceInvalid)
        let text = check.json.jsonText
        guard text.utf8.count <= Self.relevanceBytesMax else {
            throw SearchError(
                .searchRelevanceInvalid,
                "the pinned queries have \(text.utf8.count) bytes; \(Self.relevanceBytesMax) are allowed")
        }
        let (address, now) = (try address(of: name, for: SearchCaller(principal, roles: nil)), clock.now)
        try await database.write { tx in
            let index = try IndexStore.existing(address, tx)
            try IndexStore.setRelevance(check.queries.isEmpty ? nil : text, of: index.key, now: now, tx)
        }
        return ["queries": check.json]
    }

    /// - Parameter runs: Whether to say how well the index answers them now.
    package func relevance(of name: String, runs: Bool, as caller: SearchCaller) async throws -> JSONValue {
        let address = try address(of: name, for: caller)
        let check = try await pinned(address)
        guard runs else { return ["queries": check.json] }
        let build = try await copies.copy(of: address).answering(within: Self.buildingWait)
        let scores = try check.queries.map { query in
            (query, RelevanceCheck.score(try ranking(query.text, in: build.index.snapshot()), for: query))
        }
        let sum = scores.reduce(0) { $0 + $1.1.nDCG }
        return [
            "queries": check.json,
            "ndcg_10": scores.isEmpty ? .null : JSONValue(sum / Double(scores.count)),
            "scores": .array(
                scores.map { query, score in
                    [
                        "query": .string(query.text), "ndcg_10": JSONValue(score.nDCG),
                        "map": JSONValue(score.averagePrecision), "recall_100": JSONValue(score.recall),
                        "missing": .array(score.missing.map(JSONValue.string)),
                    ]
                }),
        ]
    }

    private func pinned(_ address: IndexAddress) async throws -> RelevanceCheck {
        let text = try await database.read { tx in
            try IndexStore.relevance(of: IndexStore.existing(address, tx).key, tx)
        }
        return try RelevanceCheck(json: text.map { try JSONValue(parsing: $0) } ?? .array([]))
    }

    private func ranking(_ text: String, in snapshot: IndexSnapshot) throws -> [String] {
        var request = SearchRequest(try QueryParser.parse(text, settings: snapshot.settings))
        request.limit = RelevanceCheck.depth
        request.now = clock.now
        return try snapshot.search(request).hits.map(\.id)
    }

    /// What settings would do to the pinned queries: an index of the same documents is made by them, in memory, and nothing is
    /// changed.
    /// - Throws: `search.relevance_invalid` for an index that is too large for that.
    package func check(_ name: String, _ settings: SearchSettings, as principal: Principal) async throws -> JSONValue {
        let address = try address(of: name, for: SearchCaller(principal, roles: nil))
        let check = try await pinned(address)
        let copy = try await copies.copy(of: address)
        let build = try await copy.answering(within: Self.buildingWait)
        var report = RelevanceCheck.Report(comparisons: [])
        let changes = settings != build.settings
        if !check.queries.isEmpty {
            let before = build.index.snapshot()
            let after = changes ? try await index(of: copy.key, by: settings).snapshot() : before
            report = try check.run(
                before: { try ranking($0, in: before) }, after: { try ranking($0, in: after) })
        }
        var json = report.json.objectValue ?? [:]
        json["changes"] = .bool(changes)
        return .object(json)
    }

    private func index(of key: Int64, by settings: SearchSettings) async throws -> SearchIndex {
        let index = try SearchIndex(folder: nil, settings: settings) { try Analyzers.named($0) }
        let size = try await database.read { tx in try DocumentStore.size(of: key, tx) }
        guard size.documents <= Self.comparedMax, size.bytes <= Self.comparedBytesMax else {
            throw SearchError(
                .searchRelevanceInvalid,
                "the index has \(size.documents) documents; settings of up to \(Self.comparedMax) documents and \(Self.comparedBytesMax >> 20) MiB can be tried"
            )
        }
        var reached: Int64 = 0
        while true {
            let after = reached
            guard let page = try await database.read({ try DocumentStore.page(of: key, after: after, $0) }) else {
                return index
            }
            try index.apply(try page.changes.map { try $0.change })
            reached = page.reached
            if page.isAtEnd { return index }
        }
    }
}
