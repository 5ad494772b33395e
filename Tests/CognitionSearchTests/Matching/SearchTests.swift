import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

@Suite struct SearchTests {
    private static let settings: SearchSettings = {
        var settings = RandomDocuments.settings
        settings.fields["title"]?.boost = 1
        return settings
    }()

    private func index(_ documents: [SearchDocument], _ settings: SearchSettings = settings) throws -> SearchIndex {
        let index = try SearchIndex(folder: nil, settings: settings) { _ in PlainAnalyzer() }
        try index.apply(
            documents.enumerated().map { DocumentChange(sequence: Int64($0 + 1), content: .put($1)) })
        return index
    }

    private func document(_ id: String, _ title: String, _ change: (inout SearchDocument) -> Void = { _ in })
        -> SearchDocument
    {
        var document = SearchDocument(id: id, fields: ["title": .string(title)])
        change(&document)
        return document
    }

    // MARK: - Bounds

    @Test("What a query may not be is refused with a reason")
    func refusals() throws {
        let snapshot = try index([document("a", "one")]).snapshot()
        func refuses(_ query: QueryNode = .all, _ change: (inout SearchRequest) -> Void = { _ in }) {
            var request = SearchRequest(query)
            change(&request)
            #expect { try snapshot.search(request) } throws: { ($0 as? SearchError)?.code == .searchQueryInvalid }
        }
        refuses(.equals(field: "nope", value: "x"))
        refuses(.words(WordsQuery("x", fields: ["nope"])))
        refuses(.words(WordsQuery("x", fields: ["size"])))
        refuses(.range(field: "title", ValueRange()))
        refuses(.equals(field: "size", value: "seven"))
        refuses(.range(field: "made", ValueRange(lower: .init("yesterday", isInclusive: true))))
        refuses((0..<70).reduce(QueryNode.all) { node, _ in .not(node) })
        refuses(.words(WordsQuery((0..<1_100).map { "w\($0)" }.joined(separator: " "))))
        refuses(.and((0..<1_100).map { _ in .exists(field: "size") }))
        refuses(.boosted(.all, by: -1))
        refuses(.boosted(.all, by: .nan))
        refuses { $0.limit = 1_001 }
        refuses { $0.limit = -1 }
        refuses { $0.page = .offset(9_990) }
        refuses { $0.page = .offset(-1) }
        refuses { $0.page = .after(SearchCursor(values: [], sequence: 1)) }
        refuses { $0.sort = [SortKey(.field("title"), isDescending: false)] }
        refuses { $0.sort = Array(repeating: SortKey(.score, isDescending: true), count: 9) }
        refuses { $0.facets = [FacetRequest(field: "title", kind: .values(limit: 1))] }
        refuses { $0.facets = [FacetRequest(field: "size", kind: .hierarchy(separator: "/", parent: nil, limit: 1))] }
        refuses { $0.filters = [FieldFilter(field: "nope", condition: .exists(field: "nope"))] }
        var fine = SearchRequest(.words(WordsQuery(" \u{0} \u{FFFD} ")))
        fine.limit = 0
        #expect(try snapshot.search(fine).hits.isEmpty)
    }

    @Test("An index without documents answers as one with them")
    func empty() throws {
        let snapshot = try index([]).snapshot()
        var request = SearchRequest(.words(WordsQuery("one two")))
        request.facets = [FacetRequest(field: "tag", kind: .values(limit: 5))]
        let answer = try snapshot.search(request)
        #expect(answer.total == .init(value: 0, isLowerBound: false) && answer.hits.isEmpty)
        #expect(answer.facets == ["tag": []])
    }

    // MARK: - Scores

    @Test("A document's boost and age multiply its score, pruned or not")
    func boostAndAge() throws {
        var settings = Self.settings
        settings.ranking.decay = Ranking.Decay(field: "made", halfLife: .seconds(10))
        settings.ranking.decay?.floor = 0.2
        let documents = (0..<300).map { number in
            document("d\(number)", "alpha beta") {
                $0.boost = number == 250 ? 4 : number == 100 ? 0.5 : 1
                if number % 3 == 0 { $0.fields["made"] = .integer(Int64(number) * 1_000_000) }
            }
        }
        let snapshot = try index(documents, settings).snapshot()
        var request = SearchRequest(.words(WordsQuery("alpha")))
        (request.now, request.limit) = (Timestamp(microseconds: 300_000_000), 5)
        let page = try snapshot.search(request)
        request.countsExactly = true
        let all = try snapshot.search(request)
        #expect(page.hits == all.hits)
        #expect(page.hits.first?.id == "d250")
        request.limit = 1_000
        let scores = Dictionary(uniqueKeysWithValues: try snapshot.search(request).hits.map { ($0.id, $0.score) })
        let plain = try #require(scores["d1"])
        #expect(abs((scores["d250"] ?? 0) - 4 * plain) < 1e-6 * plain)
        #expect(abs((scores["d100"] ?? 0) - 0.5 * plain) < 1e-6 * plain)
        #expect(abs((scores["d297"] ?? 0) - plain * 0.8122523963562356) < 1e-6 * plain)
        #expect(abs((scores["d0"] ?? 0) - plain * 0.2) < 1e-6 * plain)
    }

