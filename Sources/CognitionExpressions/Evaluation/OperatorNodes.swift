import CognitionCore

/// An operator on two values; the right side is evaluated first and varies slowest.
final class BinaryNode: Node, @unchecked Sendable {
    let name: BinaryOperator
    let left: Node
    let right: Node

    init(_ name: BinaryOperator, _ left: Node, _ right: Node) {
        self.name = name
        self.left = left
        self.right = right
        super.init(max(left.cardinality, right.cardinality))
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        let right = try right.value(input, frame, machine)
        return try machine.apply(name, try left.value(input, frame, machine), right)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let right = try right.optional(input, frame, machine),
            let left = try left.optional(input, frame, machine)
        else { return nil }
        return try machine.apply(name, left, right)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if cardinality != .many {
            if let output = try optional(input, frame, machine) { try emit(output, path?.left(from: input)) }
            return
        }
        try right.forEach(input, frame, machine) { (right) throws(Unwind) in
            try self.left.forEach(input, frame, machine) { (left) throws(Unwind) in
                try machine.step()
                try emit(try machine.apply(self.name, left, right), path?.left(from: input))
            }
        }
    }

    /// `. + x` appends in place.
    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        guard name == .add, left.cardinality == .one, right.cardinality == .one else {
            guard let output = try optional(value, frame, machine) else { return false }
            value = output
            return true
        }
        let right = try right.value(value, frame, machine)
        _ = try left.transform(&value, frame, machine)
        try machine.add(to: &value, right)
        return true
    }
}

final class NegateNode: Node, @unchecked Sendable {
    let operand: Node

    init(_ operand: Node) {
        self.operand = operand
        super.init(operand.cardinality)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try machine.negate(try operand.value(input, frame, machine))
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let value = try operand.optional(input, frame, machine) else { return nil }
        return try machine.negate(value)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try operand.forEach(input, frame, machine) { (value) throws(Unwind) in
            try emit(try machine.negate(value), path?.left(from: input))
        }
    }
}

/// `and`, `or`: the right side is evaluated only where the left one leaves it open.
final class LogicNode: Node, @unchecked Sendable {
    let isAnd: Bool
    let left: Node
    let right: Node

    init(isAnd: Bool, _ left: Node, _ right: Node) {
        self.isAnd = isAnd
        self.left = left
        self.right = right
        super.init(max(left.cardinality, right.cardinality))
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        if try left.value(input, frame, machine).isTrue != isAnd { return .bool(!isAnd) }
        return .bool(try right.value(input, frame, machine).isTrue)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let left = try left.optional(input, frame, machine) else { return nil }
        if left.isTrue != isAnd { return .bool(!isAnd) }
        return try right.optional(input, frame, machine).map { .bool($0.isTrue) }
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try left.forEach(input, frame, machine) { (left) throws(Unwind) in
            try machine.step()
            if left.isTrue != self.isAnd { return try emit(.bool(!self.isAnd), path?.left(from: input)) }
            try self.right.forEach(input, frame, machine) { (right) throws(Unwind) in
                try emit(.bool(right.isTrue), path?.left(from: input))
            }
        }
    }
}

/// `left // right`: the true outputs of the left side, else those of the right one.
final class AlternativeNode: Node, @unchecked Sendable {
    let left: Node
    let right: Node

    init(_ left: Node, _ right: Node) {
        self.left = left
        self.right = right
        super.init(left.cardinality == .many ? .many : right.cardinality)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        if let found = try preferred(input, frame, machine) { return found }
        return try right.value(input, frame, machine)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        if let found = try preferred(input, frame, machine) { return found }
        return try right.optional(input, frame, machine)
    }

    @inline(__always)
    private func preferred(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let found = try left.optional(input, frame, machine), found.isTrue else { return nil }
        return found
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var isFound = false
        try left.run(input, path, frame, machine) { (value, path) throws(Unwind) in
            guard value.isTrue else { return }
            isFound = true
            try emit(value, path)
        }
        if !isFound { try right.run(input, path, frame, machine, emit) }
    }
}

final class ConditionNode: Node, @unchecked Sendable {
    let condition: Node
    let then: Node
    let otherwise: Node

    init(_ condition: Node, then: Node, otherwise: Node) {
        self.condition = condition
        self.then = then
        self.otherwise = otherwise
        super.init(max(condition.cardinality, then.cardinality, otherwise.cardinality))
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        let branch = try condition.value(input, frame, machine).isTrue ? then : otherwise
        return try branch.value(input, frame, machine)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let test = try condition.optional(input, frame, machine) else { return nil }
        return try (test.isTrue ? then : otherwise).optional(input, frame, machine)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if condition.cardinality == .one {
            let branch = try condition.value(input, frame, machine).isTrue ? then : otherwise
            return try branch.run(input, path, frame, machine, emit)
        }
        try condition.forEach(input, frame, machine) { (test) throws(Unwind) in
            try (test.isTrue ? self.then : self.otherwise).run(input, path, frame, machine, emit)
        }
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        guard let test = try condition.optional(value, frame, machine) else { return false }
        return try (test.isTrue ? then : otherwise).transform(&value, frame, machine)
    }
}

/// `select(condition)`.
final class SelectNode: Node, @unchecked Sendable {
    let condition: Node

    init(_ condition: Node) {
        self.condition = condition
        super.init(condition.cardinality == .many ? .many : .optional, isUpdatable: condition.cardinality == .one)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let test = try condition.optional(input, frame, machine), test.isTrue else { return nil }
        return input
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try condition.forEach(input, frame, machine) { (test) throws(Unwind) in
            if test.isTrue { try emit(input, path) }
        }
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        try condition.optional(value, frame, machine)?.isTrue ?? false
    }

    override func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        if try condition.value(value, frame, machine).isTrue { try change(&value) }
    }
}

/// `try body catch handler`; without handler an error ends the outputs.
final class TryNode: Node, @unchecked Sendable {
    let body: Node
    let handler: Node?

    init(_ body: Node, handler: Node?) {
        self.body = body
        self.handler = handler
        super.init(max(body.cardinality, handler?.cardinality ?? .optional))
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        do throws(Unwind) {
            return try body.value(input, frame, machine)
        } catch {
            guard let handler, let caught = machine.takeError() else { throw error }
            return try handler.value(caught, frame, machine)
        }
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        do throws(Unwind) {
            return try body.optional(input, frame, machine)
        } catch {
            guard let caught = machine.takeError() else { throw error }
            return try handler?.optional(caught, frame, machine)
        }
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var outside = -1
        do throws(Unwind) {
            try body.run(input, path, frame, machine) { (value, path) throws(Unwind) in
                do throws(Unwind) {
                    try emit(value, path)
                } catch {
                    outside = machine.errorsTaken
                    throw error
                }
            }
        } catch {
            // What happens to an output further on is not this `try`'s concern, unless something inside took that error.
            guard outside != machine.errorsTaken, let caught = machine.takeError() else { throw error }
            try handler?.run(caught, path?.left(from: input), frame, machine, emit)
        }
    }
}

extension Machine {
    /// The error that is being thrown, if it is one that can be caught; then it is over.
    func takeError() -> JSONValue? {
        guard case .error(let value) = reason else { return nil }
        reason = .none
        errorsTaken += 1
        return value
    }
}
