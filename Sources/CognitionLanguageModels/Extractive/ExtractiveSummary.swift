/// The most central sentences of a document and its keywords, found by arithmetic alone.
struct ExtractiveSummary: Sendable, Hashable {
    /// The sentences in the order of the document.
    var text: String
    var keywords: [String]
    /// Whether `bytesMax` kept a sentence out.
    var isCut: Bool

    /// Sentences that are ranked. Of a longer document the first quarter of them is its beginning, the others are
    /// spread evenly over the rest.
    static let rankedMax = 1_000
    /// Distinct content words of a sentence that count.
    private static let distinctMax = 64

    private struct Candidate {
        let text: String
        let words: [Int32]
        let keywordSentence: Keywords.Sentence
    }

    /// - Parameters:
    ///   - sentencesMax: 1...50.
    ///   - bytesMax: UTF-8 bytes of `text`.
    /// - Throws: `CancellationError`.
    init(of document: String, sentencesMax: Int, bytesMax: Int) throws {
        let sentences = ExtractiveSummary.selection(
            of: try PlainText.paragraphs(of: document).flatMap { paragraph in
                try Task.checkCancellation()
                return Sentences.split(paragraph)
            })
        try Task.checkCancellation()
        let candidates = ExtractiveSummary.candidates(from: sentences)
        keywords = try Keywords.find(in: candidates.map(\.keywordSentence))
        let scores = try TextRank.rank(sentences: candidates.map(\.words))
        let order = candidates.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
        (text, isCut) = ExtractiveSummary.assemble(candidates, order: order.prefix(sentencesMax), bytesMax: bytesMax)
    }

    private static func selection(of sentences: [String]) -> [String] {
        guard sentences.count > rankedMax else { return sentences }
        let head = rankedMax / 4
        let (rest, places) = (sentences.count - head, rankedMax - head)
        return sentences[..<head] + (0..<places).map { sentences[head + $0 * rest / places] }
    }

    /// Sentences with their content words; repeated ones and those without any word are left out.
    private static func candidates(from sentences: [String]) -> [Candidate] {
        var words = Words()
        let read = sentences.map { sentence -> (String, [Unicode.Scalar], [Words.Word]) in
            let scalars = Array(sentence.unicodeScalars)
            return (sentence, scalars, words.read(scalars))
        }
        let isContent = contentTest(words, in: read.map(\.2))
        var seen: Set<[Int32]> = []
        return read.compactMap { text, scalars, all in
            guard !all.isEmpty, seen.insert(all.map(\.id)).inserted else { return nil }
            let content = all.filter { isContent[Int($0.id)] }
            var distinct: [Int32] = []
            var known: Set<Int32> = []
            for word in content where distinct.count < distinctMax && known.insert(word.id).inserted {
                distinct.append(word.id)
            }
            return Candidate(text: text, words: distinct, keywordSentence: .init(scalars: scalars, words: content))
        }
    }

    /// For each word whether it carries content: no stop word of the document's language, no number, no single letter.
    private static func contentTest(_ words: Words, in sentences: [[Words.Word]]) -> [Bool] {
        var counts: [String: Int] = [:]
        for word in sentences.joined() { counts[words.texts[Int(word.id)], default: 0] += 1 }
        let stopWords = StopWords.fitting(counts)
        return words.texts.map { text in
            let plain = text.replacing("’", with: "'")
            guard !stopWords.contains(plain), let first = text.unicodeScalars.first else { return false }
            if Words.isWide(first) { return true }
            return text.unicodeScalars.count > 1
                && !text.unicodeScalars.allSatisfy { $0.properties.numericType != nil || $0 == "_" }
        }
    }

    private static func assemble(
        _ candidates: [Candidate], order: ArraySlice<Int>, bytesMax: Int
    ) -> (text: String, isCut: Bool) {
        var chosen: [Int] = []
        var bytes = 0
        var isCut = false
        for index in order {
            let more = candidates[index].text.utf8.count + (chosen.isEmpty ? 0 : 1)
            guard bytes + more <= bytesMax else {
                isCut = true
                break
            }
            bytes += more
            chosen.append(index)
        }
        if chosen.isEmpty, let best = order.first {
            return (shortened(candidates[best].text, bytesMax: bytesMax), true)
        }
        var text = ""
        for index in chosen.sorted() {
            if let last = text.unicodeScalars.last, !Words.isWide(last) { text += " " }
            text += candidates[index].text
        }
        return (text, isCut)
    }

    /// As many whole words as fit, or whole characters where there are no words.
    private static func shortened(_ text: String, bytesMax: Int) -> String {
        var kept = ""
        var bytes = 0
        for character in text {
            bytes += character.utf8.count
            if bytes > bytesMax { break }
            kept.append(character)
        }
        if let space = kept.lastIndex(where: \.isWhitespace) { kept = String(kept[..<space]) }
        return kept
    }
}
