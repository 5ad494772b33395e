/// The words of a document as numbers: equal numbers are the same word whatever its case.
///
/// A word is a run of letters, digits and their marks; an apostrophe between letters belongs to it. Scripts without
/// spaces are cut into overlapping pairs of Han characters and whole runs of Katakana; Hiragana, mostly grammar, is
/// left out. Other scripts without spaces (Thai, Khmer) come out as long runs, which is weak but harmless.
struct Words {
    struct Word: Hashable {
        let id: Int32
        /// Offsets of scalars in the sentence.
        let start: Int
        let end: Int
        /// Place among all words of the sentence, stop words included.
        let place: Int
    }

    /// Words of one sentence that count.
    static let perSentenceMax = 400

    private var ids: [String: Int32] = [:]
    private(set) var texts: [String] = []

    /// Every word of a sentence, in order.
    mutating func read(_ scalars: [Unicode.Scalar]) -> [Word] {
        var words: [Word] = []
        var at = 0
        while at < scalars.count, words.count < Words.perSentenceMax {
            guard Words.isWordScalar(scalars[at]) else {
                at += 1
                continue
            }
            let kind = Words.kind(of: scalars[at])
            var end = at + 1
            while end < scalars.count, Words.continues(kind, at: end, in: scalars) { end += 1 }
            switch kind {
            case .spaced, .katakana: add(scalars, at..<end, to: &words)
            case .hiragana: break
            case .han:
                if end - at == 1 { add(scalars, at..<end, to: &words) }
                for start in at..<(end - 1) { add(scalars, start..<(start + 2), to: &words) }
            }
            at = end
        }
        return words
    }

    private mutating func add(_ scalars: [Unicode.Scalar], _ range: Range<Int>, to words: inout [Word]) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[range])
        let text = String(view).lowercased()
        let id: Int32
        if let known = ids[text] {
            id = known
        } else {
            id = Int32(texts.count)
            ids[text] = id
            texts.append(text)
        }
        words.append(Word(id: id, start: range.lowerBound, end: range.upperBound, place: words.count))
    }

    // MARK: Kinds of scalars

    private enum Kind { case spaced, han, hiragana, katakana }

    private static func kind(of scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0..<0x3040: .spaced
        case 0x3040...0x309F: .hiragana
        case 0x30A0...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9D: .katakana
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: .han
        default: .spaced
        }
    }

    private static func continues(_ kind: Kind, at index: Int, in scalars: [Unicode.Scalar]) -> Bool {
        let scalar = scalars[index]
        if isWordScalar(scalar) { return self.kind(of: scalar) == kind }
        guard kind == .spaced, scalar == "'" || scalar == "’" || scalar == "_", index + 1 < scalars.count else {
            return false
        }
        return isWordScalar(scalars[index + 1]) && self.kind(of: scalars[index + 1]) == .spaced
    }

    static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value)
                || (0x61...0x7A).contains(scalar.value)
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark,
            .decimalNumber, .letterNumber:
            return true
        default: return false
        }
    }

    /// Whether text of this script is written without spaces.
    static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        kind(of: scalar) != .spaced || (0x3000...0x303F).contains(scalar.value)
            || (0xFF00...0xFFEF).contains(scalar.value)
    }
}
