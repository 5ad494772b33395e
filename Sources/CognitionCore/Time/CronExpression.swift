/// The five fields of cron: minute, hour, day of month, month, day of week; in UTC.
///
/// Fields take `*`, numbers, ranges `a-b`, steps `/n`, lists with commas, names of months and days (`JAN`, `MON`), and 7 for
/// Sunday. Where day of month and day of week are both restricted, either is enough, as cron has it. `@hourly`, `@daily`,
/// `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` stand for what they say.
package struct CronExpression: Sendable, Hashable {
    package struct Invalid: Error, CustomStringConvertible {
        package let description: String
    }

    private let minutes: Set<Int>
    private let hours: Set<Int>
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let eitherDay: Bool

    private static let macros = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]
    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    private static let bytesMax = 256

    package init(_ text: String) throws(Invalid) {
        guard text.utf8.count <= Self.bytesMax else { throw Invalid(description: "a schedule is too long") }
        let lower = text.lowercased()
        let fields = (Self.macros[lower] ?? lower).split(whereSeparator: \.isWhitespace).map(String.init)
        guard fields.count == 5 else {
            throw Invalid(description: "a schedule has five fields: minute, hour, day of month, month, day of week")
        }
        minutes = try Self.field(fields[0], "minute", 0...59)
        hours = try Self.field(fields[1], "hour", 0...23)
        days = try Self.field(fields[2], "day of month", 1...31)
        months = try Self.field(fields[3], "month", 1...12, names: Self.monthNames, firstName: 1)
        weekdays = Set(
            try Self.field(fields[4], "day of week", 0...7, names: Self.dayNames, firstName: 0).map { $0 % 7 })
        eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        guard next(after: Timestamp(microseconds: 0)) != nil else {
            throw Invalid(description: "there is no such day in any year")
        }
    }

    private static func field(
        _ text: String, _ name: String, _ range: ClosedRange<Int>, names: [String] = [], firstName: Int = 0
    ) throws(Invalid) -> Set<Int> {
        func number(_ text: Substring) throws(Invalid) -> Int {
            if let place = names.firstIndex(of: String(text)) { return place + firstName }
            guard let number = Int(text), range.contains(number) else {
                throw Invalid(
                    description: "'\(text)' is no \(name): it is \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        var values: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var bounds = range
            if pieces[0] != "*" {
                let ends = pieces[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                let first = try number(ends[0])
                let last = ends.count == 2 ? try number(ends[1]) : pieces.count == 2 ? range.upperBound : first
                guard first <= last else { throw Invalid(description: "'\(part)' of \(name) goes backwards") }
                bounds = first...last
            }
            var step = 1
            if pieces.count == 2 {
                guard let given = Int(pieces[1]), given > 0 else {
                    throw Invalid(description: "'\(part)' of \(name) has no step")
                }
                step = given
            }
            values.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }
        return values
    }

    /// The first minute after `moment` that it names; `nil` when there is none within nine years.
    package func next(after moment: Timestamp) -> Timestamp? {
        let minute: Int64 = 60_000_000
        var day = moment.microseconds.flooredDivision(by: 86_400_000_000)
        var first = Int((moment.microseconds - day * 86_400_000_000) / minute) + 1
        // Leap days may lie eight years apart.
        for _ in 0..<(9 * 366) {
            let (_, month, dayOfMonth) = Timestamp.civil(fromDays: day)
            if months.contains(Int(month)), isDay(Int(dayOfMonth), weekday: Int((day + 4).flooredModulo(7))),
                let time = firstTime(from: first)
            {
                return Timestamp(microseconds: day * 86_400_000_000 + Int64(time) * minute)
            }
            day += 1
            first = 0
        }
        return nil
    }

    private func isDay(_ day: Int, weekday: Int) -> Bool {
        let (isDay, isWeekday) = (days.contains(day), weekdays.contains(weekday))
        return eitherDay ? isDay || isWeekday : isDay && isWeekday
    }

    /// The first minute of the day, from `first` on.
    private func firstTime(from first: Int) -> Int? {
        guard first < 1_440 else { return nil }
        return (first..<1_440).first { hours.contains($0 / 60) && minutes.contains($0 % 60) }
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    fileprivate func flooredModulo(_ divisor: Int64) -> Int64 { self - flooredDivision(by: divisor) * divisor }
}
