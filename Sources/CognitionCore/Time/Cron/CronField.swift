/// One of the fields of a cron expression: what may stand in it.
enum CronField: String {
    case second
    case minute
    case hour
    case dayOfMonth = "day of month"
    case month
    case dayOfWeek = "day of week"

    var range: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    private var names: [String] {
        switch self {
        case .month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        case .dayOfWeek: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        case .second, .minute, .hour, .dayOfMonth: []
        }
    }

    /// The values that a field names, as bits.
    func values(_ text: Substring) throws(CronExpression.Invalid) -> UInt64 {
        var values: UInt64 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) { values |= try bits(of: part) }
        return values
    }

    func number(_ text: Substring) throws(CronExpression.Invalid) -> Int {
        if let place = names.firstIndex(of: String(text)) { return place + range.lowerBound }
        guard let number = text.digits, range.contains(number) else {
            throw CronExpression.Invalid(
                description: "'\(text)' is no \(rawValue): it is \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `*`, `a`, `a-b`, each with a step.
    private func bits(of part: Substring) throws(CronExpression.Invalid) -> UInt64 {
        let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var bounds = range
        if pieces[0] != "*" {
            let ends = pieces[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            let first = try number(ends[0])
            let last = ends.count == 2 ? try number(ends[1]) : pieces.count == 2 ? range.upperBound : first
            guard first <= last else {
                throw CronExpression.Invalid(description: "'\(part)' of \(rawValue) goes backwards")
            }
            bounds = first...last
        }
        var step = 1
        if pieces.count == 2 {
            guard let given = pieces[1].digits, given > 0 else {
                throw CronExpression.Invalid(description: "'\(part)' of \(rawValue) has no step")
            }
            step = given
        }
        return stride(from: bounds.lowerBound, through: bounds.upperBound, by: step).reduce(0) { $0 | 1 << UInt64($1) }
    }
}

extension Substring {
    /// A number that is digits and nothing else.
    var digits: Int? { utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(self) : nil }
}
