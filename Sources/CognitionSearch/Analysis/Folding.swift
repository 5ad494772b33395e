/// What the scalars of a text are to a reader of words, and the letters that they fold to.
///
/// Folding is NFKC case folding without diacritics: `É`, `é`, `ｅ` and `e` are one letter.
struct Folding: Sendable {
    static let shared = Folding()

    /// For each 256 scalars, the place of their results in `results`, 0 for those that stay as they are.
    private var pages = [UInt16](repeating: 0, count: 0x1100)
    /// 0, a scalar, or `several` with the place of more than one in `scalars`.
    private var results = [UInt32](repeating: 0, count: 256)
    private var scalars: [UInt32] = []
    private static let several: UInt32 = 1 << 31

    private init() {
        let table = UnsafeBufferPointer(start: Folding.table.utf8Start, count: Folding.table.utf8CodeUnitCount)
        for token in table.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }) {
            add(token)
        }
    }

    private mutating func add(_ token: Slice<UnsafeBufferPointer<UInt8>>) {
        var numbers: [UInt32] = [0]
        var (isRange, goesUp) = (false, false)
        for byte in token {
            switch byte {
            case UInt8(ascii: "+"): goesUp = true
            case UInt8(ascii: "-"), UInt8(ascii: "="), UInt8(ascii: "."):
                isRange = isRange || byte == UInt8(ascii: "-")
                numbers.append(0)
            default:
                numbers[numbers.count - 1] = numbers[numbers.count - 1] << 4 | UInt32(byte & 0xF) + (byte > 57 ? 9 : 0)
            }
        }
        let (first, last) = (numbers[0], isRange ? numbers[1] : numbers[0])
        let folded = numbers.dropFirst(isRange ? 2 : 1)
        var value = folded[folded.startIndex]
        if folded.count > 1 {
            value = Folding.several | UInt32(scalars.count)
            scalars.append(UInt32(folded.count))
            scalars += folded
        }
        for scalar in first...last {
            set(scalar, goesUp ? value + scalar - first : value)
        }
    }

    private mutating func set(_ scalar: UInt32, _ value: UInt32) {
        let page = Int(scalar >> 8)
        if pages[page] == 0 {
            pages[page] = UInt16(results.count >> 8)
            results.append(contentsOf: repeatElement(0, count: 256))
        }
        results[Int(pages[page]) << 8 | Int(scalar & 0xFF)] = value
    }

    /// Gives the scalars that `scalar` folds to: itself, one other, or several.
    @inline(__always)
    func fold(_ scalar: UInt32, _ body: (UInt32) -> Void) {
        let result = results[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
        if result == 0 { return body(scalar) }
        guard result & Folding.several != 0 else { return body(result) }
        let place = Int(result ^ Folding.several)
        for index in 1...Int(scalars[place]) { body(scalars[place + index]) }
    }

    /// The one scalar that `scalar` folds to; itself where these are several.
    func foldedOne(_ scalar: UInt32) -> UInt32 {
        let result = results[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
        return result == 0 || result & Folding.several != 0 ? scalar : result
    }
}

/// What a scalar is to a reader of words.
enum ScalarKind {
    /// A letter or a digit: words are made of them.
    case word
    /// A mark that belongs to the letter before it.
    case mark
    /// A diacritic, a joiner, a soft hyphen: read over.
    case ignored
    /// Of a script that does not part words: read two by two.
    case bigram
    case apostrophe
    case separator

    /// - Parameter scalar: 0x80 or above.
    static func of(_ scalar: UInt32) -> ScalarKind {
        switch scalar {
        case 0xC0...0x24F: scalar == 0xD7 || scalar == 0xF7 ? .separator : .word
        case 0x400...0x481, 0x48A...0x52F: .word
        case 0x300...0x36F, 0x483...0x487, 0x591...0x5BD, 0x5BF, 0x5C1...0x5C2, 0x5C4...0x5C5, 0x5C7, 0x610...0x61A,
            0x64B...0x65F, 0x670, 0x6D6...0x6DC, 0x6DF...0x6E4, 0x6E7...0x6E8, 0x6EA...0x6ED, 0x1AB0...0x1AFF,
            0x1DC0...0x1DFF, 0x20D0...0x20FF, 0xFE00...0xFE0F, 0xFE20...0xFE2F, 0xE0100...0xE01EF:
            .ignored
        case 0x2018, 0x2019, 0x201B, 0xFF07: .apostrophe
        case 0x200B, 0xFFFD: .separator
        case 0x3005...0x3007, 0x3031...0x3035, 0x303B...0x303C, 0x3041...0x3096, 0x3099...0x309A, 0x309D...0x309F,
            0x30A1...0x30FA, 0x30FC...0x30FF, 0x3105...0x312F, 0x3131...0x318E, 0x31A0...0x31BF, 0x31F0...0x31FF,
            0x3400...0x4DBF, 0x4E00...0x9FFF, 0x1100...0x11FF, 0xA960...0xA97C, 0xAC00...0xD7FB, 0xF900...0xFAFF,
            0xFF66...0xFFDC, 0x1B000...0x1B16F, 0x20000...0x3FFFD:
            .bigram
        // Thai, Lao, Myanmar, Khmer
        case 0xE00...0xEFF, 0x1000...0x109F, 0x1780...0x17FF: byCategory(scalar, letters: .bigram, marks: .bigram)
        default: byCategory(scalar, letters: .word, marks: .mark)
        }
    }

    private static func byCategory(_ scalar: UInt32, letters: ScalarKind, marks: ScalarKind) -> ScalarKind {
        guard let scalar = Unicode.Scalar(scalar) else { return .separator }
        return switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: letters
        case .decimalNumber, .letterNumber, .otherNumber: .word
        case .nonspacingMark, .spacingMark, .enclosingMark: marks
        case .format: .ignored
        default: .separator
        }
    }
}

