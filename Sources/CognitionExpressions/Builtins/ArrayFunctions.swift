import CognitionCore

extension Builtins {
    static let arrays: [String: Function] = [
        "add/0": { input, _, machine throws(Unwind) in
            var sum = JSONValue.null
            try IterateNode.iterate(input, nil, machine) { (part, _) throws(Unwind) in try machine.add(to: &sum, part) }
            return sum
        },
        "sort/0": { input, _, machine throws(Unwind) in try machine.applyToSelf(.sort, input) },
        "unique/0": { input, _, machine throws(Unwind) in try machine.applyToSelf(.unique, input) },
        "min/0": { input, _, machine throws(Unwind) in try machine.applyToSelf(.min, input) },
        "max/0": { input, _, machine throws(Unwind) in try machine.applyToSelf(.max, input) },
        "reverse/0": { input, _, machine throws(Unwind) in try machine.reverse(input) },
        "flatten/0": { input, _, machine throws(Unwind) in try machine.flatten(input, .integer(.max)) },
        "flatten/1": { input, arguments, machine throws(Unwind) in
            if arguments[0].compare(0) < 0 { throw machine.fail("flatten depth must not be negative") }
            return try machine.flatten(input, arguments[0])
        },
        "indices/1": { input, arguments, machine throws(Unwind) in try machine.indices(input, arguments[0]) },
        "_transpose/0": { input, _, machine throws(Unwind) in try machine.transpose(input) },
        "bsearch/1": { input, arguments, machine throws(Unwind) in try machine.search(input, arguments[0]) },
    ]
}

/// What is done with the elements of an array by their keys.
enum KeyedOperation: String, Sendable {
    case sort = "sort_by"
    case group = "group_by"
    case unique = "unique_by"
    case min = "min_by"
    case max = "max_by"
}

extension Machine {
    /// The operation with the elements as their own keys.
    fileprivate func applyToSelf(_ operation: KeyedOperation, _ input: JSONValue) throws(Unwind) -> JSONValue {
        guard case .array(let elements) = input else {
            if operation == .min || operation == .max { throw mismatch(input, input, "cannot be iterated over") }
            throw mismatch(input, "cannot be sorted, as it is not an array")
        }
        return try apply(operation, input, elements)
    }

    func apply(_ operation: KeyedOperation, _ input: JSONValue, _ keys: [JSONValue]) throws(Unwind) -> JSONValue {
        guard case .array(let elements) = input else {
            let problem = "cannot be sorted, as they are not both arrays"
            if operation == .min || operation == .max { throw mismatch(input, .array(keys), "cannot be iterated over") }
            throw mismatch(input, .array(keys), problem)
        }
        try checkExtent(.array(keys))
        try step(elements.count)
        if operation == .min || operation == .max { return extreme(elements, keys, operation) }
        try charge(elements.count * 40)
        let order = try sorted(keys)
        switch operation {
        case .sort: return .array(order.map { elements[$0] })
        case .unique, .group:
            var groups: [[Int]] = []
            for index in order {
                if let last = groups.last?[0], keys[last].equals(keys[index]) {
                    groups[groups.count - 1].append(index)
                } else {
                    groups.append([index])
                }
            }
            share()
            if operation == .unique { return .array(groups.map { elements[$0[0]] }) }
            return .array(groups.map { group in .array(group.map { elements[$0] }) })
        case .min, .max: return .null
        }
    }

    /// The places of the keys in ascending order; equal keys stay in their order.
    private func sorted(_ keys: [JSONValue]) throws(Unwind) -> [Int] {
        var order = Array(keys.indices)
        try step(keys.count)
        order.sort { left, right in
            // The one that came first is asked whether it is no greater: of two NaN, each smaller than the other, it stays so.
            left < right ? keys[left].compare(keys[right]) <= 0 : keys[right].compare(keys[left]) > 0
        }
        return order
    }

    private func extreme(_ elements: [JSONValue], _ keys: [JSONValue], _ operation: KeyedOperation) -> JSONValue {
        guard var best = elements.indices.first else { return .null }
        for index in elements.indices.dropFirst() {
            let isLess = keys[index].compare(keys[best]) < 0
            if isLess == (operation == .min) { best = index }
        }
        return elements[best]
    }

    fileprivate func reverse(_ value: JSONValue) throws(Unwind) -> JSONValue {
        switch value {
        case .array(let elements):
            try charge(elements.count * 32)
            return .array(elements.reversed())
        case .null: return .array([])
        case .string(let text):
            let last = text.codePointCount - 1
            if last < 0 { return .array([]) }
            throw cannotIndex(value, .integer(Int64(last)))
        case .object(let members):
            if members.isEmpty { return .array([]) }
            throw cannotIndex(value, .integer(Int64(members.count - 1)))
        case .bool: throw mismatch(value, "has no length")
        case .integer, .number, .literal:
            let length = value.double.magnitude
            if length <= 0 { return .array([]) }
            throw cannotIndex(value, JSONValue(jq: length - 1, self))
        }
    }

    fileprivate func flatten(_ value: JSONValue, _ levels: JSONValue) throws(Unwind) -> JSONValue {
        var flat: [JSONValue] = []
        try IterateNode.iterate(value, nil, self) { (element, _) throws(Unwind) in
            try self.flatten(element, levels, into: &flat)
        }
        return .array(flat)
    }

    private func flatten(_ value: JSONValue, _ levels: JSONValue, into flat: inout [JSONValue]) throws(Unwind) {
        try step()
        guard case .array(let elements) = value, !levels.equals(0) else {
            try charge(32)
            try nest(value)
            flat.append(value)
            return
        }
        guard levels.isNumber else { throw mismatch(levels, 1, "cannot be subtracted") }
        let fewer = JSONValue(jq: levels.double - 1, self)
        for element in elements { try flatten(element, fewer, into: &flat) }
    }

    fileprivate func indices(_ value: JSONValue, _ part: JSONValue) throws(Unwind) -> JSONValue {
        switch (value, part) {
        case (.null, .string), (.null, .object): return .null
        case (.array(let elements), .array(let wanted)): return try indices(elements, wanted)
        case (.array(let elements), _): return try indices(elements, [part])
        case (.string(let text), .string(let wanted)):
            return .array(try occurrences(of: wanted, in: text, max: .max).map { .integer(Int64($0)) })
        default: return try index(value, part)
        }
    }

    fileprivate func transpose(_ value: JSONValue) throws(Unwind) -> JSONValue {
        guard case .array(let rows) = value else { throw cannotIterate(value) }
        var width = 0
        for row in rows {
            guard case .array(let cells) = row else { throw cannotIndex(row, 0) }
            width = Swift.max(width, cells.count)
        }
        try step(width)
        try charge(width.multipliedReportingOverflow(by: rows.count + 1).partialValue * 32)
        share()
        return .array((0..<width).map { column in .array(rows.map { $0[column] ?? .null }) })
    }

    /// The place of a value in a sorted array, or `-1 - place` where it would belong.
    fileprivate func search(_ value: JSONValue, _ wanted: JSONValue) throws(Unwind) -> JSONValue {
        guard case .array(let elements) = value else { throw mismatch(value, "cannot be searched from") }
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = (low + high) / 2
            let order = try compare(elements[middle], wanted)
            if order == 0 { return .integer(Int64(middle)) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return .integer(Int64(-1 - low))
    }
}
