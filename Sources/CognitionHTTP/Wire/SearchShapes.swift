package import CognitionCore
import CognitionSearch

/// What is looked for; what a schema cannot say is read by the module.
package struct SearchRequestBody: RequestBody {
    let json: JSONValue

    package init(json: JSONValue) throws { self.json = json }

    package static let schemaName = "SearchRequest"
    private static let name: JSONValue = .text(length: 1...255)
    package static let schema: JSONValue = .record(
        [
            "query": [
                "type": ["string", "object", "null"],
                "description": "Words as people type them, or a query as programs write it; everything unless given.",
            ],
            "fields": .nullable([
                "type": "array", "items": name, "maxItems": 1_000,
                "description": "Text fields to look in; all unless given.",
            ]),
            "filters": .nullable([
                "type": "object",
                "description": "For each field a value, a list of values, or a range of `gt`, `gte`, `lt`, `lte`.",
            ]),
            "facets": .nullable([
                "type": "array", "maxItems": 50, "items": ["type": ["string", "object"]],
                "description": "Fields whose values are counted.",
            ]),
            "fuzzy": [
                "description": "Whether words may be misspelt: `auto` unless given.",
                "enum": [true, false, "auto", "on", "off", .null],
            ],
            "operator": .nullable(.choice(["or", "and"], "Whether words have to match all; `or` unless given.")),
            "minimum": ["description": "How many words have to match: a number, or a text such as `75%`."],
            "limit": .nullable(.whole(0...Search.limitMax, "Hits of a page; 20 unless given.")),
            "offset": .nullable(.whole(0...Search.windowMax, "With `limit` at most 10,000.")),
            "cursor": .nullable(.text("The `next_cursor` of the page before.", length: 1...65_536)),
            "sort": .nullable([
                "type": "array", "maxItems": 8, "items": name,
                "description": "Names of fields, with `-` before those that descend, and `score`.",
            ]),
            "highlight": [
                "type": ["boolean", "object", "null"],
                "description":
                    "Shows where words were found: true, or an object of `fields`, `length`, `count`, `before`, `after`.",
            ],
            "return_fields": [
                "type": ["boolean", "array", "null"], "items": name, "maxItems": 1_000,
                "description": "Which fields of hits are shown: all unless given, none for false.",
            ],
            "exact_total": .nullable(.flag("Counts all matches instead of passing by those that no page shows.")),
            "expand": .nullable(.flag("Looks for words of the best hits as well.")),
            "explain": .nullable(.flag("Says how scores came about.")),
            "why_not": .nullable(.text("The id of a document of which to say why it is no hit.", length: 1...512)),
            "wait_for_seq": .nullable(
                .whole(0...(.max), "Answers when the index knows the write that has answered this `seq`.")),
            "wait_seconds": .nullable(.number(0...30, "How long to wait for that; 5 unless given.")),
        ],
        optional: [
            "query", "fields", "filters", "facets", "fuzzy", "operator", "minimum", "limit", "offset", "cursor", "sort",
            "highlight", "return_fields", "exact_total", "expand", "explain", "why_not", "wait_for_seq", "wait_seconds",
        ], isClosed: true)
    package static let sample: JSONValue = [
        "query": "refund \"late delivery\" -draft", "filters": ["state": ["open", "waiting"]], "facets": ["team"],
        "limit": 10, "highlight": true,
    ]
}

struct SearchAnswerShape: AnswerBody {
    let json: JSONValue

    static let schemaName = "SearchAnswer"
    private static let explanation: JSONValue = .record(
        [
            "text": .text(), "value": ["type": "number"],
            "parts": [
                "type": "array", "items": ["type": "object"], "description": "The same, for what it is made of.",
            ],
        ], optional: ["parts"])
    static let schema: JSONValue = .record(
        [
            "total": .record([
                "value": .whole(0...(.max)),
                "relation": .choice(["eq", "gte"], "`gte`: there may be more, as the rest was passed by."),
            ]),
            "took_ms": ["type": "number", "minimum": 0],
            "hits": .list(
                of: .record(
                    [
                        "id": .text(), "index": .text("Where several indexes were searched."),
                        "score": ["type": "number"], "fields": ["type": "object"],
                        "highlights": [
                            "type": "object", "additionalProperties": ["type": "array", "items": ["type": "string"]],
                            "description": "By field: HTML in which only the marks are markup.",
                        ],
                        "explanation": explanation,
                    ], optional: ["index", "fields", "highlights", "explanation"])),
            "facets": [
                "type": "object",
                "additionalProperties": .list(of: .record(["value": .text(), "count": .whole(0...(.max))])),
            ],
            "next_cursor": .nullable(.text("Where the next page starts.")),
            "did_you_mean": .text("The query with words that the index knows."),
            "typo_limited": .flag("More variants of a word were there than were tried."),
            "why_not": .text("Why the document that was asked about is no hit."),
            "seq": .whole(0...(.max), "The change up to which the answer knows documents."),
        ], optional: ["did_you_mean", "typo_limited", "why_not"])
    static let sample: JSONValue = [
        "total": ["value": 1, "relation": "eq"], "took_ms": 0.4,
        "hits": [
            [
                "id": "17", "score": 7.25, "fields": ["title": "Late delivery", "state": "open"],
                "highlights": ["title": ["<em>Late</em> <em>delivery</em>"]],
            ]
        ], "facets": ["team": [["value": "press", "count": 1]]], "next_cursor": .null, "seq": 42,
    ]
}

