import CognitionCore

/// Recursive descent over the jq grammar; operators by precedence climbing.
struct Parser {
    var lexer: Lexer
    var token = Token.end
    var offset = 0
    var nesting = 0
    /// For each definition being read, how often its own name was called.
    var openDefinitions: [(name: String, arity: Int, isCalled: Bool)] = []

    init(_ source: String) throws(SyntaxFault) {
        lexer = Lexer(source)
        try advance()
    }

    /// The tree of a whole source.
    static func parse(_ source: String) throws(SyntaxFault) -> Syntax {
        var parser = try Parser(source)
        let tree = parser.token == .end ? Syntax(.identity, at: 0) : try parser.pipe()
        guard parser.token == .end else { throw parser.unexpected() }
        return tree
    }

    /// The definitions of a source that consists of nothing else.
    static func definitions(_ source: String) throws(SyntaxFault) -> [FunctionDefinition] {
        var parser = try Parser(source)
        var found: [FunctionDefinition] = []
        while parser.token != .end { found.append(try parser.definition()) }
        return found
    }

    // MARK: Tokens

    mutating func advance() throws(SyntaxFault) { (token, offset) = try lexer.next() }

    func isAt(_ symbol: String) -> Bool { token == .symbol(symbol) }
    func isAtWord(_ word: String) -> Bool { token == .identifier(word) }

    mutating func take(_ symbol: String) throws(SyntaxFault) -> Bool {
        guard isAt(symbol) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ symbol: String) throws(SyntaxFault) {
        guard isAt(symbol) else { throw unexpected("\"\(symbol)\"") }
        try advance()
    }

    mutating func expectWord(_ word: String) throws(SyntaxFault) {
        guard isAtWord(word) else { throw unexpected("\"\(word)\"") }
        try advance()
    }

    func unexpected(_ wanted: String? = nil) -> SyntaxFault {
        let reason = "syntax error, unexpected \(token.text)" + (wanted.map { ", expecting \($0)" } ?? "")
        return SyntaxFault(reason: reason, offset: offset)
    }

    mutating func nested<T>(
        _ body: (inout Parser) throws(SyntaxFault) -> T
    ) throws(SyntaxFault) -> T {
        try deepen()
        defer { nesting -= 1 }
        return try body(&self)
    }

    mutating func deepen() throws(SyntaxFault) {
        nesting += 1
        guard nesting <= ExpressionLimits.nestingMax else {
            throw SyntaxFault(
                reason: "at most \(ExpressionLimits.nestingMax) levels nest", offset: offset, isLimit: true)
        }
    }

    // MARK: Pipes and operators

    /// `def …; pipe`, or terms joined by `|` and `,`.
    mutating func pipe() throws(SyntaxFault) -> Syntax {
        try nested { (parser) throws(SyntaxFault) -> Syntax in
            if parser.isAtWord("def") { return try parser.definitionThenPipe() }
            let start = parser.offset
            var stages = [try parser.commas()]
            while try parser.take("|") {
                guard !parser.isAtWord("def") else {
                    stages.append(try parser.definitionThenPipe())
                    break
                }
                stages.append(try parser.commas())
            }
            return stages.count == 1 ? stages[0] : Syntax(.pipe(stages), at: start)
        }
    }

    mutating func definitionThenPipe() throws(SyntaxFault) -> Syntax {
        var definitions: [(FunctionDefinition, Int)] = []
        while isAtWord("def") {
            let at = offset
            definitions.append((try definition(), at))
        }
        var result = try pipe()
        while let (definition, at) = definitions.popLast() { result = Syntax(.define(definition, result), at: at) }
        return result
    }

    mutating func commas() throws(SyntaxFault) -> Syntax {
        let at = offset
        var alternatives = [try binding()]
        while try take(",") { alternatives.append(try binding()) }
        return alternatives.count == 1 ? alternatives[0] : Syntax(.comma(alternatives), at: at)
    }

    /// Operators, or `… as $x | …`, which reaches as far to the right as it can.
    mutating func binding() throws(SyntaxFault) -> Syntax {
        let at = offset
        let source = try binary(0)
        guard isAtWord("as") else { return source }
        try advance()
        let patterns = try patterns()
        try expect("|")
        return Syntax(.bind(source, patterns, try pipe()), at: at)
    }

    enum Joint {
        case alternative, or, and
        case assign(AssignmentOperator)
        case binary(BinaryOperator)
    }

    /// The operator at the current token, its level (a higher one binds tighter) and whether a second one may follow.
    func joint() -> (joint: Joint, level: Int, side: Side)? {
        switch token {
        case .identifier("or"): (.or, 3, .left)
        case .identifier("and"): (.and, 4, .left)
        case .symbol(let text): Self.joints[text]
        default: nil
        }
    }

    enum Side { case left, right, none }

