extension Duration {
    /// Reads an ISO 8601 duration such as `PT1.5S`, `P1DT2H` or `P2W`.
    ///
    /// A day is 24 hours and a week 7 days. Only the last part may have a fraction, of up to 18 digits. Years and
    /// months have no fixed length and are refused, as are signs, empty durations and those above 292,000 years.
    ///
    /// - Throws: `DurationError`.
    package init(iso8601 text: String) throws {
        var reader = DurationReader(text)
        self = try reader.iso8601()
    }

    /// The duration as `P1DT2H3M4.5S`; zero is `PT0S`; a negative one has a leading `-`.
    package var iso8601: String {
        let (wholeSeconds, attoseconds) = components
        var rest = wholeSeconds.magnitude
        let fraction = attoseconds.magnitude
        var text = wholeSeconds < 0 || attoseconds < 0 ? "-P" : "P"
        if rest >= 86_400 {
            text += "\(rest / 86_400)D"
            rest %= 86_400
        }
        guard rest > 0 || fraction > 0 || text.hasSuffix("P") else { return text }
        text += "T"
        if rest >= 3_600 { text += "\(rest / 3_600)H" }
        if rest % 3_600 >= 60 { text += "\(rest % 3_600 / 60)M" }
        if rest % 60 > 0 || fraction > 0 || text.hasSuffix("T") {
            text += "\(rest % 60)"
            if fraction > 0 {
                var digits = String(fraction)
                digits = "." + String(repeating: "0", count: 18 - digits.utf8.count) + digits
                while digits.hasSuffix("0") { digits.removeLast() }
                text += digits
            }
            text += "S"
        }
        return text
    }
}

/// Reads durations from the front of a text.
struct DurationReader {
    let text: String
    private var rest: Substring.UTF8View

    /// One number: its whole part and its fraction in units of 10^-18.
    private struct Amount {
        let whole: Int64
        let fraction: Int64
        let hasFraction: Bool
    }

    init(_ text: String) {
        self.text = text
        rest = Substring(text).utf8
    }

    mutating func iso8601() throws(DurationError) -> Duration {
        guard skip("P") else { throw DurationError(text, "it must start with P, as in PT30S") }
        var total = Duration.zero
        var isTime = false
        var hasParts = false
        var hadFraction = false
        // Every unit may come once, in this order.
        var units: [(letter: Unicode.Scalar, isTime: Bool, seconds: Int64)] = [
            ("W", false, 604_800), ("D", false, 86_400), ("H", true, 3_600), ("M", true, 60), ("S", true, 1),
        ]
        while !rest.isEmpty {
            if !isTime, skip("T") {
                isTime = true
                guard !rest.isEmpty else { break }
            }
            guard !hadFraction else { throw DurationError(text, "only its last part may have a fraction") }
            let amount = try self.amount()
            if !isTime, skip("Y") || skip("M") {
                throw DurationError(text, "years and months have no fixed length; use weeks, days or smaller units")
            }
            guard
                let place = units.firstIndex(where: {
                    $0.isTime == isTime && $0.letter.value == rest.first.map(UInt32.init)
                })
            else {
                throw DurationError(text, "a number must be followed by W, D, or after T by H, M, S, in this order")
            }
            rest.removeFirst()
            total = try add(amount, seconds: units[place].seconds, to: total)
            units.removeFirst(place + 1)
            hadFraction = amount.hasFraction
            hasParts = true
            if rest.isEmpty { return total }
        }
        throw DurationError(text, hasParts ? "T must be followed by hours, minutes or seconds" : "it has no parts")
    }

    /// A number and the name of a unit, or nothing for `bareUnit`.
    mutating func configuration(bareUnit: DurationUnit) throws(DurationError) -> Duration {
        let amount = try self.amount()
        let name = String(Substring(rest))
        guard let unit = name.isEmpty ? bareUnit : DurationUnit(rawValue: name) else {
            throw DurationError(text, "write a number and one of ms, s, m, h, d, as in 30s")
        }
        if unit == .milliseconds {
            let (seconds, milliseconds) = amount.whole.quotientAndRemainder(dividingBy: 1_000)
            let fraction = milliseconds * 1_000_000_000_000_000 + amount.fraction / 1_000
            return try add(Amount(whole: seconds, fraction: fraction, hasFraction: true), seconds: 1, to: .zero)
        }
        return try add(amount, seconds: unit.seconds, to: .zero)
    }

    private mutating func amount() throws(DurationError) -> Amount {
        var whole: Int64 = 0
        var digits = 0
        while let digit = digit() {
            digits += 1
            let (scaled, overflow) = whole.multipliedReportingOverflow(by: 10)
            let (sum, spilled) = scaled.addingReportingOverflow(digit)
            guard !overflow, !spilled else { throw DurationError(text, "it is too long") }
            whole = sum
        }
        guard digits > 0 else { throw DurationError(text, "a number is missing") }
        guard skip(".") || skip(",") else { return Amount(whole: whole, fraction: 0, hasFraction: false) }
        var fraction: Int64 = 0
        var places = 0
        while let digit = digit() {
            places += 1
            guard places <= 18 else { throw DurationError(text, "its fraction has more than 18 digits") }
            fraction = fraction * 10 + digit
        }
        guard places > 0 else { throw DurationError(text, "digits must follow the decimal point") }
        for _ in places..<18 { fraction *= 10 }
        return Amount(whole: whole, fraction: fraction, hasFraction: true)
    }

    private func add(_ amount: Amount, seconds: Int64, to total: Duration) throws(DurationError) -> Duration {
        let secondsMax = Int64.max / 1_000_000
        let (whole, overflow) = amount.whole.multipliedReportingOverflow(by: seconds)
        guard !overflow, whole <= secondsMax else { throw DurationError(text, "it is too long") }
        let sum =
            total + .seconds(whole) + Duration(secondsComponent: 0, attosecondsComponent: amount.fraction) * seconds
        guard sum < .seconds(secondsMax) else { throw DurationError(text, "it is too long") }
        return sum
    }

    private mutating func digit() -> Int64? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int64(byte - UInt8(ascii: "0"))
    }

    private mutating func skip(_ letter: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: letter) else { return false }
        rest.removeFirst()
        return true
    }
}
