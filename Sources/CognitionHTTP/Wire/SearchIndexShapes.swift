package import CognitionCore
package import CognitionSearch

struct SearchSettingsRequest: RequestBody {
    let settings: SearchSettings

    init(json: JSONValue) throws { settings = try SearchSettings(json: json) }

    private static let field: JSONValue = .record(
        [
            "type": .choice(SearchField.Kind.allCases.map(\.rawValue)),
            "boost": .nullable(.number(0.001...1_000, "What a match counts beside other fields; 1 unless given.")),
            "analyzer": .nullable(.choice(Analyzers.names, "How a text becomes words; `english` unless given.")),
            "facet": .nullable(.flag("Values may be counted; not of a text.")),
            "sort": .nullable(.flag("Hits may be sorted by it; not of a text.")),
            "typo": .nullable(.flag("A misspelt word may match in it; true unless given.")),
        ], optional: ["boost", "analyzer", "facet", "sort", "typo"], isClosed: true)
    static let members: JSONObject = [
        "fields": ["type": "object", "minProperties": 1, "maxProperties": 1_000, "additionalProperties": field],
        "synonyms": .nullable([
            "type": "array", "maxItems": 10_000,
            "items": ["type": "array", "minItems": 2, "maxItems": 100, "items": .text(length: 1...255)],
            "description": "Groups of words that mean the same.",
        ]),
        "ranking": .nullable(
            .record(
                [
                    "k1": .nullable(.number(0...10, "1.2 unless given.")),
                    "b": .nullable(.number(0...1, "0.75 unless given.")),
                    "decay": .nullable(
                        .record(
                            [
                                "field": .text("A field of type date.", length: 1...255),
                                "half_life_seconds": .number(1...3_153_600_000),
                                "floor": .nullable(.number(0...1)),
                            ], optional: ["floor"], isClosed: true)),
                ], optional: ["k1", "b", "decay"], isClosed: true)),
    ]
    static let schemaName = "SearchSettings"
    static let schema: JSONValue = .record(members, optional: ["synonyms", "ranking"], isClosed: true)
    static let sample: JSONValue = [
        "fields": [
            "title": ["type": "text", "boost": 1.5], "body": ["type": "text"],
            "state": ["type": "keyword", "facet": true], "created_at": ["type": "date", "sort": true],
        ], "synonyms": [["refund", "money back"]],
    ]
}

/// An index and its settings.
package struct SearchIndexShape: AnswerBody {
    package let json: JSONValue

    package init(_ view: Search.IndexView) { json = view.json }

    /// A page of what was found, which was asked for one more than a page has.
    package static func page(_ found: [Search.IndexView], limit: Int) -> Page<SearchIndexShape> {
        let last = found.count > limit ? found[limit - 1].index.address.name : nil
        return Page(found.prefix(limit).map(SearchIndexShape.init), next: last.map { Cursor("search", afterName: $0) })
    }

    /// The name that a page has ended with.
    /// - Throws: `request.cursor_invalid`.
    package static func place(_ cursor: String) throws -> String {
        try Cursor.name(cursor, of: "search", isName: IndexName.isWellFormed)
    }

    package static let schemaName = "SearchIndex"
    package static let schema: JSONValue = {
        var members: JSONObject = ["name": .text(pattern: IndexName.pattern)]
        members.merge(SearchSettingsRequest.members)
        members.merge([
            "settings_version": .whole(1...(.max)), "seq": .whole(0...(.max), "The last change of its documents."),
            "documents": .whole(0...(.max)), "rebuilding": .flag("This node's copy is being made anew."),
            "created_at": .moment, "updated_at": .moment,
        ])
        return .record(members, optional: ["synonyms", "ranking"])
    }()
    package static let sample: JSONValue = [
        "name": "tickets", "fields": ["title": ["type": "text"], "state": ["type": "keyword", "facet": true]],
        "settings_version": 1, "seq": 42, "documents": 40, "rebuilding": false,
        "created_at": "2026-11-27T08:00:00.000000Z", "updated_at": "2026-11-27T08:00:00.000000Z",
    ]
}