    static let joints: [String: (Joint, Int, Side)] = [
        "//": (.alternative, 1, .right),
        "=": (.assign(.set), 2, .none), "|=": (.assign(.update), 2, .none), "//=": (.assign(.alternative), 2, .none),
        "+=": (.assign(.arithmetic(.add)), 2, .none), "-=": (.assign(.arithmetic(.subtract)), 2, .none),
        "*=": (.assign(.arithmetic(.multiply)), 2, .none), "/=": (.assign(.arithmetic(.divide)), 2, .none),
        "%=": (.assign(.arithmetic(.remainder)), 2, .none),
        "==": (.binary(.equal), 5, .none), "!=": (.binary(.unequal), 5, .none), "<": (.binary(.less), 5, .none),
        "<=": (.binary(.lessOrEqual), 5, .none), ">": (.binary(.greater), 5, .none),
        ">=": (.binary(.greaterOrEqual), 5, .none),
        "+": (.binary(.add), 6, .left), "-": (.binary(.subtract), 6, .left), "*": (.binary(.multiply), 7, .left),
        "/": (.binary(.divide), 7, .left), "%": (.binary(.remainder), 7, .left),
    ]

    mutating func binary(_ levelMin: Int) throws(SyntaxFault) -> Syntax {
        var left = try operand()
        var length = 0
        while let (joint, level, side) = joint(), level >= levelMin {
            let at = offset
            // A chain of operators is as deep a tree as brackets are.
            length += 1
            try deepen()
            try advance()
            let right = try binary(side == .right ? level : level + 1)
            left = Syntax(Self.kind(joint, left, right), at: at)
            if side == .none, let (_, following, _) = self.joint(), following == level { throw unexpected() }
        }
        nesting -= length
        return left
    }

    static func kind(_ joint: Joint, _ left: Syntax, _ right: Syntax) -> Syntax.Kind {
        switch joint {
        case .alternative: .alternative(left, right)
        case .or: .or(left, right)
        case .and: .and(left, right)
        case .assign(let name): .assign(name, left, right)
        case .binary(let name): .binary(name, left, right)
        }
    }

    /// A term, or something that reaches as far to the right as it can: `label $x | …`, `def …; …`.
    mutating func operand() throws(SyntaxFault) -> Syntax {
        let at = offset
        if isAtWord("def") { return try nested { (parser) throws(SyntaxFault) in try parser.definitionThenPipe() } }
        if isAtWord("label") {
            try advance()
            guard case .variable(let name) = token else { throw unexpected("a name like $out") }
            try advance()
            try expect("|")
            return Syntax(.label(name, try pipe()), at: at)
        }
        return try term()
    }

    // MARK: Terms

    mutating func term() throws(SyntaxFault) -> Syntax {
        try nested { (parser) throws(SyntaxFault) in
            var term = try parser.primary()
            var length = 0
            while let longer = try parser.suffix(of: term) {
                term = longer
                length += 1
                try parser.deepen()
            }
            parser.nesting -= length
            return term
        }
    }

    mutating func primary() throws(SyntaxFault) -> Syntax {
        let at = offset
        switch token {
        case .end: throw unexpected()
        case .number(let text):
            try advance()
            return Syntax(.literal(Self.number(text)), at: at)
        case .quote: return try string(format: nil, at: at)
        case .format(let name):
            try advance()
            return token == .quote ? try string(format: name, at: at) : Syntax(.format(name), at: at)
        case .field(let name):
            try advance()
            return Syntax(.index(Syntax(.identity, at: at), key: Syntax(.literal(.string(name)), at: at)), at: at)
        case .variable(let name):
            try advance()
            return name == "__loc__" ? location(at) : Syntax(.variable(name), at: at)
        case .identifier(let name): return try word(name, at)
        case .symbol(let symbol): return try bracketed(symbol, at)
        }
    }

    mutating func bracketed(_ symbol: String, _ at: Int) throws(SyntaxFault) -> Syntax {
        try advance()
        switch symbol {
        case "(":
            let inner = try pipe()
            try expect(")")
            // A `?` behind the bracket means all that is in it.
            if case .symbol("?") = token {
                try advance()
                return Syntax(.attempt(inner, handler: nil), at: at)
            }
            return inner
        case "[":
            if try take("]") { return Syntax(.array(nil), at: at) }
            let inner = try pipe()
            try expect("]")
            return Syntax(.array(inner), at: at)
        case "{": return try object(at)
        case "-": return Syntax(.negate(try term()), at: at)
        case "..": return Syntax(.recurse, at: at)
        case ".":
            if token == .quote {
                return Syntax(.index(Syntax(.identity, at: at), key: try string(format: nil, at: offset)), at: at)
            }
            if case .format(let name) = token {
                try advance()
                guard token == .quote else { throw unexpected("a string") }
                return Syntax(.index(Syntax(.identity, at: at), key: try string(format: name, at: offset)), at: at)
            }
            return Syntax(.identity, at: at)
        default:
            throw SyntaxFault(reason: "syntax error, unexpected \"\(symbol)\"", offset: at)
        }
    }

