/// The days that a cron expression names: by month, day of the month and day of the week.
struct CronDays: Sendable, Hashable {
    /// Days of a month that depend on its length, or on where its weekdays lie.
    private enum OfMonth: Sendable, Hashable {
        /// So many days before the last.
        case beforeLast(Int)
        case lastWeekday
        /// The weekday nearest to a day, within the month.
        case weekdayNear(Int)
    }

    private let months: UInt64
    private let days: UInt64
    private let specialDays: [OfMonth]
    /// 0 is Sunday.
    private let weekdays: UInt64
    /// The last one of a weekday in a month, as bits.
    private let lastWeekdays: UInt64
    /// The n-th one of a weekday.
    private let nthWeekdays: [[Int]]
    /// Both are restricted, so either is enough.
    private let eitherDay: Bool

    init(
        ofMonth days: Substring, month: Substring, ofWeek weekdays: Substring
    ) throws(CronExpression.Invalid) {
        months = try CronField.month.values(month)
        let days = days == "?" ? "*" : days
        let asksForBoth = weekdays.hasPrefix("+")
        let weekdays = weekdays == "?" ? "*" : asksForBoth ? weekdays.dropFirst() : weekdays
        (self.days, specialDays) = try Self.days(days)
        (self.weekdays, lastWeekdays, nthWeekdays) = try Self.weekdays(weekdays)
        eitherDay = !asksForBoth && !days.hasPrefix("*") && !weekdays.hasPrefix("*")
    }

    private static func days(_ text: Substring) throws(CronExpression.Invalid) -> (UInt64, [OfMonth]) {
        var (plain, special) = (UInt64(0), [OfMonth]())
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            if part == "l" {
                special.append(.beforeLast(0))
            } else if part == "lw" {
                special.append(.lastWeekday)
            } else if part.hasPrefix("l-") {
                special.append(.beforeLast(try CronField.dayOfMonth.number(part.dropFirst(2))))
            } else if part.hasSuffix("w") {
                special.append(.weekdayNear(try CronField.dayOfMonth.number(part.dropLast())))
            } else {
                plain |= try CronField.dayOfMonth.values(part)
            }
        }
        return (plain, special)
    }

    private static func weekdays(
        _ text: Substring
    ) throws(CronExpression.Invalid) -> (UInt64, last: UInt64, nth: [[Int]]) {
        var (plain, last, nth) = (UInt64(0), UInt64(0), [[Int]]())
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            if part.count > 1, part.hasSuffix("l") {
                let day = part.hasSuffix("#l") ? part.dropLast(2) : part.dropLast()
                last |= 1 << UInt64(try CronField.dayOfWeek.number(day) % 7)
            } else if let mark = part.firstIndex(of: "#") {
                guard let number = part[part.index(after: mark)...].digits, (1...5).contains(number) else {
                    throw CronExpression.Invalid(description: "'\(part)' names none of the five weeks of a month")
                }
                nth.append([try CronField.dayOfWeek.number(part[..<mark]) % 7, number])
            } else {
                plain |= try CronField.dayOfWeek.values(part)
            }
        }
        // 7 is Sunday as well.
        return ((plain | plain >> 7) & 0x7F, last, nth)
    }

    /// - Parameter day: After 1970-01-01.
    func contains(_ day: Int64) -> Bool {
        let (year, month, dayOfMonth) = Timestamp.civil(fromDays: day)
        guard months >> UInt64(month) & 1 == 1 else { return false }
        let next = month == 12 ? (year + 1, 1) : (year, month + 1)
        let length = Int(Timestamp.days(fromCivil: next.0, month: next.1, day: 1) - day + dayOfMonth - 1)
        let (number, weekday) = (Int(dayOfMonth), Self.weekday(of: day))
        let isDay =
            days >> UInt64(number) & 1 == 1
            || specialDays.contains { Self.day($0, of: day - dayOfMonth + 1, length: length) == number }
        let isWeekday =
            weekdays >> UInt64(weekday) & 1 == 1 || lastWeekdays >> UInt64(weekday) & 1 == 1 && number > length - 7
            || nthWeekdays.contains([weekday, (number + 6) / 7])
        return eitherDay ? isDay || isWeekday : isDay && isWeekday
    }

    private static func weekday(of day: Int64) -> Int {
        Int((day + 4).floorDivided(by: 7).remainder)
    }

    /// Which day of the month is meant; 0 when it has none.
    /// - Parameter first: The first of the month.
    private static func day(_ special: OfMonth, of first: Int64, length: Int) -> Int {
        switch special {
        case .beforeLast(let count): return max(0, length - count)
        case .lastWeekday: return nearestWeekday(to: length, of: first, length: length)
        case .weekdayNear(let day): return day > length ? 0 : nearestWeekday(to: day, of: first, length: length)
        }
    }

    private static func nearestWeekday(to day: Int, of first: Int64, length: Int) -> Int {
        switch weekday(of: first + Int64(day) - 1) {
        case 6: day > 1 ? day - 1 : day + 2
        case 0: day < length ? day + 1 : day - 2
        default: day
        }
    }
}
