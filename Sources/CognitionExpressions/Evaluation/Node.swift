import CognitionCore

/// What takes an output: the value and, while paths are wanted, where in the input it is.
typealias Emit = (JSONValue, Path?) throws(Unwind) -> Void

/// How many outputs a node has for one input, unless it throws.
enum Cardinality: Comparable, Sendable {
    case one, optional, many
}

/// A node of the compiled expression.
///
/// There are three ways to ask it. `value` is for nodes with one output and `optional` for those with at most one: they
/// return it. `run` is for all: it hands each output to `emit` while it is still on the stack, so generators need no
/// state of their own. With a path (`run` only) the node also says where its outputs are in the input.
///
/// Sendable because subclasses have only `let` properties of Sendable values and nodes.
class Node: @unchecked Sendable {
    let cardinality: Cardinality
    /// Whether `update` works.
    let isUpdatable: Bool

    init(_ cardinality: Cardinality, isUpdatable: Bool = false) {
        self.cardinality = cardinality
        self.isUpdatable = isUpdatable
    }

    /// The one output; only for `.one`.
    func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        preconditionFailure("A node with one output says which.")
    }

    /// The output, if there is one; not for `.many`.
    func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        try value(input, frame, machine)
    }

    /// Hands all outputs to `emit`. `path` is where `input` is, `nil` when no paths are wanted.
    func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if let output = try optional(input, frame, machine) { try emit(output, path?.left(from: input)) }
    }

    /// Replaces the value by the output for it, in place if the node can; `false` when there is none. Not for `.many`.
    func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        guard let output = try optional(value, frame, machine) else { return false }
        value = output
        return true
    }

    /// Lets `change` replace the parts of the value that the node's outputs are, in place.
    func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        preconditionFailure("A node that cannot update in place says so.")
    }
}

extension Node {
    /// `value` for the outputs of any node, one after the other.
    @inline(__always)
    final func forEach(
        _ input: JSONValue, _ frame: Int, _ machine: Machine, _ body: (JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        switch cardinality {
        case .one: try body(try value(input, frame, machine))
        case .optional: if let output = try optional(input, frame, machine) { try body(output) }
        case .many: try run(input, nil, frame, machine) { (output, _) throws(Unwind) in try body(output) }
        }
    }
}

final class IdentityNode: Node, @unchecked Sendable {
    init() { super.init(.one, isUpdatable: true) }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue { input }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) { try emit(input, path) }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool { true }

    override func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) { try change(&value) }
}

final class LiteralNode: Node, @unchecked Sendable {
    let literal: JSONValue

    init(_ literal: JSONValue) {
        self.literal = literal
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue { literal }
}

final class EmptyNode: Node, @unchecked Sendable {
    init() { super.init(.optional) }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? { nil }
}

final class VariableNode: Node, @unchecked Sendable {
    let hops: Int
    let slot: Int

    init(hops: Int, slot: Int) {
        self.hops = hops
        self.slot = slot
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        machine.load(frame, hops: hops, slot: slot)
    }
}

/// Filters one after the other.
final class PipeNode: Node, @unchecked Sendable {
    let stages: [Node]

    init(_ stages: [Node]) {
        self.stages = stages
        let widest = stages.map(\.cardinality).max() ?? .one
        super.init(widest, isUpdatable: Self.areUpdatable(stages))
    }

    /// A stage that may pass a part over must not come after one that makes missing parts: they would be made in vain.
    private static func areUpdatable(_ stages: [Node]) -> Bool {
        var makesParts = false
        for stage in stages {
            guard stage.isUpdatable else { return false }
            if makesParts, stage is SelectNode || (stage as? IterateNode)?.isOptional == true { return false }
            makesParts = stage is FieldsNode || stage is IndexNode || makesParts && !(stage is IterateNode)
        }
        return true
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var current = try stages[0].value(input, frame, machine)
        for index in 1..<stages.count { current = try stages[index].value(current, frame, machine) }
        return current
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        var current = input
        for stage in stages {
            guard let output = try stage.optional(current, frame, machine) else { return nil }
            current = output
        }
        return current
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) { try run(from: 0, input, path, frame, machine, emit) }

    private func run(
        from start: Int, _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var index = start
        var current = input
        while index < stages.count - 1 {
            let stage = stages[index]
            index += 1
            if path == nil, stage.cardinality != .many {
                guard let output = try stage.optional(current, frame, machine) else { return }
                current = output
            } else {
                try machine.checkStack()
                let next = index
                return try stage.run(current, path, frame, machine) { (value, path) throws(Unwind) in
                    try self.run(from: next, value, path, frame, machine, emit)
                }
            }
        }
        try stages[index].run(current, path, frame, machine, emit)
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        for stage in stages where !(try stage.transform(&value, frame, machine)) { return false }
        return true
    }

    override func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) { try update(from: 0, &value, frame, machine, change) }

    private func update(
        from index: Int, _ value: inout JSONValue, _ frame: Int, _ machine: Machine,
        _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        if index == stages.count - 1 { return try stages[index].update(&value, frame, machine, change) }
        try stages[index].update(&value, frame, machine) { (part) throws(Unwind) in
            try self.update(from: index + 1, &part, frame, machine, change)
        }
    }
}

/// The outputs of several filters for the same input.
final class CommaNode: Node, @unchecked Sendable {
    let alternatives: [Node]

    init(_ alternatives: [Node]) {
        self.alternatives = alternatives
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        for alternative in alternatives { try alternative.run(input, path, frame, machine, emit) }
    }
}
