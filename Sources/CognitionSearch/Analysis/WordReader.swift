/// One pass over one text. Every byte is read a bounded number of times, whatever the text is.
struct WordReader {
    static let termBytesMax = 255

    private let text: UnsafeRawBufferPointer
    private let folding = Folding.shared
    private let stemmer: TextAnalyzer.Stemmer
    private let snowball: SnowballStemmer?
    private let stopWords: StopWords?
    private var position = 0

    /// The word that was read last, folded: what fits of it.
    private let word: UnsafeMutablePointer<UInt8>
    private var count = 0
    private var isASCII = true
    private var hasDigit = false
    private var smallLetters = 0
    /// Those after the first letter.
    private var capitals = 0

    /// - Parameter snowball: Of an analyzer that has one.
    init(
        _ text: UnsafeRawBufferPointer, analyzer: TextAnalyzer, snowball: SnowballStemmer?,
        word: UnsafeMutablePointer<UInt8>
    ) {
        (self.text, self.snowball) = (text, snowball)
        self.word = word
        stemmer = analyzer.stemmer
        stopWords = analyzer.stopWords
    }

    mutating func read(_ emit: (AnalyzedTerm) -> Void) {
        var place = 0
        while place < text.count {
            let byte = text[place]
            if byte.isWordByte {
                place = readWord(place, emit)
            } else if byte < 0x80 {
                place += 1
            } else {
                let (scalar, length) = UTF8Bytes.scalar(text, at: place)
                switch ScalarKind.of(scalar) {
                case .word: place = readWord(place, emit)
                case .bigram: place = readBigrams(place, emit)
                default: place += length
                }
            }
        }
    }

    /// Reads a word, or what is joined of several, and returns where it ends.
    private mutating func readWord(_ start: Int, _ emit: (AnalyzedTerm) -> Void) -> Int {
        let end = foldWord(start, text.count)
        guard end < text.count, text[end].isJoiner, let next = joined(end) else {
            give(start..<end, isExact: hasDigit, emit)
            return end
        }
        return readCompound(start, firstEnd: end, next: next, emit)
    }

    // MARK: Words

    /// Folds the word that begins at `start` into `word`, and returns where it ends.
    private mutating func foldWord(_ start: Int, _ limit: Int) -> Int {
        (count, isASCII, hasDigit, smallLetters, capitals) = (0, true, false, 0, 0)
        var place = start
        while place < limit {
            let byte = text[place]
            let small = byte | 0x20
            if small &- 97 < 26 {
                if byte & 0x20 != 0 { smallLetters += 1 } else if place > start { capitals += 1 }
                append(small)
            } else if byte &- 48 < 10 {
                hasDigit = true
                append(byte)
            } else if byte == UInt8(ascii: "'") {
                guard isBetweenLetters(place, 1, limit) else { break }
                append(byte)
            } else if byte >= 0x80 {
                let length = foldScalar(place, limit)
                guard length > 0 else { break }
                place += length
                continue
            } else {
                break
            }
            place += 1
        }
        return place
    }

    @inline(__always)
    private mutating func append(_ byte: UInt8) {
        guard count < WordReader.termBytesMax else { return }
        word[count] = byte
        count += 1
    }

    /// Folds one scalar of a word that is none of ASCII, and returns its bytes; 0 where the word ends before it.
    private mutating func foldScalar(_ place: Int, _ limit: Int) -> Int {
        let (scalar, length) = UTF8Bytes.scalar(text, at: place)
        switch ScalarKind.of(scalar) {
        case .word, .mark:
            let word = word
            var (count, isASCII) = (count, isASCII)
            folding.fold(scalar) { folded in
                count += UTF8Bytes.write(folded, to: word, at: count, end: WordReader.termBytesMax)
                isASCII = isASCII && folded < 0x80
            }
            (self.count, self.isASCII) = (count, isASCII)
            return length
        case .ignored: return length
        case .apostrophe:
            guard isBetweenLetters(place, length, limit) else { return 0 }
            append(UInt8(ascii: "'"))
            return length
        case .bigram, .separator: return 0
        }
    }

    /// Whether the apostrophe at `place` stands inside a word.
    private func isBetweenLetters(_ place: Int, _ length: Int, _ limit: Int) -> Bool {
        guard count > 0, word[count - 1] &- 48 >= 10, place + length < limit else { return false }
        let next = text[place + length]
        if next < 0x80 { return (next | 0x20) &- 97 < 26 }
        return ScalarKind.of(UTF8Bytes.scalar(text, at: place + length).scalar) == .word
    }

