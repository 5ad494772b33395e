/// Reads the date and time forms of RFC 3339, section 5.6, byte by byte.
package struct RFC3339Reader {
    private var rest: ArraySlice<UInt8>
    private let fractionDigitsMax: Int

    private init(_ text: String, fractionDigitsMax: Int = .max) {
        rest = Array(text.utf8)[...]
        self.fractionDigitsMax = fractionDigitsMax
    }

    /// Whether `text` is a `full-date` such as `2026-11-21` that exists in the Gregorian calendar.
    package static func isDate(_ text: String) -> Bool {
        var reader = RFC3339Reader(text)
        return reader.date() != nil && reader.rest.isEmpty
    }

    /// Whether `text` is a `full-time` such as `03:31:00.5+01:00`; second 60 only where a leap second can be.
    package static func isTime(_ text: String) -> Bool {
        var reader = RFC3339Reader(text)
        return reader.time() != nil && reader.rest.isEmpty
    }

    /// Whether `text` is a `date-time` such as `2026-11-21T03:31:00.5+01:00`.
    package static func isDateTime(_ text: String) -> Bool { moment(text, fractionDigitsMax: .max) != nil }

    /// The moment of a `date-time`; `nil` if `text` is none. Digits after the sixth of a fraction are dropped.
    package static func moment(_ text: String, fractionDigitsMax: Int = 9) -> Timestamp? {
        var reader = RFC3339Reader(text, fractionDigitsMax: fractionDigitsMax)
        guard let days = reader.date(), reader.skip("T", "t"), let time = reader.time(), reader.rest.isEmpty else {
            return nil
        }
        return Timestamp(microseconds: days * 86_400_000_000 + time)
    }

    /// Days after 1970-01-01.
    private mutating func date() -> Int64? {
        guard let year = number(digits: 4), skip("-"), let month = number(digits: 2), skip("-"),
            let day = number(digits: 2), (1...12).contains(month), day >= 1
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length: Int64 =
            switch month {
            case 2: isLeap ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        return day <= length ? Timestamp.days(fromCivil: year, month: month, day: day) : nil
    }

    /// Microseconds after midnight UTC of the date that stands beside the time; negative or beyond a day for some
    /// offsets.
    private mutating func time() -> Int64? {
        guard let hour = number(digits: 2), skip(":"), let minute = number(digits: 2), skip(":"),
            let second = number(digits: 2), hour <= 23, minute <= 59, second <= 60,
            let fraction = fraction(), let offset = offsetMinutes()
        else { return nil }
        let minutes = hour * 60 + minute - offset
        // A leap second ends the last minute of a UTC day; it counts as the first second of the next.
        guard second < 60 || (minutes + 1_440) % 1_440 == 1_439 else { return nil }
        return (minutes * 60 + second) * 1_000_000 + fraction
    }

    /// Microseconds of an optional fraction; `nil` if malformed or too long.
    private mutating func fraction() -> Int64? {
        guard skip(".") else { return 0 }
        var microseconds: Int64 = 0
        var count = 0
        while let digit = digit() {
            count += 1
            if count <= 6 { microseconds = microseconds * 10 + digit }
        }
        guard (1...fractionDigitsMax).contains(count) else { return nil }
        for _ in 0..<max(0, 6 - count) { microseconds *= 10 }
        return microseconds
    }

    private mutating func offsetMinutes() -> Int64? {
        if skip("Z", "z") { return 0 }
        let sign: Int64
        if skip("+") {
            sign = 1
        } else if skip("-") {
            sign = -1
        } else {
            return nil
        }
        guard let hours = number(digits: 2), skip(":"), let minutes = number(digits: 2), hours <= 23, minutes <= 59
        else {
            return nil
        }
        return sign * (hours * 60 + minutes)
    }

    private mutating func number(digits: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    private mutating func digit() -> Int64? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int64(byte - UInt8(ascii: "0"))
    }

    private mutating func skip(_ letters: Unicode.Scalar...) -> Bool {
        guard let byte = rest.first, letters.contains(where: { UInt8(ascii: $0) == byte }) else { return false }
        rest.removeFirst()
        return true
    }
}

extension Timestamp: LosslessStringConvertible {
    /// Reads an RFC 3339 date-time with any offset and up to nine fraction digits, e.g. `2026-11-21T04:31:00.5+01:00`.
    ///
    /// A resolution of a microsecond is kept. A leap second (`23:59:60Z`) is read as the second after it. `nil` for
    /// anything else, also for days that do not exist.
    package init?(_ rfc3339: String) {
        guard let moment = RFC3339Reader.moment(rfc3339) else { return nil }
        self = moment
    }
}
