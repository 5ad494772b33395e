/// A moment in UTC with a resolution of a microsecond; stored as a 64-bit count of microseconds since 1970-01-01T00:00:00Z.
package struct Timestamp: Sendable, Hashable, Comparable {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// The moment `duration` later, rounded to the microsecond; saturates at the ends of the range.
    package static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = moment.microseconds.addingReportingOverflow(duration.microseconds)
        return Timestamp(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    package static func - (moment: Timestamp, duration: Duration) -> Timestamp { moment + (.zero - duration) }

    package static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .microseconds(later.microseconds &- earlier.microseconds)
    }
}

extension Duration {
    /// The whole number of microseconds, rounded toward zero; saturates at the ends of `Int64`.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, spilled) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return spilled ? (seconds < 0 ? .min : .max) : sum
    }

    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with six fraction digits: `2026-11-21T03:31:00.000000Z`.
    ///
    /// The calendar is Howard Hinnant's `civil_from_days` (chrono-Compatible Low-Level Date Algorithms).
    package var description: String {
        let (days, inDay) = microseconds.floorDivided(by: 86_400_000_000)
        let (year, month, day) = Timestamp.civil(fromDays: days)
        let (hour, inHour) = inDay.quotientAndRemainder(dividingBy: 3_600_000_000)
        let (minute, inMinute) = inHour.quotientAndRemainder(dividingBy: 60_000_000)
        let (second, fraction) = inMinute.quotientAndRemainder(dividingBy: 1_000_000)
        var text = ""
        text.reserveCapacity(27)
        text.append(padded: year, to: 4)
        text.append("-")
        text.append(padded: month, to: 2)
        text.append("-")
        text.append(padded: day, to: 2)
        text.append("T")
        text.append(padded: hour, to: 2)
        text.append(":")
        text.append(padded: minute, to: 2)
        text.append(":")
        text.append(padded: second, to: 2)
        text.append(".")
        text.append(padded: fraction, to: 6)
        text.append("Z")
        return text
    }

    /// Year, month 1...12 and day 1...31 of the proleptic Gregorian calendar, `days` after 1970-01-01.
    package static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).floorDivided(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// Days after 1970-01-01 of a date of the proleptic Gregorian calendar.
    package static func days(fromCivil year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.floorDivided(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Int64 {
    /// Quotient rounded toward negative infinity, and the remainder that is never negative; `divisor` is positive.
    package func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension String {
    fileprivate mutating func append(padded number: Int64, to width: Int) {
        let digits = String(number.magnitude)
        if number < 0 { append("-") }
        for _ in 0..<Swift.max(0, width - digits.count) { append("0") }
        append(digits)
    }
}
