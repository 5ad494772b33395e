import CognitionCore
import CognitionDocuments
import CognitionExpressions

/// Reads one document into a definition and gathers everything that is wrong with it.
///
/// A function that finds a fault reports it and returns `nil`, or what it could read; reading goes on, so that all
/// faults are known at once. The definition is only made when there are none.
final class DefinitionReader {
    /// A fault before its line is known.
    struct Fault {
        let place: Place
        let message: String
        /// The expression it lies in, and where in there.
        let expression: (source: String, position: ExpressionError.Position?)?
    }

    /// Tasks of a document, nested ones and functions counted once.
    static let tasksMax = 20_000
    /// Tasks inside one another.
    static let nestingMax = 64
    /// Bytes of a document as text, and of its canonical form.
    static let bytesMax = 1 << 20
    /// Arrays and objects inside one another: four for each nested task, and some for the data in the innermost.
    static let depthMax = 4 * nestingMax + 64
    private static let faultsKeptMax = 1_000

    let context: DefinitionContext
    var use = ReusableParts()
    private(set) var taskCount = 0
    /// The deepest task seen since a function's reading began, functions that it calls included.
    var deepest = 0
    private(set) var faults: [Fault] = []
    private var reported: Set<String> = []

    init(context: DefinitionContext) {
        self.context = context
    }

    /// Counts a task; false, after the fault was reported, when there are too many.
    func countTask(at place: Place) -> Bool {
        taskCount += 1
        if taskCount == DefinitionReader.tasksMax + 1 {
            report("a definition has at most \(DefinitionReader.tasksMax) tasks", at: place)
        }
        return taskCount <= DefinitionReader.tasksMax
    }

    // MARK: Reporting

    func report(_ message: String, at node: DocumentNode) {
        report(message, at: node.place)
    }

    func report(
        _ message: String, at place: Place,
        expression: (source: String, position: ExpressionError.Position?)? = nil
    ) {
        guard faults.count < DefinitionReader.faultsKeptMax else { return }
        // A reusable part is read for every task that uses it.
        guard reported.insert("\(place.pointer) \(message)").inserted else { return }
        faults.append(Fault(place: place, message: message, expression: expression))
    }

    // MARK: Values

    /// The members of an object; unknown and missing ones are reported.
    func fields(_ node: DocumentNode, of what: String, known: [String], required: [String] = []) -> Fields? {
        guard case .object(let object) = node.value else {
            report("\(what) must be an object, not \(node.value.described)", at: node)
            return nil
        }
        for name in object.keys where !known.contains(name) {
            let place = Place(node.place, .member(name))
            report(Suggestion.unknownMember(name, of: what, known: known), at: place)
        }
        for name in required where object[name] == nil {
            report("\(what) needs '\(name)'", at: node)
        }
        return Fields(node: node, object: object)
    }

    /// The members of an object whose names are the author's.
    func map(_ node: DocumentNode, of what: String) -> Fields? {
        guard case .object(let object) = node.value else {
            report("\(what) must be an object, not \(node.value.described)", at: node)
            return nil
        }
        return Fields(node: node, object: object)
    }

    func elements(_ node: DocumentNode, of what: String) -> [DocumentNode]? {
        guard case .array(let elements) = node.value else {
            report("\(what) must be a list, not \(node.value.described)", at: node)
            return nil
        }
        return elements.enumerated().map { DocumentNode(value: $1, place: Place(node.place, .element($0))) }
    }

    func string(_ node: DocumentNode, _ what: String) -> String? {
        if case .string(let string) = node.value { return string }
        let advice = node.value.isScalar ? "; write it in quotes" : ""
        report("\(what) must be a string, not \(node.value.described)\(advice)", at: node)
        return nil
    }

    func bool(_ node: DocumentNode?, _ what: String, default: Bool) -> Bool {
        guard let node else { return `default` }
        if case .bool(let value) = node.value { return value }
        report("\(what) must be true or false, not \(node.value.described)", at: node)
        return `default`
    }

