import CognitionCore

extension JSONValue {
    /// jq's total order: null, false, true, numbers, strings (by code points), arrays, objects (by keys, then by values).
    ///
    /// - Returns: Negative, zero or positive. A NaN is smaller than any number, itself included.
    func compare(_ other: JSONValue) -> Int {
        switch (self, other) {
        case (.integer(let a), .integer(let b)): return a < b ? -1 : a == b ? 0 : 1
        case (.string(let a), .string(let b)): return a.compareBytes(b)
        case (.array(let a), .array(let b)):
            for index in 0..<min(a.count, b.count) {
                let order = a[index].compare(b[index])
                if order != 0 { return order }
            }
            return a.count - b.count
        case (.object(let a), .object(let b)): return JSONValue.compare(a, b)
        default:
            let (a, b) = (rank, other.rank)
            if a != b { return a - b }
            guard a == 3 else { return 0 }
            let (left, right) = (double, other.double)
            return left < right || left.isNaN ? -1 : left == right ? 0 : 1
        }
    }

    private static func compare(_ a: JSONObject, _ b: JSONObject) -> Int {
        let (left, right) = (a.sortedByName(), b.sortedByName())
        for index in 0..<min(left.count, right.count) {
            let order = left[index].key.compareBytes(right[index].key)
            if order != 0 { return order }
        }
        if left.count != right.count { return left.count - right.count }
        for index in left.indices {
            let order = left[index].value.compare(right[index].value)
            if order != 0 { return order }
        }
        return 0
    }

    /// jq's equality; strings are equal when their code points are.
    func equals(_ other: JSONValue) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.string(let a), .string(let b)): a.equalsBytes(b)
        case (.array(let a), .array(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
        case (.object(let a), .object(let b)):
            a.count == b.count && a.allSatisfy { key, value in b[key].map { $0.equals(value) } ?? false }
        case (.integer, _), (.number, _), (.literal, _): other.rank == 3 && double == other.double
        default: false
        }
    }

    private var rank: Int {
        switch self {
        case .null: 0
        case .bool(let value): value ? 2 : 1
        case .integer, .number, .literal: 3
        case .string: 4
        case .array: 5
        case .object: 6
        }
    }

    /// The value of a number; zero for other types.
    var double: Double { doubleValue ?? 0 }

    var isNumber: Bool { rank == 3 }
    var isContainer: Bool { rank >= 5 }

    /// Everything but `null` and `false` counts as true.
    @inline(__always)
    var isTrue: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        default: true
        }
    }

    /// A number with an integer's form when it has an integer's value that doubles represent exactly.
    init(jq double: Double, _ machine: Machine) {
        if let whole = Int64(exactly: double), whole.magnitude <= 1 << 53 {
            self = .integer(whole)
        } else {
            if !double.isFinite { machine.hasNonFinite = true }
            self = .number(double)
        }
    }

    /// The value with `null` for NaN and the largest doubles for infinities, as jq prints it.
    var finite: JSONValue {
        switch self {
        case .number(let value): JSONValue(value)
        case .array(let elements): .array(elements.map(\.finite))
        case .object(let members): .object(JSONObject(members.lazy.map { ($0.key, $0.value.finite) }))
        default: self
        }
    }

    /// Whether the value, written out, has at most `left` nodes of some 16 bytes; takes those it has from `left`.
    func fits(_ left: inout Int) -> Bool {
        left -= 1
        switch self {
        case .string(let text): left -= text.utf8.count / 16
        case .array(let elements):
            for element in elements where !element.fits(&left) { return false }
        case .object(let members):
            for (_, value) in members where !value.fits(&left) { return false }
        default: break
        }
        return left >= 0
    }
}

extension String {
    /// The order of the code points, which is that of the UTF-8 bytes.
    func compareBytes(_ other: String) -> Int {
        if equalsBytes(other) { return 0 }
        return utf8.lexicographicallyPrecedes(other.utf8) ? -1 : 1
    }

    /// Whether both have the same bytes; Swift's own equality takes composed and decomposed letters for the same.
    func equalsBytes(_ other: String) -> Bool {
        let (left, right) = (utf8, other.utf8)
        guard left.count == right.count else { return false }
        let fast = left.withContiguousStorageIfAvailable { a in
            right.withContiguousStorageIfAvailable { b in
                a.count == b.count && (a.baseAddress == b.baseAddress || a.elementsEqual(b))
            }
        }
        return fast.flatMap { $0 } ?? left.elementsEqual(right)
    }
}
