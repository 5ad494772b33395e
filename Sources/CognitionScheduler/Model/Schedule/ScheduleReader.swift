import CognitionCore

/// Reads the members of an object of a schedule. A member that is `null` is not there.
struct ScheduleReader {
    /// What is read, for messages: `a schedule`.
    private let what: String
    private let members: JSONObject

    /// - Parameter known: The members that there may be.
    init(_ json: JSONValue, of what: String, known: [String]) throws(SchedulerError) {
        self.what = what
        guard case .object(let members) = json else {
            throw SchedulerError(
                .scheduleInvalid, "\(what) is an object with members of \(known.quoted), not \(json.typeName)")
        }
        self.members = members
        if let unknown = members.keys.first(where: { !known.contains($0) }) {
            throw invalid("has no member '\(unknown.prefix(64))'; it takes \(known.quoted)")
        }
    }

    /// - Parameter sentence: What `what` is or has.
    func invalid(_ sentence: String) -> SchedulerError { SchedulerError(.scheduleInvalid, "\(what) \(sentence)") }

    func has(_ name: String) -> Bool { value(name) != nil }

    private func value(_ name: String) -> JSONValue? { members[name].flatMap { $0.isNull ? nil : $0 } }

    private func wrong(_ name: String, _ expected: String) -> SchedulerError {
        SchedulerError(.scheduleInvalid, "'\(name)' of \(what) is \(expected), not \(value(name)?.shown ?? "left out")")
    }

    /// 1 to `bytesMax` bytes without control characters.
    func text(_ name: String, bytesMax: Int) throws(SchedulerError) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.stringValue, (1...bytesMax).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { throw wrong(name, "a text of 1 to \(bytesMax) bytes without control characters") }
        return text
    }

    /// One of the raw values.
    func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String) throws(SchedulerError) -> Word? {
        guard let value = value(name) else { return nil }
        guard let word = value.stringValue.flatMap(Word.init(rawValue:)) else {
            throw wrong(name, "one of \(Word.allCases.map(\.rawValue).quoted)")
        }
        return word
    }

    /// ISO 8601 (`PT5M`), a number with a unit (`5m`) or a number of seconds; to the microsecond.
    func duration(_ name: String, in range: ClosedRange<Duration>) throws(SchedulerError) -> Duration? {
        guard let value = value(name) else { return nil }
        guard let duration = duration(value), range.contains(duration) else {
            let bounds = "\(range.lowerBound.configurationText) to \(range.upperBound.configurationText)"
            throw wrong(name, "a duration of \(bounds), written as PT5M, 5m or a number of seconds")
        }
        return duration
    }

    private func duration(_ value: JSONValue) -> Duration? {
        if let seconds = value.doubleValue {
            // As many as an Int64 of microseconds surely holds.
            guard abs(seconds) < 1e12 else { return nil }
            return .microseconds(Int64((seconds * 1e6).rounded()))
        }
        guard let text = value.stringValue else { return nil }
        // Either reader says what is wrong in its own way; here the range and all three ways are told.
        let duration =
            try? text.hasPrefix("P")
            ? Duration(iso8601: text) : Duration(configurationText: text, bareUnit: .seconds)
        return duration.map { .microseconds($0.microseconds) }
    }

    func moment(_ name: String) throws(SchedulerError) -> Timestamp? {
        guard let value = value(name) else { return nil }
        guard let moment = value.stringValue.flatMap({ Timestamp($0) }) else {
            throw wrong(name, "a date and time of RFC 3339, such as 2026-11-21T09:00:00Z")
        }
        return moment
    }

    func zone(_ name: String) throws(SchedulerError) -> ScheduleZone? {
        guard let value = value(name) else { return nil }
        guard let zone = value.stringValue.flatMap({ ScheduleZone($0) }) else {
            throw wrong(name, "a name of the IANA time zone database, such as Europe/Zurich or UTC")
        }
        return zone
    }

    func cron(_ name: String) throws(SchedulerError) -> CronExpression {
        guard let text = value(name)?.stringValue else {
            throw wrong(name, "a cron expression, such as 30 6 * * MON-FRI")
        }
        do {
            return try CronExpression(text)
        } catch {
            throw SchedulerError(.scheduleInvalid, "'\(name)' of \(what): \(error)")
        }
    }

    func misfire(_ name: String) throws(SchedulerError) -> MisfirePolicy? {
        guard let value = value(name) else { return nil }
        if let policy = value.stringValue.flatMap(MisfirePolicy.init(name:)) { return policy }
        guard let object = value.objectValue, object.keys == ["fire_all"], let limits = object["fire_all"]?.objectValue,
            limits.keys == ["max"], let max = limits["max"]?.integerValue, MisfirePolicy.maxima.contains(Int(max))
        else {
            let maxima = "\(MisfirePolicy.maxima.lowerBound) to \(MisfirePolicy.maxima.upperBound)"
            throw wrong(
                name, "'fire_once', 'skip', 'fire_all' or {\"fire_all\": {\"max\": N}} where N is \(maxima)")
        }
        return .fireAll(max: Int(max))
    }

    func eventTrigger(_ name: String) throws(SchedulerError) -> EventTrigger {
        let value = value(name) ?? .null
        return try EventTrigger(value, of: "'\(name)' of \(what)")
    }
}

extension [String] {
    /// `'a', 'b' and 'c'`.
    var quoted: String {
        let names = map { "'\($0)'" }
        guard names.count > 1, let last = names.last else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " and " + last
    }
}

extension JSONValue {
    /// What a value is, for messages; at most some 64 characters.
    fileprivate var shown: String {
        switch self {
        case .string(let text): "'\(text.prefix(64))'"
        case .integer, .number, .literal, .bool: String(jsonText.prefix(64))
        case .null, .array, .object: typeName
        }
    }
}
