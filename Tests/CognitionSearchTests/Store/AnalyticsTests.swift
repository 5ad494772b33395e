import CognitionCore
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct AnalyticsTests {
    private func caller(_ name: String) -> SearchCaller {
        SearchCaller(
            Principal(
                actor: "user:\(name)", workspace: .default,
                permissions: [.readSearch, .writeSearch, .manageSearch]), roles: nil)
    }

    private func queries(
        _ harness: SearchHarness, _ list: String = "popular_queries", for name: String
    ) async throws -> [String] {
        let found = try await harness.search.analytics(of: "notes", as: caller(name))
        return found[list]?.arrayValue?.compactMap { $0["query"]?.stringValue } ?? []
    }

    private func prepare(_ harness: SearchHarness) async throws {
        _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
        let sequence = try await harness.put([("a", "apples and pears")])
        #expect(try await harness.find("apples", reaching: sequence, as: caller("z")) == ["a"])
    }

    @Test(
        "A text is kept when several people have looked for it, and shown to who did before",
        arguments: TestDatabase.engines)
    func counts(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            try await prepare(harness)
            for name in ["a", "b", "c"] { _ = try await harness.find("  Apples ", as: caller(name)) }
            _ = try await harness.find("my diagnosis", as: caller("a"))
            _ = try await harness.find("my diagnosis", as: caller("a"))
            _ = try await harness.find("pears", as: caller("b"))
            #expect(try await queries(harness, for: "a") == ["apples", "my diagnosis"])
            #expect(try await queries(harness, "zero_result_queries", for: "a") == ["my diagnosis"])
            #expect(try await queries(harness, for: "b") == ["apples", "pears"])
            #expect(try await queries(harness, for: "x") == ["apples"])
            try await harness.search.flushAnalytics()
            #expect(try await queries(harness, for: "a") == ["apples", "my diagnosis"])
            #expect(try await harness.count("SELECT COUNT(*) FROM search_queries") == 1)
            let found = try await harness.search.analytics(of: "notes", as: caller("x"))
            #expect(found["searches"] == 7 && found["zero_results"] == 2 && found["indexed_documents"] == 1, "\(found)")
            #expect(found["popular_queries"]?[0]?["count"] == 4)
            let histogram = found["latency"]?["histogram"]?.arrayValue?.compactMap { $0["count"]?.integerValue }
            #expect(histogram?.reduce(0, +) == 7)
            #expect((found["vocabulary_size"]?.integerValue ?? 0) >= 2)
            // Told once, and added to later.
            _ = try await harness.find("apples", as: caller("a"))
            try await harness.search.flushAnalytics()
            try await harness.search.flushAnalytics()
            let again = try await harness.search.analytics(of: "notes", as: caller("x"))
            #expect(again["searches"] == 8 && again["popular_queries"]?[0]?["count"] == 5, "\(again)")
        }
    }

    @Test("Clicks count for what was looked for", arguments: TestDatabase.engines)
    func clicks(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine, configure: { $0.analytics = .queries }) { harness, _ in
            try await prepare(harness)
            _ = try await harness.find("pears", as: caller("a"))
            try await harness.search.noteClick(on: "Pears", rank: 3, in: "notes", as: caller("a"))
            try await harness.search.noteClick(on: "pears", rank: 1, in: "notes", as: caller("a"))
            try await harness.search.noteClick(on: "never asked", rank: 1, in: "notes", as: caller("a"))
            try await harness.search.flushAnalytics()
            let found = try await harness.search.analytics(of: "notes", as: caller("x"))
            let pears = found["popular_queries"]?.arrayValue?.first { $0["query"] == "pears" }
            #expect(pears?["clicks"] == 2 && pears?["average_click_rank"] == 2, "\(found)")
            #expect(try await !queries(harness, for: "x").contains("never asked"))
        }
    }

    @Test("Off means that nothing is known")
    func off() async throws {
        try await SearchHarness.with(.sqliteMemory, configure: { $0.analytics = .off }) { harness, _ in
            try await prepare(harness)
            _ = try await harness.find("pears", as: caller("a"))
            try await harness.search.flushAnalytics()
            let found = try await harness.search.analytics(of: "notes", as: caller("a"))
            #expect(found["searches"] == 0 && found["popular_queries"] == [])
            #expect(try await harness.count("SELECT COUNT(*) FROM search_days") == 0)
        }
    }

    @Test("Old days are forgotten, and however much is looked for, what is kept is bounded")
    func bounds() async throws {
        let clock = ManualClock()
        try await SearchHarness.with(.sqliteMemory, clock: clock, configure: { $0.analytics = .queries }) {
            harness, _ in
            try await prepare(harness)
            for number in 0..<3_000 {
                _ = try await harness.find("pears \(number)", as: caller("a"))
                if number.isMultiple(of: 20) { _ = try await harness.find("pears", as: caller("a")) }
            }
            try await harness.search.flushAnalytics()
            #expect(try await queries(harness, for: "x").first == "pears")
            #expect(try await harness.count("SELECT COUNT(*) FROM search_queries") <= 1_000)
            let found = try await harness.search.analytics(of: "notes", as: caller("x"))
            #expect(found["searches"] == 3_151)
            clock.advance(by: .seconds(32 * 86_400))
            _ = try await harness.find("plums", as: caller("a"))
            try await harness.search.flushAnalytics()
            #expect(try await harness.count("SELECT COUNT(*) FROM search_queries") == 1)
            #expect(try await harness.count("SELECT COUNT(*) FROM search_days") == 1)
        }
    }
}
