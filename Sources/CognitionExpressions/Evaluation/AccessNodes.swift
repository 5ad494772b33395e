import CognitionCore

/// `.a.b.c`: members by constant names.
final class FieldsNode: Node, @unchecked Sendable {
    let names: [String]

    init(_ names: [String]) {
        self.names = names
        super.init(.one, isUpdatable: true)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var current = try Self.member(input, names[0], machine)
        for index in 1..<names.count { current = try Self.member(current, names[index], machine) }
        return current
    }

    @inline(__always)
    private static func member(_ value: JSONValue, _ name: String, _ machine: Machine) throws(Unwind) -> JSONValue {
        switch value {
        case .object(let members): members[name] ?? .null
        case .null: .null
        default: throw machine.cannotIndex(value, .string(name))
        }
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        guard var path else { return try emit(try value(input, frame, machine), nil) }
        var current = input
        for name in names {
            path = try machine.checkPath(path, current, "attempt to access element", .string(name))
            current = try Self.member(current, name, machine)
            path = try path.appending(.string(name), machine)
        }
        try emit(current, path)
    }

    override func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) { try update(from: 0, &value, machine, change) }

    private func update(
        from index: Int, _ value: inout JSONValue, _ machine: Machine,
        _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        if index == names.count { return try change(&value) }
        try machine.modify(&value, at: .string(names[index])) { (part) throws(Unwind) in
            try self.update(from: index + 1, &part, machine, change)
        }
    }
}

/// `base[key]`; the key is evaluated for the same input as the base.
final class IndexNode: Node, @unchecked Sendable {
    let base: Node?
    let key: Node
    /// Whether an access that fails is no output; errors of the base and the key remain errors.
    let isOptional: Bool

    init(base: Node?, key: Node, isOptional: Bool = false) {
        self.base = base
        self.key = key
        self.isOptional = isOptional
        let isUpdatable = key.cardinality == .one && base == nil && !isOptional
        let cardinality = max(base?.cardinality ?? .one, key.cardinality, isOptional ? .optional : .one)
        super.init(cardinality, isUpdatable: isUpdatable)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        let key = try key.value(input, frame, machine)
        guard let base else { return try machine.index(input, key) }
        return try machine.index(try base.value(input, frame, machine), key)
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let key = try key.optional(input, frame, machine) else { return nil }
        guard let base else { return try access(input, key, machine) }
        guard let container = try base.optional(input, frame, machine) else { return nil }
        return try access(container, key, machine)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if path == nil, cardinality != .many {
            if let output = try optional(input, frame, machine) { try emit(output, nil) }
            return
        }
        try key.forEach(input, frame, machine) { (key) throws(Unwind) in
            guard let base = self.base else { return try self.emit(input, key, path, machine, emit) }
            try base.run(input, path, frame, machine) { (container, path) throws(Unwind) in
                try self.emit(container, key, path, machine, emit)
            }
        }
    }

    private func emit(
        _ container: JSONValue, _ key: JSONValue, _ path: Path?, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        guard let path else {
            if let part = try access(container, key, machine) { try emit(part, nil) }
            return
        }
        let origin = try machine.checkPath(path, container, "attempt to access element", key)
        if let part = try access(container, key, machine) { try emit(part, try origin.appending(key, machine)) }
    }

    @inline(__always)
    private func access(_ container: JSONValue, _ key: JSONValue, _ machine: Machine) throws(Unwind) -> JSONValue? {
        do throws(Unwind) {
            return try machine.index(container, key)
        } catch {
            guard isOptional, machine.takeError() != nil else { throw error }
            return nil
        }
    }

    override func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        let key = try key.value(value, frame, machine)
        try machine.modify(&value, at: key, change)
    }
}

/// `[]`: all elements of an array, all values of an object.
final class IterateNode: Node, @unchecked Sendable {
    /// Whether what cannot be iterated over has no elements.
    let isOptional: Bool

    init(isOptional: Bool = false) {
        self.isOptional = isOptional
        super.init(.many, isUpdatable: true)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if isOptional, !input.isContainer, path.map({ $0.resumed(at: input) != nil }) ?? true { return }
        try Self.iterate(input, path, machine, emit)
    }

    static func iterate(_ value: JSONValue, _ path: Path?, _ machine: Machine, _ emit: Emit) throws(Unwind) {
        let origin = path?.resumed(at: value)
        if path != nil, origin == nil {
            throw machine.fail("Invalid path expression near attempt to iterate through \(machine.shown(value))")
        }
        switch value {
        case .array(let elements):
            for index in elements.indices {
                try machine.step()
                try emit(elements[index], try origin?.appending(.integer(Int64(index)), machine))
            }
        case .object(let members):
            for (name, element) in members {
                try machine.step()
                try emit(element, try origin?.appending(.string(name), machine))
            }
        default: throw machine.cannotIterate(value)
        }
    }