/// Reads and writes scalars of UTF-8 at a place.
enum UTF8Bytes {
    /// - Returns: The scalar, U+FFFD with length 1 where the bytes are none, and its bytes.
    @inline(__always)
    static func scalar(_ text: UnsafeRawBufferPointer, at place: Int) -> (scalar: UInt32, length: Int) {
        let invalid: (UInt32, Int) = (0xFFFD, 1)
        let first = UInt32(text[place])
        func next(_ offset: Int) -> UInt32? {
            guard place + offset < text.count else { return nil }
            let byte = UInt32(text[place + offset])
            return byte & 0xC0 == 0x80 ? byte & 0x3F : nil
        }
        switch first {
        case 0..<0x80: return (first, 1)
        case 0xC2...0xDF:
            guard let second = next(1) else { return invalid }
            return ((first & 0x1F) << 6 | second, 2)
        case 0xE0...0xEF:
            guard let second = next(1), let third = next(2) else { return invalid }
            let scalar = (first & 0xF) << 12 | second << 6 | third
            return scalar >= 0x800 && scalar & 0xF800 != 0xD800 ? (scalar, 3) : invalid
        case 0xF0...0xF4:
            guard let second = next(1), let third = next(2), let fourth = next(3) else { return invalid }
            let scalar = (first & 0x7) << 18 | second << 12 | third << 6 | fourth
            return 0x10000...0x10FFFF ~= scalar ? (scalar, 4) : invalid
        default: return invalid
        }
    }

    /// Writes a scalar if it fits before `end`.
    /// - Returns: Its bytes; 0 if it did not fit.
    @inline(__always)
    static func write(_ scalar: UInt32, to bytes: UnsafeMutablePointer<UInt8>, at place: Int, end: Int) -> Int {
        switch scalar {
        case 0..<0x80:
            guard place < end else { return 0 }
            bytes[place] = UInt8(scalar)
            return 1
        case 0x80..<0x800:
            guard place + 2 <= end else { return 0 }
            bytes[place] = UInt8(0xC0 | scalar >> 6)
            bytes[place + 1] = UInt8(0x80 | scalar & 0x3F)
            return 2
        case 0x800..<0x10000:
            guard place + 3 <= end else { return 0 }
            bytes[place] = UInt8(0xE0 | scalar >> 12)
            bytes[place + 1] = UInt8(0x80 | scalar >> 6 & 0x3F)
            bytes[place + 2] = UInt8(0x80 | scalar & 0x3F)
            return 3
        default:
            guard place + 4 <= end else { return 0 }
            bytes[place] = UInt8(0xF0 | scalar >> 18)
            bytes[place + 1] = UInt8(0x80 | scalar >> 12 & 0x3F)
            bytes[place + 2] = UInt8(0x80 | scalar >> 6 & 0x3F)
            bytes[place + 3] = UInt8(0x80 | scalar & 0x3F)
            return 4
        }
    }
}