    @Test("An explanation adds up to the score")
    func explanation() throws {
        let snapshot = try index([
            document("a", "alpha beta") { $0.boost = 2 }, document("b", "beta gamma"), document("c", "alphabet beta"),
        ]).snapshot()
        var request = SearchRequest(
            .or(
                [
                    .words(WordsQuery("alpha beta")), .prefix(text: "alph", fields: nil),
                    .phrase(text: "alpha beta", fields: nil, slop: 0),
                ], minimum: 1))
        (request.explains, request.namesTerms) = (true, true)
        let answer = try snapshot.search(request)
        #expect(answer.hits.map(\.id) == ["a", "c", "b"])
        for hit in answer.hits {
            let explanation = try #require(hit.explanation)
            #expect(abs(explanation.value - hit.score) < 1e-9)
            func check(_ part: ScoreExplanation) {
                if part.text == "sum of" {
                    #expect(abs(part.parts.reduce(0) { $0 + $1.value } - part.value) < 1e-6, "\(part)")
                }
                if part.text.contains("product of") {
                    #expect(abs(part.parts.reduce(1) { $0 * $1.value } - part.value) < 1e-6, "\(part)")
                }
                part.parts.forEach(check)
            }
            check(explanation)
        }
        #expect(answer.hits[0].terms == ["title": ["alpha", "beta"]])
        #expect(answer.hits[1].terms == ["title": ["alphabet", "beta"]])
    }

