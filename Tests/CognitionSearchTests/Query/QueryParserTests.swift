import CognitionCore
import CognitionSearch
import Testing

@Suite struct QueryParserTests {
    private static let kinds: [String: SearchField.Kind] = [
        "title": .text, "state": .keyword, "size": .number, "day": .date,
    ]

    private func parse(_ text: String, all: Bool = false) throws -> JSONValue {
        try QueryParser.parse(text, matchesAll: all) { Self.kinds[$0] }.json
    }

    @Test(arguments: [
        ("solar wind", #"{"words":"solar wind"}"#),
        ("", #"{"all":true}"#),
        (" * ", #"{"all":true}"#),
        (#""solar wind""#, #"{"phrase":"solar wind"}"#),
        (#""solar wind"~3 power"#, #"{"and":[{"phrase":"solar wind","slop":3},{"words":"power"}]}"#),
        ("sol* wind", #"{"or":[{"words":"wind"},{"prefix":"sol"}]}"#),
        ("solar -wind", #"{"and":[{"words":"solar"},{"not":{"words":"wind"}}]}"#),
        ("-wind", #"{"not":{"words":"wind"}}"#),
        ("NOT wind", #"{"not":{"words":"wind"}}"#),
        ("+solar wind power", #"{"and":[{"words":"solar"},{"or":[{"words":"wind power"}],"minimum":0}]}"#),
        ("solar AND wind", #"{"and":[{"words":"solar"},{"words":"wind"}]}"#),
        ("solar AND NOT wind", #"{"and":[{"words":"solar"},{"not":{"words":"wind"}}]}"#),
        ("solar OR wind power", #"{"or":[{"words":"solar"},{"words":"wind power"}]}"#),
        ("(solar OR wind) power", #"{"or":[{"words":"power"},{"or":[{"words":"solar"},{"words":"wind"}]}]}"#),
        ("wind~ power", #"{"or":[{"words":"power"},{"words":"wind","fuzzy":true}]}"#),
        ("wind^2", #"{"words":"wind","boost":2}"#),
        ("win*^2", #"{"prefix":"win","boost":2}"#),
        (#""a b"~2^0.5"#, #"{"phrase":"a b","slop":2,"boost":0.5}"#),
        ("title:wind", #"{"words":"wind","fields":["title"]}"#),
        ("title:wi*", #"{"prefix":"wi","fields":["title"]}"#),
        (#"title:"solar wind""#, #"{"phrase":"solar wind","fields":["title"]}"#),
        (
            "title:(solar -wind)",
            #"{"and":[{"words":"solar","fields":["title"]},{"not":{"words":"wind","fields":["title"]}}]}"#
        ),
        ("state:failed timeout", #"{"and":[{"equals":"failed","field":"state"},{"words":"timeout"}]}"#),
        (#"state:"not yet""#, #"{"equals":"not yet","field":"state"}"#),
        ("state:(a OR b)", #"{"or":[{"equals":"a","field":"state"},{"equals":"b","field":"state"}]}"#),
        ("-state:failed", #"{"not":{"equals":"failed","field":"state"}}"#),
        ("state:fa*", #"{"prefix":"fa","fields":["state"]}"#),
        ("state:*", #"{"exists":"state"}"#),
        ("size:3", #"{"equals":3,"field":"size"}"#),
        ("size:>=3", #"{"range":{"gte":3},"field":"size"}"#),
        ("size:<2.5", #"{"range":{"lt":2.5},"field":"size"}"#),
        ("size:[1 TO 5}", #"{"range":{"gte":1,"lt":5},"field":"size"}"#),
        ("size:{* TO 5]", #"{"range":{"lte":5},"field":"size"}"#),
        (
            "day:2026-01-31",
            #"{"range":{"gte":"2026-01-31T00:00:00.000000Z","lt":"2026-02-01T00:00:00.000000Z"},"field":"day"}"#
        ),
        ("day:>2026-01-31", #"{"range":{"gte":"2026-02-01T00:00:00.000000Z"},"field":"day"}"#),
        ("day:<=2026-01-31", #"{"range":{"lt":"2026-02-01T00:00:00.000000Z"},"field":"day"}"#),
        (#"a\*b \"x\""#, #"{"words":"a*b \"x\""}"#),
    ])
    func `A query means what it says`(_ text: String, _ expected: String) throws {
        #expect(try parse(text).jsonText == expected)
    }

    @Test(arguments: [
        ("solar wind", #"{"words":"solar wind"}"#),
        ("sol* wind", #"{"and":[{"words":"wind"},{"prefix":"sol"}]}"#),
        ("+solar wind", #"{"and":[{"words":"solar"},{"words":"wind"}]}"#),
    ])
    func `Where all have to match, neighbours do`(_ text: String, _ expected: String) throws {
        #expect(try parse(text, all: true).jsonText == expected)
    }

    @Test(arguments: [
        (#"solar "wind"#, #"{"words":"solar wind"}"#),
        ("solar) (wind", #"{"words":"solar wind"}"#),
        ("((solar", #"{"words":"solar"}"#),
        ("OR AND", #"{"words":"OR AND"}"#),
        ("solar OR", #"{"words":"solar OR"}"#),
        ("unknown:wind http://a.b std::vector 12:30", #"{"words":"unknown:wind http://a.b std::vector 12:30"}"#),
        ("size:many", #"{"words":"size:many"}"#),
        ("size:[1 TO", #"{"words":"size:[1 TO"}"#),
        ("size:>", #"{"words":"size:>"}"#),
        ("title: wind", #"{"words":"title: wind"}"#),
        ("- + ~ ^", #"{"words":"~ ^"}"#),
        ("wind^99999", #"{"words":"wind"}"#),
        ("()", #"{"all":true}"#),
        ("\u{0}solar\u{0}", #"{"words":"solar"}"#),
        ("a*b f?o [a-z]+", #"{"words":"a*b f?o [a-z]+"}"#),
    ])
    func `What is malformed is read as words`(_ text: String, _ expected: String) throws {
        #expect(try parse(text).jsonText == expected)
    }

    @Test(arguments: [
        String(repeating: "a", count: QueryBounds.textBytesMax + 1),
        String(repeating: "(", count: 33) + "a" + String(repeating: ")", count: 33),
        String(repeating: "a ", count: 1_025),
        String(repeating: "\"a b\" ", count: 1_025),
        String(repeating: "size:>3 ", count: 1_025),
    ])
    func `Too much is refused`(_ text: String) {
        let error = #expect(throws: SearchError.self) { try parse(text) }
        #expect(error?.code == .searchQueryInvalid)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["(", ")", "\"", "title:", "title:(", "size:[", "a^", "*", "\\", "-", "+(", "a~", "AND ", "(((a)))"])
    func `A query of the largest size is read or refused soon`(_ unit: String) {
        let text = String(repeating: unit, count: QueryBounds.textBytesMax / unit.utf8.count)
        _ = try? parse(text)
    }

    @Test func `No text is an error or a crash, and each reads back from its JSON form`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        let pieces = [
            "a", "wind", " ", " ", "(", ")", "\"", "*", "~", "^", "2", "-", "+", "AND", "OR", "NOT", "title:", "state:",
            "size:", "day:", "[", "]", "{", "}", " TO ", ">=", "<", "\\", "é", "漢字", "\u{0}", ":", "2026-01-31", "3",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 0...25, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            do {
                let node = try QueryParser.parse(text, matchesAll: Bool.random(using: &random)) { Self.kinds[$0] }
                let again = try QueryNode(json: node.json) { Self.kinds[$0] }
                #expect(again.json == node.json, "seed \(seed): \(text)")
            } catch {
                Issue.record("seed \(seed): \(text): \(error)")
            }
        }
    }
}
