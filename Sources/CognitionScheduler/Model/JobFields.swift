import CognitionCore

/// The members of an object that somebody has sent, read one by one with their bounds.
struct JobFields {
    private let members: JSONObject
    private let what: String

    /// - Parameter what: How messages name the object; empty for the whole body.
    /// - Throws: `scheduler.job_invalid` when it is no object, or has members that are not `known`.
    init(_ json: JSONValue, _ what: String, _ known: [String]) throws {
        guard let members = json.objectValue else {
            throw SchedulerError(.jobInvalid, "\(what.isEmpty ? "the job" : "'\(what)'") is an object")
        }
        self.members = members
        self.what = what
        if let unknown = members.keys.first(where: { !known.contains($0) }) {
            throw SchedulerError(
                .jobInvalid,
                "\(what.isEmpty ? "a job" : "'\(what)'") has no member '\(unknown)'; it takes \(known.joined(separator: ", "))"
            )
        }
    }

    /// `nil` for one that is not there, or is null.
    subscript(name: String) -> JSONValue? {
        guard let value = members[name], !value.isNull else { return nil }
        return value
    }

    func path(_ name: String) -> String { what.isEmpty ? name : "\(what).\(name)" }

    private func refusal(_ name: String, _ is: String) -> SchedulerError {
        SchedulerError(.jobInvalid, "'\(path(name))' is \(`is`)")
    }

    func text(_ name: String, bytesMax: Int = 255) throws -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue, (1...bytesMax).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw refusal(name, "a text of 1 to \(bytesMax) bytes")
        }
        return text
    }

    /// A name as users give them: `[a-z0-9][a-z0-9_-]{0,62}`.
    func name(_ name: String) throws -> String? {
        guard let text = try text(name) else { return nil }
        guard JobNames.isName(text) else {
            throw refusal(
                name, "a name of 1 to 63 characters: a to z, 0 to 9, '_' and '-', the first a letter or digit")
        }
        return text
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.integerValue, let number = Int(exactly: number), range.contains(number) else {
            throw refusal(name, "a whole number of \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.doubleValue, range.contains(number) else {
            throw refusal(name, "a number of \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func seconds(_ name: String, in range: ClosedRange<Double>) throws -> Duration? {
        try number(name, in: range).map { .microseconds(Int64(($0 * 1_000_000).rounded())) }
    }

    func flag(_ name: String) throws -> Bool? {
        guard let value = self[name] else { return nil }
        guard let flag = value.boolValue else { throw refusal(name, "true or false") }
        return flag
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, _: Choice.Type = Choice.self
    ) throws -> Choice? where Choice.RawValue == String {
        guard let value = self[name] else { return nil }
        guard let choice = value.stringValue.flatMap(Choice.init(rawValue:)) else {
            throw refusal(name, "one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    func priority(_ name: String) throws -> JobPriority? {
        guard let value = self[name] else { return nil }
        guard let priority = value.stringValue.flatMap(JobPriority.init(name:)) else {
            throw refusal(name, "one of \(JobPriority.allCases.map(\.name).joined(separator: ", "))")
        }
        return priority
    }
}

/// How ids, queues and tags are named.
package enum JobNames {
    /// Also of ids that users do not give, such as those of schedules that belong to a workflow.
    package static func isID(_ text: String) -> Bool {
        (1...160).contains(text.utf8.count) && !"_-.".contains(text.first ?? ".")
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "_-.".utf8.contains(byte)
            }
    }

    package static func isName(_ text: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, isPlain(first) else { return false }
        return text.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }
}