    override func update(
        _ value: inout JSONValue, _ frame: Int, _ machine: Machine, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        if var elements = value.takeArray() {
            try machine.charge(elements.count * 32)
            for index in elements.indices {
                try machine.step()
                var part = JSONValue.null
                swap(&part, &elements[index])
                try change(&part)
                try machine.nest(part)
                elements[index] = part
            }
            value = .array(elements)
        } else if var members = value.takeObject() {
            let names = Array(members.keys)
            try machine.charge(names.count * 64)
            for name in names {
                try machine.step()
                var part = members.exchange(name, .null)
                try change(&part)
                try machine.nest(part)
                members[name] = part
            }
            value = .object(members)
        } else if !isOptional {
            throw machine.cannotIterate(value)
        }
    }
}

/// The key of a slice, `{start, end}`.
final class SliceKeyNode: Node, @unchecked Sendable {
    let from: Node
    let to: Node

    init(from: Node, to: Node) {
        self.from = from
        self.to = to
        super.init(from.cardinality == .one && to.cardinality == .one ? .one : .many)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        Self.key(try from.value(input, frame, machine), try to.value(input, frame, machine))
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try to.forEach(input, frame, machine) { (to) throws(Unwind) in
            try self.from.forEach(input, frame, machine) { (from) throws(Unwind) in
                try emit(Self.key(from, to), path?.left(from: input))
            }
        }
    }

    private static func key(_ from: JSONValue, _ to: JSONValue) -> JSONValue { .object(["start": from, "end": to]) }
}

/// `getpath(paths)`.
final class GetPathNode: Node, @unchecked Sendable {
    let paths: Node

    init(_ paths: Node) {
        self.paths = paths
        super.init(paths.cardinality)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try machine.part(input, try machine.keys(try paths.value(input, frame, machine)))
    }

    override func optional(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue? {
        guard let path = try paths.optional(input, frame, machine) else { return nil }
        return try machine.part(input, try machine.keys(path))
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try paths.forEach(input, frame, machine) { (keys) throws(Unwind) in
            let keys = try machine.keys(keys)
            guard let path else { return try emit(try machine.part(input, keys), nil) }
            guard var path = path.resumed(at: input) else {
                let shown = machine.shown(.array(keys))
                throw machine.fail(
                    "Invalid path expression near attempt to access element \(shown) of \(machine.shown(input))")
            }
            for key in keys { path = try path.appending(key, machine) }
            try emit(try machine.part(input, keys), path)
        }
    }
}

/// `path(filter)`: where the outputs are.
final class PathNode: Node, @unchecked Sendable {
    let filter: Node

    init(_ filter: Node) {
        self.filter = filter
        super.init(.many)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        try filter.run(input, Path.root(), frame, machine) { (value, found) throws(Unwind) in
            try emit(.array(try machine.keys(of: found, value)), path?.left(from: input))
        }
    }
}

extension Machine {
    /// The keys of a path that must be one.
    func keys(of path: Path?, _ value: JSONValue) throws(Unwind) -> [JSONValue] {
        guard let path = path?.resumed(at: value) else {
            throw fail("Invalid path expression with result \(shown(value))")
        }
        try charge(path.length * 32)
        return path.keys
    }

    /// The path of a value that is gone into; throws when it is not part of the input.
    func checkPath(_ path: Path, _ value: JSONValue, _ attempt: String, _ key: JSONValue) throws(Unwind) -> Path {
        if let path = path.resumed(at: value) { return path }
        throw fail("Invalid path expression near \(attempt) \(shown(key)) of \(shown(value))")
    }

    /// The part of a value at a path; below `null` everything is `null`.
    func part(_ value: JSONValue, _ keys: [JSONValue]) throws(Unwind) -> JSONValue {
        var value = value
        for key in keys { value = try index(value, key) }
        return value
    }

    func cannotIterate(_ value: JSONValue) -> Unwind {
        fail("Cannot iterate over \(value.typeName) (\(shown(value)))")
    }

    /// All paths of a filter's outputs.
    func paths(_ filter: Node, _ input: JSONValue, _ frame: Int) throws(Unwind) -> [[JSONValue]] {
        var found: [[JSONValue]] = []
        try filter.run(input, Path.root(), frame, self) { (value, path) throws(Unwind) in
            try self.step()
            try self.charge(32)
            found.append(try self.keys(of: path, value))
        }
        return found
    }
}