    @Test("Why a document is no hit is said in words, and nothing of what may not be seen")
    func whyNot() throws {
        let snapshot = try index([
            document("a", "alpha beta") { $0.fields["tag"] = "red" }, document("b", "beta") { $0.roles = ["admin"] },
        ]).snapshot()
        func why(_ id: String, _ query: QueryNode, _ change: (inout SearchRequest) -> Void = { _ in }) throws -> String
        {
            var request = SearchRequest(query)
            request.whyNot = id
            change(&request)
            return try snapshot.search(request).whyNot ?? ""
        }
        var both = WordsQuery("alpha gamma")
        both.minimum = .all
        #expect(try why("a", .words(both)).contains("“gamma” is not in the index"))
        both.text = "alpha beta"
        #expect(try why("b", .words(both)).contains("it lacks the word “alpha”"))
        #expect(try why("a", .words(both)).contains("matches"))
        #expect(try why("z", .all).contains("no document “z”"))
        #expect(
            try why("a", .all) {
                $0.filters = [FieldFilter(field: "tag", condition: .equals(field: "tag", value: "blue"))]
            }.contains("filter on `tag`"))
        #expect(
            try why("a", .and([.all, .not(.words(WordsQuery("alpha")))])).contains(
                "excluded, as it has the word “alpha”"))
        #expect(try why("b", .all) { $0.roles = ["user"] } == why("nobody", .all).replacing("nobody", with: "b"))
    }

    // MARK: - Roles

    @Test("Who may not see a document sees it in no hit, count, or facet")
    func roles() throws {
        let snapshot = try index([
            document("a", "alpha") { ($0.roles, $0.fields["tag"]) = (["admin"], "secret") },
            document("b", "alpha") { $0.fields["tag"] = "open" },
            document("c", "alpha") { ($0.roles, $0.fields["tag"]) = ([], "nobody") },
        ]).snapshot()
        func answer(_ roles: Set<String>?) throws -> SearchAnswer {
            var request = SearchRequest(.words(WordsQuery("alpha")))
            (request.roles, request.facets) = (roles, [FacetRequest(field: "tag", kind: .values(limit: 9))])
            return try snapshot.search(request)
        }
        #expect(try answer(nil).total.value == 3)
        #expect(try answer(["admin", "other"]).hits.map(\.id) == ["a", "b"])
        #expect(try answer([]).facets == ["tag": [.init(value: "open", count: 1)]])
        #expect(try answer(["*"]).total.value == 1)
    }

    // MARK: - Facets

    @Test("Facets count paths by level, values of numbers and dates, and ranges")
    func facets() throws {
        let snapshot = try index([
            document("a", "x") { ($0.fields["tag"], $0.fields["size"]) = (["a/b", "a/c", "d"], [1, 2.5]) },
            document("b", "x") { ($0.fields["tag"], $0.fields["made"]) = (["a/b/e", "a"], "2026-01-02") },
            document("c", "x") { ($0.fields["tag"], $0.fields["size"]) = ("d", 1) },
        ]).snapshot()
        func facet(_ field: String, _ kind: FacetRequest.Kind) throws -> [String] {
            var request = SearchRequest(.all)
            request.facets = [FacetRequest(field: field, kind: kind)]
            return try snapshot.search(request).facets[field]?.map { "\($0.value):\($0.count)" } ?? []
        }
        #expect(try facet("tag", .hierarchy(separator: "/", parent: nil, limit: 9)) == ["a:2", "d:2"])
        #expect(try facet("tag", .hierarchy(separator: "/", parent: "a", limit: 9)) == ["a/b:2", "a/c:1"])
        #expect(try facet("tag", .values(limit: 2)) == ["d:2", "a:1"])
        #expect(try facet("size", .values(limit: 9)) == ["1:2", "2.5:1"])
        #expect(try facet("made", .values(limit: 9)) == ["2026-01-02T00:00:00.000000Z:1"])
        let ranges = [
            (name: "old", range: ValueRange(upper: .init("2026-01-01", isInclusive: false))),
            (name: "new", range: ValueRange(lower: .init("2026-01-01T00:00:00Z", isInclusive: true))),
        ]
        #expect(try facet("made", .ranges(ranges)) == ["old:0", "new:1"])
    }

    // MARK: - Several indexes

    @Test("Several indexes answer as one: the same statistics, one order, cursors over all")
    func severalIndexes() throws {
        var random = RandomDocuments(seed: 5)
        let documents = (0..<90).map { random.document(id: "d\($0)") }
        let one = try index(documents).snapshot()
        let parts = try [documents[..<30], documents[30..<70], documents[70...]].map { try index(Array($0)).snapshot() }
        for _ in 0..<40 {
            let query = random.query()
            var request = SearchRequest(query)
            (request.fuzziness, request.limit) = (.off, 7)
            request.facets = random.chance(0.5) ? [FacetRequest(field: "tag", kind: .values(limit: 9))] : []
            if random.chance(0.3) { request.sort = [SortKey(.field("tag"), isDescending: random.chance(0.5))] }
            var pages: [SearchAnswer.Hit] = []
            let whole = try one.search(request)
            while true {
                let answer = try IndexSnapshot.search(request, in: parts)
                if pages.isEmpty { #expect(answer.facets == whole.facets) }
                pages += answer.hits
                guard let last = answer.hits.last else { break }
                request.page = .after(last.cursor)
            }
            request.page = .offset(0)
            request.limit = 1_000
            let expected = try one.search(request).hits
            // Prefixes take the idf of the most frequent word of one index, so only places may differ by rounding.
            #expect(pages.map(\.id).sorted() == expected.map(\.id).sorted(), "\(query)")
            if case .words = query { #expect(pages.map(\.id) == expected.map(\.id), "\(query)") }
        }
        #expect { try IndexSnapshot.search(SearchRequest(.exists(field: "nope")), in: parts) } throws: {
            ($0 as? SearchError)?.code == .searchQueryInvalid
        }
        let other = try index(
            [document("z", "alpha")],
            SearchSettings(fields: ["title": SearchField(.text), "kind": SearchField(.keyword)])
        ).snapshot()
        let found = try IndexSnapshot.search(
            SearchRequest(.or([.exists(field: "kind"), .words(WordsQuery("alpha"))], minimum: 1)), in: parts + [other])
        #expect(found.hits.contains { $0.id == "z" && $0.index == 3 })
    }

    // MARK: - Words

    @Test("Synonyms match in both directions, one word or several")
    func synonyms() throws {
        var settings = Self.settings
        settings.synonyms = [["car", "automobile"], ["heart attack", "infarction"]]
        let snapshot = try index(
            [
                document("a", "red automobile"), document("b", "car"), document("c", "infarction"),
                document("d", "heart attack"), document("e", "heart"),
            ],
            settings
        ).snapshot()
        func ids(_ text: String, _ minimum: MinimumMatch = .any) throws -> Set<String> {
            var request = SearchRequest(.words(WordsQuery(text)))
            (request.fuzziness, request.minimum) = (.off, minimum)
            return Set(try snapshot.search(request).hits.map(\.id))
        }
        #expect(try ids("car") == ["a", "b"])
        #expect(try ids("automobile") == ["a", "b"])
        #expect(try ids("infarction") == ["c", "d"])
        #expect(try ids("heart attack", .all) == ["c", "d"])
        #expect(try ids("heart attack") == ["c", "d", "e"])
    }

    @Test("Words that the best hits share are added to the query")
    func feedback() throws {
        let documents = (0..<200).map { number in
            document(
                "d\(number)",
                number < 6 ? "boiler furnace heating" : number < 12 ? "furnace heating" : "other word\(number) thing")
        }
        let snapshot = try index(documents).snapshot()
        var request = SearchRequest(.words(WordsQuery("boiler")))
        (request.fuzziness, request.countsExactly) = (.off, true)
        #expect(try snapshot.search(request).total.value == 6)
        request.expands = true
        let expanded = try snapshot.search(request)
        #expect(expanded.total.value == 12)
        #expect(expanded.hits.prefix(6).allSatisfy { Int($0.id.dropFirst()).map { $0 < 6 } ?? false })
    }
}
