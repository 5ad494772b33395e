/// A term that a field makes of a query's text.
struct WordTerm: Hashable {
    var term: [UInt8]
    var position: Int
    var isExact: Bool
    /// Edits by which it may be misspelt: none in words of up to 4 letters, 1 up to 8, then 2. Letters as they were written.
    var editsMax: Int

    static func editsMax(letters: Int) -> Int { letters <= 4 ? 0 : letters <= 8 ? 1 : 2 }
}

extension QueryPlanner {
    func terms(of text: String, field: Int) -> [WordTerm] {
        guard let analyzer = schema.fields[field].analyzer else {
            return text.isEmpty ? [] : [WordTerm(term: Array(text.utf8), position: 0, isExact: true, editsMax: 0)]
        }
        return terms(of: text, with: analyzer)
    }

    func terms(of text: String, with analyzer: any Analyzer) -> [WordTerm] {
        var (text, terms) = (text, [WordTerm]())
        // The end of what is written as `camelCase`, whose parts say nothing more.
        var oneWord = 0
        text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            analyzer.analyze(bytes) { term in
                guard !term.term.isEmpty, term.term.count <= 255, term.range.upperBound > oneWord else { return }
                if term.isExact, term.term.allSatisfy(\.isLetterOrDigit) { oneWord = term.range.upperBound }
                let range = term.range.clamped(to: 0..<bytes.count)
                // Bytes that do not go on with a letter begun before.
                let letters = bytes[range].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
                terms.append(
                    WordTerm(
                        term: Array(term.term), position: term.position, isExact: term.isExact,
                        editsMax: WordTerm.editsMax(letters: letters)))
            }
        }
        return terms
    }
}

extension QueryPlanner {
    /// The words of a text, parted by white space. Words of prose that are joined (`boundary-layer`, `and/or`) are words of their
    /// own: whoever writes one so does not look for this spelling.
    static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).flatMap { word -> [String] in
            let parts = word.utf8.split(omittingEmptySubsequences: false) { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "/") }
            guard parts.count > 1, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isLetter) }),
                word.utf8.count(where: { $0 == UInt8(ascii: "/") }) <= 1
            else { return [String(word)] }
            return parts.map { String(Substring($0)) }
        }
    }
}

extension UInt8 {
    /// Of those that are no ASCII, all.
    fileprivate var isLetter: Bool { self >= 0x80 || (self | 0x20) &- 97 < 26 }
    fileprivate var isLetterOrDigit: Bool { isLetter || self &- 48 < 10 }
}