struct SearchDocumentsRequest: RequestBody {
    let documents: JSONValue

    init(json: JSONValue) throws { documents = json["documents"] ?? .array([]) }

    static let schemaName = "SearchDocumentsRequest"
    static let schema: JSONValue = .record(
        [
            "documents": [
                "type": "array", "maxItems": .integer(Int64(Search.batchMax)),
                "items": .record(
                    [
                        "id": .text("Unique in the index.", length: 1...512),
                        "boost": [
                            "type": ["number", "null"], "description": "Multiplies every score; 1 unless given.",
                        ],
                        "roles": .nullable([
                            "type": "array", "items": .text(length: 1...255), "maxItems": 100,
                            "description":
                                "Roles that find it: `admin`, `user`, `viewer`; everyone who may search unless given.",
                        ]),
                        "fields": [
                            "type": "object", "maxProperties": 1_000,
                            "description": "For each field a value, or a list of values.",
                        ],
                    ], optional: ["boost", "roles"], isClosed: true),
            ]
        ], isClosed: true)
    static let sample: JSONValue = [
        "documents": [["id": "17", "fields": ["title": "Late delivery", "state": "open", "team": "press"]]]
    ]
}

struct SearchWrittenShape: AnswerBody {
    let written: Search.Written

    init(_ written: Search.Written) { self.written = written }

    var json: JSONValue {
        ["seq": .integer(written.sequence), "accepted": .integer(Int64(written.accepted))]
    }

    static let schemaName = "SearchWritten"
    static let schema: JSONValue = .record([
        "seq": .whole(0...(.max), "What `wait_for_seq` takes to find what was written."), "accepted": .whole(0...1_000),
    ])
    static let sample: JSONValue = ["seq": 42, "accepted": 1]
}

struct StoredDocumentShape: AnswerBody {
    let json: JSONValue

    static let schemaName = "SearchDocument"
    static let schema: JSONValue = .record(
        [
            "id": .text(), "seq": .whole(0...(.max)), "boost": ["type": "number"],
            "roles": ["type": "array", "items": ["type": "string"]], "fields": ["type": "object"],
        ], optional: ["boost", "roles"])
    static let sample: JSONValue = ["id": "17", "seq": 42, "fields": ["title": "Late delivery"]]
}

package struct SuggestionsShape: AnswerBody {
    let suggestions: [(text: String, score: Double)]

    package init(_ suggestions: [(text: String, score: Double)]) { self.suggestions = suggestions }

    package var json: JSONValue {
        ["suggestions": .array(suggestions.map { ["text": .string($0.text), "score": JSONValue($0.score)] })]
    }

    package static let schemaName = "SearchSuggestions"
    package static let schema: JSONValue = .record([
        "suggestions": .list(of: .record(["text": .text(), "score": ["type": "number"]]))
    ])
    package static let sample: JSONValue = ["suggestions": [["text": "late delivery", "score": 3.5]]]
}

struct SearchClickRequest: RequestBody {
    let query: String
    let rank: Int

    init(json: JSONValue) throws {
        query = json["query"]?.stringValue ?? ""
        rank = Int(json["rank"]?.integerValue ?? 1)
    }

    static let schemaName = "SearchClickRequest"
    static let schema: JSONValue = .record(
        [
            "query": .text("As it was searched for.", length: 1...1_048_576),
            "id": .text("The document's id.", length: 1...512),
            "rank": .whole(1...10_000, "Its place among the hits, from 1."),
        ], isClosed: true)
    static let sample: JSONValue = ["query": "late delivery", "id": "17", "rank": 1]
}
