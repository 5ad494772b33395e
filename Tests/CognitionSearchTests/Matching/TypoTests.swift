import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

@Suite struct TypoTests {
    /// Damerau–Levenshtein with neighbours swapped, where an error in the first letter counts two: by the book.
    private static func distance(_ query: [Unicode.Scalar], _ term: [Unicode.Scalar]) -> Int {
        var rows = Array(repeating: Array(repeating: 0, count: term.count + 1), count: query.count + 1)
        for row in 0...query.count {
            for column in 0...term.count {
                if row == 0 {
                    rows[row][column] = 2 * column
                } else if column == 0 {
                    rows[row][column] = row + 1
                } else {
                    let cost = row == 1 ? 2 : 1
                    var best = min(rows[row - 1][column] + cost, rows[row][column - 1] + 1)
                    best = min(best, rows[row - 1][column - 1] + (query[row - 1] == term[column - 1] ? 0 : cost))
                    if row > 1, column > 1, query[row - 1] == term[column - 2], query[row - 2] == term[column - 1] {
                        best = min(best, rows[row - 2][column - 2] + (row == 2 ? 2 : 1))
                    }
                    rows[row][column] = best
                }
            }
        }
        return rows[query.count][term.count]
    }

    private func index(_ texts: [String], _ change: (inout SearchSettings) -> Void = { _ in }) throws -> IndexSnapshot {
        var field = SearchField(.text)
        field.analyzer = .simple
        var settings = SearchSettings(fields: ["text": field])
        change(&settings)
        let index = try SearchIndex(folder: nil, settings: settings) { _ in PlainAnalyzer() }
        for (place, text) in texts.enumerated() {
            let document = SearchDocument(id: "d\(place)", fields: ["text": .string(text)])
            try index.apply([DocumentChange(sequence: Int64(place + 1), content: .put(document))])
        }
        return index.snapshot()
    }

    @Test("A misspelt word finds the nearest words of the index, and no others", arguments: 1...12)
    func nearest(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let letters = Array("aabcdeéüß日".unicodeScalars)
        func word(_ lengths: ClosedRange<Int>) -> String {
            var text = ""
            for _ in 0..<Int.random(in: lengths, using: &random) {
                text.unicodeScalars.append(letters[Int.random(in: letters.indices, using: &random)])
            }
            return text
        }
        let words = Set((0..<400).map { _ in word(3...11) }).sorted()
        let snapshot = try index(
            stride(from: 0, to: words.count, by: 40).map {
                words[$0..<min($0 + 40, words.count)].joined(separator: " ")
            })
        for _ in 0..<60 {
            var query = Array(
                (random.next() % 3 == 0 ? word(5...11) : words[Int.random(in: words.indices, using: &random)])
                    .unicodeScalars)
            for _ in 0..<Int.random(in: 0...2, using: &random) where query.count > 1 {
                let place = Int.random(in: 0..<query.count - 1, using: &random)
                switch random.next() % 4 {
                case 0: query.remove(at: place)
                case 1: query.insert(letters[0], at: place)
                case 2: query.swapAt(place, place + 1)
                default: query[place] = letters[3]
                }
            }
            var text = ""
            text.unicodeScalars.append(contentsOf: query)
            var request = SearchRequest(.words(WordsQuery(text)))
            (request.namesTerms, request.limit) = (true, 100)
            // Its letters decide how far off it may be; words of the index are found as they are.
            let most = query.count <= 4 ? 0 : query.count <= 8 ? 1 : 2
            let distances = words.map { (word: $0, edits: Self.distance(query, Array($0.unicodeScalars))) }
            let least = words.contains(text) ? 0 : distances.map(\.edits).min() ?? 0
            let expected = Set(distances.filter { $0.edits == least && least <= most }.map(\.word))
            request.limit = 1
            let answer = try snapshot.search(request)
            request.limit = 100
            request.fuzziness = words.contains(text) ? .off : .auto
            let all = try snapshot.search(request)
            let found = all.hits.reduce(into: Set<String>()) { $0.formUnion($1.terms["text"] ?? []) }
            #expect(found == expected, "seed \(seed), \(text), edits \(least)")
            #expect(answer.hits.isEmpty == expected.isEmpty)
            if !words.contains(text), !expected.isEmpty {
                #expect(expected.contains(answer.corrections[text] ?? ""), "seed \(seed), \(text)")
            }
        }
    }

    @Test("Misspellings are tried where the request, the field and the word allow it")
    func allowance() throws {
        let texts = ["kitchen sink", "chicken soup", "version 1234567"]
        let snapshot = try index(texts)
        func ids(_ text: String, _ fuzziness: SearchRequest.Fuzziness, in snapshot: IndexSnapshot, _ fuzzy: Bool? = nil)
            throws -> [String]
        {
            var words = WordsQuery(text)
            words.fuzzy = fuzzy
            var request = SearchRequest(.words(words))
            request.fuzziness = fuzziness
            return try snapshot.search(request).hits.map(\.id)
        }
        #expect(try ids("kitchne", .auto, in: snapshot) == ["d0"])
        #expect(try ids("kitchne", .off, in: snapshot) == [])
        #expect(try ids("kitchne", .auto, in: snapshot, false) == [])
        #expect(try ids("hitchen", .auto, in: snapshot) == [])
        #expect(try ids("1234568", .auto, in: snapshot) == [])
        #expect(try ids("snik", .auto, in: snapshot) == [])
        // The index knows the word, and has too few documents: what is near to it is tried, too, and comes after it.
        let near = try index(["kitchen", "kitchens"])
        #expect(try ids("kitchens", .auto, in: near) == ["d1", "d0"])
        let strict = try index(texts) { $0.fields["text"]?.toleratesTypos = false }
        #expect(try ids("kitchne", .on, in: strict) == [])
    }

    @Test("More variants than are tried are said to be")
    func limited() throws {
        let snapshot = try index(
            (0..<60).map {
                "wor\(Character(Unicode.Scalar(UInt8(97 + $0 % 26))))\(Character(Unicode.Scalar(UInt8(97 + $0 / 26))))ds"
            })
        var request = SearchRequest(.words(WordsQuery("worxxds")))
        request.limit = 100
        let few = try snapshot.search(request)
        #expect(!few.typoLimited && !few.hits.isEmpty)
        let many = try index(
            (0..<60).map {
                "longwordhere\(Character(Unicode.Scalar(UInt8(97 + $0 % 26))))\(Character(Unicode.Scalar(UInt8(97 + $0 / 26))))"
            })
        request.query = .words(WordsQuery("longwordhere"))
        let answer = try many.search(request)
        #expect(answer.typoLimited && answer.hits.count == 50)
    }
}
