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
        var reader = ArgumentReader(members, at: "")
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

extension CompletionRequest.Reasoning {
    fileprivate init?(reading reader: inout ArgumentReader) {
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
    fileprivate init?(reading reader: inout ArgumentReader) {
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
    fileprivate init?(reading reader: inout ArgumentReader) {
        let provider = reader.name("provider")
        if reader.isAbsent("provider") { reader.faults.append("\(reader.path)provider is missing") }
        self.init(provider: provider ?? "", model: reader.name("model"))
    }
}
