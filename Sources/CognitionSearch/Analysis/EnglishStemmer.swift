/// Porter2, the English stemmer of the Snowball project, as of its release 3.
///
/// It works where the word stands, and compares suffixes by the word's last eight bytes in a register.
/// Source: snowballstem.org/algorithms/english/stemmer.html.
enum EnglishStemmer {
    /// Bytes that have to be writable, and 0, before the word.
    static let margin = 8

    /// - Parameters:
    ///   - word: Folded English, `a` to `z`, digits and `'`; the ``margin`` before it is 0.
    ///   - count: Its bytes.
    /// - Returns: The bytes of the stem, which begins where the word did, or one byte later (`start`).
    static func stem(_ word: UnsafeMutablePointer<UInt8>, _ count: Int, start: inout Int) -> Int {
        start = 0
        if let exception = exception(word, count) { return exception }
        guard count >= 3 else { return count }
        var stem = Stem(word: word, count: count)
        if word[0] == UInt8(ascii: "'") {
            word[0] = 0
            stem = Stem(word: word + 1, count: count - 1)
            start = 1
        }
        stem.run()
        return stem.count
    }

    /// Words that the rules would spoil, as numbers of their bytes; those with a length have a stem of their own.
    private static func exception(_ word: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int? {
        guard 3...6 ~= count else { return nil }
        switch word[count - 1] {
        case UInt8(ascii: "s"):
            let tail = Stem(word: word, count: count).tail
            if tail == packed("andes") || tail == packed("atlas") || tail == packed("bias")
                || tail == packed("cosmos") || tail == packed("news")
            {
                return count
            }
            if tail == packed("skies") {
                word[2] = UInt8(ascii: "y")
                return 3
            }
            return tail == packed("skis") ? 3 : nil
        case UInt8(ascii: "e"): return Stem(word: word, count: count).tail == packed("howe") ? count : nil
        case UInt8(ascii: "y"):
            let tail = Stem(word: word, count: count).tail
            if tail == packed("sky") { return count }
            if tail == packed("early") || tail == packed("only") || tail == packed("ugly") {
                word[count - 1] = UInt8(ascii: "i")
                return count
            }
            if tail == packed("gently") || tail == packed("singly") { return 5 }
            return tail == packed("idly") ? 3 : nil
        default: return nil
        }
    }

    /// The bytes of a short text as they stand at the top of a word's tail.
    @inline(__always)
    static func packed(_ text: StaticString) -> UInt64 {
        var packed: UInt64 = 0
        for index in 0..<text.utf8CodeUnitCount {
            packed = packed >> 8 | UInt64(text.utf8Start[index]) << 56
        }
        return packed
    }
}

/// A word on its way to its stem.
private struct Stem {
    let word: UnsafeMutablePointer<UInt8>
    var count: Int
    /// Where the regions after the first and the second pair of vowel and consonant begin.
    private var first = 0
    private var second = 0

    init(word: UnsafeMutablePointer<UInt8>, count: Int) {
        self.word = word
        self.count = count
    }

