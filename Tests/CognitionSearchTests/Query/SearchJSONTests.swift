import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

@Suite struct SearchJSONTests {
    private static let kinds: [String: SearchField.Kind] = ["title": .text, "state": .keyword, "size": .number]

    private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

    // MARK: Queries

    @Test(arguments: [
        #"{"words":"solar wind","fields":["title"],"minimum":"75%","fuzzy":false,"last_is_prefix":true}"#,
        #"{"words":"solar wind","minimum":2}"#,
        #"{"phrase":"solar wind","slop":2,"boost":3}"#,
        #"{"and":[{"prefix":"so","fields":["title"]},{"not":{"exists":"state"}}]}"#,
        #"{"or":[{"equals":"a","field":"state"},{"range":{"gt":1,"lte":5},"field":"size"},{"nothing":true}],"minimum":2}"#,
        #"{"filter":{"all":true}}"#,
    ])
    func `A query reads back as it was written`(_ text: String) throws {
        #expect(try QueryNode(json: json(text)) { Self.kinds[$0] }.json.jsonText == text)
    }

    @Test func `A text in a query is read as people write it`() throws {
        let query = try QueryNode(json: ["and": ["title:wind", ["query": "state:failed"]]]) { Self.kinds[$0] }
        #expect(
            query
                == .and([
                    .words(WordsQuery("wind", fields: ["title"])), .equals(field: "state", value: "failed"),
                ]))
    }

    @Test(arguments: [
        (#"{}"#, "/q: a query has one of words"),
        (#"{"words":"a","phrase":"b"}"#, "/q: a query has one of"),
        (#"{"and":[]}"#, "/q/and: a list of one or more"),
        (#"{"and":[{"words":3}]}"#, "/q/and/0/words: a text is needed, not number"),
        (#"{"and":[{"not":{"word":"a"}}]}"#, "/q/and/0/not: a query has one of"),
        (#"{"words":"a","slop":1}"#, "/q: 'words' has no member 'slop'; it takes words, boost, fields"),
        (#"{"words":" "}"#, "/q/words: a word is needed"),
        (#"{"words":"a","minimum":"0%"}"#, "/q/minimum: a share is of 1% to 100%"),
        (#"{"range":{"gt":1,"gte":2},"field":"size"}"#, "/q/range: a range has one of 'gt' and 'gte'"),
        (#"{"range":{},"field":"size"}"#, "/q/range: a range has one or two of"),
        (#"{"equals":[1],"field":"size"}"#, "/q/equals: a value is a text"),
        (#"{"equals":1}"#, "/q: 'field' is needed"),
        (#"{"words":"a","boost":0}"#, "/q/boost: a number of 0.001 to 1000.0 is needed"),
        (#"{"or":["a"],"minimum":2}"#, "/q/minimum: a whole number of 0 to 1"),
        (#"3"#, "/q: a query is an object, not number"),
    ])
    func `A query that is none is refused with its place`(_ text: String, _ start: String) throws {
        let error = #expect(throws: SearchError.self) {
            _ = try QueryNode(json: json(text), at: JSONPointer("/q")!) { Self.kinds[$0] }
        }
        #expect(error?.code == .searchQueryInvalid)
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    @Test func `Depth and clauses are bounded`() throws {
        var deep: JSONValue = "a"
        for _ in 0..<40 { deep = ["not": deep] }
        #expect(throws: SearchError.self) { _ = try QueryNode(json: deep) { _ in nil } }
        let wide: JSONValue = ["or": .array(Array(repeating: ["words": "a b"], count: 600))]
        #expect(throws: SearchError.self) { _ = try QueryNode(json: wide) { _ in nil } }
    }

    // MARK: Searches

    @Test func `A search is read with all it may have`() throws {
        let request = try SearchRequest(
            json: json(
                """
                {"query": "wind state:failed", "fields": ["title"], "operator": "and", "fuzzy": false, "limit": 5,
                 "offset": 10, "sort": ["-size", "score", "state"], "exact_total": true, "explain": true, "why_not": "d7",
                 "filters": {"state": ["a", "b"], "size": {"gte": 3}, "title": null, "x": {"not": {"any": [1, 2]}}},
                 "facets": ["state", {"field": "path", "separator": "/", "parent": "a"},
                            {"field": "size", "ranges": [{"name": "small", "lt": 10}]}]}
                """)
        ) { Self.kinds[$0] }
        #expect(request.query == .and([.equals(field: "state", value: "failed"), .words(WordsQuery("wind"))]))
        #expect(request.minimum == .all && request.fuzziness == .off && request.limit == 5)
        #expect(request.page == .offset(10) && request.countsExactly && request.explains && request.whyNot == "d7")
        #expect(
            request.sort == [
                SortKey(.field("size"), isDescending: true), SortKey(.score, isDescending: true),
                SortKey(.field("state"), isDescending: false),
            ])
        #expect(
            request.filters == [
                FieldFilter(
                    field: "state",
                    condition: .or(
                        [.equals(field: "state", value: "a"), .equals(field: "state", value: "b")], minimum: 1)),
                FieldFilter(
                    field: "size",
                    condition: .range(field: "size", ValueRange(lower: .init(3, isInclusive: true)))),
                FieldFilter(field: "title", condition: .not(.exists(field: "title"))),
                FieldFilter(
                    field: "x",
                    condition: .not(.or([.equals(field: "x", value: 1), .equals(field: "x", value: 2)], minimum: 1))),
            ])
        #expect(
            request.facets == [
                FacetRequest(field: "state", kind: .values(limit: 10)),
                FacetRequest(field: "path", kind: .hierarchy(separator: "/", parent: "a", limit: 10)),
                FacetRequest(
                    field: "size", kind: .ranges([("small", ValueRange(upper: .init(10, isInclusive: false)))])),
            ])
    }

    @Test(arguments: [
        (#"{"limit": 1001}"#, "/limit: a whole number of 0 to 1000"),
        (#"{"limit": 10, "offset": 9991}"#, "/offset: a whole number of 0 to 9990"),
        (#"{"offset": 1, "cursor": "x"}"#, "a search has one of 'offset' and 'cursor'"),
        (#"{"cursor": "x"}"#, "/cursor: a cursor is one that an answer gave"),
        (#"{"fuzzy": 3}"#, "/fuzzy: true, false, or auto"),
        (#"{"operator": "xor"}"#, "/operator: one of or, and"),
        (#"{"filters": {"a": {"near": 3}}}"#, "/filters/a: a range has no member 'near'"),
        (#"{"facets": [{"field": "a", "parent": "b"}]}"#, "/facets/0: 'parent' goes with 'separator'"),
        (#"{"sort": ["-"]}"#, "/sort/0: the name of a field is needed"),
    ])
    func `A search that is none is refused with its place`(_ text: String, _ start: String) throws {
        let error = #expect(throws: SearchError.self) { _ = try SearchRequest(json: json(text)) { Self.kinds[$0] } }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    @Test func `A cursor reads back, and nothing else is one`() {
        let cursor = SearchCursor(values: [1.5, "ü", .null], index: 2, sequence: 1 << 60)
        #expect(SearchCursor(text: cursor.text) == cursor)
        for text in ["", "!", "W10", "e30", cursor.text + "x", String(cursor.text.dropLast(3))] {
            #expect(SearchCursor(text: text) == nil, "\(text)")
        }
    }

    // MARK: Settings

    @Test(arguments: [
        #"{"fields":{"title":{"type":"text","boost":1.5,"analyzer":"simple","typo":false},"tags":{"type":"keyword","facet":true,"sort":true}}}"#,
        #"{"fields":{"at":{"type":"date"}},"synonyms":[["car","motor car"]],"ranking":{"k1":0.9,"decay":{"field":"at","half_life_seconds":60,"floor":0.5}}}"#,
    ])
    func `Settings read back as they were written`(_ text: String) throws {
        #expect(try SearchSettings(json: json(text)).json.jsonText == text)
    }

    @Test(arguments: [
        (#"[]"#, "the settings is an object"),
        (#"{}"#, "'fields' is needed"),
        (#"{"fields":{}}"#, "/fields: 1 to 1000 fields are needed"),
        (#"{"fields":{"a b":{"type":"text"}}}"#, "/fields/a b: the name of a field"),
        (#"{"fields":{"a":{"type":"vector"}}}"#, "/fields/a/type: one of text, keyword, number, date"),
        (#"{"fields":{"a":{}}}"#, "/fields/a: 'type' is needed"),
        (#"{"fields":{"a":{"type":"text","facet":true}}}"#, "/fields/a: values of a text are not counted"),
        (#"{"fields":{"a":{"type":"number","analyzer":"english"}}}"#, "/fields/a/analyzer: only a text"),
        (#"{"fields":{"a":{"type":"text","analyzer":"klingon"}}}"#, "/fields/a/analyzer: one of danish"),
        (#"{"fields":{"a":{"type":"text","boost":-1}}}"#, "/fields/a/boost: a number of"),
        (#"{"fields":{"a":{"type":"text"}},"synonyms":[["x"]]}"#, "/synonyms/0: a group has two"),
        (
            #"{"fields":{"a":{"type":"text"}},"ranking":{"decay":{"field":"a","half_life_seconds":1}}}"#,
            "/ranking/decay/field: a field of type date"
        ),
        (#"{"fields":{"a":{"type":"text"}},"stemmer":"x"}"#, "the settings has no member 'stemmer'"),
    ])
    func `Settings that are none are refused with their place`(_ text: String, _ start: String) throws {
        let error = #expect(throws: SearchError.self) { _ = try SearchSettings(json: json(text)) }
        #expect(error?.code == .searchSettingsInvalid)
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    // MARK: Documents

    private static let settings = {
        var settings = SearchSettings()
        settings.fields = [
            "title": SearchField(.text), "state": SearchField(.keyword), "size": SearchField(.number),
            "day": SearchField(.date),
        ]
        return settings
    }()

    @Test func `A document reads back as it was written`() throws {
        let text =
            #"{"id":"a","boost":2,"roles":["editor"],"fields":{"title":["x","y"],"state":"on","size":3,"day":"2026-01-31T12:00:00Z","other":{"deep":[1]}}}"#
        #expect(try SearchDocument(json: json(text), settings: Self.settings).json.jsonText == text)
    }

    @Test(arguments: [
        (#"3"#, "/documents/0: a document is an object"),
        (#"{"fields":{}}"#, "/documents/0: 'id' is needed"),
        (#"{"id":"","fields":{}}"#, "/documents/0/id: a text of 1 to 512 bytes"),
        (#"{"id":"a\u0000","fields":{}}"#, "/documents/0/id: a text holds no NUL"),
        (#"{"id":"a"}"#, "/documents/0: 'fields' is needed"),
        (
            #"{"id":"a","fields":{"size":"big"}}"#,
            "/documents/0/fields/size: a number, or a list of numbers, is needed, not string"
        ),
        (
            #"{"id":"a","fields":{"title":{"x":1}}}"#,
            "/documents/0/fields/title: a text, a number, true or false, or a list of such, is needed, not object"
        ),
        (#"{"id":"a","fields":{"size":[1,[2]]}}"#, "/documents/0/fields/size/1: a number"),
        (#"{"id":"a","fields":{"day":"tomorrow"}}"#, "/documents/0/fields/day: a time as RFC 3339"),
        (#"{"id":"a","fields":{},"boost":0}"#, "/documents/0/boost: a number of"),
        (#"{"id":"a","fields":{},"title":"x"}"#, "/documents/0: a document has no member 'title'"),
    ])
    func `A document that is none is refused with its place`(_ text: String, _ start: String) throws {
        let error = #expect(throws: SearchError.self) {
            _ = try SearchDocument.list(
                json: [try json(text)], at: JSONPointer("/documents")!, max: 10, settings: Self.settings)
        }
        #expect(error?.code == .searchDocumentInvalid)
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    @Test func `A document has a thousand fields and no more`() throws {
        func document(_ count: Int) -> JSONValue {
            ["id": "a", "fields": .object(JSONObject((0..<count).map { ("f\($0)", .integer(1)) }))]
        }
        #expect(try SearchDocument(json: document(1_000), settings: Self.settings).fields.count == 1_000)
        #expect(throws: SearchError.self) { try SearchDocument(json: document(1_001), settings: Self.settings) }
        #expect(throws: SearchError.self) {
            try SearchDocument.list(json: .array([document(1), document(1)]), max: 1, settings: Self.settings)
        }
    }
}
