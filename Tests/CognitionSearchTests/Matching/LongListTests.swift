import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

/// Terms in so many documents that their lists have blocks: what is left out by the blocks' bounds is on no page.
@Suite struct LongListTests {
    /// 5,000 documents of 40 words, of which the `n`th is in about every `n + 1`th; lengths differ.
    private static func index(removing: Int?) throws -> SearchIndex {
        var settings = SearchSettings()
        settings.fields["text"] = SearchField(.text)
        let index = try SearchIndex(folder: nil, settings: settings) { _ in PlainAnalyzer() }
        var random = SplitMix64(seed: 11)
        var changes = (0..<5_000).map { number in
            var words: [String] = []
            for word in 0..<40 where Int.random(in: 0...word, using: &random) == 0 {
                words += Array(repeating: "w\(word)", count: Int.random(in: 1...4, using: &random))
            }
            words += Array(repeating: "filler", count: Int.random(in: 0...30, using: &random))
            let document = SearchDocument(id: "d\(number)", fields: ["text": .string(words.joined(separator: " "))])
            return DocumentChange(sequence: Int64(number + 1), content: .put(document))
        }
        if let removing {
            changes += stride(from: 0, to: 5_000, by: removing).enumerated().map { place, number in
                DocumentChange(sequence: Int64(5_001 + place), content: .removed(id: "d\(number)"))
            }
        }
        try index.apply(changes)
        while try index.maintain(everything: removing == nil) {}
        return index
    }

    @Test("Pages of long lists are those of a search that counts everything", arguments: [nil, 3])
    func pages(removing: Int?) throws {
        let snapshot = try Self.index(removing: removing).snapshot()
        var random = SplitMix64(seed: 12)
        var skipped = 0
        for round in 0..<150 {
            let words = (0..<(round % 3 + 1)).map { _ in "w\(Int.random(in: 0..<40, using: &random))" }
            var all = WordsQuery(words.joined(separator: " "))
            all.minimum = .all
            var request = SearchRequest(round % 10 == 9 ? .prefix(text: "w\(round % 4)", fields: nil) : .words(all))
            request.fuzziness = .off
            for limit in [1, 10, 100] {
                let comment: Comment = "\(request.query), limit \(limit)"
                (request.limit, request.page, request.countsExactly) = (limit, .offset(0), true)
                let exact = try snapshot.search(request)
                request.countsExactly = false
                let page = try snapshot.search(request)
                #expect(page.hits == exact.hits, comment)
                #expect(page.total.isLowerBound ? page.total.value <= exact.total.value : page.total == exact.total)
                skipped += page.total.isLowerBound ? 1 : 0
                guard let last = page.hits.last else { continue }
                (request.page, request.countsExactly) = (.after(last.cursor), true)
                let next = try snapshot.search(request)
                request.countsExactly = false
                #expect(try snapshot.search(request).hits == next.hits, comment)
            }
        }
        #expect(skipped > 100)
    }
}
