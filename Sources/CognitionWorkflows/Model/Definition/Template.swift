package import CognitionCore
package import CognitionExpressions

/// A JSON value in which strings `${ … }` are jq expressions, compiled once.
///
/// A string that is one expression, with nothing but white space around it, gives the expression's first result, or
/// null when it has none. A string with text around expressions gives a string into which results go as text: strings
/// as they are, everything else as JSON. All other strings, and members' names, are constants.
package struct Template: Sendable {
    private indirect enum Node: Sendable {
        case constant(JSONValue)
        case expression(Expression)
        case text([Piece])
        case array([Node])
        case object([(name: String, node: Node)])
        case uri(URITemplate)
    }

    private enum Piece: Sendable {
        case text(String)
        case expression(Expression)
    }

    private let node: Node
    /// Names of the variables that its expressions use, without `$`.
    package let usedVariables: Set<String>

    /// Compiles a template.
    ///
    /// - Parameter variables: Names that expressions may use, without `$`.
    /// - Throws: ``TemplateError`` with the place inside `json`.
    package init(_ json: JSONValue, variables: [String]) throws {
        var used: Set<String> = []
        node = try Template.compile(json, variables: variables, used: &used)
        usedVariables = used
    }

    /// A value without expressions, whatever its strings look like.
    package init(constant: JSONValue) {
        node = .constant(constant)
        usedVariables = []
    }

    /// A URI template; its result is a string.
    package init(uri: URITemplate) {
        node = .uri(uri)
        usedVariables = []
    }

    private init(_ expression: Expression) {
        node = .expression(expression)
        usedVariables = Set(expression.variables)
    }

    /// A field that is an expression, with or without `${ }` around it, e.g. `input.from`.
    package static func expression(_ source: String, variables: [String]) throws -> Template {
        Template(try Expression.field(source, variables: variables))
    }

    /// The value, when there is nothing to evaluate.
    package var constant: JSONValue? {
        if case .constant(let value) = node { value } else { nil }
    }

    package var isConstant: Bool { constant != nil }

    /// The value for one input.
    ///
    /// - Throws: What an expression throws; ``TemplateError`` for a URI template that meets a list or an object.
    package func evaluate(_ input: JSONValue, scope: some VariableScope) throws -> JSONValue {
        try Template.evaluate(node, input, scope)
    }

    private static func evaluate(_ node: Node, _ input: JSONValue, _ scope: some VariableScope) throws -> JSONValue {
        switch node {
        case .constant(let value):
            return value
        case .expression(let expression):
            return try expression.first(input, scope: scope)
        case .text(let pieces):
            var text = ""
            for piece in pieces {
                switch piece {
                case .text(let constant): text += constant
                case .expression(let expression): text += try expression.first(input, scope: scope).interpolated
                }
            }
            return .string(text)
        case .array(let nodes):
            return .array(try nodes.map { try evaluate($0, input, scope) })
        case .object(let members):
            var object = JSONObject(minimumCapacity: members.count)
            for member in members { object[member.name] = try evaluate(member.node, input, scope) }
            return .object(object)
        case .uri(let template):
            return .string(try template.expand(input))
        }
    }

    // MARK: Compiling

    private static func compile(_ json: JSONValue, variables: [String], used: inout Set<String>) throws -> Node {
        switch json {
        case .string(let string):
            return try compile(string: string, variables: variables, used: &used)
        case .array(let elements):
            var isConstant = true
            var nodes: [Node] = []
            nodes.reserveCapacity(elements.count)
            for (index, element) in elements.enumerated() {
                let node = try at(.element(index)) { () throws in
                    try compile(element, variables: variables, used: &used)
                }
                if case .constant = node {} else { isConstant = false }
                nodes.append(node)
            }
            return isConstant ? .constant(json) : .array(nodes)
        case .object(let members):
            var isConstant = true
            var nodes: [(name: String, node: Node)] = []
            nodes.reserveCapacity(members.count)
            for (name, member) in members {
                let node = try at(.member(name)) { () throws in
                    try compile(member, variables: variables, used: &used)
                }
                if case .constant = node {} else { isConstant = false }
                nodes.append((name, node))
            }
            return isConstant ? .constant(json) : .object(nodes)
        default:
            return .constant(json)
        }
    }

    private static func at<Result>(_ step: JSONPathStep, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as TemplateError {
            throw error.under(step)
        }
    }

    private static func compile(string: String, variables: [String], used: inout Set<String>) throws -> Node {
        guard TemplateText.hasExpression(string) else { return .constant(.string(string)) }
        let text = try TemplateText(string)
        if let (source, _) = text.wholeExpression {
            let expression = try Expression.checked(source, variables: variables)
            used.formUnion(expression.variables)
            return .expression(expression)
        }
        var pieces: [Piece] = []
        for piece in text.pieces {
            switch piece {
            case .text(let constant):
                pieces.append(.text(constant))
            case .expression(let source, _):
                let expression = try Expression.checked(source, variables: variables)
                used.formUnion(expression.variables)
                pieces.append(.expression(expression))
            }
        }
        return .text(pieces)
    }
}

extension JSONValue {
    /// The value as it stands inside a text: a string as it is, everything else as JSON.
    var interpolated: String {
        if case .string(let string) = self { string } else { jsonText }
    }
}

extension Expression {
    /// Compiles a field that is an expression, with or without `${ }` around it.
    ///
    /// - Throws: ``TemplateError``.
    package static func field(_ field: String, variables: [String]) throws -> Expression {
        guard TemplateText.hasExpression(field), field.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "$"),
            let (source, _) = try TemplateText(field).wholeExpression
        else { return try checked(field, variables: variables) }
        return try checked(source, variables: variables)
    }

    /// Compiles, and tells a failure together with the source it lies in.
    ///
    /// - Throws: ``TemplateError``.
    static func checked(_ source: String, variables: [String]) throws -> Expression {
        guard source.utf8.contains(where: { $0 > 0x20 }) else {
            throw TemplateError("the expression is empty; '.' is the whole input", expression: source)
        }
        let expression: Expression
        do {
            expression = try Expression(source, from: variables)
        } catch {
            throw TemplateError(error.message, expression: source, cause: error)
        }
        guard !expression.variables.contains("secrets") || variables.contains(DefinitionVariables.withSecrets) else {
            throw TemplateError(
                "$secrets is known only in 'input.from' of a 'call' or 'run' task, as elsewhere it would come into the "
                    + "history", expression: source)
        }
        return expression
    }
}
