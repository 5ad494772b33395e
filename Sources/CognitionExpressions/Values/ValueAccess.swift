import CognitionCore

/// Reading, setting and deleting parts of values by key.
extension Machine {
    /// `value[key]`.
    func index(_ value: JSONValue, _ key: JSONValue) throws(Unwind) -> JSONValue {
        switch (value, key) {
        case (.object(let members), .string(let name)): return members[name] ?? .null
        case (.array(let elements), .integer(let number)):
            let index = Int(number < 0 ? number + Int64(elements.count) : number)
            return elements.indices.contains(index) ? elements[index] : .null
        case (.null, .string), (.null, .integer), (.null, .number), (.null, .literal), (.null, .object): return .null
        case (.array(let elements), .number), (.array(let elements), .literal):
            let position = key.double
            if position.isNaN { return .null }
            var index = Int(max(min(position, 0x1p31), -0x1p31))
            if index < 0 { index += elements.count }
            return elements.indices.contains(index) ? elements[index] : .null
        case (.array(let elements), .object(let bounds)):
            let range = try sliceRange(bounds, count: elements.count)
            try charge(range.count * 32)
            return .array(Array(elements[range]))
        case (.string(let text), .object(let bounds)):
            return .string(text.slice(try sliceRange(bounds, count: text.codePointCount)))
        case (.array(let elements), .array(let wanted)): return try indices(elements, wanted)
        default: throw cannotIndex(value, key)
        }
    }

    func cannotIndex(_ value: JSONValue, _ key: JSONValue) -> Unwind {
        fail("Cannot index \(value.typeName) with \(key.typeName) (\(shown(key)))")
    }

    /// The elements that `{start, end}` means: start rounds down, end up; both may count from the end.
    func sliceRange(_ bounds: JSONObject, count: Int) throws(Unwind) -> Range<Int> {
        guard let from = bounds["start"], let to = bounds["end"], from.isNull || from.isNumber,
            to.isNull || to.isNumber
        else {
            throw fail("Array/string slice indices must be integers")
        }
        let length = Double(count)
        var lower = from.isNull || from.double.isNaN ? 0 : from.double
        var upper = to.isNull || to.double.isNaN ? length : to.double
        if lower < 0 { lower += length }
        lower = min(max(lower, 0), length).rounded(.down)
        if upper < 0 { upper += length }
        upper = min(max(upper, 0), length).rounded(.up)
        return Int(lower)..<max(Int(lower), Int(upper))
    }

    /// Where in `elements` the sequence `wanted` begins.
    func indices(_ elements: [JSONValue], _ wanted: [JSONValue]) throws(Unwind) -> JSONValue {
        guard !wanted.isEmpty, wanted.count <= elements.count else { return .array([]) }
        try checkExtent(.array(wanted))
        var found: [JSONValue] = []
        for start in 0...(elements.count - wanted.count) {
            try step()
            var matched = 0
            while matched < wanted.count, elements[start + matched].equals(wanted[matched]) { matched += 1 }
            try step(matched / 16)
            if matched == wanted.count { found.append(.integer(Int64(start))) }
        }
        return .array(found)
    }

    /// Replaces `value[key]` by what `change` makes of it; parts that nothing else holds change in place.
    func modify(
        _ value: inout JSONValue, at key: JSONValue, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        switch key {
        case .string(let name):
            guard var members = value.isNull ? JSONObject() : value.takeObject() else { throw cannotIndex(value, key) }
            var part = members.exchange(name, .null)
            try change(&part)
            try charge(64)
            try nest(part)
            members[name] = part
            value = .object(members)
        case .integer, .number, .literal:
            guard let elements = value.isNull ? [] : value.takeArray() else { throw cannotIndex(value, key) }
            value = .array(try modified(elements, at: key.double, change))
        case .object(let bounds):
            switch value {
            case .array(let elements): try modifySlice(&value, elements, bounds, change)
            case .null: try modifySlice(&value, [], bounds, change)
            case .string(let text):
                _ = try sliceRange(bounds, count: text.codePointCount)
                throw fail("Cannot update string slices")
            default: throw cannotIndex(value, key)
            }
        case .array:
            guard case .array = value else { throw cannotIndex(value, key) }
            throw fail("Cannot update field at array index of array")
        case .null, .bool: throw cannotIndex(value, key)
        }
    }

    private func modified(
        _ elements: consuming [JSONValue], at position: Double, _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) -> [JSONValue] {
        var index = position.isNaN ? .max : Int(max(min(position, 0x1p31), -0x1p31))
        if index < 0 { index += elements.count }
        var part = JSONValue.null
        let isInside = elements.indices.contains(index)
        if isInside { swap(&part, &elements[index]) }
        try change(&part)
        try nest(part)
        if isInside {
            try charge(16)
            elements[index] = part
            return elements
        }
        if position.isNaN { throw fail("Cannot set array element at NaN index") }
        if index < 0 { throw fail("Out of bounds negative array index") }
        if index > 536_870_911 { throw fail("Array index too large") }
        try charge((index + 1 - elements.count) * 32)
        elements.append(contentsOf: repeatElement(.null, count: index - elements.count))
        elements.append(part)
        return elements
    }

