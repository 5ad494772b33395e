import CognitionCore

/// `[filter]`.
final class CollectNode: Node, @unchecked Sendable {
    let filter: Node

    init(_ filter: Node) {
        self.filter = filter
        super.init(.one)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var elements: [JSONValue] = []
        try machine.charge(32)
        if filter.cardinality == .one {
            let element = try filter.value(input, frame, machine)
            try machine.nest(element)
            return .array([element])
        }
        try filter.run(input, nil, frame, machine) { (element, _) throws(Unwind) in
            try machine.step()
            try machine.charge(32)
            try machine.nest(element)
            elements.append(element)
        }
        return .array(elements)
    }
}

/// `{…}`.
final class ObjectNode: Node, @unchecked Sendable {
    enum Key {
        case constant(String)
        case computed(Node)
    }

    let members: [(key: Key, value: Node)]

    init(_ members: [(key: Key, value: Node)]) {
        self.members = members
        let isOne = members.allSatisfy { member in
            if case .computed(let key) = member.key, key.cardinality != .one { return false }
            return member.value.cardinality == .one
        }
        super.init(isOne ? .one : .many)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        try machine.charge(64 * (members.count + 1))
        var object = JSONObject(minimumCapacity: members.count)
        for (key, value) in members {
            let name: String
            switch key {
            case .constant(let constant): name = constant
            case .computed(let node): name = try Self.name(try node.value(input, frame, machine), machine)
            }
            let part = try value.value(input, frame, machine)
            try machine.nest(part)
            object.updateValue(part, forKey: name)
        }
        return .object(object)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if cardinality == .one {
            return try emit(try value(input, frame, machine), path?.left(from: input))
        }
        try extend(JSONObject(), 0, input, frame, machine) { (object) throws(Unwind) in
            try machine.charge(64 * (self.members.count + 1))
            try emit(.object(object), path?.left(from: input))
        }
    }

    private func extend(
        _ object: JSONObject, _ index: Int, _ input: JSONValue, _ frame: Int, _ machine: Machine,
        _ emit: (JSONObject) throws(Unwind) -> Void
    ) throws(Unwind) {
        guard index < members.count else { return try emit(object) }
        try machine.checkStack()
        let (key, value) = members[index]
        func add(_ name: String) throws(Unwind) {
            try value.forEach(input, frame, machine) { (part) throws(Unwind) in
                try machine.step()
                try machine.nest(part)
                var longer = object
                longer[name] = part
                try self.extend(longer, index + 1, input, frame, machine, emit)
            }
        }
        switch key {
        case .constant(let name): try add(name)
        case .computed(let node):
            try node.forEach(input, frame, machine) { (key) throws(Unwind) in try add(try Self.name(key, machine)) }
        }
    }

    private static func name(_ key: JSONValue, _ machine: Machine) throws(Unwind) -> String {
        guard case .string(let name) = key else {
            throw machine.fail("Cannot use \(key.typeName) (\(machine.shown(key))) as object key")
        }
        return name
    }
}

/// A string with interpolations, each written in the string's format.
final class StringNode: Node, @unchecked Sendable {
    enum Part {
        case text(String)
        case value(Node)
    }

    let parts: [Part]
    let format: Format

    init(_ parts: [Part], format: Format) {
        self.parts = parts
        self.format = format
        let isOne = parts.allSatisfy { part in
            if case .value(let node) = part { node.cardinality == .one } else { true }
        }
        super.init(isOne ? .one : .many)
    }

    override func value(_ input: JSONValue, _ frame: Int, _ machine: Machine) throws(Unwind) -> JSONValue {
        var text = ""
        for part in parts {
            switch part {
            case .text(let constant): text += constant
            case .value(let node):
                text += try format.apply(try node.value(input, frame, machine), machine)
            }
        }
        try machine.charge(text.utf8.count + 16)
        return .string(text)
    }

    override func run(
        _ input: JSONValue, _ path: Path?, _ frame: Int, _ machine: Machine, _ emit: Emit
    ) throws(Unwind) {
        if cardinality == .one {
            return try emit(try value(input, frame, machine), path?.left(from: input))
        }
        // The last interpolation varies slowest, as jq does it.
        try extend("", parts.count - 1, input, frame, machine) { (text) throws(Unwind) in
            try machine.charge(text.utf8.count + 16)
            try emit(.string(text), path?.left(from: input))
        }
    }

    private func extend(
        _ tail: String, _ index: Int, _ input: JSONValue, _ frame: Int, _ machine: Machine,
        _ emit: (String) throws(Unwind) -> Void
    ) throws(Unwind) {
        guard index >= 0 else { return try emit(tail) }
        try machine.checkStack()
        switch parts[index] {
        case .text(let constant): try extend(constant + tail, index - 1, input, frame, machine, emit)
        case .value(let node):
            try node.forEach(input, frame, machine) { (value) throws(Unwind) in
                try machine.step()
                let text = try self.format.apply(value, machine)
                try machine.charge(text.utf8.count + tail.utf8.count)
                try self.extend(text + tail, index - 1, input, frame, machine, emit)
            }
        }
    }
}
