/// Keywords of a document: content words ranked by whom they stand near, neighbours merged into phrases.
///
/// Words that occur within four places of each other are connected (TextRank, section 3.1, without its part-of-speech
/// filter, which would need a language model of its own).
struct Keywords {
    static let phrasesMax = 10
    private static let window = 4
    private static let vocabularyMax = 4_000
    private static let tokensMax = 60_000
    private static let phraseWordsMax = 4

    struct Sentence {
        let scalars: [Unicode.Scalar]
        /// Content words, in order.
        let words: [Words.Word]
    }

    private struct Phrase {
        var words: [Int32]
        var score: Double
        /// As first written, in lower case.
        var text: String
        var order: Int
    }

    /// - Returns: At most ten, best first.
    static func find(in sentences: [Sentence]) throws -> [String] {
        let (vertices, kept) = vocabulary(of: sentences)
        guard !vertices.isEmpty else { return [] }
        var weights: [UInt64: Int] = [:]
        for sentence in kept {
            for (index, word) in sentence.words.enumerated() {
                guard let vertex = vertices[word.id] else { continue }
                for other in sentence.words[(index + 1)...] {
                    guard other.place - word.place < window else { break }
                    guard let neighbour = vertices[other.id], neighbour != vertex else { continue }
                    weights[UInt64(min(vertex, neighbour)) << 32 | UInt64(max(vertex, neighbour)), default: 0] += 1
                }
            }
        }
        var graph = TextRank(vertices: vertices.count)
        // A dictionary has no order of its own, and the sum of doubles depends on it.
        for (pair, weight) in weights.sorted(by: { $0.key < $1.key }) {
            graph.connect(Int(pair >> 32), Int(pair & 0xFFFF_FFFF), weight: Double(weight))
        }
        let scores = try graph.scores()
        return best(of: phrases(in: kept, scores: topScores(scores, vertices: vertices)))
    }

    /// Numbers the most frequent content words from 0, first come first, and keeps as many sentences as the bound
    /// allows.
    private static func vocabulary(of sentences: [Sentence]) -> (vertices: [Int32: Int], kept: ArraySlice<Sentence>) {
        var counts: [Int32: Int] = [:]
        var order: [Int32] = []
        var tokens = 0
        var last = sentences.startIndex
        for sentence in sentences {
            guard tokens + sentence.words.count <= tokensMax else { break }
            tokens += sentence.words.count
            last += 1
            for word in sentence.words {
                if counts.updateValue((counts[word.id] ?? 0) + 1, forKey: word.id) == nil { order.append(word.id) }
            }
        }
        if order.count > vocabularyMax {
            let ranked = order.enumerated().sorted {
                let (a, b) = (counts[$0.element] ?? 0, counts[$1.element] ?? 0)
                return a != b ? a > b : $0.offset < $1.offset
            }
            order = ranked.prefix(vocabularyMax).sorted { $0.offset < $1.offset }.map(\.element)
        }
        let vertices = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($0.element, $0.offset) })
        return (vertices, sentences[..<last])
    }

    /// The best third of the words, 5...40 of them, as the paper keeps them.
    private static func topScores(_ scores: [Double], vertices: [Int32: Int]) -> [Int32: Double] {
        let ranked = vertices.sorted {
            scores[$0.value] != scores[$1.value] ? scores[$0.value] > scores[$1.value] : $0.value < $1.value
        }
        let top = ranked.prefix(min(max(vertices.count / 3, 5), 40))
        return Dictionary(uniqueKeysWithValues: top.map { ($0.key, scores[$0.value]) })
    }

    private static func phrases(in sentences: ArraySlice<Sentence>, scores: [Int32: Double]) -> [Phrase] {
        var found: [[Int32]: Phrase] = [:]
        for sentence in sentences {
            var run: [Words.Word] = []
            for word in sentence.words {
                let isTop = scores[word.id] != nil
                if let last = run.last,
                    !isTop || run.count >= phraseWordsMax || !touches(last, word, in: sentence.scalars)
                {
                    note(run, of: sentence, scores: scores, in: &found)
                    run = []
                }
                if isTop { run.append(word) }
            }
            note(run, of: sentence, scores: scores, in: &found)
        }
        return Array(found.values)
    }

    private static func touches(_ left: Words.Word, _ right: Words.Word, in scalars: [Unicode.Scalar]) -> Bool {
        guard right.place == left.place + 1, right.id != left.id else { return false }
        guard left.end < right.start else { return true }
        return scalars[left.end..<right.start].allSatisfy { $0 == " " || $0 == "-" }
    }

    private static func note(
        _ run: [Words.Word], of sentence: Sentence, scores: [Int32: Double], in found: inout [[Int32]: Phrase]
    ) {
        guard let first = run.first, let last = run.last else { return }
        let ids = run.map(\.id)
        if found[ids] != nil { return }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: sentence.scalars[first.start..<last.end])
        // Overlapping pairs of one run of characters are one word, so they share its weight.
        let overlaps = zip(run, run.dropFirst()).contains { $0.end > $1.start }
        let sum = ids.reduce(0) { $0 + (scores[$1] ?? 0) }
        found[ids] = Phrase(
            words: ids, score: overlaps ? sum / Double(ids.count) * 1.5 : sum, text: String(view).lowercased(),
            order: found.count)
    }

    /// Best first, leaving out a phrase all of whose words are in better ones.
    private static func best(of phrases: [Phrase]) -> [String] {
        var covered: Set<Int32> = []
        var texts: [String] = []
        for phrase in phrases.sorted(by: { $0.score != $1.score ? $0.score > $1.score : $0.order < $1.order }) {
            if phrase.words.allSatisfy(covered.contains) { continue }
            covered.formUnion(phrase.words)
            texts.append(phrase.text)
            if texts.count == phrasesMax { break }
        }
        return texts
    }
}
