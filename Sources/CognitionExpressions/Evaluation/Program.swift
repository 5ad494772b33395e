import CognitionCore

/// A function that calls itself, and so is not expanded in place.
struct Function {
    let name: String
    let slots: Int
    let body: Node
}

/// A compiled expression.
///
/// Sendable because nothing in it changes after compilation: nodes have only `let` properties of Sendable values and nodes.
final class Program: @unchecked Sendable {
    private let main: Node
    let functions: [Function]
    /// Variables of the outermost frame.
    let slots: Int
    let usedVariables: Set<String>
    /// For each variable that evaluation provides, its slot when it is used.
    private let parameterSlots: [Int?]
    /// Levels of nodes, which is how deep an evaluation goes at least.
    private let nesting: Int

    init(
        main: Node, functions: [Function], slots: Int, usedVariables: Set<String>, parameterSlots: [Int?], nesting: Int
    ) {
        self.main = main
        self.functions = functions
        self.slots = slots
        self.usedVariables = usedVariables
        self.parameterSlots = parameterSlots
        self.nesting = nesting
    }

    func evaluate(
        _ input: JSONValue, _ arguments: [JSONValue], limits: ExpressionLimits, outputsMax: Int?
    ) throws(ExpressionError) -> [JSONValue] {
        precondition(
            arguments.count == parameterSlots.count, "An expression takes one value for each of its variables.")
        if nesting <= ExpressionLimits.nestingOnCaller,
            let result = run(input, arguments, limits, outputsMax, stackBudget: LargeStack.budgetOnCaller)
        {
            return try result.get()
        }
        let repeated = LargeStack.run {
            self.run(input, arguments, limits, outputsMax, stackBudget: LargeStack.budgetOnOwnThread)
        }
        guard let result = repeated.flatMap({ $0 }) else { throw .limitExceeded("depth of the stack") }
        return try result.get()
    }

    /// The outputs or the error; `nil` when the stack does not suffice.
    private func run(
        _ input: JSONValue, _ arguments: [JSONValue], _ limits: ExpressionLimits, _ outputsMax: Int?, stackBudget: Int
    ) -> Result<[JSONValue], ExpressionError>? {
        let machine = Machine(self, limits, stackBudget: stackBudget)
        for (slot, value) in zip(parameterSlots, arguments) {
            if let slot { machine.store(0, slot: slot, value) }
        }
        var outputs: [JSONValue] = []
        do throws(Unwind) {
            if main.cardinality == .one {
                outputs.append(try machine.finished(try main.value(input, 0, machine)))
            } else {
                try collect(input, machine, &outputs, outputsMax)
            }
        } catch {
            switch machine.reason {
            case .stop(0): break
            case .error(let value): return .failure(.failed(machine.hasNonFinite ? value.finite : value))
            case .limit(let name): return .failure(.limitExceeded(name))
            case .stackUsedUp: return nil
            case .none, .stop, .generalUpdate: preconditionFailure("An activation was left that is not there.")
            }
        }
        return .success(outputs)
    }

    private func collect(
        _ input: JSONValue, _ machine: Machine, _ outputs: inout [JSONValue], _ outputsMax: Int?
    ) throws(Unwind) {
        try main.run(input, nil, 0, machine) { (value, _) throws(Unwind) in
            outputs.append(try machine.finished(value))
            if outputs.count == outputsMax {
                machine.reason = .stop(0)
                throw Unwind()
            }
            if outputs.count > machine.limits.outputsMax {
                throw machine.exceed("outputsMax (\(machine.limits.outputsMax))")
            }
            try machine.step()
            try machine.charge(32)
        }
    }
}

extension Machine {
    /// An output as it leaves: bounded in what it looks like, with numbers that JSON has.
    func finished(_ value: JSONValue) throws(Unwind) -> JSONValue {
        try checkExtent(value)
        return hasNonFinite ? value.finite : value
    }
}
