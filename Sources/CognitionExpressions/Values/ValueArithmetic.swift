import CognitionCore

extension Machine {
    /// Applies an operator as jq does for the operands' types.
    @inline(__always)
    func apply(_ name: BinaryOperator, _ left: JSONValue, _ right: JSONValue) throws(Unwind) -> JSONValue {
        switch name {
        case .add: return try add(left, right)
        case .equal: return .bool(try areEqual(left, right))
        case .unequal: return .bool(!(try areEqual(left, right)))
        case .less: return .bool(try compare(left, right) < 0)
        case .lessOrEqual: return .bool(try compare(left, right) <= 0)
        case .greater: return .bool(try compare(left, right) > 0)
        case .greaterOrEqual: return .bool(try compare(left, right) >= 0)
        case .subtract: return try subtract(left, right)
        case .multiply: return try multiply(left, right)
        case .divide: return try divide(left, right)
        case .remainder: return try remainder(left, right)
        }
    }

    func areEqual(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> Bool {
        try checkExtent(left)
        return left.equals(right)
    }

    func compare(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> Int {
        try checkExtent(left)
        return left.compare(right)
    }

    /// An integer result when it is exact in doubles, as jq's numbers are.
    @inline(__always)
    private static func exact(_ result: (partialValue: Int64, overflow: Bool), _ a: Int64, _ b: Int64) -> JSONValue? {
        let bound: UInt64 = 1 << 53
        guard !result.overflow, result.partialValue.magnitude <= bound, a.magnitude <= bound, b.magnitude <= bound
        else { return nil }
        return .integer(result.partialValue)
    }

    func add(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> JSONValue {
        var sum = left
        try add(to: &sum, right)
        return sum
    }

    /// Adds in place, which appends to arrays, strings and objects that nothing else holds.
    func add(to left: inout JSONValue, _ right: JSONValue) throws(Unwind) {
        switch right {
        case .null: return
        case .integer(let b):
            if case .integer(let a) = left {
                left = Machine.exact(a.addingReportingOverflow(b), a, b) ?? JSONValue(jq: Double(a) + Double(b), self)
                return
            }
        case .string(let b):
            if var a = left.takeString() {
                try charge(b.utf8.count)
                a += b
                left = .string(a)
                return
            }
        case .array(let b):
            if var a = left.takeArray() {
                try charge(b.count * 32)
                share()
                a.append(contentsOf: b)
                left = .array(a)
                return
            }
        case .object(let b):
            if var a = left.takeObject() {
                try charge(b.count * 64)
                try step(b.count)
                share()
                a.merge(b)
                left = .object(a)
                return
            }
        case .bool, .number, .literal: break
        }
        if left.isNull {
            left = right
        } else {
            guard left.isNumber, right.isNumber else { throw mismatch(left, right, "cannot be added") }
            left = JSONValue(jq: left.double + right.double, self)
        }
    }

    private func subtract(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> JSONValue {
        switch (left, right) {
        case (.integer(let a), .integer(let b)):
            return Machine.exact(a.subtractingReportingOverflow(b), a, b) ?? JSONValue(jq: Double(a) - Double(b), self)
        case (.array(let a), .array(let b)):
            try checkExtent(left)
            try step(a.count)
            try charge(a.count * 32)
            var kept: [JSONValue] = []
            for element in a {
                try step(b.count / 16)
                if !b.contains(where: { $0.equals(element) }) { kept.append(element) }
            }
            return .array(kept)
        default:
            guard left.isNumber, right.isNumber else { throw mismatch(left, right, "cannot be subtracted") }
            return JSONValue(jq: left.double - right.double, self)
        }
    }

    private func multiply(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> JSONValue {
        switch (left, right) {
        case (.integer(let a), .integer(let b)):
            return Machine.exact(a.multipliedReportingOverflow(by: b), a, b)
                ?? JSONValue(jq: Double(a) * Double(b), self)
        case (.string(let text), _) where right.isNumber: return try repeated(text, right.double)
        case (_, .string(let text)) where left.isNumber: return try repeated(text, left.double)
        case (.object(let a), .object(let b)):
            try checkExtent(right)
            share()
            return .object(try merged(a, b))
        default:
            guard left.isNumber, right.isNumber else { throw mismatch(left, right, "cannot be multiplied") }
            return JSONValue(jq: left.double * right.double, self)
        }
    }

    private func repeated(_ text: String, _ times: Double) throws(Unwind) -> JSONValue {
        guard times >= 0 else { return .null }
        let count = Int(min(times, 2_147_483_647))
        try charge(text.utf8.count.multipliedReportingOverflow(by: count).partialValue)
        return .string(String(repeating: text, count: text.isEmpty ? 0 : count))
    }

    private func merged(_ left: JSONObject, _ right: JSONObject) throws(Unwind) -> JSONObject {
        try enter()
        defer { leave() }
        try step(right.count)
        try charge(right.count * 64)
        var result = left
        for (key, value) in right {
            if case .object(let inner) = value, case .object(let known)? = result[key] {
                result[key] = .object(try merged(known, inner))
            } else {
                result[key] = value
            }
        }
        return result
    }

    private func divide(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> JSONValue {
        if case .string(let text) = left, case .string(let separator) = right { return try split(text, separator) }
        guard left.isNumber, right.isNumber else { throw mismatch(left, right, "cannot be divided") }
        let divisor = right.double
        if divisor == 0 { throw mismatch(left, right, "cannot be divided because the divisor is zero") }
        return JSONValue(jq: left.double / divisor, self)
    }

    private func remainder(_ left: JSONValue, _ right: JSONValue) throws(Unwind) -> JSONValue {
        guard left.isNumber, right.isNumber else { throw mismatch(left, right, "cannot be divided (remainder)") }
        let (a, b) = (left.double, right.double)
        if a.isNaN || b.isNaN { return JSONValue(jq: .nan, self) }
        let divisor = Int64(saturating: b)
        if divisor == 0 { throw mismatch(left, right, "cannot be divided (remainder) because the divisor is zero") }
        return JSONValue(jq: divisor == -1 ? 0 : Double(Int64(saturating: a) % divisor), self)
    }

    func negate(_ value: JSONValue) throws(Unwind) -> JSONValue {
        switch value {
        case .integer(let number) where number != .min: return .integer(-number)
        case .literal(let text): return .literal(text.hasPrefix("-") ? String(text.dropFirst()) : "-" + text)
        default:
            guard value.isNumber else { throw mismatch(value, "cannot be negated") }
            return JSONValue(jq: -value.double, self)
        }
    }

    // MARK: Messages

    func mismatch(_ value: JSONValue, _ problem: String) -> Unwind {
        fail("\(value.typeName) (\(shown(value))) \(problem)")
    }

    func mismatch(_ left: JSONValue, _ right: JSONValue, _ problem: String) -> Unwind {
        fail("\(left.typeName) (\(shown(left))) and \(right.typeName) (\(shown(right))) \(problem)")
    }

    /// The start of a value's text, at most 29 bytes, as jq's messages show it.
    func shown(_ value: JSONValue) -> String {
        let text: String
        switch value {
        case .string(let content) where content.utf8.count > 64:
            text = JSONValue.string(String(content.unicodeScalars.prefix(64))).jsonText
        case .array, .object:
            var left = 4_096
            text = value.fits(&left) ? value.finite.jsonText : value.typeName + " too large to show"
        default: text = value.finite.jsonText
        }
        guard text.utf8.count > 29 else { return text }
        let close =
            switch value {
            case .string: "\""
            case .array: "]"
            case .object: "}"
            default: ""
            }
        var end = text.utf8.index(text.startIndex, offsetBy: 26 - close.utf8.count)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + "..." + close
    }
}

extension Int64 {
    /// The whole part of a double, or the nearest end of the range.
    init(saturating double: Double) {
        self = double.isNaN ? 0 : double >= 0x1p63 ? .max : double <= -0x1p63 ? .min : Int64(double)
    }
}