    /// The last eight bytes, the last one on top.
    var tail: UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(word + (count - 8)).loadUnaligned(as: UInt64.self))
    }

    @inline(__always)
    private func ends(_ suffix: StaticString) -> Bool {
        tail >> UInt64(64 - 8 * suffix.utf8CodeUnitCount)
            == EnglishStemmer.packed(suffix) >> UInt64(64 - 8 * suffix.utf8CodeUnitCount)
    }

    /// Whether the bytes before `end` are `text`.
    @inline(__always)
    private func has(_ text: StaticString, before end: Int) -> Bool {
        guard end >= text.utf8CodeUnitCount else { return false }
        let tail = UInt64(littleEndian: UnsafeRawPointer(word + (end - 8)).loadUnaligned(as: UInt64.self))
        return tail >> UInt64(64 - 8 * text.utf8CodeUnitCount)
            == EnglishStemmer.packed(text) >> UInt64(64 - 8 * text.utf8CodeUnitCount)
    }

    @inline(__always)
    private mutating func replace(_ length: Int, with text: StaticString) {
        let start = count - length
        for index in 0..<text.utf8CodeUnitCount { word[start + index] = text.utf8Start[index] }
        count = start + text.utf8CodeUnitCount
    }

    @inline(__always)
    private static func isOne(_ byte: UInt8, of letters: StaticString) -> Bool {
        var mask: UInt32 = 0
        for index in 0..<letters.utf8CodeUnitCount { mask |= 1 << UInt32(letters.utf8Start[index] &- 97) }
        let letter = byte &- 97
        return letter < 26 && mask >> UInt32(letter) & 1 == 1
    }

    @inline(__always)
    private func isVowel(_ index: Int) -> Bool { Stem.isOne(word[index], of: "aeiouy") }

    private func hasVowel(before end: Int) -> Bool {
        var index = end
        while index > 0 {
            index -= 1
            if isVowel(index) { return true }
        }
        return false
    }

    private func endsWithShortSyllable(_ end: Int) -> Bool {
        if end >= 3, !isVowel(end - 3), isVowel(end - 2), !isVowel(end - 1),
            !Stem.isOne(word[end - 1], of: "wx"), word[end - 1] != UInt8(ascii: "Y")
        {
            return true
        }
        if end == 2, isVowel(0), !isVowel(1) { return true }
        return has("past", before: end)
    }

    mutating func run() {
        let hasConsonantY = markConsonants()
        markRegions()
        step1a()
        step1b()
        step1c()
        step2()
        step3()
        step4()
        step5()
        guard hasConsonantY else { return }
        for index in 0..<count where word[index] == UInt8(ascii: "Y") { word[index] = UInt8(ascii: "y") }
    }

    /// A `y` at the beginning or after a vowel is no vowel, and is written `Y` meanwhile.
    private mutating func markConsonants() -> Bool {
        var found = false
        for index in 0..<count where word[index] == UInt8(ascii: "y") && (index == 0 || isVowel(index - 1)) {
            word[index] = UInt8(ascii: "Y")
            found = true
        }
        return found
    }

    private mutating func markRegions() {
        first = specialStart() ?? afterVowelAndConsonant(from: 0)
        second = afterVowelAndConsonant(from: first)
    }

    private func afterVowelAndConsonant(from start: Int) -> Int {
        var index = start
        while index < count, !isVowel(index) { index += 1 }
        while index < count, isVowel(index) { index += 1 }
        return min(index + 1, count)
    }

    private func specialStart() -> Int? {
        func begins(_ text: StaticString) -> Int? {
            let length = text.utf8CodeUnitCount
            return count >= length && has(text, before: length) ? length : nil
        }
        return switch word[0] {
        case UInt8(ascii: "a"): begins("arsen")
        case UInt8(ascii: "c"): begins("commun")
        case UInt8(ascii: "e"): begins("emerg")
        case UInt8(ascii: "g"): begins("gener")
        case UInt8(ascii: "i"): begins("inter")
        case UInt8(ascii: "l"): begins("later")
        case UInt8(ascii: "o"): begins("organ")
        case UInt8(ascii: "p"): begins("past")
        case UInt8(ascii: "u"): begins("univers")
        default: nil
        }
    }

    private mutating func step1a() {
        if word[count - 1] == UInt8(ascii: "'") {
            count -= ends("'s'") ? 3 : 1
        } else if ends("'s") {
            count -= 2
        }
        guard count > 0 else { return }
        if word[count - 1] == UInt8(ascii: "d") {
            if ends("ied") { replace(3, with: count > 4 ? "i" : "ie") }
            return
        }
        guard word[count - 1] == UInt8(ascii: "s") else { return }
        if ends("ies") {
            replace(3, with: count > 4 ? "i" : "ie")
        } else if ends("sses") {
            count -= 2
        } else if !ends("ss"), !ends("us"), count > 1, hasVowel(before: count - 2) {
            count -= 1
        }
    }

    private mutating func step1b() {
        let length: Int
        switch count == 0 ? 0 : word[count - 1] {
        case UInt8(ascii: "d"):
            guard ends("ed") else { return }
            if ends("eed") { return agreed(3) }
            length = 2
        case UInt8(ascii: "y"):
            if ends("eedly") { return agreed(5) }
            if ends("ingly") { length = 5 } else if ends("edly") { length = 4 } else { return }
        case UInt8(ascii: "g"):
            guard ends("ing") else { return }
            let end = count - 3
            if end == 2, word[1] == UInt8(ascii: "y"), !isVowel(0) { return replace(4, with: "ie") }
            switch end {
            case 3: if has("inn", before: 3) || has("out", before: 3) { return }
            case 4:
                if has("even", before: 4) || has("cann", before: 4) || has("earr", before: 4) || has("herr", before: 4)
                {
                    return
                }
            default: break
            }
            length = 3
        default: return
        }
        guard hasVowel(before: count - length) else { return }
        count -= length
        let last = word[count - 1]
        if ends("at") || ends("bl") || ends("iz") {
            replace(0, with: "e")
        } else if count >= 2, word[count - 2] == last, Stem.isOne(last, of: "bdfgmnprt") {
            if count == 3, Stem.isOne(word[0], of: "aeo") { return }
            count -= 1
        } else if count == first, endsWithShortSyllable(count) {
            replace(0, with: "e")
        }
    }

    private mutating func agreed(_ length: Int) {
        let end = count - length
        guard first <= end else { return }
        if end == 4, has("succ", before: 4) || has("proc", before: 4) { return }
        if end == 3, has("exc", before: 3) { return }
        replace(length, with: "ee")
    }

    private mutating func step1c() {
        guard count > 2, !isVowel(count - 2), word[count - 1] | 0x20 == UInt8(ascii: "y") else { return }
        word[count - 1] = UInt8(ascii: "i")
    }

    /// Replaces a suffix that lies in the region that begins at `start`. A suffix that is there ends the step either way.
    @inline(__always)
    private mutating func exchange(_ suffix: StaticString, _ text: StaticString, in start: Int) -> Bool {
        guard ends(suffix) else { return false }
        if count - suffix.utf8CodeUnitCount >= start { replace(suffix.utf8CodeUnitCount, with: text) }
        return true
    }

    private mutating func step2() {
        guard count > 2 else { return }
        switch word[count - 1] {
        case UInt8(ascii: "l"): _ = exchange("ational", "ate", in: first) || exchange("tional", "tion", in: first)
        case UInt8(ascii: "m"): _ = exchange("alism", "al", in: first)
        case UInt8(ascii: "n"): _ = exchange("ization", "ize", in: first) || exchange("ation", "ate", in: first)
        case UInt8(ascii: "r"): _ = exchange("izer", "ize", in: first) || exchange("ator", "ate", in: first)
        case UInt8(ascii: "s"):
            _ =
                exchange("iveness", "ive", in: first) || exchange("fulness", "ful", in: first)
                || exchange("ousness", "ous", in: first)
        case UInt8(ascii: "t"): _ = exchange("ogist", "og", in: first)
        case UInt8(ascii: "i"): step2i()
        default: break
        }
    }

    private mutating func step2i() {
        switch word[count - 2] {
        case UInt8(ascii: "c"): _ = exchange("enci", "ence", in: first) || exchange("anci", "ance", in: first)
        case UInt8(ascii: "g"):
            guard ends("ogi"), count - 3 >= first, count > 3, word[count - 4] == UInt8(ascii: "l") else { return }
            count -= 1
        case UInt8(ascii: "l"):
            if exchange("fulli", "ful", in: first) || exchange("lessli", "less", in: first)
                || exchange("ousli", "ous", in: first) || exchange("entli", "ent", in: first)
                || exchange("abli", "able", in: first) || exchange("alli", "al", in: first)
                || exchange("bli", "ble", in: first)
            {
                return
            }
            if count - 2 >= first, count > 2, Stem.isOne(word[count - 3], of: "cdeghkmnrt") { count -= 2 }
        case UInt8(ascii: "t"):
            _ =
                exchange("biliti", "ble", in: first) || exchange("aliti", "al", in: first)
                || exchange("iviti", "ive", in: first)
        default: break
        }
    }

    private mutating func step3() {
        guard count > 2 else { return }
        switch word[count - 1] {
        case UInt8(ascii: "e"):
            if exchange("icate", "ic", in: first) || exchange("alize", "al", in: first) { return }
            if ends("ative"), count - 5 >= first, count - 5 >= second { count -= 5 }
        case UInt8(ascii: "i"): _ = exchange("iciti", "ic", in: first)
        case UInt8(ascii: "l"):
            _ =
                exchange("ational", "ate", in: first) || exchange("tional", "tion", in: first)
                || exchange("ical", "ic", in: first) || exchange("ful", "", in: first)
        case UInt8(ascii: "s"): _ = exchange("ness", "", in: first)
        default: break
        }
    }

    private mutating func step4() {
        guard count > 2 else { return }
        switch word[count - 1] {
        case UInt8(ascii: "c"): _ = exchange("ic", "", in: second)
        case UInt8(ascii: "e"):
            _ =
                exchange("ance", "", in: second) || exchange("ence", "", in: second) || exchange("able", "", in: second)
                || exchange("ible", "", in: second) || exchange("ate", "", in: second)
                || exchange("ive", "", in: second) || exchange("ize", "", in: second)
        case UInt8(ascii: "i"): _ = exchange("iti", "", in: second)
        case UInt8(ascii: "l"): _ = exchange("al", "", in: second)
        case UInt8(ascii: "m"): _ = exchange("ism", "", in: second)
        case UInt8(ascii: "n"):
            guard ends("ion"), count - 3 >= second, count > 3, Stem.isOne(word[count - 4], of: "st") else { return }
            count -= 3
        case UInt8(ascii: "r"): _ = exchange("er", "", in: second)
        case UInt8(ascii: "s"): _ = exchange("ous", "", in: second)
        case UInt8(ascii: "t"):
            _ =
                exchange("ement", "", in: second) || exchange("ment", "", in: second)
                || exchange("ent", "", in: second) || exchange("ant", "", in: second)
        default: break
        }
    }

    private mutating func step5() {
        guard count > 0 else { return }
        let end = count - 1
        if word[end] == UInt8(ascii: "e") {
            if end >= second || (end >= first && !endsWithShortSyllable(end)) { count = end }
        } else if word[end] == UInt8(ascii: "l"), end >= second, end > 0, word[end - 1] == UInt8(ascii: "l") {
            count = end
        }
    }
}
