import CognitionCore

/// Makes the nodes of the functions that are not written in jq: those that run filters and those on values.
struct BuiltinBuilder {
    let name: String
    let arguments: [Syntax]
    let compile: (Syntax) throws(SyntaxFault) -> Node

    /// The call's node; `nil` when there is no such function here.
    func node() throws(SyntaxFault) -> Node? {
        if let node = try control() { return node }
        guard let function = Builtins.functions["\(name)/\(arguments.count)"] else { return nil }
        var nodes: [Node] = []
        for argument in arguments { nodes.append(try compile(argument)) }
        return FunctionNode(function, nodes)
    }

    /// What `control` knows.
    static let controls = [
        "empty/0", "select/1", "map/1", "map_values/1", "recurse/0", "recurse/1", "recurse/2", "while/2", "until/2",
        "repeat/1", "range/1", "range/2", "range/3", "first/0", "first/1", "last/0", "last/1", "limit/2", "skip/2",
        "any/2", "all/2", "path/1", "getpath/1", "setpath/2", "del/1", "walk/1", "sort_by/1", "group_by/1",
        "unique_by/1", "min_by/1", "max_by/1",
    ]

    /// Functions that decide themselves when, and how often, their arguments run.
    private func control() throws(SyntaxFault) -> Node? {
        func argument(_ index: Int) throws(SyntaxFault) -> Node { try compile(arguments[index]) }
        switch (name, arguments.count) {
        case ("empty", 0): return EmptyNode()
        case ("select", 1): return SelectNode(try argument(0))
        case ("map", 1): return CollectNode(Compiler.pipe([IterateNode(), try argument(0)]))
        case ("map_values", 1): return UpdateNode(IterateNode(), try argument(0))
        case ("recurse", 0): return RecurseNode(nil)
        case ("recurse", 1): return RecurseNode(try argument(0))
        case ("recurse", 2): return RecurseNode(Compiler.pipe([try argument(0), SelectNode(try argument(1))]))
        case ("while", 2): return LoopNode(.while, condition: try argument(0), try argument(1))
        case ("until", 2): return LoopNode(.until, condition: try argument(0), try argument(1))
        case ("repeat", 1): return RepeatNode(try argument(0))
        case ("range", 1): return RangeNode(from: LiteralNode(.integer(0)), upto: try argument(0), by: nil)
        case ("range", 2): return RangeNode(from: try argument(0), upto: try argument(1), by: nil)
        case ("range", 3): return RangeNode(from: try argument(0), upto: try argument(1), by: try argument(2))
        case ("first", 1): return FirstNode(try argument(0))
        case ("last", 1): return LastNode(try argument(0))
        case ("first", 0): return IndexNode(base: nil, key: LiteralNode(.integer(0)))
        case ("last", 0): return IndexNode(base: nil, key: LiteralNode(.integer(-1)))
        case ("limit", 2): return CountNode(isLimit: true, try argument(0), try argument(1))
        case ("skip", 2): return CountNode(isLimit: false, try argument(0), try argument(1))
        case ("any", 2): return QuantifierNode(isAny: true, try argument(0), try argument(1))
        case ("all", 2): return QuantifierNode(isAny: false, try argument(0), try argument(1))
        case ("path", 1): return PathNode(try argument(0))
        case ("getpath", 1): return GetPathNode(try argument(0))
        case ("setpath", 2): return SetPathNode(try argument(0), try argument(1))
        case ("del", 1): return DeleteNode(try argument(0))
        case ("walk", 1): return WalkNode(try argument(0))
        case (_, 1):
            guard let operation = KeyedOperation(rawValue: name) else { return nil }
            return KeyedNode(operation, try argument(0))
        default: return nil
        }
    }
}

/// A function on values: on the input and one output of each argument.
final class FunctionNode: Node, @unchecked Sendable {
    typealias Function = @Sendable (JSONValue, [JSONValue], Machine) throws(Unwind) -> JSONValue

    let function: Function
    let arguments: [Node]

    init(_ function: @escaping Function, _ arguments: [Node]) {
        self.function = function
        self.arguments = arguments
        super.init(arguments.map(\.cardinality).max() ?? .one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try machine.step()
        switch arguments.count {
        case 0: return try function(input, [], machine)
        case 1: return try function(input, [try arguments[0].value(input, frame, machine)], machine)
        default:
            var values: [JSONValue] = []
            for argument in arguments.reversed() { values.append(try argument.value(input, frame, machine)) }
            return try function(input, values.reversed(), machine)
        }
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        var values: [JSONValue] = []
        for argument in arguments.reversed() {
            guard let value = try argument.optional(input, frame, machine) else { return nil }
            values.append(value)
        }
        return try function(input, values.reversed(), machine)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if cardinality != .many {
            if let output = try optional(input, frame, machine) { try emit(output, path?.left(from: input)) }
            return
        }
        try run(arguments.count - 1, [], input, frame, machine) { (output) throws(Unwind) in
            try emit(output, path?.left(from: input))
        }
    }

    /// The last argument is evaluated first and varies slowest, as in jq's own functions.
    private func run(
        _ index: Int, _ values: [JSONValue], _ input: JSONValue, _ frame: Int, _ machine: Machine,
        _ emit: (JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        if index < 0 { return try emit(try function(input, values.reversed(), machine)) }
        try arguments[index].forEach(input, frame, machine) { (value) throws(Unwind) in
            try machine.step()
            try self.run(index - 1, values + [value], input, frame, machine, emit)
        }
    }
}

/// `@name` by itself: the input as text in a format.
final class FormatNode: Node, @unchecked Sendable {
    let format: Format

    init(_ format: Format) {
        self.format = format
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        let text = try format.apply(input, machine)
        try machine.charge(text.utf8.count)
        return .string(text)
    }
}
