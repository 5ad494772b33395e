import CognitionCore

/// `source as $name | body`.
///
/// The slot gets its old value back afterwards: a filter argument may run again while an earlier run of it is still on
/// the stack, and both use the same slot.
final class BindNode: Node, @unchecked Sendable {
    let source: Node
    let slot: Int
    let body: Node

    init(_ source: Node, slot: Int, _ body: Node) {
        self.source = source
        self.slot = slot
        self.body = body
        super.init(max(source.cardinality, body.cardinality))
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        let old = machine.exchange(frame, slot: slot, try source.value(input, frame, machine))
        defer { machine.store(frame, slot: slot, old) }
        return try body.value(input, frame, machine)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let bound = try source.optional(input, frame, machine) else { return nil }
        let old = machine.exchange(frame, slot: slot, bound)
        defer { machine.store(frame, slot: slot, old) }
        return try body.optional(input, frame, machine)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try source.forEach(input, frame, machine) { (bound) throws(Unwind) in
            try machine.step()
            let old = machine.exchange(frame, slot: self.slot, bound)
            defer { machine.store(frame, slot: self.slot, old) }
            try self.body.run(input, path, frame, machine, emit)
        }
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        guard let bound = try source.optional(value, frame, machine) else { return false }
        let old = machine.exchange(frame, slot: slot, bound)
        defer { machine.store(frame, slot: slot, old) }
        return try body.transform(&value, frame, machine)
    }
}

/// What the left side of `as` takes apart.
indirect enum Matcher {
    case variable(slot: Int)
    case array([Matcher])
    case object([(key: Node, slot: Int?, matcher: Matcher?)])

    /// Binds the variables, for each way to do so, and goes on.
    func match(
        _ value: JSONValue, _ frame: Int, _ machine: Machine, _ next: () throws(Unwind) -> Void
    ) throws(Unwind) {
        switch self {
        case .variable(let slot):
            machine.store(frame, slot: slot, value)
            try next()
        case .array(let elements): try Self.match(elements, elements.count - 1, value, frame, machine, next)
        case .object(let members): try Self.match(members, 0, value, frame, machine, next)
        }
    }

    /// From the last element to the first, as jq does; it shows in the order of results.
    private static func match(
        _ elements: [Matcher], _ index: Int, _ value: JSONValue, _ frame: Int, _ machine: Machine,
        _ next: () throws(Unwind) -> Void
    ) throws(Unwind) {
        guard index >= 0 else { return try next() }
        let element = try machine.index(value, .integer(Int64(index)))
        try elements[index].match(element, frame, machine) { () throws(Unwind) in
            try match(elements, index - 1, value, frame, machine, next)
        }
    }

    private static func match(
        _ members: [(key: Node, slot: Int?, matcher: Matcher?)], _ index: Int, _ value: JSONValue, _ frame: Int,
        _ machine: Machine, _ next: () throws(Unwind) -> Void
    ) throws(Unwind) {
        guard index < members.count else { return try next() }
        let (key, slot, matcher) = members[index]
        try key.forEach(value, frame, machine) { (key) throws(Unwind) in
            guard case .string = key else {
                throw machine.fail("Cannot index \(value.typeName) with \(key.typeName) (\(machine.shown(key)))")
            }
            let member = try machine.index(value, key)
            if let slot { machine.store(frame, slot: slot, member) }
            func rest() throws(Unwind) { try match(members, index + 1, value, frame, machine, next) }
            if let matcher { try matcher.match(member, frame, machine, rest) } else { try rest() }
        }
    }
}

/// `source as pattern ?// pattern … | body`.
final class DestructureNode: Node, @unchecked Sendable {
    let source: Node
    let matchers: [Matcher]
    let slots: [Int]
    let body: Node

    init(_ source: Node, _ matchers: [Matcher], slots: [Int], _ body: Node) {
        self.source = source
        self.matchers = matchers
        self.slots = slots
        self.body = body
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try source.forEach(input, frame, machine) { (value) throws(Unwind) in
            try machine.step()
            try self.bind(value, frame, machine) { () throws(Unwind) in
                try self.body.run(input, path, frame, machine, emit)
            }
        }
    }

    /// Runs `next` with the variables bound by the first pattern that works; a later one is tried after any error.
    func bind(
        _ value: JSONValue, _ frame: Int, _ machine: Machine, _ next: () throws(Unwind) -> Void
    ) throws(Unwind) {
        let old = slots.map { machine.exchange(frame, slot: $0, .null) }
        defer { for (slot, value) in zip(slots, old) { machine.store(frame, slot: slot, value) } }
        for (index, matcher) in matchers.enumerated() {
            do throws(Unwind) {
                return try matcher.match(value, frame, machine, next)
            } catch {
                guard index < matchers.count - 1, machine.takeError() != nil else { throw error }
                for slot in slots { machine.store(frame, slot: slot, .null) }
            }
        }
    }
}