    /// Gives the word that was folded, and its parts if it is written as `camelCase` is.
    private mutating func give(_ range: Range<Int>, isExact: Bool, _ emit: (AnalyzedTerm) -> Void) {
        defer { position += 1 }
        guard isASCII, capitals > 0, smallLetters > 1, var end = hump(after: range.lowerBound, range.upperBound) else {
            return giveTerm(range, isExact: isExact, emit)
        }
        giveTerm(range, isExact: true, emit)
        var part = range.lowerBound
        while part < range.upperBound {
            givePart(part..<end, isExact: isExact, emit)
            part = end
            end = hump(after: part, range.upperBound) ?? range.upperBound
        }
    }

    private mutating func givePart(_ range: Range<Int>, isExact: Bool, _ emit: (AnalyzedTerm) -> Void) {
        _ = foldWord(range.lowerBound, range.upperBound)
        giveTerm(range, isExact: isExact || hasDigit, emit)
    }

    /// Where the next part of a word begins: with a capital after another letter than a capital, or before two small ones;
    /// parts have two letters or more.
    private func hump(after part: Int, _ end: Int) -> Int? {
        var place = part + 2
        while place + 1 < end {
            if text[place].isCapital {
                if !text[place - 1].isCapital { return place }
                if place + 2 < end, text[place + 1].isSmallLetter, text[place + 2].isSmallLetter { return place }
            }
            place += 1
        }
        return nil
    }

    @inline(__always)
    private mutating func giveTerm(_ range: Range<Int>, isExact: Bool, _ emit: (AnalyzedTerm) -> Void) {
        var start = 0
        if isASCII, !hasDigit {
            if stopWords?.contains(word, count) == true { return }
            if case .english = stemmer {
                if word[count - 1] == UInt8(ascii: "s"), count > 2, word[count - 2] == UInt8(ascii: "'") {
                    count -= 2
                    if stopWords?.contains(word, count) == true { return }
                }
                count = EnglishStemmer.stem(word, count, start: &start)
            }
        }
        if let snowball, !hasDigit, count > 0 {
            count = snowball.stem(UnsafeRawBufferPointer(rebasing: text[range]), word, count)
        }
        guard count > 0 else { return }
        let term = UnsafeRawBufferPointer(start: word + start, count: count)
        emit(AnalyzedTerm(term: term, position: position, range: range, isExact: isExact))
    }

    // MARK: What is joined of several

