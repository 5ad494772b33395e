import CognitionCore

/// Strings, objects, patterns, definitions and literals.
extension Parser {
    mutating func string(format: String?, at: Int) throws(SyntaxFault) -> Syntax {
        var parts: [StringPart] = []
        while true {
            let (text, end) = try lexer.textRun()
            if !text.isEmpty { parts.append(.text(text)) }
            if end == .quote { break }
            try advance()
            parts.append(.value(try pipe()))
            guard isAt(")") else { throw unexpected("\")\"") }
        }
        try advance()
        if parts.isEmpty { return Syntax(.literal(.string("")), at: at) }
        if parts.count == 1, case .text(let text) = parts[0] { return Syntax(.literal(.string(text)), at: at) }
        return Syntax(.string(format: format, parts: parts), at: at)
    }

    mutating func object(_ at: Int) throws(SyntaxFault) -> Syntax {
        var members: [(key: Syntax, value: Syntax)] = []
        while !isAt("}") {
            members.append(try member())
            guard try take(",") else { break }
        }
        try expect("}")
        return Syntax(.object(members), at: at)
    }

    mutating func member() throws(SyntaxFault) -> (key: Syntax, value: Syntax) {
        let at = offset
        var format: String?
        if case .format(let name) = token {
            format = name
            try advance()
            guard token == .quote else { throw unexpected("a string") }
        }
        let key: Syntax
        var value: Syntax?
        switch token {
        case .variable(let name):
            try advance()
            let variable = name == "__loc__" ? location(at) : Syntax(.variable(name), at: at)
            if isAt(":") {
                key = variable
            } else {
                key = Syntax(.literal(.string(name)), at: at)
                value = variable
            }
        case .identifier(let name):
            try advance()
            key = Syntax(.literal(.string(name)), at: at)
        case .quote: key = try string(format: format, at: at)
        case .symbol("("):
            try advance()
            key = try pipe()
            try expect(")")
            try checkKey(key, at)
            guard isAt(":") else { throw unexpected("\":\"") }
        default: throw unexpected("an object key")
        }
        if try take(":") { return (key, try memberValue()) }
        return (key, value ?? Syntax(.index(Syntax(.identity, at: at), key: key), at: at))
    }

    func checkKey(_ key: Syntax, _ at: Int) throws(SyntaxFault) {
        guard case .literal(let literal) = key.kind, literal.stringValue == nil else { return }
        let shown = "\(literal.typeName) (\(literal.jsonText))"
        throw SyntaxFault(reason: "Cannot use \(shown) as object key", offset: at)
    }

    mutating func memberValue() throws(SyntaxFault) -> Syntax {
        let left = try binary(0)
        let at = offset
        guard try take("|") else { return left }
        return try nested { (parser) throws(SyntaxFault) in Syntax(.pipe([left, try parser.memberValue()]), at: at) }
    }

    mutating func patterns() throws(SyntaxFault) -> [Pattern] {
        var found = [try pattern()]
        while try take("?//") { found.append(try pattern()) }
        return found
    }

    mutating func pattern() throws(SyntaxFault) -> Pattern {
        try nested { (parser) throws(SyntaxFault) -> Pattern in
            if case .variable(let name) = parser.token, name != "__loc__" {
                try parser.advance()
                return .variable(name)
            }
            if try parser.take("[") {
                var elements = [try parser.pattern()]
                while try parser.take(",") { elements.append(try parser.pattern()) }
                try parser.expect("]")
                return .array(elements)
            }
            guard try parser.take("{") else { throw parser.unexpected("a pattern") }
            var members = [try parser.patternMember()]
            while try parser.take(",") { members.append(try parser.patternMember()) }
            try parser.expect("}")
            return .object(members)
        }
    }

    mutating func patternMember() throws(SyntaxFault) -> (key: Syntax, variable: String?, pattern: Pattern?) {
        let at = offset
        let key: Syntax
        switch token {
        case .variable(let name):
            try advance()
            let pattern = try take(":") ? try self.pattern() : nil
            return (Syntax(.literal(.string(name)), at: at), name, pattern)
        case .identifier(let name):
            try advance()
            key = Syntax(.literal(.string(name)), at: at)
        case .quote: key = try string(format: nil, at: at)
        case .symbol("("):
            try advance()
            key = try pipe()
            try expect(")")
            try checkKey(key, at)
        default: throw unexpected("an object pattern's key")
        }
        try expect(":")
        return (key, nil, try pattern())
    }

    mutating func definition() throws(SyntaxFault) -> FunctionDefinition {
        try expectWord("def")
        guard case .identifier(let name) = token else { throw unexpected("a function's name") }
        try advance()
        var parameters: [FunctionDefinition.Parameter] = []
        if try take("(") {
            repeat {
                switch token {
                case .identifier(let name): parameters.append(.init(name: name, isValue: false))
                case .variable(let name): parameters.append(.init(name: name, isValue: true))
                default: throw unexpected("a parameter")
                }
                try advance()
            } while try take(";")
            try expect(")")
        }
        try expect(":")
        openDefinitions.append((name, parameters.count, false))
        let body = try pipe()
        let isRecursive = openDefinitions.removeLast().isCalled
        try expect(";")
        return FunctionDefinition(name: name, parameters: parameters, body: body, isRecursive: isRecursive)
    }

    // MARK: Literals

    func location(_ at: Int) -> Syntax {
        let line = 1 + lexer.bytes[..<at].count { $0 == 10 }
        return Syntax(.location(line: line), at: at)
    }

    /// A literal keeps its text as long as it is only passed through.
    static func number(_ text: String) -> JSONValue {
        let json = (text.hasPrefix(".") ? "0" + text : text).replacing(".e", with: "e").replacing(".E", with: "E")
        let whole = json.hasSuffix(".") ? String(json.dropLast()) : json
        let digits = whole.drop { $0 == "0" }
        let normal = digits.first?.isNumber == true ? String(digits) : "0" + digits
        return (try? JSONValue(parsing: normal)) ?? .number(Double(whole) ?? 0)
    }
}
