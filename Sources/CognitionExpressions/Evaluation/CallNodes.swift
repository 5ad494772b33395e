import CognitionCore

/// A call of a recursive function, which gets a frame of its own.
final class CallNode: Node, @unchecked Sendable {
    enum Argument {
        case value(Node)
        case filter(Node)
        /// A filter that the caller was given itself.
        case passed(hops: Int, index: Int)
    }

    let function: Int
    /// How many frames out the function's definition stands.
    let hops: Int
    let arguments: [Argument]
    /// Whether the call is the last thing that the function around it does, so that its frame can be left first.
    let isTail: Bool

    init(function: Int, hops: Int, arguments: [Argument], isTail: Bool) {
        self.function = function
        self.hops = hops
        self.arguments = arguments
        let capturesFrame = arguments.contains { argument in
            switch argument {
            case .value: false
            case .filter: true
            case .passed: false
            }
        }
        self.isTail = isTail && hops > 0 && !capturesFrame
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var filters: [Machine.Closure] = []
        for argument in arguments {
            switch argument {
            case .value: break
            case .filter(let node): filters.append(Machine.Closure(node: node, frame: frame))
            case .passed(let hops, let index): filters.append(machine.closure(frame, hops: hops, index: index))
            }
        }
        try evaluate(0, [], filters, input, path, frame, machine, emit)
    }

    /// Evaluates the value arguments, the first varying slowest, and calls.
    private func evaluate(
        _ index: Int, _ values: [JSONValue], _ filters: [Machine.Closure], _ input: JSONValue, _ path: Path?,
        _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var index = index
        var values = values
        while index < arguments.count {
            guard case .value(let node) = arguments[index] else {
                index += 1
                continue
            }
            if node.cardinality == .one {
                values.append(try node.value(input, frame, machine))
                index += 1
                continue
            }
            let (known, next) = (values, index + 1)
            return try node.forEach(input, frame, machine) { (value) throws(Unwind) in
                try self.evaluate(next, known + [value], filters, input, path, frame, machine, emit)
                if machine.tailCall != nil { try machine.runTailCalls(emit) }
            }
        }
        let parent = machine.ancestor(frame, hops: hops)
        let call = Machine.TailCall(
            function: function, parent: parent, values: values, closures: filters, input: input, path: path)
        machine.tailCall = call
        if !isTail { try machine.runTailCalls(emit) }
    }
}

extension Machine {
    /// Does the call that is due, and those that it ends with, one after the other in the same place of the stack.
    func runTailCalls(_ emit: Emit) throws(Unwind) {
        try enter()
        defer { leave() }
        while let call = tailCall {
            tailCall = nil
            try step()
            let function = program.functions[call.function]
            let frame = try push(function, parent: call.parent, call.values, call.closures)
            defer { pop(to: frame) }
            try function.body.run(call.input, call.path, frame, self, emit)
        }
    }
}

/// A call of a filter that a recursive function was given.
final class FilterCallNode: Node, @unchecked Sendable {
    let hops: Int
    let index: Int

    init(hops: Int, index: Int) {
        self.hops = hops
        self.index = index
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try machine.step()
        try machine.checkStack()
        let closure = machine.closure(frame, hops: hops, index: index)
        try closure.node.run(input, path, closure.frame, machine, emit)
    }
}
