import CognitionCore
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Testing

/// Pinned queries, and what a change of settings would do to them.
@Suite struct PinnedQueryTests {
    private static let plain = SearchSettings(["title": .text(), "body": .text()])
    private static let titled = SearchSettings(["title": .text(boost: 20), "body": .text()])

    @Test("A change of settings is tried before it is made", arguments: TestDatabase.engines)
    func check(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            let search = harness.search
            _ = try await search.setIndex("notes", to: Self.plain, as: .localOperator)
            let written = try await search.put(
                [
                    SearchDocument(
                        id: "body", fields: ["title": "other", "body": "refund refund refund refund of money"]),
                    SearchDocument(
                        id: "title",
                        fields: ["title": "refund of all that was ever paid by somebody", "body": "long ago"]),
                ], into: "notes", as: .localOperator)
            #expect(try await harness.find("refund", reaching: written.sequence).count == 2)
            let unpinned = try await search.check("notes", Self.titled, as: .localOperator)
            #expect(unpinned["queries"] == 0 && unpinned["changes"] == true)
            _ = try await search.setRelevance(
                [
                    "queries": [
                        ["query": "refund", "judgements": ["title": 3]],
                        ["query": "money", "expect": ["body"], "within": 1],
                    ]
                ], of: "notes", as: .localOperator)
            let better = try await search.check("notes", Self.titled, as: .localOperator)
            let (before, after) = (better["ndcg_10"]?["before"]?.doubleValue, better["ndcg_10"]?["after"]?.doubleValue)
            #expect(better["queries"] == 2 && better["losing"] == [], "\(better)")
            #expect(try #require(after) > (try #require(before)), "\(better)")
            // Nothing was changed by that.
            #expect(try await search.index("notes", as: .localOperator).index.settingsVersion == 1)
            let worse = try await search.check(
                "notes", SearchSettings(["title": .text()]), as: .localOperator)
            #expect(worse["losing"]?[0]?["query"] == "money" && worse["losing"]?[0]?["missing"] == ["body"], "\(worse)")
            let now = try await search.relevance(of: "notes", runs: true, as: .localOperator)
            #expect(now["queries"]?.arrayValue?.count == 2 && now["scores"]?.arrayValue?.count == 2, "\(now)")
            #expect(now["ndcg_10"]?.doubleValue == before)
            let error = await #expect(throws: SearchError.self) {
                try await search.setRelevance(["queries": [["query": "x"]]], of: "notes", as: .localOperator)
            }
            #expect(error?.code == .searchRelevanceInvalid)
        }
    }
}