    /// What may follow a term and belongs to it; `nil` when nothing does.
    mutating func suffix(of term: Syntax) throws(SyntaxFault) -> Syntax? {
        let at = offset
        switch token {
        case .field(let name):
            try advance()
            return Syntax(.index(term, key: Syntax(.literal(.string(name)), at: at)), at: at)
        case .symbol("?"):
            try advance()
            return Syntax(Self.optional(term), at: at)
        case .symbol("["): return try brackets(after: term, at)
        case .symbol("."):
            try advance()
            if isAt("[") { return try brackets(after: term, at) }
            var format: String?
            if case .format(let name) = token {
                format = name
                try advance()
            }
            guard token == .quote else { throw unexpected("a field's name") }
            return Syntax(.index(term, key: try string(format: format, at: offset)), at: at)
        default: return nil
        }
    }

    /// A term with a `?` behind it; the `?` belongs to the last access only, a second one to the whole.
    static func optional(_ term: Syntax) -> Syntax.Kind {
        switch term.kind {
        case .index(let base, let key, false): .index(base, key: key, isOptional: true)
        case .slice(let base, let from, let to, false): .slice(base, from: from, to: to, isOptional: true)
        case .iterate(let base, false): .iterate(base, isOptional: true)
        default: .attempt(term, handler: nil)
        }
    }

    mutating func brackets(after term: Syntax, _ at: Int) throws(SyntaxFault) -> Syntax {
        try advance()
        if try take("]") { return Syntax(.iterate(term), at: at) }
        if try take(":") {
            let upper = try pipe()
            try expect("]")
            return Syntax(.slice(term, from: nil, to: upper), at: at)
        }
        let key = try pipe()
        if try take(":") {
            if try take("]") { return Syntax(.slice(term, from: key, to: nil), at: at) }
            let upper = try pipe()
            try expect("]")
            return Syntax(.slice(term, from: key, to: upper), at: at)
        }
        try expect("]")
        return Syntax(.index(term, key: key), at: at)
    }

    mutating func word(_ name: String, _ at: Int) throws(SyntaxFault) -> Syntax {
        switch name {
        case "if": return try condition(at)
        case "reduce", "foreach": return try fold(name, at)
        case "try":
            try advance()
            let body = try term()
            guard isAtWord("catch") else { return Syntax(.attempt(body, handler: nil), at: at) }
            try advance()
            return Syntax(.attempt(body, handler: try term()), at: at)
        case "break":
            try advance()
            guard case .variable(let label) = token else {
                throw SyntaxFault(reason: "break requires a label to break to", offset: at)
            }
            try advance()
            return Syntax(.leave(label), at: at)
        case "import", "include", "module":
            throw SyntaxFault(reason: "\(name) is not available: expressions have no modules", offset: at)
        default:
            if Self.keywords.contains(name) { throw unexpected() }
            return try call(name, at)
        }
    }

    mutating func call(_ name: String, _ at: Int) throws(SyntaxFault) -> Syntax {
        try advance()
        guard isAt("(") else {
            switch name {
            case "true": return Syntax(.literal(.bool(true)), at: at)
            case "false": return Syntax(.literal(.bool(false)), at: at)
            case "null": return Syntax(.literal(.null), at: at)
            default: return note(name, [], at)
            }
        }
        try advance()
        var arguments = [try pipe()]
        while try take(";") { arguments.append(try pipe()) }
        try expect(")")
        return note(name, arguments, at)
    }

    mutating func note(_ name: String, _ arguments: [Syntax], _ at: Int) -> Syntax {
        for index in openDefinitions.indices
        where openDefinitions[index].name == name && openDefinitions[index].arity == arguments.count {
            openDefinitions[index].isCalled = true
        }
        return Syntax(.call(name, arguments), at: at)
    }

    mutating func condition(_ at: Int) throws(SyntaxFault) -> Syntax {
        try advance()
        let test = try pipe()
        try expectWord("then")
        let then = try pipe()
        let otherwiseAt = offset
        if isAtWord("elif") {
            let otherwise = try nested { (parser) throws(SyntaxFault) in try parser.condition(otherwiseAt) }
            return Syntax(.condition(test, then: then, otherwise: otherwise), at: at)
        }
        var otherwise: Syntax?
        if isAtWord("else") {
            try advance()
            otherwise = try pipe()
        }
        try expectWord("end")
        return Syntax(.condition(test, then: then, otherwise: otherwise), at: at)
    }

    mutating func fold(_ name: String, _ at: Int) throws(SyntaxFault) -> Syntax {
        try advance()
        let source = try binary(0)
        try expectWord("as")
        let patterns = try patterns()
        try expect("(")
        let initial = try pipe()
        try expect(";")
        let update = try pipe()
        if name == "reduce" {
            try expect(")")
            return Syntax(.reduce(source, patterns, initial: initial, update: update), at: at)
        }
        let extract = try take(";") ? try pipe() : nil
        try expect(")")
        return Syntax(.foreach(source, patterns, initial: initial, update: update, extract: extract), at: at)
    }

    static let keywords: Set<String> = [
        "as", "def", "module", "import", "include", "if", "then", "else", "elif", "end", "and", "or", "reduce",
        "foreach",
        "try", "catch", "label", "break", "__loc__",
    ]
}
