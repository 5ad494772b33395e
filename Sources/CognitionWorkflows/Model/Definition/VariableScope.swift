package import CognitionCore
package import CognitionExpressions

/// Where expressions find the values of their variables, e.g. `$context`.
package protocol VariableScope {
    /// The value of the variable, whose name comes without `$`; asked only for variables that the expression uses.
    func value(of variable: String) -> JSONValue
}

/// The names that expressions of a definition may use.
package enum DefinitionVariables {
    /// Known everywhere; those that the specification calls unavailable at a place are null there.
    package static let always = [
        "context", "input", "output", "secrets", "authorization", "task", "workflow", "runtime",
    ]
    /// Stands among the names where `$secrets` may be used; no expression can name it.
    static let withSecrets = "secrets:allowed"
    /// Outputs of the branches that a branch of a fork needs, by name.
    package static let branches = "branches"
    /// In a compensation, what it undoes.
    package static let compensated = "compensated"
}

extension Expression {
    /// Compiles an expression so that `variables` holds only those that it uses.
    ///
    /// - Parameter available: The names that it may use, without `$`.
    package init(_ source: String, from available: [String]) throws(ExpressionError) {
        let mentioned = Expression.names(in: source)
        let candidates = mentioned.isEmpty ? [] : available.filter { mentioned.contains(Substring($0)) }
        let expression = try Expression(source, variables: candidates)
        let used = candidates.filter(expression.usedVariables.contains)
        // A name in a comment, a string or hidden by the expression's own binding is mentioned but not used.
        self = used.count == candidates.count ? expression : try Expression(source, variables: used)
    }

    /// What follows a `$` anywhere in a source.
    private static func names(in source: String) -> Set<Substring> {
        var names: Set<Substring> = []
        var rest = Substring(source).utf8
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            rest = rest[dollar...].dropFirst()
            let name = rest.prefix { HostName.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
            names.insert(Substring(name))
            rest = rest[name.endIndex...]
        }
        return names
    }

    /// The first result, or null when there is none.
    package func first(_ input: JSONValue, scope: some VariableScope) throws -> JSONValue {
        try first(input, variables.map(scope.value(of:))) ?? .null
    }

    /// Whether the first result is neither false nor null.
    package func isTrue(_ input: JSONValue, scope: some VariableScope) throws -> Bool {
        switch try first(input, scope: scope) {
        case .null, .bool(false): false
        default: true
        }
    }
}