    /// Where the part begins that the sign at `place` joins to the one before; `place` itself for what ends a name such as
    /// `C++`; `nil` where nothing is joined.
    private func joined(_ place: Int) -> Int? {
        let sign = text[place]
        if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "#"), ending(place) > 0 { return place }
        var next = place + 1
        if sign == UInt8(ascii: ":"), next + 1 < text.count {
            if text[next] == UInt8(ascii: ":") {
                next += 1
            } else if text[next] == UInt8(ascii: "/"), text[next + 1] == UInt8(ascii: "/") {
                next += 2
            }
        }
        if sign == UInt8(ascii: "+"), next < text.count, text[next] == sign { next += 1 }
        guard next < text.count else { return nil }
        if sign == UInt8(ascii: ",") { return text[place - 1].isDigit && text[next].isDigit ? next : nil }
        return isWordStart(next) ? next : nil
    }

    /// The length of `++` or `#` at `place`, as it ends the names of languages; 0 where something else stands there.
    private func ending(_ place: Int) -> Int {
        guard place > 0, text[place - 1].isWordByte, !text[place - 1].isDigit else { return 0 }
        var end = place
        if text[place] == UInt8(ascii: "#") {
            end = place + 1
        } else if text[place] == UInt8(ascii: "+"), place + 1 < text.count, text[place + 1] == UInt8(ascii: "+") {
            end = place + 2
        }
        return end == text.count || !isWordStart(end) ? end - place : 0
    }

    private func isWordStart(_ place: Int) -> Bool {
        let byte = text[place]
        if byte < 0x80 { return byte.isWordByte }
        return ScalarKind.of(UTF8Bytes.scalar(text, at: place).scalar) == .word
    }

    private mutating func readCompound(
        _ start: Int, firstEnd: Int, next: Int, _ emit: (AnalyzedTerm) -> Void
    ) -> Int {
        var (end, part) = (firstEnd, next)
        var hasSigns = hasDigit || (start > 0 && text[start - 1] == UInt8(ascii: "/"))
        var (slashes, isOfSeveral) = (0, false)
        while true {
            if part == end {
                end += ending(end)
                hasSigns = true
                break
            }
            isOfSeveral = true
            let sign = text[end]
            if sign == UInt8(ascii: "/") { slashes += 1 } else if sign != UInt8(ascii: "-") { hasSigns = true }
            end = foldWord(part, text.count)
            hasSigns = hasSigns || hasDigit
            guard end < text.count, text[end].isJoiner, let next = joined(end) else { break }
            part = next
        }
        let isExact = hasSigns || slashes > 1
        if end - start <= 4 * WordReader.termBytesMax, foldWhole(start..<end) {
            let whole = UnsafeRawBufferPointer(start: word, count: count)
            emit(AnalyzedTerm(term: whole, position: position, range: start..<end, isExact: true))
        }
        guard isOfSeveral else {
            position += 1
            return end
        }
        var place = start
        while place < end {
            let partEnd = foldWord(place, end)
            give(place..<partEnd, isExact: isExact, emit)
            guard partEnd < end, let next = joined(partEnd), next > partEnd else { break }
            place = next
        }
        return end
    }

    /// Folds all of a range, signs included; whether it fitted.
    private mutating func foldWhole(_ range: Range<Int>) -> Bool {
        count = 0
        var place = range.lowerBound
        while place < range.upperBound {
            let byte = text[place]
            if byte < 0x80 {
                guard count < WordReader.termBytesMax else { return false }
                append(byte.isCapital ? byte | 0x20 : byte)
                place += 1
            } else {
                guard count + 18 * 3 < WordReader.termBytesMax else { return false }
                let length = foldScalar(place, range.upperBound)
                guard length > 0 else { return false }
                place += length
            }
        }
        return count > 0
    }

    // MARK: Scripts without white space between words

    /// Gives each two neighbours of a run, or the one that stands alone.
    private mutating func readBigrams(_ start: Int, _ emit: (AnalyzedTerm) -> Void) -> Int {
        var place = start
        /// The last two of the run, and where they begin; a syllable or letter grows while its parts come.
        var before: (scalar: UInt32, start: Int)?
        var last: (scalar: UInt32, start: Int)?
        var isAlone = true
        func give(_ end: Int, in reader: inout WordReader) {
            guard let last else { return }
            reader.count = 0
            for scalar in [before?.scalar, last.scalar] {
                guard let scalar else { continue }
                reader.count += UTF8Bytes.write(scalar, to: reader.word, at: reader.count, end: WordReader.termBytesMax)
            }
            let term = UnsafeRawBufferPointer(start: reader.word, count: reader.count)
            let range = (before?.start ?? last.start)..<end
            emit(AnalyzedTerm(term: term, position: reader.position, range: range, isExact: false))
            reader.position += 1
        }
        while place < text.count {
            let (scalar, length) = text[place] < 0x80 ? (0, 1) : UTF8Bytes.scalar(text, at: place)
            let kind = scalar == 0 ? ScalarKind.separator : ScalarKind.of(scalar)
            guard kind == .bigram || kind == .mark || kind == .ignored else { break }
            if kind == .bigram {
                let folded = folding.foldedOne(scalar)
                if let current = last, let composed = composed(current.scalar, folded) {
                    last = (composed, current.start)
                } else {
                    if before != nil {
                        give(place, in: &self)
                        isAlone = false
                    }
                    before = last
                    last = (folded, place)
                }
            }
            place += length
        }
        if before != nil || isAlone { give(place, in: &self) }
        return place
    }

    /// A letter or syllable that two scalars are together: sound marks of kana, and the parts of Hangul syllables.
    private func composed(_ first: UInt32, _ second: UInt32) -> UInt32? {
        switch (first, second) {
        case (0x304B...0x3061, 0x3099) where first % 2 == 1: first + 1
        case (0x30AB...0x30C1, 0x3099) where first % 2 == 1: first + 1
        case (0x3064...0x3068, 0x3099) where first % 2 == 0: first + 1
        case (0x30C4...0x30C8, 0x3099) where first % 2 == 0: first + 1
        case (0x306F...0x307B, 0x3099) where first % 3 == 0: first + 1
        case (0x30CF...0x30DB, 0x3099) where first % 3 == 0: first + 1
        case (0x306F...0x307B, 0x309A) where first % 3 == 0: first + 2
        case (0x30CF...0x30DB, 0x309A) where first % 3 == 0: first + 2
        case (0x3046, 0x3099): 0x3094
        case (0x30A6, 0x3099): 0x30F4
        case (0x1100...0x1112, 0x1161...0x1175): 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
        case (0xAC00...0xD7A3, 0x11A8...0x11C2) where (first - 0xAC00) % 28 == 0: first + second - 0x11A7
        default: nil
        }
    }
}

extension UInt8 {
    @inline(__always) fileprivate var isWordByte: Bool { (self | 0x20) &- 97 < 26 || self &- 48 < 10 }
    @inline(__always) fileprivate var isDigit: Bool { self &- 48 < 10 }
    @inline(__always) fileprivate var isCapital: Bool { self &- 65 < 26 }
    @inline(__always) fileprivate var isSmallLetter: Bool { self &- 97 < 26 }

    /// Whether the sign may join a part to the one before.
    @inline(__always)
    fileprivate var isJoiner: Bool {
        switch self {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"),
            UInt8(ascii: "@"), UInt8(ascii: "+"), UInt8(ascii: "#"), UInt8(ascii: "~"), UInt8(ascii: "="),
            UInt8(ascii: "&"), UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: ","), UInt8(ascii: "\\"):
            true
        default: false
        }
    }
}
