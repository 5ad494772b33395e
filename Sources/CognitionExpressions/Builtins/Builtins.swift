import CognitionCore

/// The functions on values, by name and number of arguments.
enum Builtins {
    typealias Function = FunctionNode.Function

    static let functions: [String: Function] = [core, strings, arrays, mathematics, dates, regexes]
        .reduce(into: [:]) { $0.merge($1, uniquingKeysWith: { $1 }) }

    /// Functions of jq that need what expressions do not have, with the reason.
    static let unavailable: [String: String] = {
        let names = [
            "they have one input": ["input", "inputs", "input_filename", "input_line_number"],
            "they do not see the environment": ["env"],
            "they print nothing": ["debug", "stderr"],
            "they do not end programs": ["halt", "halt_error"],
            "they always give the same for the same input": ["now"],
            "they have no modules and files": [
                "modulemeta", "get_search_list", "get_prog_origin", "get_jq_origin",
            ],
        ]
        return names.reduce(into: [:]) { reasons, entry in for name in entry.value { reasons[name] = entry.key } }
    }()

    /// Every function, as `name/arguments`, in alphabetical order.
    static let names: [String] = {
        let all = Array(functions.keys) + Array(Prelude.definitions.keys) + BuiltinBuilder.controls
        return Set(all).filter { !$0.hasPrefix("_") }.sorted()
    }()

    private static let core: [String: Function] = [
        "not/0": { input, _, _ throws(Unwind) in .bool(!input.isTrue) },
        "error/0": { input, _, machine throws(Unwind) in throw machine.fail(input) },
        "error/1": { _, arguments, machine throws(Unwind) in throw machine.fail(arguments[0]) },
        "type/0": { input, _, _ throws(Unwind) in .string(input.typeName) },
        "length/0": { input, _, machine throws(Unwind) in try machine.length(input) },
        "keys/0": { input, _, machine throws(Unwind) in try machine.names(input, sorted: true) },
        "keys_unsorted/0": { input, _, machine throws(Unwind) in try machine.names(input, sorted: false) },
        "has/1": { input, arguments, machine throws(Unwind) in try machine.has(input, arguments[0]) },
        "contains/1": { input, arguments, machine throws(Unwind) in
            guard input.typeName == arguments[0].typeName, input.boolValue == arguments[0].boolValue else {
                throw machine.mismatch(input, arguments[0], "cannot have their containment checked")
            }
            try machine.checkExtent(input)
            try machine.checkExtent(arguments[0])
            return .bool(try machine.contains(input, arguments[0]))
        },
        "delpaths/1": { input, arguments, machine throws(Unwind) in try machine.delete(input, arguments[0]) },
        "to_entries/0": { input, _, machine throws(Unwind) in try machine.toEntries(input) },
        "from_entries/0": { input, _, machine throws(Unwind) in try machine.fromEntries(input) },
        "tojson/0": { input, _, machine throws(Unwind) in .string(try machine.json(input)) },
        "tostring/0": { input, _, machine throws(Unwind) in .string(try machine.text(input)) },
        "fromjson/0": { input, _, machine throws(Unwind) in try machine.parse(input) },
        "tonumber/0": { input, _, machine throws(Unwind) in try machine.number(input) },
        "toboolean/0": { input, _, machine throws(Unwind) in
            switch input {
            case .bool: return input
            case .string("true"): return true
            case .string("false"): return false
            default: throw machine.mismatch(input, "cannot be parsed as a boolean")
            }
        },
        "builtins/0": { _, _, machine throws(Unwind) in
            try machine.charge(names.count * 64)
            return .array(names.map { .string($0) })
        },
        "have_literal_numbers/0": { _, _, _ throws(Unwind) in true },
        "have_decnum/0": { _, _, _ throws(Unwind) in true },
        "format/1": { input, arguments, machine throws(Unwind) in
            guard case .string(let name) = arguments[0] else {
                throw machine.mismatch(arguments[0], "is not a valid format")
            }
            guard let format = Format(rawValue: name) else { throw machine.fail("\(name) is not a valid format") }
            return .string(try format.apply(input, machine))
        },
    ]
}

extension Machine {
    fileprivate func length(_ value: JSONValue) throws(Unwind) -> JSONValue {
        switch value {
        case .null: return 0
        case .bool: throw mismatch(value, "has no length")
        case .integer(let number): return number < 0 ? try negate(value) : value
        case .number: return JSONValue(jq: value.double.magnitude, self)
        case .literal(let text): return text.hasPrefix("-") ? try negate(value) : value
        case .string(let text):
            try step(text.utf8.count / 256)
            return .integer(Int64(text.codePointCount))
        case .array(let elements): return .integer(Int64(elements.count))
        case .object(let members): return .integer(Int64(members.count))
        }
    }

