/// Cron: minute, hour, day of month, month, day of week, or six fields with seconds before them.
///
/// Fields take `*`, numbers, ranges `a-b`, steps `/n`, lists with commas, names of months and days (`JAN`, `MON`), and 7 for
/// Sunday. Days of the month also take `L` (the last), `L-3` (three before it), `15W` (the weekday nearest to the 15th within
/// the month) and `LW` (the last weekday); days of the week `5L` or `5#L` (the last Friday) and `1#2` (the second Monday); `?`
/// is `*`. Where day of month and day of week are both restricted, either is enough, as POSIX has it; a `+` before the day of
/// week asks for both. `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` stand for what they
/// say.
///
/// Source of `L`, `#L`, `W` and `+`: Open Cron Pattern Specification 1.3 and 1.4 (draft).
package struct CronExpression: Sendable, Hashable {
    package struct Invalid: Error, CustomStringConvertible {
        package let description: String
    }

    /// As it was given, its fields one blank apart.
    package let text: String
    private let seconds: UInt64
    private let minutes: UInt64
    private let hours: UInt64
    private let days: CronDays
    /// The hour or the minute is left open (`*`, or a step of it): such a schedule follows the clock on the wall, where another
    /// one means times of the day.
    package let followsClock: Bool

    private static let macros = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]
    private static let bytesMax = 256
    private static let secondsPerDay: Int64 = 86_400
    /// A leap day falls on one day of the week at least once in 40 years.
    private static let daysMax = 41 * 366

    package init(_ text: String) throws(Invalid) {
        guard text.utf8.count <= Self.bytesMax else { throw Invalid(description: "a schedule is too long") }
        self.text = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let lower = self.text.lowercased()
        var fields = (Self.macros[lower] ?? lower).split(separator: " ")
        guard fields.count == 5 || fields.count == 6 else {
            throw Invalid(
                description:
                    "a schedule has five fields: minute, hour, day of month, month, day of week; or six, with seconds first"
            )
        }
        let second = fields.count == 6 ? fields.removeFirst() : "0"
        seconds = try CronField.second.values(second)
        minutes = try CronField.minute.values(fields[0])
        hours = try CronField.hour.values(fields[1])
        days = try CronDays(ofMonth: fields[2], month: fields[3], ofWeek: fields[4])
        followsClock = fields[0].hasPrefix("*") || fields[1].hasPrefix("*")
        guard nextLocal(after: 0) != nil else { throw Invalid(description: "there is no such day in any year") }
    }

    /// The first moment after `moment` that it names, in UTC; `nil` when there is none within 41 years.
    package func next(after moment: Timestamp) -> Timestamp? {
        nextLocal(after: moment.secondsFloored).map { Timestamp(microseconds: $0 * 1_000_000) }
    }

    /// The first second after `second` that it names; both count from the beginning of 1970 by the clock on the wall.
    /// - Returns: `nil` when there is none within 41 years.
    package func nextLocal(after second: Int64) -> Int64? {
        let start = (second + 1).floorDivided(by: Self.secondsPerDay)
        var (day, time) = (start.quotient, Int(start.remainder))
        for _ in 0..<Self.daysMax {
            if days.contains(day), let found = firstTime(from: time) {
                return day * Self.secondsPerDay + Int64(found)
            }
            day += 1
            time = 0
        }
        return nil
    }

    /// The first second of the day from `time` on.
    private func firstTime(from time: Int) -> Int? {
        var (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60)
        while let next = hours.first(from: hour) {
            if next > hour { (hour, minute, second) = (next, 0, 0) }
            while let next = minutes.first(from: minute) {
                if next > minute { (minute, second) = (next, 0) }
                if let second = seconds.first(from: second) { return hour * 3_600 + minute * 60 + second }
                (minute, second) = (minute + 1, 0)
            }
            (hour, minute, second) = (hour + 1, 0, 0)
        }
        return nil
    }
}

extension UInt64 {
    /// The lowest bit that is set, from `bit` on.
    fileprivate func first(from bit: Int) -> Int? {
        guard bit < 64 else { return nil }
        let rest = self >> UInt64(bit)
        return rest == 0 ? nil : bit + rest.trailingZeroBitCount
    }
}

extension Timestamp {
    /// Whole seconds since 1970, towards the past.
    package var secondsFloored: Int64 { microseconds.floorDivided(by: 1_000_000).quotient }
}
