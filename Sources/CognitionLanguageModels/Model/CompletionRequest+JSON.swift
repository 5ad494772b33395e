package import CognitionCore

extension CompletionRequest {
    package static let messagesMax = 1_000
    package static let toolsMax = 128
    package static let fallbacksMax = 8

    /// Reads the argument of `call: llm`: `{provider?, model?, messages | prompt, system?, temperature?, max_tokens?,
    /// reasoning?, response_schema?, tools?, fallbacks?}`. A member that is `null` counts as absent.
    ///
    /// - Throws: `llm.request_invalid`, naming every fault; an unknown member is one.
    package init(json: JSONValue) throws {
        guard case .object(let members) = json else {
            throw LanguageModelError(
                LanguageModelError.requestInvalid, "The arguments of llm must be an object, not \(json.typeName).")
        }
        var reader = Reader(members, at: "")
        let prompt = reader.string("prompt")
        let listed = reader.list("messages", max: CompletionRequest.messagesMax) { Message(reading: &$0) }
        if (prompt == nil) == (listed == nil)
            && !reader.faults.contains(where: { $0.hasPrefix("prompt ") || $0.hasPrefix("messages") })
        {
            reader.faults.append("exactly one of prompt and messages is needed")
        }
        let messages = listed ?? prompt.map { [Message(role: .user, content: $0)] } ?? []
        if listed?.isEmpty == true { reader.faults.append("messages must not be empty") }
        self.init(
            provider: reader.name("provider"), model: reader.name("model"), messages: messages,
            system: reader.string("system"))
        temperature = reader.number("temperature", in: 0...2)
        tokensMax = reader.integer("max_tokens", in: 1...1_000_000)
        reasoning = reader.object("reasoning") { Reasoning(reading: &$0) } ?? nil
        responseSchema = reader.value("response_schema") { value in
            if case .object = value { value } else { nil }
        }
        tools = reader.list("tools", max: CompletionRequest.toolsMax) { Tool(reading: &$0) } ?? []
        fallbacks = reader.list("fallbacks", max: CompletionRequest.fallbacksMax) { ModelReference(reading: &$0) } ?? []
        reader.refuseUnknown()
        guard reader.faults.isEmpty else {
            throw LanguageModelError(
                LanguageModelError.requestInvalid,
                "The arguments of llm are not valid: \(reader.faults.joined(separator: "; ")).")
        }
    }
}

extension CompletionRequest.Message {
    fileprivate init?(reading reader: inout Reader) {
        let role = reader.choice("role", of: Role.self)
        let content = reader.string("content")
        if reader.isAbsent("role") { reader.faults.append("\(reader.path)role is missing") }
        if reader.isAbsent("content") { reader.faults.append("\(reader.path)content is missing") }
        guard let role, let content else { return nil }
        self.init(role: role, content: content)
    }
}

extension CompletionRequest.Reasoning {
    fileprivate init?(reading reader: inout Reader) {
        let effort = reader.choice("effort", of: Effort.self)
        let budget = reader.integer("budget_tokens", in: 1...1_000_000)
        if reader.isAbsent("effort") == reader.isAbsent("budget_tokens") {
            reader.faults.append("\(reader.path)exactly one of effort and budget_tokens is needed")
        }
        if let effort {
            self = .effort(effort)
        } else if let budget {
            self = .budget(tokens: budget)
        } else {
            return nil
        }
    }
}

extension CompletionRequest.Tool {
    fileprivate init?(reading reader: inout Reader) {
        let name = reader.string("name")
        let isFine = name.map {
            (1...64).contains($0.utf8.count) && $0.utf8.allSatisfy(CompletionRequest.Tool.isNameByte)
        }
        if isFine != true { reader.faults.append("\(reader.path)name must be 1 to 64 letters, digits, '_' or '-'") }
        self.init(
            name: name ?? "", description: reader.string("description"),
            parameters: reader.value("parameters") { if case .object = $0 { $0 } else { nil } })
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
            || byte == 0x2D
    }
}

extension ModelReference {
    fileprivate init?(reading reader: inout Reader) {
        let provider = reader.name("provider")
        if reader.isAbsent("provider") { reader.faults.append("\(reader.path)provider is missing") }
        self.init(provider: provider ?? "", model: reader.name("model"))
    }
}

/// Takes members out of an object one by one, and remembers what was wrong and what was never asked for.
private struct Reader {
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

    mutating func object<Value>(_ member: String, _ read: (inout Reader) -> Value?) -> Value?? {
        guard let inner = value(member, expected: "an object", \.objectValue) else { return nil }
        return descend(inner, at: "\(path)\(member).", read)
    }

    mutating func list<Value>(_ member: String, max: Int, _ read: (inout Reader) -> Value?) -> [Value]? {
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

    private mutating func descend<Value>(_ inner: JSONObject, at path: String, _ read: (inout Reader) -> Value?)
        -> Value?
    {
        var reader = Reader(inner, at: path)
        let value = read(&reader)
        reader.refuseUnknown()
        faults += reader.faults
        return value
    }
}