    fileprivate func names(_ value: JSONValue, sorted: Bool) throws(Unwind) -> JSONValue {
        switch value {
        case .array(let elements):
            try charge(elements.count * 32)
            return .array(elements.indices.map { .integer(Int64($0)) })
        case .object(let members):
            try charge(members.count * 32)
            try step(members.count)
            guard sorted else { return .array(members.keys.map { .string($0) }) }
            let names = members.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            return .array(names.map { .string($0) })
        default: throw mismatch(value, "has no keys")
        }
    }

    fileprivate func has(_ value: JSONValue, _ key: JSONValue) throws(Unwind) -> JSONValue {
        switch (value, key) {
        case (.null, _): return false
        case (.object(let members), .string(let name)): return .bool(members[name] != nil)
        case (.array(let elements), _) where key.isNumber:
            return .bool(!key.double.isNaN && elements.indices.contains(Int(Int64(saturating: key.double))))
        default: throw fail("Cannot check whether \(value.typeName) has a \(key.typeName) key")
        }
    }

    /// Whether the right value is contained in the left one: substrings, elements in any order, members.
    fileprivate func contains(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> Bool {
        try step()
        switch (left, right) {
        case (.object(let a), .object(let b)):
            for (name, part) in b {
                guard let whole = a[name] else { return false }
                if !(try contains(whole, part)) { return false }
            }
            return true
        case (.array(let a), .array(let b)):
            for part in b {
                var isFound = false
                for whole in a where try contains(whole, part) {
                    isFound = true
                    break
                }
                if !isFound { return false }
            }
            return true
        case (.string(let a), .string(let b)):
            return b.isEmpty ? true : !(try occurrences(of: b, in: a, max: 1).isEmpty)
        default: return left.equals(right)
        }
    }

    fileprivate func toEntries(_ value: JSONValue) throws(Unwind) -> JSONValue {
        share()
        switch value {
        case .object(let members):
            try step(members.count)
            try charge(members.count * 160)
            return .array(members.map { .object(["key": .string($0.key), "value": $0.value]) })
        case .array(let elements):
            try charge(elements.count * 160)
            return .array(elements.enumerated().map { .object(["key": .integer(Int64($0)), "value": $1]) })
        default: throw mismatch(value, "has no keys")
        }
    }

    fileprivate func fromEntries(_ value: JSONValue) throws(Unwind) -> JSONValue {
        var result = JSONObject()
        share()
        try IterateNode.iterate(value, nil, self) { (entry, _) throws(Unwind) in
            var key = JSONValue.null
            for name in ["key", "Key", "name", "Name"] {
                key = try self.index(entry, .string(name))
                if key.isTrue { break }
            }
            guard case .string(let name) = key else {
                throw self.fail("Cannot use \(key.typeName) (\(self.shown(key))) as object key")
            }
            try self.charge(64)
            if let part = entry["value"] { result[name] = part } else { result[name] = try self.index(entry, "Value") }
        }
        return .object(result)
    }

    /// The value as compact JSON.
    func json(_ value: JSONValue) throws(Unwind) -> String {
        try checkExtent(value)
        let text = (hasNonFinite ? value.finite : value).jsonText
        try charge(text.utf8.count)
        return text
    }

    /// A string itself, anything else as compact JSON.
    func text(_ value: JSONValue) throws(Unwind) -> String {
        if case .string(let text) = value { return text }
        return try json(value)
    }

    fileprivate func parse(_ value: JSONValue) throws(Unwind) -> JSONValue {
        guard case .string(let text) = value else { throw mismatch(value, "only strings can be parsed") }
        try charge(text.utf8.count * 4)
        if text.equalsBytes("nan") { return JSONValue(jq: .nan, self) }
        do throws(JSONParsingError) {
            return try JSONValue(parsing: text)
        } catch {
            throw fail("\(error.message) (while parsing '\(text.prefix(200))')")
        }
    }

    fileprivate func number(_ value: JSONValue) throws(Unwind) -> JSONValue {
        if value.isNumber { return value }
        guard case .string(let text) = value, let number = parsedNumber(text) else {
            throw mismatch(value, "cannot be parsed as a number")
        }
        return number
    }

    private func parsedNumber(_ text: String) -> JSONValue? {
        guard text.utf8.count <= 1_000 else { return nil }
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? String(text.dropFirst()) : text
        guard let first = digits.utf8.first else { return nil }
        if first &- 48 < 10 || first == UInt8(ascii: ".") {
            guard digits.utf8.allSatisfy({ $0 &- 48 < 10 || ".eE+-".utf8.contains($0) }) else { return nil }
            if let exact = try? JSONValue(parsing: isNegative ? "-" + digits : digits), exact.isNumber { return exact }
            guard digits != ".", let double = Double(digits.hasSuffix(".") ? digits + "0" : digits) else { return nil }
            return JSONValue(jq: isNegative ? -double : double, self)
        }
        switch digits.lowercased() {
        case "nan": return JSONValue(jq: .nan, self)
        case "infinity", "inf": return JSONValue(jq: isNegative ? -.infinity : .infinity, self)
        default: return nil
        }
    }
}