/// What `PUT search/{index}` answers: the index, or what a change would do.
enum SearchSettingsAnswer: AnswerBody {
    case index(SearchIndexShape)
    case report(JSONValue)

    var json: JSONValue {
        switch self {
        case .index(let index): index.json
        case .report(let report): report
        }
    }

    static let schemaName = "SearchSettingsAnswer"
    static let parts: [any WireType.Type] = [SearchIndexShape.self, SearchCheckShape.self]
    static let schema: JSONValue = ["anyOf": [SearchIndexShape.reference, SearchCheckShape.reference]]
    static let sample = SearchIndexShape.sample
}

/// What a change of settings would do to pinned queries.
struct SearchCheckShape: AnswerBody {
    let json: JSONValue

    private static let both: JSONValue = .record(["before": .number(0...1), "after": .number(0...1)])
    static let schemaName = "SearchCheck"
    static let schema: JSONValue = .record([
        "changes": .flag("The settings differ from those that are."), "queries": .whole(0...1_000, "That are pinned."),
        "ndcg_10": both, "map": both, "recall_100": both,
        "losing": .list(
            of: .record([
                "query": .text(), "ndcg_10": both,
                "missing": ["type": "array", "items": ["type": "string"]],
            ])),
    ])
    static let sample: JSONValue = [
        "changes": true, "queries": 2, "ndcg_10": ["before": 0.81, "after": 0.84],
        "map": ["before": 0.7, "after": 0.7], "recall_100": ["before": 1, "after": 1], "losing": [],
    ]
}

struct SettingsHistoryShape: AnswerBody {
    let versions: [SettingsVersion]

    init(_ versions: [SettingsVersion]) { self.versions = versions }

    var json: JSONValue {
        [
            "items": .array(
                versions.map { version in
                    [
                        "version": .integer(version.version),
                        "settings": (try? JSONValue(parsing: version.settings)) ?? .null,
                        "by": .string(version.actor), "created_at": .string(version.createdAt.description),
                    ]
                })
        ]
    }

    static let schemaName = "SearchSettingsHistory"
    static let parts: [any WireType.Type] = [SearchSettingsRequest.self]
    static let schema: JSONValue = .record([
        "items": .list(
            of: .record([
                "version": .whole(1...(.max)), "settings": SearchSettingsRequest.reference, "by": .text(),
                "created_at": .moment,
            ]))
    ])
    static let sample: JSONValue = [
        "items": [
            [
                "version": 1, "settings": ["fields": ["title": ["type": "text"]]], "by": "operator",
                "created_at": "2026-11-27T08:00:00.000000Z",
            ]
        ]
    ]
}

struct SearchRollbackRequest: RequestBody {
    let version: Int64

    init(json: JSONValue) throws { version = json["version"]?.integerValue ?? 0 }

    static let schemaName = "SearchRollbackRequest"
    static let schema: JSONValue = .record(
        ["version": .whole(1...(.max), "Of `GET search/{index}/settings`.")], isClosed: true)
    static let sample: JSONValue = ["version": 1]
}

struct SearchRelevanceRequest: RequestBody {
    let json: JSONValue

    init(json: JSONValue) throws { self.json = json }

    static let query: JSONValue = .record(
        [
            "query": .text("As it would be typed.", length: 1...10_000),
            "expect": .nullable([
                "type": "array", "minItems": 1, "maxItems": 1_000, "items": .text(length: 1...512),
                "description": "Ids of documents that are to be among the first `within`.",
            ]),
            "within": .nullable(.whole(1...100, "10 unless given.")),
            "judgements": .nullable([
                "type": "object", "minProperties": 1, "maxProperties": 1_000,
                "additionalProperties": .number(0.001...1_000),
                "description": "Instead of `expect`: by the id of a document how good a hit it is.",
            ]),
        ], optional: ["expect", "within", "judgements"], isClosed: true)
    static let schemaName = "SearchRelevanceRequest"
    static let schema: JSONValue = .record(
        ["queries": ["type": "array", "maxItems": 1_000, "items": query]], isClosed: true)
    static let sample: JSONValue = ["queries": [["query": "late delivery", "judgements": ["17": 3, "21": 1]]]]
}

