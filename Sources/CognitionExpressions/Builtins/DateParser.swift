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
    private var given: Given = []
    private var week = 0

    /// Which parts of a date the text has; `date` when it has any of which a date consists.
    private struct Given: OptionSet {
        let rawValue: Int
        static let date = Given(rawValue: 1)
        static let month = Given(rawValue: 2)
        static let day = Given(rawValue: 4)
        static let weekday = Given(rawValue: 8)
        static let dayOfYear = Given(rawValue: 16)
        /// Of a year whose weeks begin on Sunday.
        static let sundayWeek = Given(rawValue: 32)
        static let mondayWeek = Given(rawValue: 64)
        static let year = Given(rawValue: 128)
    }

    init(_ text: String) {
        bytes = Array(text.utf8)
        // What stays so when the text has no day, as in jq.
        time.tm_wday = 8
        time.tm_yday = 367
    }

    /// What the format did not ask for.
    var rest: String { String(decoding: bytes[position...], as: UTF8.self) }

    var isAtSpaceOrEnd: Bool { position == bytes.count || Self.isSpace(bytes[position]) }

    /// Whether the text has the format; sets `time`, with weekday and day of the year.
    mutating func read(_ format: String) -> Bool {
        guard readFields(format.utf8[...]) else { return false }
        if let isAfternoon { time.tm_hour = time.tm_hour % 12 + (isAfternoon ? 12 : 0) }
        if let century {
            time.tm_year = Int32(century * 100 - 1_900) + (given.contains(.year) ? time.tm_year % 100 : 0)
        }
        complete()
        return true
    }

    /// Works out what the text does not say, as C does: month and day from the day of the year or from week and weekday,
    /// weekday and day of the year from the date.
    private mutating func complete() {
        if given.contains(.date), !given.contains(.weekday) {
            if given.contains(.dayOfYear), !given.isSuperset(of: [.month, .day]) { setDate() }
            time.tm_wday = weekday(day: time.tm_mday, month: time.tm_mon)
        }
        if given.contains(.date), !given.contains(.dayOfYear) {
            time.tm_yday = monthStart(time.tm_mon) + time.tm_mday - 1
        }
        if !given.isDisjoint(with: [.sundayWeek, .mondayWeek]), given.contains(.weekday) {
            let first: Int32 = given.contains(.sundayWeek) ? 0 : 1
            if !given.contains(.dayOfYear) {
                let toFirstWeek = (7 - (weekday(day: 1, month: 0) - first)) % 7
                time.tm_yday = toFirstWeek + Int32(week - 1) * 7 + (time.tm_wday - first + 7) % 7
            }
            if !given.isSuperset(of: [.month, .day]) { setDate() }
        }
        if 1...31 ~= time.tm_mday {
            if time.tm_wday == 8 { time.tm_wday = weekday(day: time.tm_mday, month: time.tm_mon) }
            if time.tm_yday == 367 { time.tm_yday = monthStart(time.tm_mon) + time.tm_mday - 1 }
        }
    }

    /// Sets what is missing of month and day from the day of the year.
    private mutating func setDate() {
        var month: Int32 = 0
        while month < 11, monthStart(month + 1) <= time.tm_yday { month += 1 }
        if !given.contains(.month) { time.tm_mon = month }
        if !given.contains(.day) { time.tm_mday = time.tm_yday - monthStart(month) + 1 }
        given.formUnion([.month, .day])
    }

    private func weekday(day: Int32, month: Int32) -> Int32 {
        var date = tm()
        date.tm_year = time.tm_year
        date.tm_mon = month
        date.tm_mday = day
        date.tm_hour = 12
        timegm(&date)
        return date.tm_wday
    }

    /// Days of the year before a month.
    private func monthStart(_ month: Int32) -> Int32 {
        let year = Int(time.tm_year) + 1_900
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return Self.monthStarts[Int(month)] + (isLeap && month > 1 ? 1 : 0)
    }

    private static let monthStarts: [Int32] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

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
        case "Y": return number(0...9_999, digits: 4, [.date]) { $0.time.tm_year = Int32($1 - 1_900) }
        case "C": return number(0...99, digits: 2, [.date]) { $0.century = $1 }
        case "y": return number(0...99, digits: 2, [.date, .year]) { $0.time.tm_year = Int32($1 < 69 ? $1 + 100 : $1) }
        case "m": return number(1...12, digits: 2, [.date, .month]) { $0.time.tm_mon = Int32($1 - 1) }
        case "d", "e": return number(1...31, digits: 2, [.date, .day]) { $0.time.tm_mday = Int32($1) }
        case "H", "k": return number(0...23, digits: 2) { $0.time.tm_hour = Int32($1) }
        case "I", "l": return number(1...12, digits: 2) { $0.time.tm_hour = Int32($1 % 12) }
        case "M": return number(0...59, digits: 2) { $0.time.tm_min = Int32($1) }
        case "S": return number(0...61, digits: 2) { $0.time.tm_sec = Int32($1) }
        case "j": return number(1...366, digits: 3, [.dayOfYear]) { $0.time.tm_yday = Int32($1 - 1) }
        case "u": return number(1...7, digits: 1, [.weekday]) { $0.time.tm_wday = Int32($1 % 7) }
        case "w": return number(0...6, digits: 1, [.weekday]) { $0.time.tm_wday = Int32($1) }
        case "U": return number(0...53, digits: 2, [.sundayWeek]) { $0.week = $1 }
        case "W": return number(0...53, digits: 2, [.mondayWeek]) { $0.week = $1 }
        case "V": return number(0...53, digits: 2) { _, _ in }
        case "g": return number(0...99, digits: 2) { _, _ in }
        case "G": return number(0...9_999, digits: 4) { _, _ in }
        case "s":
            return number(0...253_402_300_799, digits: 12) { parser, seconds in
                var whole = time_t(seconds)
                gmtime_r(&whole, &parser.time)
            }
        case "b", "B", "h": return name(Self.months, [.date, .month]) { $0.time.tm_mon = Int32($1) }
        case "a", "A": return name(Self.weekdays, [.weekday]) { $0.time.tm_wday = Int32($1) }
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
            skipSpace()
            while position < bytes.count, !Self.isSpace(bytes[position]) { position += 1 }
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
        _ range: ClosedRange<Int>, digits: Int, _ parts: Given = [], _ set: (inout DateParser, Int) -> Void
    ) -> Bool {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, position - start < digits, bytes[position] &- 48 < 10 {
            value = value * 10 + Int(bytes[position] - 48)
            position += 1
        }
        guard position > start, range.contains(value) else { return false }
        given.formUnion(parts)
        set(&self, value)
        return true
    }

    /// A name or its first three letters, in any case.
    private mutating func name(
        _ names: [String], _ parts: Given = [], _ set: (inout DateParser, Int) -> Void
    ) -> Bool {
        skipSpace()
        for (index, name) in names.enumerated() {
            for candidate in [Array(name.utf8), Array(name.utf8.prefix(3))] {
                let text = bytes[position...].prefix(candidate.count)
                if text.count == candidate.count, zip(text, candidate).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) {
                    position += candidate.count
                    given.formUnion(parts)
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