    func integer(_ node: DocumentNode, _ what: String, in range: ClosedRange<Int64>) -> Int? {
        if let value = node.value.integerValue, range.contains(value) { return Int(value) }
        report(
            "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound), not "
                + node.value.described,
            at: node)
        return nil
    }

    /// A string that is one of an enumeration's.
    func choice<Choice: RawRepresentable & CaseIterable>(_ node: DocumentNode, _ what: String) -> Choice?
    where Choice.RawValue == String {
        guard let name = string(node, what) else { return nil }
        if let choice = Choice(rawValue: name) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        report("\(what) must be \(known.list(lastWord: "or")), not '\(name.shortened)'", at: node)
        return nil
    }

    // MARK: Expressions

    /// A field that is an expression, with or without `${ }`.
    func expression(_ node: DocumentNode?, _ what: String, _ variables: [String]) -> Expression? {
        guard let node, let source = string(node, what) else { return nil }
        return compiled(at: node, variables) { try Expression.field(source, variables: variables) }
    }

    /// A field that is either an expression as a string, with or without `${ }`, or a template.
    func transformation(_ node: DocumentNode?, _ what: String, _ variables: [String]) -> Template? {
        guard let node else { return nil }
        switch node.value {
        case .string(let source):
            return compiled(at: node, variables) { try Template.expression(source, variables: variables) }
        case .object:
            return template(node, variables)
        default:
            report("\(what) must be an expression or an object, not \(node.value.described)", at: node)
            return nil
        }
    }

    /// Any value, with expressions as `${ … }`.
    func template(_ node: DocumentNode?, _ variables: [String]) -> Template? {
        guard let node else { return nil }
        return compiled(at: node, variables) { try Template(node.value, variables: variables) }
    }

    /// A string with expressions as `${ … }`.
    func textTemplate(_ node: DocumentNode?, _ what: String, _ variables: [String]) -> Template? {
        guard let node, string(node, what) != nil else { return nil }
        return template(node, variables)
    }

    func duration(_ node: DocumentNode?, _ variables: [String]) -> DurationTemplate? {
        guard let node else { return nil }
        return compiled(at: node, variables) { try DurationTemplate(node.value, variables: variables) }
    }

    /// Runs what compiles a part of the document at `node` and reports its failure where it is.
    func compiled<Result>(at node: DocumentNode, _ variables: [String], _ body: () throws -> Result) -> Result? {
        do {
            return try body()
        } catch let error as TemplateError {
            let place = error.path.reduce(node.place) { Place($0, $1) }
            let cause = error.cause as? ExpressionError
            var message = cause?.value.stringValue ?? error.message
            if cause != nil, message.hasPrefix("$") {
                let known = variables.filter { $0 != "secrets" && $0 != DefinitionVariables.withSecrets }
                message += "; known here: \(known.map { "$\($0)" }.joined(separator: ", "))"
            }
            if cause != nil { message = "invalid expression: " + message }
            report(message, at: place, expression: error.expression.map { ($0, cause?.position) })
        } catch {
            report(String(describing: error), at: node)
        }
        return nil
    }

    func schema(_ node: DocumentNode?, of what: String) -> JSONSchema? {
        guard let node,
            let fields = fields(node, of: "the schema of \(what)", known: ["format", "document", "resource"])
        else { return nil }
        if let format = fields["format"], let name = string(format, "the format of a schema"),
            name != "json", !name.hasPrefix("json:")
        {
            report("schemas of format '\(name.shortened)' are not supported; only 'json' is", at: format)
        }
        if let resource = fields["resource"] {
            if let document = fields["document"] { report("give either 'document' or 'resource'", at: document) }
            return schema(resource: resource)
        }
        guard let document = fields["document"] else {
            report("the schema of \(what) needs 'document' or 'resource'", at: node)
            return nil
        }
        do {
            return try JSONSchema(document.value, patterns: RegularExpression.test)
        } catch {
            report("invalid JSON Schema: \(error.reason)", at: document.descendant(error.pointer).place)
            return nil
        }
    }
}

extension JSONValue {
    var isScalar: Bool {
        switch self {
        case .array, .object, .null: false
        default: true
        }
    }
}