struct SearchRelevanceShape: AnswerBody {
    let json: JSONValue

    static let schemaName = "SearchRelevance"
    static let schema: JSONValue = .record(
        [
            "queries": ["type": "array", "items": SearchRelevanceRequest.query],
            "ndcg_10": ["type": ["number", "null"], "description": "Of the first ten hits, over all queries."],
            "scores": .list(
                of: .record([
                    "query": .text(), "ndcg_10": .number(0...1), "map": .number(0...1), "recall_100": .number(0...1),
                    "missing": ["type": "array", "items": ["type": "string"]],
                ])),
        ], optional: ["ndcg_10", "scores"])
    static let sample: JSONValue = ["queries": [["query": "late delivery", "judgements": ["17": 3]]]]
}

struct SearchAnalyticsShape: AnswerBody {
    let json: JSONValue

    private static let milliseconds: JSONValue = ["type": ["number", "null"], "minimum": 0]
    private static let queries: JSONValue = .list(
        of: .record([
            "query": .text(), "count": .whole(0...(.max)), "zero_results": .whole(0...(.max)),
            "clicks": .whole(0...(.max)), "average_ms": milliseconds, "slowest_ms": milliseconds,
            "average_click_rank": ["type": ["number", "null"]],
        ]))
    static let schemaName = "SearchAnalytics"
    static let schema: JSONValue = .record([
        "indexed_documents": .whole(0...(.max)), "vocabulary_size": .whole(0...(.max)),
        "searches": .whole(0...(.max), "Of the days that are kept."), "zero_results": .whole(0...(.max)),
        "clicks": .whole(0...(.max)), "popular_queries": queries, "zero_result_queries": queries,
        "slow_queries": queries,
        "latency": .record([
            "average_ms": milliseconds, "p50_ms": milliseconds, "p95_ms": milliseconds, "p99_ms": milliseconds,
            "histogram": .list(of: .record(["up_to_ms": milliseconds, "count": .whole(0...(.max))])),
        ]),
        "texts": .choice(AnalyticsMode.allCases.map(\.rawValue), "`SEARCH_ANALYTICS`."),
    ])
    private static let sampleQuery: JSONValue = [
        "query": "late delivery", "count": 12, "zero_results": 0, "clicks": 5, "average_ms": 0.4, "slowest_ms": 2.1,
        "average_click_rank": 1.4,
    ]
    static let sample: JSONValue = [
        "indexed_documents": 40, "vocabulary_size": 612, "searches": 20, "zero_results": 1, "clicks": 5,
        "popular_queries": [sampleQuery], "zero_result_queries": [], "slow_queries": [sampleQuery],
        "latency": [
            "average_ms": 0.4, "p50_ms": 0.5, "p95_ms": 1, "p99_ms": 4, "histogram": [["up_to_ms": 0.5, "count": 18]],
        ], "texts": "counts",
    ]
}

struct SearchVerdictShape: AnswerBody {
    let json: JSONValue

    static let schemaName = "SearchVerdict"
    static let schema: JSONValue = .record([
        "ok": .flag("It holds what the database holds."), "seq": .whole(0...(.max)), "documents": .whole(0...(.max)),
        "documents_in_database": .whole(0...(.max)), "damage": .nullable(.text("What is wrong with the files.")),
    ])
    static let sample: JSONValue = [
        "ok": true, "seq": 42, "documents": 40, "documents_in_database": 40, "damage": .null,
    ]
}
