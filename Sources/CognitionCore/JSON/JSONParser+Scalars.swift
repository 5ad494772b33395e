extension JSONParser {
    /// Reads the string whose opening quote is at `place`.
    mutating func readString() throws(JSONParsingError) -> String {
        let start = place + 1
        place = start
        skipPlain()
        guard place < end else { throw invalid("The string has no closing quote", at: start - 1) }
        guard base[place] != UInt8(ascii: "\"") else {
            place += 1
            return try string(UnsafeBufferPointer(start: base + start, count: place - 1 - start), from: start)
        }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: UnsafeBufferPointer(start: base + start, count: place - start))
        while true {
            guard place < end else { throw invalid("The string has no closing quote", at: start - 1) }
            switch base[place] {
            case UInt8(ascii: "\""):
                place += 1
                // Offsets in the scratch are not those in the text, so the raw string is looked at instead.
                let raw = UnsafeBufferPointer(start: base + start, count: place - 1 - start)
                if let wrong = raw.firstBreakOfUTF8() { throw notUTF8(at: start + wrong) }
                return String(decoding: scratch, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try readEscape()
            default:
                throw invalid("A control character in a string must be written as an escape", at: place)
            }
            let plain = place
            skipPlain()
            scratch.append(contentsOf: UnsafeBufferPointer(start: base + plain, count: place - plain))
        }
    }

    /// Moves to the next quote, backslash or control character, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while place + 8 <= end {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + place).loadUnaligned(as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The lowest bit set marks the first such byte; borrows only reach bytes above it.
            let found =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word))
                & highs
            if found != 0 {
                place += found.trailingZeroBitCount >> 3
                return
            }
            place += 8
        }
        while place < end {
            let byte = base[place]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { return }
            place += 1
        }
    }

    /// Copies the bytes into a string after a look whether they are UTF-8.
    ///
    /// `String(validating:as:)` would do the same in one step, but runs unspecialized and several times slower.
    @inline(__always)
    private func string(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) throws(JSONParsingError) -> String {
        if let wrong = bytes.firstBreakOfUTF8() { throw notUTF8(at: start + wrong) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func notUTF8(at offset: Int) -> JSONParsingError { invalid("The text is not UTF-8 here", at: offset) }

    private mutating func readEscape() throws(JSONParsingError) {
        let start = place
        guard place + 1 < end else { throw invalid("The escape is cut off", at: start) }
        let letter = base[place + 1]
        place += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scratch.append(letter)
        case UInt8(ascii: "b"): scratch.append(0x08)
        case UInt8(ascii: "f"): scratch.append(0x0C)
        case UInt8(ascii: "n"): scratch.append(0x0A)
        case UInt8(ascii: "r"): scratch.append(0x0D)
        case UInt8(ascii: "t"): scratch.append(0x09)
        case UInt8(ascii: "u"): try readUnicodeEscape(from: start)
        default: throw invalid("There is no such escape in JSON", at: start)
        }
    }

    private mutating func readUnicodeEscape(from start: Int) throws(JSONParsingError) {
        var code = try readCodeUnit(from: start)
        if code & 0xFC00 == 0xD800, place + 1 < end, base[place] == UInt8(ascii: "\\"),
            base[place + 1] == UInt8(ascii: "u")
        {
            place += 2
            let low = try readCodeUnit(from: place - 2)
            guard low & 0xFC00 == 0xDC00 else { throw invalid("The escape is one half of a surrogate pair", at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw invalid("The escape is one half of a surrogate pair", at: start)
        }
        scratch.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func readCodeUnit(from start: Int) throws(JSONParsingError) -> UInt32 {
        guard place + 4 <= end else { throw invalid("The escape is cut off", at: start) }
        var code: UInt32 = 0
        for index in place..<place + 4 {
            guard let digit = base[index].hexadecimalDigit else {
                throw invalid("The escape needs four hexadecimal digits", at: start)
            }
            code = code << 4 | UInt32(digit)
        }
        place += 4
        return code
    }
}

extension JSONParser {
    /// Reads the number at `place`, which is a digit or a minus sign.
    mutating func readNumber() throws(JSONParsingError) -> JSONValue {
        let start = place
        let isNegative = base[place] == UInt8(ascii: "-")
        if isNegative { place += 1 }
        var mantissa: UInt64 = 0
        let whole = readDigits(into: &mantissa)
        guard whole > 0 else { throw invalid("The number has no digits", at: start) }
        guard whole == 1 || base[place - whole] != UInt8(ascii: "0") else {
            throw invalid("A number has no leading zeros", at: start)
        }
        var fraction = 0
        var isPlain = true
        if place < end, base[place] == UInt8(ascii: ".") {
            place += 1
            fraction = readDigits(into: &mantissa)
            guard fraction > 0 else { throw invalid("Digits must follow the decimal point", at: place) }
        }
        if place < end, base[place] | 0x20 == UInt8(ascii: "e") {
            isPlain = false
            place += 1
            if place < end, base[place] == UInt8(ascii: "+") || base[place] == UInt8(ascii: "-") { place += 1 }
            var ignored: UInt64 = 0
            guard readDigits(into: &ignored) > 0 else { throw invalid("Digits must follow the exponent", at: place) }
        }
        if isPlain, whole + fraction <= 18 {
            if fraction == 0, mantissa != 0 || !isNegative {
                return .integer(isNegative ? -Int64(mantissa) : Int64(mantissa))
            }
            if let value = shortFraction(mantissa, whole: whole, fraction: fraction) {
                return .number(isNegative ? -value : value)
            }
        }
        return slowNumber(from: start, isInteger: isPlain && fraction == 0)
    }

    /// Digits from `place` on; the sum is meaningful while there are at most 19 of them.
    @inline(__always)
    private mutating func readDigits(into mantissa: inout UInt64) -> Int {
        let start = place
        while place < end {
            let digit = base[place] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            place += 1
        }
        return place - start
    }

    /// The double of a decimal fraction of at most 15 digits, if the double prints back as the same text.
    ///
    /// Up to 15 digits every decimal has a double of its own, so the shortest text of that double has the same digits;
    /// and below 2^53 and 10^22 one division rounds correctly. Source: W. Clinger, "How to Read Floating Point Numbers
    /// Accurately", 1990.
    @inline(__always)
    private func shortFraction(_ mantissa: UInt64, whole: Int, fraction: Int) -> Double? {
        guard whole + fraction <= 15, fraction > 0, mantissa != 0, base[place - 1] != UInt8(ascii: "0"),
            // Smaller ones are printed with an exponent.
            mantissa >= powersOfTen[max(0, fraction - 4)]
        else { return nil }
        return Double(mantissa) / Double(powersOfTen[fraction])
    }

    private func slowNumber(from start: Int, isInteger: Bool) -> JSONValue {
        let text = String(decoding: UnsafeBufferPointer(start: base + start, count: place - start), as: UTF8.self)
        return JSONValue(numberLiteral: text, isInteger: isInteger)
    }
}

private let powersOfTen: [UInt64] = [
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
    100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
]

extension JSONValue {
    /// The value of a number's text, which follows JSON's grammar.
    package init(numberLiteral text: String, isInteger: Bool) {
        if isInteger, text != "-0", let value = Int64(text) {
            self = .integer(value)
        } else if let value = Double(text), value.isFinite, NumberText.shortest(value) == text {
            self = .number(value)
        } else {
            self = .literal(text)
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The offset of the first byte that is not part of well-formed UTF-8 (Unicode 16, table 3-7); `nil` if all are.
    func firstBreakOfUTF8() -> Int? {
        let raw = UnsafeRawBufferPointer(self)
        var place = 0
        while place < count {
            if place + 8 <= count,
                raw.loadUnaligned(fromByteOffset: place, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                place += 8
                continue
            }
            let lead = self[place]
            guard lead >= 0x80 else {
                place += 1
                continue
            }
            let second: ClosedRange<UInt8>
            let length: Int
            switch lead {
            case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
            case 0xE0: (second, length) = (0xA0...0xBF, 3)
            case 0xED: (second, length) = (0x80...0x9F, 3)
            case 0xE1...0xEF: (second, length) = (0x80...0xBF, 3)
            case 0xF0: (second, length) = (0x90...0xBF, 4)
            case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
            case 0xF4: (second, length) = (0x80...0x8F, 4)
            default: return place
            }
            guard place + length <= count, second.contains(self[place + 1]) else { return place }
            for index in (place + 2)..<(place + length) where self[index] & 0xC0 != 0x80 { return place }
            place += length
        }
        return nil
    }
}
