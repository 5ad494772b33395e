/// Reads running text in which identifiers stand.
///
/// Words are runs of letters and digits, as UAX #29 (Unicode Text Segmentation) parts them, folded, without stop words
/// and stemmed. Scripts without white space between words (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese) are read
/// by bigrams.
///
/// What is written without white space, and joined by signs, is a term as a whole, and its parts are words: `libfoo-dev`,
/// `3.12.1`, `/usr/lib/x.so`, `snake_case`, `joe@example.com`, `https://example.com/a?b=1`. So is `camelCase`, whose parts
/// share its position, as readers write it in small letters also. Signs around it are no part of it.
package struct TextAnalyzer: Analyzer {
    package enum Stemmer: Sendable {
        case none
        case english
        case snowball(SnowballStemmer.Language)
    }

    let stemmer: Stemmer
    let stopWords: StopWords?

    package init(stemmer: Stemmer, leavesOutStopWords: Bool) {
        self.stemmer = stemmer
        stopWords = leavesOutStopWords ? .english : nil
    }

    package static let english = TextAnalyzer(stemmer: .english, leavesOutStopWords: true)
    package static let simple = TextAnalyzer(stemmer: .none, leavesOutStopWords: false)

    package func analyze(_ text: UnsafeRawBufferPointer, _ emit: (AnalyzedTerm) -> Void) {
        // A word stands between margins that the stemmer and the stop words read over.
        let (margin, bytes) = (EnglishStemmer.margin, WordReader.termBytesMax)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: margin + bytes + margin) { scratch in
            scratch.initialize(repeating: 0)
            let snowball =
                if case .snowball(let language) = stemmer { SnowballStemmer(language) } else { nil as SnowballStemmer? }
            defer { snowball?.free() }
            var reader = WordReader(
                text, analyzer: self, snowball: snowball, word: scratch.baseAddress.unsafelyUnwrapped + margin)
            reader.read(emit)
        }
    }
}

extension Analyzer {
    /// The terms of a text of the process's own.
    package func analyze(_ text: String, _ emit: (AnalyzedTerm) -> Void) {
        var text = text
        text.withUTF8 { analyze(UnsafeRawBufferPointer($0), emit) }
    }
}