/// `reduce source as … (initial; update)`.
final class ReduceNode: Node, @unchecked Sendable {
    let initial: Node
    let update: Node
    /// The source with its variables, whose body stands for one step.
    let source: DestructureNode

    init(_ source: DestructureNode, initial: Node, update: Node) {
        self.source = source
        self.initial = initial
        self.update = update
        super.init(initial.cardinality)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try reduce(input, try initial.value(input, frame, machine), frame, machine)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let start = try initial.optional(input, frame, machine) else { return nil }
        return try reduce(input, start, frame, machine)
    }

    private func reduce(
        _ input: JSONValue, _ start: JSONValue, _ frame: Int, _ machine: Machine
    ) throws(Unwind) -> JSONValue {
        var state = start
        try source.forEachBinding(input, frame, machine) { () throws(Unwind) in
            if self.update.cardinality != .many {
                if !(try self.update.transform(&state, frame, machine)) { state = .null }
                return
            }
            var last: JSONValue?
            try self.update.run(state, nil, frame, machine) { (value, _) throws(Unwind) in last = value }
            state = last ?? .null
        }
        return state
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        guard let path else {
            return try initial.forEach(input, frame, machine) { (start) throws(Unwind) in
                try emit(try self.reduce(input, start, frame, machine), nil)
            }
        }
        try initial.run(input, path, frame, machine) { (start, startPath) throws(Unwind) in
            var state = (start, startPath)
            try self.source.forEachBinding(input, frame, machine) { () throws(Unwind) in
                var last: (JSONValue, Path?)?
                try self.update.run(state.0, state.1, frame, machine) { (value, path) throws(Unwind) in
                    last = (value, path)
                }
                state = last ?? (.null, path.left(from: input))
            }
            try emit(state.0, state.1)
        }
    }
}

extension DestructureNode {
    /// Runs the body once for each way to bind the variables.
    func forEachBinding(
        _ input: JSONValue, _ frame: Int, _ machine: Machine, _ body: () throws(Unwind) -> Void
    ) throws(Unwind) {
        if matchers.count == 1, case .variable(let slot) = matchers[0] {
            return try source.forEach(input, frame, machine) { (value) throws(Unwind) in
                try machine.step()
                let old = machine.exchange(frame, slot: slot, value)
                defer { machine.store(frame, slot: slot, old) }
                try body()
            }
        }
        try source.forEach(input, frame, machine) { (value) throws(Unwind) in
            try machine.step()
            try self.bind(value, frame, machine, body)
        }
    }
}

/// `foreach source as … (initial; update; extract)`.
final class ForeachNode: Node, @unchecked Sendable {
    let initial: Node
    let update: Node
    let extract: Node?
    let source: DestructureNode

    init(_ source: DestructureNode, initial: Node, update: Node, extract: Node?) {
        self.source = source
        self.initial = initial
        self.update = update
        self.extract = extract
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try initial.run(input, path, frame, machine) { (start, startPath) throws(Unwind) in
            var state = (start, startPath)
            try self.source.forEachBinding(input, frame, machine) { () throws(Unwind) in
                if path == nil, self.update.cardinality != .many {
                    guard try self.update.transform(&state.0, frame, machine) else {
                        state.0 = .null
                        return
                    }
                    return try self.emit(state.0, nil, frame, machine, emit)
                }
                let before = state
                state = (.null, path?.left(from: input))
                try self.update.run(before.0, before.1, frame, machine) { (value, path) throws(Unwind) in
                    state = (value, path)
                    try self.emit(value, path, frame, machine, emit)
                }
            }
        }
    }

    private func emit(
        _ value: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        guard let extract else { return try emit(value, path) }
        try extract.run(value, path, frame, machine, emit)
    }
}

/// `label $name | body`.
final class LabelNode: Node, @unchecked Sendable {
    let slot: Int
    let body: Node

    init(slot: Int, _ body: Node) {
        self.slot = slot
        self.body = body
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        let token = machine.newToken()
        let old = machine.exchange(frame, slot: slot, .integer(Int64(token)))
        defer { machine.store(frame, slot: slot, old) }
        try machine.untilStopped(token) { () throws(Unwind) in try self.body.run(input, path, frame, machine, emit) }
    }
}

/// `break $name`.
final class BreakNode: Node, @unchecked Sendable {
    let hops: Int
    let slot: Int

    init(hops: Int, slot: Int) {
        self.hops = hops
        self.slot = slot
        super.init(.optional)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard case .integer(let token) = machine.load(frame, hops: hops, slot: slot) else { return nil }
        throw machine.stop(Int(token))
    }
}

extension Machine {
    func stop(_ token: Int) -> Unwind {
        reason = .stop(token)
        return Unwind()
    }

    /// Runs the body to its end or until the activation with this number is stopped.
    func untilStopped(_ token: Int, _ body: () throws(Unwind) -> Void) throws(Unwind) {
        do throws(Unwind) {
            try body()
        } catch {
            guard isStopping(token) else { throw error }
            reason = .none
        }
    }
}
