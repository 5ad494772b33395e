import CognitionCore
import CognitionDocuments

// What a definition may do with secrets.
extension DefinitionReader {
    /// Names in `use.secrets`.
    static let secretsMax = 100

    func declaredSecrets(_ node: DocumentNode) {
        let elements = elements(node, of: "'use.secrets'") ?? []
        if elements.count > Self.secretsMax { report("'use.secrets' has at most \(Self.secretsMax) names", at: node) }
        for element in elements {
            guard let name = string(element, "a name in 'use.secrets'") else { continue }
            if use.secrets.contains(name) {
                report("'use.secrets' has '\(name.shortened)' twice", at: element)
            } else if SecretName.isValid(name) {
                use.secrets.append(name)
            } else {
                report("\(WorkflowError.invalidSecretName.message), not '\(name.shortened)'", at: element)
            }
        }
    }

    /// A secret that is named outside of an expression.
    func secret(_ node: DocumentNode, _ what: String) -> String? {
        guard let name = string(node, what) else { return nil }
        return checkDeclared(name, at: node) ? name : nil
    }

    /// The secrets that a task's `input.from` uses; all that are declared where the names cannot be told.
    func secrets(of input: InputDefinition, at node: DocumentNode?, for kind: TaskKind) -> [String] {
        guard let node, input.from?.usedVariables.contains("secrets") == true else { return [] }
        if let reason = kind.reasonAgainstSecrets {
            report("$secrets cannot be used here: \(reason)", at: node)
            return []
        }
        guard !use.secrets.isEmpty else {
            report("$secrets is used, and 'use.secrets' declares none", at: node)
            return []
        }
        guard let names = Self.secretNames(in: node.value) else { return use.secrets }
        return names.filter { checkDeclared($0, at: node) }
    }

    private func checkDeclared(_ name: String, at node: DocumentNode) -> Bool {
        if use.secrets.contains(name) { return true }
        let hint = Suggestion.among(name, use.secrets, empty: "there are none")
        report("the secret '\(name.shortened)' is not declared in 'use.secrets'; \(hint)", at: node)
        return false
    }

    /// The members of `$secrets` that expressions name: `$secrets.name`, `$secrets."name"` or `$secrets["name"]`.
    ///
    /// - Returns: `nil` when `$secrets` is also used in another way.
    private static func secretNames(in json: JSONValue) -> [String]? {
        var names: [String] = []
        for text in json.strings {
            var rest = Substring(text)
            while let found = rest.firstRange(of: "$secrets") {
                rest = rest[found.upperBound...]
                // The rest of a longer name.
                if let next = rest.utf8.first, isNamePart(next) { continue }
                guard let name = member(after: rest) else { return nil }
                if !names.contains(name) { names.append(name) }
            }
        }
        return names
    }

    private static func member(after text: Substring) -> String? {
        if let quoted = quoted(text, from: "[\"", to: "\"]") ?? quoted(text, from: ".\"", to: "\"") { return quoted }
        guard text.first == "." else { return nil }
        let name = text.dropFirst().prefix { $0.isASCII && $0.utf8.allSatisfy(isNamePart) }
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
        return String(name)
    }

    private static func quoted(_ text: Substring, from opening: String, to closing: String) -> String? {
        guard text.hasPrefix(opening) else { return nil }
        let rest = text.dropFirst(opening.count)
        guard let end = rest.firstRange(of: closing) else { return nil }
        let name = rest[..<end.lowerBound]
        // Escapes and interpolations can be told only by evaluating them.
        return name.contains("\\") || name.contains("\"") ? nil : String(name)
    }

    private static func isNamePart(_ byte: UInt8) -> Bool { HostName.isAlphanumeric(byte) || byte == UInt8(ascii: "_") }
}

extension TaskKind {
    /// Why what a task of this kind is given would be stored; `nil` when it goes to its effect alone.
    fileprivate var reasonAgainstSecrets: String? {
        switch self {
        case .runWorkflow:
            return "the input of another execution is stored; let its own definition name the secret"
        case .call(let call):
            switch call.target {
            case .defined: return "the input of a function's task is stored; let that task's own 'input.from' name it"
            case .approval: return "what is approved is stored"
            case .http, .openapi, .mcp, .function: return nil
            }
        default: return nil
        }
    }
}

extension JSONValue {
    /// Every text in it, names of members left out.
    fileprivate var strings: [String] {
        switch self {
        case .string(let text): [text]
        case .array(let elements): elements.flatMap(\.strings)
        case .object(let members): members.values.flatMap(\.strings)
        default: []
        }
    }
}
