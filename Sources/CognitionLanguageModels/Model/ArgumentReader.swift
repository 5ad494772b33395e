import CognitionCore

/// Takes members out of an object one by one, and remembers what was wrong and what was never asked for.
struct ArgumentReader {
    private let members: JSONObject
    private var asked: Set<String> = []
    /// Where the object stands, with a dot behind it: `tools[2].`.
    let path: String
    var faults: [String] = []

    init(_ members: JSONObject, at path: String) {
        self.members = members
        self.path = path
    }

    func isAbsent(_ member: String) -> Bool { members[member]?.isNull ?? true }
    func isList(_ member: String) -> Bool { members[member]?.arrayValue != nil }

    /// Stops asking for unknown members, where it is not known what is known.
    mutating func ignoreRest() { asked.formUnion(members.keys) }

    /// Reads a member and notes when it is missing.
    mutating func needed<Value>(_ member: String, _ read: (inout ArgumentReader) -> Value?) -> Value? {
        if isAbsent(member) { faults.append("\(path)\(member) is missing") }
        return read(&self)
    }

    /// `read` returns `nil` for a value of the wrong type, an object unless `expected` says otherwise.
    mutating func value<Value>(_ member: String, expected: String = "an object", _ read: (JSONValue) -> Value?)
        -> Value?
    {
        asked.insert(member)
        guard let value = members[member], !value.isNull else { return nil }
        if let result = read(value) { return result }
        faults.append("\(path)\(member) must be \(expected), not \(value.typeName)")
        return nil
    }

    mutating func string(_ member: String) -> String? { value(member, expected: "a string", \.stringValue) }

    mutating func name(_ member: String) -> String? {
        value(member, expected: "a string of 1 to 128 bytes") { value in
            value.stringValue.flatMap { (1...128).contains($0.utf8.count) ? $0 : nil }
        }
    }

    /// What providers call a tool call; other providers' longer ones are shortened when they are sent.
    mutating func identifier(_ member: String) -> String? {
        value(member, expected: "a string of 1 to 256 bytes") { value in
            value.stringValue.flatMap { (1...256).contains($0.utf8.count) ? $0 : nil }
        }
    }

    mutating func number(_ member: String, in range: ClosedRange<Double>) -> Double? {
        value(member, expected: "a number from \(Int(range.lowerBound)) to \(Int(range.upperBound))") { value in
            value.doubleValue.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func integer(_ member: String, in range: ClosedRange<Int>) -> Int? {
        value(member, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)") { value in
            value.integerValue.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ member: String, of type: Choice.Type
    ) -> Choice? where Choice.RawValue == String {
        let expected = "one of " + type.allCases.map(\.rawValue).joined(separator: ", ")
        return value(member, expected: expected) { $0.stringValue.flatMap { Choice(rawValue: $0) } }
    }

    mutating func object<Value>(_ member: String, _ read: (inout ArgumentReader) -> Value?) -> Value?? {
        guard let inner = value(member, expected: "an object", \.objectValue) else { return nil }
        return descend(inner, at: "\(path)\(member).", read)
    }

    mutating func list<Value>(_ member: String, max: Int, _ read: (inout ArgumentReader) -> Value?) -> [Value]? {
        guard let elements = value(member, expected: "an array", \.arrayValue) else { return nil }
        guard elements.count <= max else {
            faults.append("\(path)\(member) must have at most \(max) elements")
            return nil
        }
        var values: [Value] = []
        for (index, element) in elements.enumerated() {
            guard let inner = element.objectValue else {
                faults.append("\(path)\(member)[\(index)] must be an object, not \(element.typeName)")
                continue
            }
            if let value = descend(inner, at: "\(path)\(member)[\(index)].", read) { values.append(value) }
        }
        return values
    }

    mutating func refuseUnknown() {
        for name in members.keys where !asked.contains(name) {
            faults.append("\(path)\(name.prefix(64)) is not a known member")
        }
    }

    /// Reads the object found at `path` with a reader of its own, and takes over what was wrong with it.
    private mutating func descend<Value>(_ inner: JSONObject, at path: String, _ read: (inout ArgumentReader) -> Value?)
        -> Value?
    {
        var reader = ArgumentReader(inner, at: path)
        let value = read(&reader)
        reader.refuseUnknown()
        faults += reader.faults
        return value
    }
}
