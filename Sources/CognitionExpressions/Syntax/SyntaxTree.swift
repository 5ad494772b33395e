import CognitionCore

/// A node of the parsed source. Names are not resolved yet; the compiler does that.
final class Syntax: Sendable {
    indirect enum Kind: Sendable {
        case identity
        case recurse
        case literal(JSONValue)
        /// The parts of a string with interpolations; `format` is applied to each interpolated value.
        case string(format: String?, parts: [StringPart])
        case format(String)
        /// `isOptional`: a `?` right behind it, which takes the errors of this access but not of the base or the key.
        case index(Syntax, key: Syntax, isOptional: Bool = false)
        case slice(Syntax, from: Syntax?, to: Syntax?, isOptional: Bool = false)
        case iterate(Syntax, isOptional: Bool = false)
        case attempt(Syntax, handler: Syntax?)
        case variable(String)
        case location(line: Int)
        case call(String, [Syntax])
        case array(Syntax?)
        case object([(key: Syntax, value: Syntax)])
        case negate(Syntax)
        /// Two or more; lists, so that long ones do not nest.
        case pipe([Syntax])
        case comma([Syntax])
        case binary(BinaryOperator, Syntax, Syntax)
        case and(Syntax, Syntax)
        case or(Syntax, Syntax)
        case alternative(Syntax, Syntax)
        case assign(AssignmentOperator, Syntax, Syntax)
        case condition(Syntax, then: Syntax, otherwise: Syntax?)
        case reduce(Syntax, [Pattern], initial: Syntax, update: Syntax)
        case foreach(Syntax, [Pattern], initial: Syntax, update: Syntax, extract: Syntax?)
        case define(FunctionDefinition, Syntax)
        case bind(Syntax, [Pattern], Syntax)
        case label(String, Syntax)
        case leave(String)
    }

    let kind: Kind
    /// Offset in the source's bytes.
    let offset: Int

    init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

enum StringPart: Sendable {
    case text(String)
    case value(Syntax)
}

/// What the left side of `as` may be.
indirect enum Pattern: Sendable {
    case variable(String)
    case array([Pattern])
    /// The members; a `variable` is bound to the member's whole value as well.
    case object([(key: Syntax, variable: String?, pattern: Pattern?)])

    /// All names that the pattern binds, in the order in which they are written.
    var names: [String] {
        switch self {
        case .variable(let name): [name]
        case .array(let elements): elements.flatMap(\.names)
        case .object(let members): members.flatMap { ($0.variable.map { [$0] } ?? []) + ($0.pattern?.names ?? []) }
        }
    }
}

final class FunctionDefinition: Sendable {
    struct Parameter: Sendable {
        let name: String
        /// `$name`: the argument is evaluated before the body; else it is a filter that the body may run.
        let isValue: Bool
    }

    let name: String
    let parameters: [Parameter]
    let body: Syntax
    /// Whether the body may call the function again.
    let isRecursive: Bool

    init(name: String, parameters: [Parameter], body: Syntax, isRecursive: Bool) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.isRecursive = isRecursive
    }
}

enum BinaryOperator: Sendable {
    case add, subtract, multiply, divide, remainder
    case equal, unequal, less, lessOrEqual, greater, greaterOrEqual
}

enum AssignmentOperator: Sendable {
    case set, update, alternative
    case arithmetic(BinaryOperator)
}
