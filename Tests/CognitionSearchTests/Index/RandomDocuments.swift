import CognitionCore
import CognitionSearch
import Foundation
import OrderedCollections

/// Documents and queries of chance, the same for the same seed.
struct RandomDocuments {
    var random: SplitMix64
    private let words: [String]

    init(seed: UInt64, vocabulary: Int = 60) {
        random = SplitMix64(seed: seed)
        words = (0..<vocabulary).map { number in
            // Words that share beginnings, some of them long.
            ["al", "alpha", "be", "beta", "gam", "gamma", "de", "delta", "omicron", "upsilon"][number % 10]
                + String(number / 10 == 0 ? "" : ["x", "yz", "qq", "ab", "tion", "s", "er", "ing"][number / 10 % 8])
        }
    }

    static var settings: SearchSettings {
        var title = SearchField(.text)
        (title.analyzer, title.boost) = (.simple, 1.5)
        var body = SearchField(.text)
        body.analyzer = .simple
        var tag = SearchField(.keyword)
        (tag.isFacet, tag.isSortable) = (true, true)
        var size = SearchField(.number)
        (size.isFacet, size.isSortable, size.boost) = (true, true, 2)
        var made = SearchField(.date)
        (made.isFacet, made.isSortable) = (true, true)
        return SearchSettings(fields: ["title": title, "body": body, "tag": tag, "size": size, "made": made])
    }

    /// Frequent words come more often.
    mutating func word() -> String {
        let (a, b) = (Int.random(in: 0..<words.count, using: &random), Int.random(in: 0..<words.count, using: &random))
        return words[min(a, b)]
    }

    mutating func text(_ lengths: ClosedRange<Int>) -> String {
        (0..<Int.random(in: lengths, using: &random)).map { _ in word() }.joined(separator: " ")
    }

    mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &random)]
    }

    mutating func chance(_ part: Double) -> Bool { Double.random(in: 0..<1, using: &random) < part }

    mutating func document(id: String) -> SearchDocument {
        var fields: JSONObject = [:]
        fields["title"] = .string(text(0...4))
        if chance(0.9) {
            fields["body"] = chance(0.2) ? [.string(text(1...10)), .string(text(1...10))] : .string(text(0...40))
        }
        if chance(0.8) {
            let tags = ["red", "green", "blue", "a/b", "a/c", "a/b/d", "ü"]
            fields["tag"] = .array(
                (0..<Int.random(in: 0...3, using: &random)).map { _ in .string(one(of: tags)) })
        }
        if chance(0.8) {
            fields["size"] =
                chance(0.1)
                ? .number(Double(Int.random(in: -20...20, using: &random)) / 4)
                : .integer(Int64.random(in: -20...20, using: &random))
        }
        if chance(0.5) { fields["made"] = .integer(Int64.random(in: -5...5, using: &random) * 1_000_000) }
        var document = SearchDocument(id: id, fields: fields)
        if chance(0.1) { document.boost = Double(Int.random(in: 1...8, using: &random)) / 2 }
        if chance(0.2) { document.roles = chance(0.5) ? ["admin"] : ["user", "admin"] }
        return document
    }

    mutating func query(depth: Int = 0) -> QueryNode {
        switch Int.random(in: 0..<(depth < 3 ? 15 : 9), using: &random) {
        case 0...3:
            var words = WordsQuery(text(1...4), fields: chance(0.3) ? ["body"] : nil)
            if chance(0.4) { words.minimum = one(of: [.all, .any, .count(2), .percent(60)]) }
            return .words(words)
        case 4:
            return .phrase(
                text: text(1...3), fields: chance(0.5) ? ["body"] : nil,
                slop: one(of: [0, 0, 1, 3]))
        case 5:
            return .prefix(
                text: String(word().prefix(Int.random(in: 1...4, using: &random))), fields: chance(0.5) ? ["body"] : nil
            )
        case 6:
            return .equals(field: "tag", value: .string(one(of: ["red", "a/b", "none", "ü"])))
        case 7:
            let (a, b) = (Int64.random(in: -22...22, using: &random), Int64.random(in: -22...22, using: &random))
            var range = ValueRange()
            if chance(0.8) { range.lower = .init(.integer(min(a, b)), isInclusive: chance(0.5)) }
            if chance(0.8) { range.upper = .init(.number(Double(max(a, b)) + 0.25), isInclusive: chance(0.5)) }
            return .range(field: chance(0.8) ? "size" : "size", range)
        case 8:
            return chance(0.5) ? .exists(field: one(of: ["title", "tag", "size", "made"])) : .all
        case 9, 10: return .and((0..<Int.random(in: 1...3, using: &random)).map { _ in query(depth: depth + 1) })
        case 11, 12:
            let nodes = (0..<Int.random(in: 1...4, using: &random)).map { _ in query(depth: depth + 1) }
            return .or(nodes, minimum: chance(0.3) ? 2 : 1)
        case 13: return .not(query(depth: depth + 1))
        default:
            let inner = query(depth: depth + 1)
            return chance(0.5) ? .filter(inner) : .boosted(inner, by: Double(Int.random(in: 1...6, using: &random)) / 2)
        }
    }
}