    private func modifySlice(
        _ value: inout JSONValue, _ elements: [JSONValue], _ bounds: JSONObject,
        _ change: (inout JSONValue) throws(Unwind) -> Void
    ) throws(Unwind) {
        let range = try sliceRange(bounds, count: elements.count)
        var part: JSONValue = value.isNull ? .null : .array(Array(elements[range]))
        try change(&part)
        guard case .array(let replacement) = part else {
            throw fail("A slice of an array can only be assigned another array")
        }
        try charge((elements.count + replacement.count) * 32)
        share()
        value = .array(Array(elements[..<range.lowerBound]) + replacement + elements[range.upperBound...])
    }

    /// Sets the part at a path, making the objects and arrays on the way.
    func set(_ root: inout JSONValue, _ keys: ArraySlice<JSONValue>, _ part: JSONValue) throws(Unwind) {
        guard let key = keys.first else {
            root = part
            return
        }
        try modify(&root, at: key) { (inner) throws(Unwind) in try self.set(&inner, keys.dropFirst(), part) }
    }

    /// The keys of a path given as a value; bounded in length.
    func keys(_ path: JSONValue) throws(Unwind) -> [JSONValue] {
        guard case .array(let keys) = path else { throw fail("Path must be specified as an array") }
        if keys.count > ExpressionLimits.valueDepthMax { throw tooDeep() }
        return keys
    }

    // MARK: Deletion

    /// Deletes all parts that the paths name, as if at once.
    func delete(_ root: JSONValue, _ paths: JSONValue) throws(Unwind) -> JSONValue {
        guard case .array(var list) = paths else { throw fail("Paths must be specified as an array") }
        try step(list.count)
        list.sort { $0.compare($1) < 0 }
        var sorted: [[JSONValue]] = []
        for path in list {
            guard case .array = path else { throw fail("Path must be specified as array, not \(path.typeName)") }
            sorted.append(try keys(path))
        }
        guard let first = sorted.first else { return root }
        if first.isEmpty { return .null }
        return try delete(root, sorted[...], level: 0)
    }

    /// Each path is longer than `level`, and they agree before it.
    private func delete(_ value: JSONValue, _ paths: ArraySlice<[JSONValue]>, level: Int) throws(Unwind) -> JSONValue {
        var value = value
        var doomed: [JSONValue] = []
        var start = paths.startIndex
        while start < paths.endIndex {
            let key = paths[start][level]
            var end = start + 1
            while end < paths.endIndex, paths[end][level].equals(key) { end += 1 }
            if paths[start].count == level + 1 {
                doomed.append(key)
            } else {
                let part = try index(value, key)
                if !part.isNull {
                    let smaller = try delete(part, paths[start..<end], level: level + 1)
                    try modify(&value, at: key) { (inner) throws(Unwind) in inner = smaller }
                }
            }
            start = end
        }
        return try delete(value, keys: doomed)
    }

    private func delete(_ value: JSONValue, keys: [JSONValue]) throws(Unwind) -> JSONValue {
        if keys.isEmpty { return value }
        switch value {
        case .null: return value
        case .object(var members):
            for key in keys {
                guard case .string(let name) = key else { throw fail("Cannot delete \(key.typeName) field of object") }
                members.removeValue(forKey: name)
            }
            return .object(members)
        case .array(let elements):
            var isDoomed = [Bool](repeating: false, count: elements.count)
            for key in keys {
                try step()
                if case .object(let bounds) = key {
                    for index in try sliceRange(bounds, count: elements.count) { isDoomed[index] = true }
                } else if key.isNumber {
                    if key.double.isNaN { continue }
                    var index = Int(max(min(key.double, 0x1p31), -0x1p31))
                    if index < 0 { index += elements.count }
                    if elements.indices.contains(index) { isDoomed[index] = true }
                } else {
                    throw fail("Cannot delete \(key.typeName) element of array")
                }
            }
            try charge(elements.count * 32)
            return .array(elements.indices.lazy.filter { !isDoomed[$0] }.map { elements[$0] })
        default: throw fail("Cannot delete fields from \(value.typeName)")
        }
    }
}

/// Taking the payload out leaves nothing else holding it, so that it can be changed in place.
extension JSONValue {
    mutating func takeArray() -> [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        self = .null
        return elements
    }

    mutating func takeObject() -> JSONObject? {
        guard case .object(let members) = self else { return nil }
        self = .null
        return members
    }

    mutating func takeString() -> String? {
        guard case .string(let text) = self else { return nil }
        self = .null
        return text
    }
}

extension JSONObject {
    /// Sets a member and returns what it was, `null` when it was not there.
    mutating func exchange(_ name: String, _ value: JSONValue) -> JSONValue {
        let old = self[name]
        self[name] = value
        return old ?? .null
    }
}

extension String {
    /// How many Unicode code points the string has.
    var codePointCount: Int {
        let fast = utf8.withContiguousStorageIfAvailable { bytes in
            var count = 0
            for byte in bytes where byte & 0xC0 != 0x80 { count += 1 }
            return count
        }
        return fast ?? unicodeScalars.count
    }

    /// The code points at the positions of the range, which lie in the string.
    func slice(_ range: Range<Int>) -> String {
        let lower = unicodeScalars.index(startIndex, offsetBy: range.lowerBound)
        return String(unicodeScalars[lower..<unicodeScalars.index(lower, offsetBy: range.count)])
    }
}
