import CognitionCore

/// `range(from; upto; by)`; the later an argument the faster it varies.
final class RangeNode: Node, @unchecked Sendable {
    let from: Node
    let upto: Node
    let by: Node?

    init(from: Node, upto: Node, by: Node?) {
        self.from = from
        self.upto = upto
        self.by = by
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        func emitValue(_ value: JSONValue) throws(Unwind) { try emit(value, path?.left(from: input)) }
        try from.forEach(input, frame, machine) { (from) throws(Unwind) in
            try self.upto.forEach(input, frame, machine) { (upto) throws(Unwind) in
                guard let by = self.by else { return try Self.count(from, upto, machine, emitValue) }
                try by.forEach(input, frame, machine) { (by) throws(Unwind) in
                    try Self.count(from, upto, by, machine, emitValue)
                }
            }
        }
    }

    private static func count(
        _ from: JSONValue, _ upto: JSONValue, _ machine: Machine, _ emit: (JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        if case .integer(var next) = from, case .integer(let end) = upto {
            while next < end {
                try machine.step()
                try emit(.integer(next))
                next += 1
            }
            return
        }
        guard from.isNumber, upto.isNumber else { throw machine.fail("Range bounds must be numeric") }
        var next = from.double
        // Said so because of `nan`, which no number reaches: as in jq that range has no end.
        while !(next >= upto.double) {
            try machine.step()
            try emit(JSONValue(jq: next, machine))
            next += 1
        }
    }

    /// With a step of any type, as jq defines it by comparison and addition.
    private static func count(
        _ from: JSONValue, _ upto: JSONValue, _ by: JSONValue, _ machine: Machine,
        _ emit: (JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        let direction = by.compare(.integer(0))
        guard direction != 0 else { return }
        var next = from
        while direction > 0 ? next.compare(upto) < 0 : next.compare(upto) > 0 {
            try machine.step()
            try emit(next)
            next = try machine.add(next, by)
        }
    }
}

/// `recurse(filter)`, `recurse` and `..`: the input, then the same for each output of the filter.
final class RecurseNode: Node, @unchecked Sendable {
    /// `nil` for `.[]?`.
    let filter: Node?

    init(_ filter: Node?) {
        self.filter = filter
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        guard let filter else { return try descend(input, path, machine, emit) }
        try machine.enter()
        defer { machine.leave() }
        var (value, path) = (input, path)
        while true {
            try machine.step()
            try emit(value, path)
            let last = try machine.eachButLast(of: filter, value, path, frame) { (value, path) throws(Unwind) in
                try self.run(value, path, frame, machine, emit)
            }
            guard let last else { return }
            (value, path) = last
        }
    }

    private func descend(_ value: JSONValue, _ path: Path?, _ machine: Machine, _ emit: Emit) throws(Unwind) {
        try machine.step()
        try emit(value, path)
        guard value.isContainer else { return }
        try machine.checkStack()
        try IterateNode.iterate(value, path, machine) { (part, path) throws(Unwind) in
            try self.descend(part, path, machine, emit)
        }
    }
}

/// `repeat(filter)`: the filter's outputs for the input, again and again.
final class RepeatNode: Node, @unchecked Sendable {
    let filter: Node

    init(_ filter: Node) {
        self.filter = filter
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        while true {
            try machine.step()
            try filter.run(input, path, frame, machine, emit)
        }
    }
}

/// `while(condition; filter)` and `until(condition; filter)`.
final class LoopNode: Node, @unchecked Sendable {
    enum Kind { case `while`, until }

    let kind: Kind
    let condition: Node
    let filter: Node

    init(_ kind: Kind, condition: Node, _ filter: Node) {
        self.kind = kind
        self.condition = condition
        self.filter = filter
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try machine.enter()
        defer { machine.leave() }
        var (value, path) = (input, path)
        while true {
            try machine.step()
            guard condition.cardinality == .one else {
                return try branch(condition, value, path, frame, machine, emit)
            }
            let test = try condition.value(value, frame, machine).isTrue
            if kind == .while, !test { return }
            if kind == .until, test { return try emit(value, path) }
            if kind == .while { try emit(value, path) }
            if path == nil, filter.cardinality != .many {
                guard try filter.transform(&value, frame, machine) else { return }
            } else {
                let last = try machine.eachButLast(of: filter, value, path, frame) { (value, path) throws(Unwind) in
                    try self.run(value, path, frame, machine, emit)
                }
                guard let last else { return }
                (value, path) = last
            }
        }
    }

    /// The condition has any number of outputs: each takes its own way.
    private func branch(
        _ condition: Node, _ value: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try condition.forEach(value, frame, machine) { (test) throws(Unwind) in
            if self.kind == .while, !test.isTrue { return }
            if self.kind == .until, test.isTrue { return try emit(value, path) }
            if self.kind == .while { try emit(value, path) }
            try self.filter.run(value, path, frame, machine) { (next, nextPath) throws(Unwind) in
                try self.run(next, nextPath, frame, machine, emit)
            }
        }
    }
}

extension Machine {
    /// Hands all outputs of a filter but the last one to the body and returns that one: what a loop does with it need not
    /// nest, so a filter with one output can be repeated without end.
    func eachButLast(
        of filter: Node, _ value: JSONValue, _ path: Path?, _ frame: Int,
        _ body: (JSONValue, Path?) throws(Unwind) -> Void
    ) throws(Unwind) -> (JSONValue, Path?)? {
        if path == nil, filter.cardinality != .many {
            return try filter.optional(value, frame, self).map { ($0, nil) }
        }
        var pending: (JSONValue, Path?)?
        do throws(Unwind) {
            try filter.run(value, path, frame, self) { (next, nextPath) throws(Unwind) in
                if let earlier = pending {
                    pending = nil
                    try body(earlier.0, earlier.1)
                }
                pending = (next, nextPath)
            }
        } catch {
            // An output before an error comes before the error.
            guard let earlier = pending, let failure = takeError() else { throw error }
            try body(earlier.0, earlier.1)
            throw fail(failure)
        }
        return pending
    }
}

/// `first(filter)`.
final class FirstNode: Node, @unchecked Sendable {
    let filter: Node

    init(_ filter: Node) {
        self.filter = filter
        super.init(.optional)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        try machine.first(of: filter, input, frame)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var found: (JSONValue, Path?)?
        let token = machine.newToken()
        try machine.untilStopped(token) { () throws(Unwind) in
            try self.filter.run(input, path, frame, machine) { (value, path) throws(Unwind) in
                found = (value, path)
                throw machine.stop(token)
            }
        }
        if let found { try emit(found.0, found.1) }
    }
}

/// `last(filter)`.
final class LastNode: Node, @unchecked Sendable {
    let filter: Node

    init(_ filter: Node) {
        self.filter = filter
        super.init(.optional)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        var found: JSONValue?
        try filter.run(input, nil, frame, machine) { (value, _) throws(Unwind) in found = value }
        return found
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        var found: (JSONValue, Path?)?
        try filter.run(input, path, frame, machine) { (value, path) throws(Unwind) in found = (value, path) }
        if let found { try emit(found.0, found.1) }
    }
}

/// `limit(count; filter)` and `skip(count; filter)`.
final class CountNode: Node, @unchecked Sendable {
    let isLimit: Bool
    let count: Node
    let filter: Node

    init(isLimit: Bool, _ count: Node, _ filter: Node) {
        self.isLimit = isLimit
        self.count = count
        self.filter = filter
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try count.forEach(input, frame, machine) { (count) throws(Unwind) in
            let sign = count.compare(.integer(0))
            if sign < 0 {
                throw machine.fail("\(self.isLimit ? "limit" : "skip") doesn't support negative count")
            }
            if sign == 0 {
                if !self.isLimit { try self.filter.run(input, path, frame, machine, emit) }
                return
            }
            var left = Int(min(count.double, 0x1p62).rounded(.up))
            let token = machine.newToken()
            try machine.untilStopped(token) { () throws(Unwind) in
                try self.filter.run(input, path, frame, machine) { (value, path) throws(Unwind) in
                    try machine.step()
                    // Texts and containers are more than 0, and fail at the first output.
                    guard count.isNumber else { throw machine.mismatch(count, .integer(1), "cannot be subtracted") }
                    left -= 1
                    if self.isLimit {
                        try emit(value, path)
                        if left == 0 { throw machine.stop(token) }
                    } else if left < 0 {
                        try emit(value, path)
                    }
                }
            }
        }
    }
}

/// `any(generator; condition)` and `all(generator; condition)`: stop as soon as the answer is known.
final class QuantifierNode: Node, @unchecked Sendable {
    let isAny: Bool
    let generator: Node
    let condition: Node

    init(isAny: Bool, _ generator: Node, _ condition: Node) {
        self.isAny = isAny
        self.generator = generator
        self.condition = condition
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var answer = !isAny
        let token = machine.newToken()
        try machine.untilStopped(token) { () throws(Unwind) in
            try self.generator.run(input, nil, frame, machine) { (value, _) throws(Unwind) in
                try machine.step()
                try self.condition.forEach(value, frame, machine) { (test) throws(Unwind) in
                    if test.isTrue == self.isAny {
                        answer = self.isAny
                        throw machine.stop(token)
                    }
                }
            }
        }
        return .bool(answer)
    }
}

/// `walk(filter)`: the parts first, then the whole.
final class WalkNode: Node, @unchecked Sendable {
    let filter: Node

    init(_ filter: Node) {
        self.filter = filter
        super.init(filter.cardinality)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try filter.value(try parts(input, frame, machine), frame, machine)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        try filter.optional(try parts(input, frame, machine), frame, machine)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try filter.forEach(try parts(input, frame, machine), frame, machine) { (value) throws(Unwind) in
            try emit(value, path?.left(from: input))
        }
    }

    private func parts(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try machine.step()
        switch input {
        case .array(let elements):
            try machine.checkStack()
            try machine.charge(elements.count * 32)
            var walked: [JSONValue] = []
            walked.reserveCapacity(elements.count)
            for element in elements {
                try outputs(element, frame, machine) { (value) throws(Unwind) in
                    try machine.nest(value)
                    walked.append(value)
                }
            }
            return .array(walked)
        case .object(let members):
            try machine.checkStack()
            try machine.charge(members.count * 64)
            var walked = JSONObject(minimumCapacity: members.count)
            for (name, member) in members {
                if let value = try firstOutput(member, frame, machine) {
                    try machine.nest(value)
                    walked[name] = value
                }
            }
            return .object(walked)
        default: return input
        }
    }

    private func outputs(
        _ input: JSONValue, _ frame: Int, _ machine: Machine, _ body: (JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) { try filter.forEach(try parts(input, frame, machine), frame, machine, body) }

    private func firstOutput(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        try machine.first(of: filter, try parts(input, frame, machine), frame)
    }
}

/// `sort_by(filter)` and its relatives: the array's elements with the list of the filter's outputs as key.
final class KeyedNode: Node, @unchecked Sendable {
    let name: KeyedOperation
    let filter: Node

    init(_ name: KeyedOperation, _ filter: Node) {
        self.name = name
        self.filter = filter
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var keys: [JSONValue] = []
        // The keys come first: what cannot be iterated over fails there.
        try IterateNode.iterate(input, nil, machine) { (element, _) throws(Unwind) in
            if self.filter.cardinality == .one {
                keys.append(try self.filter.value(element, frame, machine))
                return
            }
            var key: [JSONValue] = []
            try self.filter.forEach(element, frame, machine) { (part) throws(Unwind) in
                try machine.charge(32)
                key.append(part)
            }
            keys.append(.array(key))
        }
        if case .object = input, filter.cardinality == .one { keys = keys.map { [$0] } }
        return try machine.apply(name, input, keys)
    }
}
