import CognitionSearch

/// Runs of ASCII letters and digits in lower case: what tests of the index need of text. Words with digits are exact.
struct PlainAnalyzer: Analyzer {
    func analyze(_ text: UnsafeRawBufferPointer, _ emit: (AnalyzedTerm) -> Void) {
        var (start, position, word) = (0, 0, [UInt8]())
        func end(at place: Int) {
            guard !word.isEmpty else { return }
            word.withUnsafeBytes {
                emit(
                    AnalyzedTerm(
                        term: $0, position: position, range: start..<place,
                        isExact: word.contains { (48...57).contains($0) }))
            }
            position += 1
            word.removeAll()
        }
        for (place, byte) in text.enumerated() {
            let lower = (65...90).contains(byte) ? byte + 32 : byte
            if (97...122).contains(lower) || (48...57).contains(lower) || lower >= 0x80 {
                if word.isEmpty { start = place }
                word.append(lower)
            } else {
                end(at: place)
            }
        }
        end(at: text.count)
    }

    static func terms(_ text: String) -> [String] {
        var (text, terms) = (text, [String]())
        text.withUTF8 { bytes in
            PlainAnalyzer().analyze(UnsafeRawBufferPointer(bytes)) {
                terms.append(String(decoding: $0.term, as: UTF8.self))
            }
        }
        return terms
    }
}
