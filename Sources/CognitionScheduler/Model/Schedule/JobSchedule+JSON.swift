package import CognitionCore

extension JobSchedule {
    private static let triggers = ["cron", "every", "at", "after", "after_run", "on"]
    /// Members that may stand beside what it fires by.
    package static let optionNames = [
        "timezone", "gap", "overlap", "jitter", "start", "end", "misfire", "catch_up_window", "overlap_policy",
    ]
    static let members = triggers + optionNames

    private static let century: Duration = .seconds(36_525 * 86_400)
    private static let intervals = Duration.seconds(1)...century
    private static let delays = Duration.zero...century
    static let jitters = Duration.zero...Duration.seconds(86_400)
    static let catchUpWindows = Duration.zero...Duration.seconds(3_650 * 86_400)

    /// A day. What comes once, or nothing follows without, has no other firing that could stand for it, and is made up for as
    /// long as can be said.
    static func defaultCatchUpWindow(of trigger: Trigger) -> Duration {
        switch trigger {
        case .cron, .every, .on, .owner: .seconds(86_400)
        case .at, .after, .afterRun: catchUpWindows.upperBound
        }
    }

    static func trigger(_ reader: ScheduleReader) throws(SchedulerError) -> Trigger {
        let given = triggers.filter(reader.has)
        guard given.count == 1 else {
            throw reader.invalid("has exactly one of \(triggers.quoted), not \(given.isEmpty ? "none" : given.quoted)")
        }
        switch given[0] {
        case "cron": return .cron(try reader.cron("cron"))
        case "every": return .every(try reader.duration("every", in: intervals) ?? .zero)
        case "at": return .at(try reader.moment("at") ?? Timestamp(microseconds: 0))
        case "after": return .after(try reader.duration("after", in: delays) ?? .zero)
        case "after_run": return .afterRun(try reader.duration("after_run", in: intervals) ?? .zero)
        default: return .on(try reader.eventTrigger("on"))
        }
    }

    func checkBounds() throws(SchedulerError) {
        guard start == nil && end == nil || isRecurring && rest == nil else {
            throw SchedulerError(
                .scheduleInvalid, "'start' and 'end' are for 'cron', 'every' and 'on', not for '\(trigger.name)'")
        }
        if let start, let end, end <= start {
            throw SchedulerError(.scheduleInvalid, "'end' of a schedule must be later than its 'start'")
        }
    }

    /// The schedule with every member that has a value, defaults too; read again it is the same schedule.
    package var json: JSONValue {
        var members: JSONObject = [trigger.name: trigger.json]
        members["timezone"] = .string(timezone)
        members["gap"] = .string(gap.rawValue)
        members["overlap"] = .string(overlap.rawValue)
        members["jitter"] = .string(jitter.iso8601)
        if let start { members["start"] = .string(start.description) }
        if let end { members["end"] = .string(end.description) }
        members["misfire"] = misfire.json
        members["catch_up_window"] = .string(catchUpWindow.iso8601)
        members["overlap_policy"] = .string(overlapPolicy.rawValue)
        return .object(members)
    }
}

extension JobSchedule.Trigger {
    /// The name of the member that it is made of.
    package var name: String {
        switch self {
        case .cron: "cron"
        case .every: "every"
        case .at: "at"
        case .after: "after"
        case .afterRun: "after_run"
        case .on: "on"
        case .owner: "owner"
        }
    }

    fileprivate var json: JSONValue {
        switch self {
        case .cron(let expression): .string(expression.text)
        case .every(let duration), .after(let duration), .afterRun(let duration): .string(duration.iso8601)
        case .at(let moment): .string(moment.description)
        case .on(let events): events.json
        case .owner: true
        }
    }
}
