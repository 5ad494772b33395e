#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads dates by a format of C's `strptime`, with English names, the same on every system.
struct DateParser {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var time = tm()
    private var isAfternoon: Bool?
    private var century: Int?

    init(_ text: String) {
        bytes = Array(text.utf8)
        time.tm_mday = 0
    }

    /// What the format did not ask for.
    var rest: String { String(decoding: bytes[position...], as: UTF8.self) }

    var isAtSpaceOrEnd: Bool { position == bytes.count || Self.isSpace(bytes[position]) }

    /// Whether the text has the format; sets `time`, with weekday and day of the year.
    mutating func read(_ format: String) -> Bool {
        guard readFields(format.utf8[...]) else { return false }
        if let isAfternoon { time.tm_hour = time.tm_hour % 12 + (isAfternoon ? 12 : 0) }
        if let century { time.tm_year = Int32(century * 100) + time.tm_year % 100 - 1_900 }
        if time.tm_mday > 0 {
            var normal = time
            normal.tm_hour = 12
            timegm(&normal)
            time.tm_wday = normal.tm_wday
            time.tm_yday = normal.tm_yday
        }
        return true
    }

    private mutating func readFields(_ format: Substring.UTF8View) -> Bool {
        var format = format
        while let byte = format.popFirst() {
            if Self.isSpace(byte) {
                skipSpace()
            } else if byte == UInt8(ascii: "%") {
                guard var field = format.popFirst() else { return false }
                if field == UInt8(ascii: "E") || field == UInt8(ascii: "O") {
                    guard let next = format.popFirst() else { return false }
                    field = next
                }
                guard readField(Unicode.Scalar(field)) else { return false }
            } else {
                guard position < bytes.count, bytes[position] == byte else { return false }
                position += 1
            }
        }
        return true
    }

    private mutating func readField(_ field: Unicode.Scalar) -> Bool {
        switch field {
        case "Y": return number(0...9_999, digits: 4) { $0.time.tm_year = Int32($1 - 1_900) }
        case "C": return number(0...99, digits: 2) { $0.century = $1 }
        case "y": return number(0...99, digits: 2) { $0.time.tm_year = Int32($1 < 69 ? $1 + 100 : $1) }
        case "m": return number(1...12, digits: 2) { $0.time.tm_mon = Int32($1 - 1) }
        case "d", "e": return number(1...31, digits: 2) { $0.time.tm_mday = Int32($1) }
        case "H", "k": return number(0...23, digits: 2) { $0.time.tm_hour = Int32($1) }
        case "I", "l": return number(1...12, digits: 2) { $0.time.tm_hour = Int32($1 % 12) }
        case "M": return number(0...59, digits: 2) { $0.time.tm_min = Int32($1) }
        case "S": return number(0...61, digits: 2) { $0.time.tm_sec = Int32($1) }
        case "j": return number(1...366, digits: 3) { $0.time.tm_yday = Int32($1 - 1) }
        case "u": return number(1...7, digits: 1) { $0.time.tm_wday = Int32($1 % 7) }
        case "w": return number(0...6, digits: 1) { $0.time.tm_wday = Int32($1) }
        case "U", "W", "V": return number(0...53, digits: 2) { _, _ in }
        case "g": return number(0...99, digits: 2) { _, _ in }
        case "G": return number(0...9_999, digits: 4) { _, _ in }
        case "s":
            return number(0...253_402_300_799, digits: 12) { parser, seconds in
                var whole = time_t(seconds)
                gmtime_r(&whole, &parser.time)
            }
        case "b", "B", "h": return name(Self.months) { $0.time.tm_mon = Int32($1) }
        case "a", "A": return name(Self.weekdays) { $0.time.tm_wday = Int32($1) }
        case "p": return name(["AM", "PM"]) { $0.isAfternoon = $1 == 1 }
        case "D", "x": return readFields("%m/%d/%y"[...].utf8)
        case "F": return readFields("%Y-%m-%d"[...].utf8)
        case "T", "X": return readFields("%H:%M:%S"[...].utf8)
        case "R": return readFields("%H:%M"[...].utf8)
        case "r": return readFields("%I:%M:%S %p"[...].utf8)
        case "c": return readFields("%a %b %e %H:%M:%S %Y"[...].utf8)
        case "n", "t":
            skipSpace()
            return true
        case "Z":
            // A zone's name is stepped over; what it means is unknown to C as well.
            while position < bytes.count, bytes[position] | 0x20 &- 97 < 26 { position += 1 }
            return true
        case "z": return zone()
        case "%":
            guard position < bytes.count, bytes[position] == UInt8(ascii: "%") else { return false }
            position += 1
            return true
        default: return false
        }
    }

    private mutating func number(
        _ range: ClosedRange<Int>, digits: Int, _ set: (inout DateParser, Int) -> Void
    ) -> Bool {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, position - start < digits, bytes[position] &- 48 < 10 {
            value = value * 10 + Int(bytes[position] - 48)
            position += 1
        }
        guard position > start, range.contains(value) else { return false }
        set(&self, value)
        return true
    }

    /// A name or its first three letters, in any case.
    private mutating func name(_ names: [String], _ set: (inout DateParser, Int) -> Void) -> Bool {
        skipSpace()
        for (index, name) in names.enumerated() {
            for candidate in [Array(name.utf8), Array(name.utf8.prefix(3))] {
                let text = bytes[position...].prefix(candidate.count)
                if text.count == candidate.count, zip(text, candidate).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) {
                    position += candidate.count
                    set(&self, index)
                    return true
                }
            }
        }
        return false
    }

    /// `Z`, `+hh`, `+hhmm` or `+hh:mm`; jq does not shift the time by it.
    private mutating func zone() -> Bool {
        skipSpace()
        guard position < bytes.count else { return false }
        if bytes[position] == UInt8(ascii: "Z") {
            position += 1
            return true
        }
        guard bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") else { return false }
        position += 1
        var digits = 0
        while position < bytes.count, digits < 4 {
            if bytes[position] &- 48 < 10 {
                digits += 1
            } else if digits != 2 || bytes[position] != UInt8(ascii: ":") {
                break
            }
            position += 1
        }
        return digits == 2 || digits == 4
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || 9...13 ~= byte }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
}
