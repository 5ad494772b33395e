/// A word of a query, as an analyzer reads it.
package struct QueryWord: Sendable, Equatable {
    package struct Part: Sendable, Equatable {
        package var term: [UInt8]
        /// As it was written.
        package var text = ""
        /// Positions after the word's first part.
        package var offset: Int
        /// No misspelling of it is tried.
        package var isExact: Bool

        /// Whether it is one character of a script that is read two by two: of which texts have what begins so.
        var isLoneCharacter: Bool {
            let scalars = String(decoding: term, as: UTF8.self).unicodeScalars
            guard let only = scalars.first, only.value >= 0x80, scalars.count == 1 else { return false }
            return ScalarKind.of(only.value) == .bigram
        }
    }

    /// As it was written.
    package var text: String
    /// The term of an identifier as a whole; `nil` for a word that is no more than its parts.
    package var whole: [UInt8]?
    /// One for a plain word, none for a stop word; more for what is joined of several, and for bigrams.
    package var parts: [Part]
    /// The position of the first part in the query.
    package var position: Int

    /// Whether the parts are words of prose that are joined (`boundary-layer`), each a word of its own.
    package var isJoinedProse: Bool { whole != nil && parts.count > 1 && parts.allSatisfy { !$0.isExact } }

    /// What stands for the word in a list of synonyms: its whole, or its parts.
    package var terms: [[UInt8]] {
        if let whole, !isJoinedProse { return [whole] }
        return parts.map(\.term)
    }
}

extension Analyzer {
    /// The words of a query, parted by white space. What is written as `camelCase` is looked for as a whole, as those who
    /// write it in small letters do.
    package func queryWords(_ text: String) -> [QueryWord] {
        let bytes = Array(text.utf8)
        let spans = Array(bytes.indices).split { bytes[$0] == 0x20 || (0x9...0xD).contains(bytes[$0]) }
            .map { ($0.first ?? 0)..<(($0.last ?? 0) + 1) }
        var given = spans.map { _ in [GivenTerm]() }
        var current = 0
        bytes.withUnsafeBytes { text in
            analyze(text) { term in
                while current < spans.count, term.range.lowerBound >= spans[current].upperBound { current += 1 }
                guard current < spans.count else { return }
                given[current].append(GivenTerm(term, of: text))
            }
        }
        return zip(spans, given).map { span, terms in
            QueryWord(String(decoding: bytes[span], as: UTF8.self), terms)
        }
    }
}

private struct GivenTerm {
    var bytes: [UInt8]
    var text: String
    var position: Int
    var range: Range<Int>
    var isExact: Bool
    /// Terms of parts of the same text.
    var parts: [GivenTerm] = []

    init(_ term: AnalyzedTerm, of text: UnsafeRawBufferPointer) {
        self.text = String(decoding: text[term.range], as: UTF8.self)
        (bytes, position, range, isExact) = (Array(term.term), term.position, term.range, term.isExact)
    }

    /// Whether it is written as `camelCase`, or is plain.
    var isOneWord: Bool { parts.isEmpty || !bytes.contains { !(97...122).contains($0) && !(48...57).contains($0) } }
}

extension QueryWord {
    fileprivate init(_ text: String, _ given: [GivenTerm]) {
        var terms: [GivenTerm] = []
        for term in given {
            guard let last = terms.last, term.range.upperBound <= last.range.upperBound, term.position >= last.position,
                last.isExact
            else {
                terms.append(term)
                continue
            }
            // Parts of a part are a word written as `camelCase`, and share its position.
            if last.parts.last.map({ term.range.upperBound <= $0.range.upperBound }) != true {
                terms[terms.count - 1].parts.append(term)
            }
        }
        let position = given.first?.position ?? 0
        let parts = terms.flatMap { $0.isOneWord ? [$0] : $0.parts }.map {
            Part(term: $0.bytes, text: $0.text, offset: $0.position - position, isExact: $0.isExact)
        }
        let isWhole = terms.count == 1 && !terms[0].isOneWord
        self.init(text: text, whole: isWhole ? terms[0].bytes : nil, parts: parts, position: position)
    }
}
