import CognitionCore

/// `paths = value`, and `paths op= value`: the value is evaluated for the whole input, each of its outputs gives one.
final class AssignNode: Node, @unchecked Sendable {
    let paths: Node
    let name: AssignmentOperator
    let source: Node

    init(_ paths: Node, _ name: AssignmentOperator, _ source: Node) {
        self.paths = paths
        self.name = name
        self.source = source
        super.init(source.cardinality)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var result = input
        _ = try transform(&result, frame, machine)
        return result
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        var result = input
        // Not `?:`, whose `nil` would be a JSON null.
        guard try transform(&result, frame, machine) else { return nil }
        return result
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try source.forEach(input, frame, machine) { (operand) throws(Unwind) in
            var result = input
            try self.assign(&result, operand, frame, machine)
            try emit(result, path?.left(from: input))
        }
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        guard let operand = try source.optional(value, frame, machine) else { return false }
        try assign(&value, operand, frame, machine)
        return true
    }

    private func assign(
        _ value: inout JSONValue, _ operand: JSONValue, _ frame: Int, _ machine: Machine
    ) throws(Unwind) {
        if paths.isUpdatable {
            return try paths.update(&value, frame, machine) { (part) throws(Unwind) in
                try self.change(&part, operand, machine)
            }
        }
        for keys in try machine.paths(paths, value, frame) {
            try machine.step()
            try machine.modify(&value, path: keys[...]) { (part) throws(Unwind) in
                try self.change(&part, operand, machine)
            }
        }
    }

    @inline(__always)
    private func change(_ part: inout JSONValue, _ operand: JSONValue, _ machine: Machine) throws(Unwind) {
        switch name {
        case .set, .update: part = operand
        case .alternative: if !part.isTrue { part = operand }
        case .arithmetic(.add): try machine.add(to: &part, operand)
        case .arithmetic(let name): part = try machine.apply(name, part, operand)
        }
    }
}

/// `paths |= filter`: the first output replaces the part; without one the part is deleted.
final class UpdateNode: Node, @unchecked Sendable {
    let paths: Node
    let filter: Node

    init(_ paths: Node, _ filter: Node) {
        self.paths = paths
        self.filter = filter
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var result = input
        _ = try transform(&result, frame, machine)
        return result
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        if paths.isUpdatable, filter.cardinality == .one {
            try paths.update(&value, frame, machine) { (part) throws(Unwind) in
                _ = try self.filter.transform(&part, frame, machine)
            }
            return true
        }
        if paths.isUpdatable, try updateWithoutDeletion(&value, frame, machine) { return true }
        var doomed: [JSONValue] = []
        for keys in try machine.paths(paths, value, frame) {
            try machine.step()
            let part = try machine.part(value, keys)
            if let output = try first(part, frame, machine) {
                try machine.set(&value, keys[...], output)
            } else {
                doomed.append(.array(keys))
            }
        }
        if !doomed.isEmpty { value = try machine.delete(value, .array(doomed)) }
        return true
    }

    /// Updates a copy in place; when a part would have to be deleted the general way must do it all.
    private func updateWithoutDeletion(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine
    ) throws(Unwind) -> Bool {
        var copy = value
        do throws(Unwind) {
            try paths.update(&copy, frame, machine) { (part) throws(Unwind) in
                guard let output = try self.first(part, frame, machine) else {
                    machine.reason = .generalUpdate
                    throw Unwind()
                }
                part = output
            }
        } catch {
            guard case .generalUpdate = machine.reason else { throw error }
            machine.reason = .none
            return false
        }
        value = copy
        return true
    }

    private func first(_ part: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        try machine.first(of: filter, part, frame)
    }
}

extension Machine {
    /// The first output of a filter; the rest is not evaluated.
    func first(of filter: Node, _ input: JSONValue, _ frame: Int) throws(Unwind) -> JSONValue? {
        if filter.cardinality != .many { return try filter.optional(input, frame, self) }
        var found: JSONValue?
        let token = newToken()
        try untilStopped(token) { () throws(Unwind) in
            try filter.run(input, nil, frame, self) { (value, _) throws(Unwind) in
                found = value
                throw self.stop(token)
            }
        }
        return found
    }

    /// `modify` at a path of several keys.
    func modify(
        _ root: inout JSONValue, path: ArraySlice<JSONValue>, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        guard let key = path.first else { return try change(&root) }
        try modify(&root, at: key) { (part) throws(Unwind) in
            try self.modify(&part, path: path.dropFirst(), change)
        }
    }
}

/// `setpath(path; value)`; the value varies slowest.
final class SetPathNode: Node, @unchecked Sendable {
    let path: Node
    let source: Node

    init(_ path: Node, _ source: Node) {
        self.path = path
        self.source = source
        super.init(max(path.cardinality, source.cardinality))
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var result = input
        _ = try transform(&result, frame, machine)
        return result
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        var result = input
        // Not `?:`, whose `nil` would be a JSON null.
        guard try transform(&result, frame, machine) else { return nil }
        return result
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try source.forEach(input, frame, machine) { (part) throws(Unwind) in
            try self.path.forEach(input, frame, machine) { (keys) throws(Unwind) in
                var result = input
                try machine.set(&result, try machine.keys(keys)[...], part)
                try emit(result, path?.left(from: input))
            }
        }
    }

    override func transform(_ value: inout JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> Bool {
        guard let part = try source.optional(value, frame, machine),
            let keys = try path.optional(value, frame, machine)
        else { return false }
        try machine.set(&value, try machine.keys(keys)[...], part)
        return true
    }
}

/// `del(paths)`.
final class DeleteNode: Node, @unchecked Sendable {
    let paths: Node

    init(_ paths: Node) {
        self.paths = paths
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try machine.delete(input, .array(try machine.paths(paths, input, frame).map { .array($0) }))
    }
}
