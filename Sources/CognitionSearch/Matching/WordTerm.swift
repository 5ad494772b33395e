/// A term that a field makes of a query's text.
struct WordTerm: Hashable {
    var term: [UInt8]
    var position: Int
    var isExact: Bool
    /// Edits by which it may be misspelt: none in words of up to 4 letters, 1 up to 8, then 2. Letters as they were written.
    var editsMax: Int

    /// By the letters of a word as it is written.
    static func editsMax(of word: String) -> Int {
        var word = word
        let ascii = word.withUTF8 { bytes -> Int? in
            var (letters, all) = (0, UInt8(0))
            for byte in bytes {
                all |= byte
                if 97...122 ~= byte | 0x20 { letters += 1 }
            }
            return all < 0x80 ? letters : nil
        }
        return editsMax(letters: ascii ?? word.unicodeScalars.count { $0.properties.isAlphabetic })
    }

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
        text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            analyzer.analyze(bytes) { term in
                guard !term.term.isEmpty, term.term.count <= 255 else { return }
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
