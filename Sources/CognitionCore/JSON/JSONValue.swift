/// A JSON document in memory.
///
/// Objects keep the order of their members. A number is kept as `Int64` when it is one, as `Double` when the double prints
/// back as the very text that was read, and else as its literal text, so that nothing a user sends is changed by being
/// stored. Two numbers are equal when their values are (`1 == 1.0`); two objects are equal whatever their members' order.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A finite double; `JSONValue(_: Double)` maps what JSON cannot say.
    case number(Double)
    /// The text of a number that neither `Int64` nor `Double` reproduces, e.g. `1.10` or `100000000000000000000`.
    case literal(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    /// A number from a double; NaN becomes `null` and an infinity the largest finite double, as jq prints them.
    package init(_ double: Double) {
        if double.isNaN {
            self = .null
        } else if double.isInfinite {
            self = .number(double < 0 ? -Double.greatestFiniteMagnitude : Double.greatestFiniteMagnitude)
        } else {
            self = .number(double)
        }
    }

    /// The name of the value's type, as jq's `type` and JSON Schema's messages say it.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .number, .literal: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    package var isNull: Bool { if case .null = self { true } else { false } }
    package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    package var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    package var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The value of a number as a double, with the rounding that needs.
    package var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .literal(let text): Double(text)
        default: nil
        }
    }

    /// The value of a number that is a whole one in the range of `Int64`, however it was written.
    package var integerValue: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        case .literal(let text): Double(text).flatMap(Int64.init(exactly:))
        default: nil
        }
    }

    /// A member of an object; `nil` for another type or a missing member.
    package subscript(member: String) -> JSONValue? { objectValue?[member] }

    /// An element of an array; `nil` for another type or outside its bounds.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

extension JSONValue: Hashable {
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        case (.literal(let a), .literal(let b)) where a == b: true
        default:
            if let a = left.doubleValue, let b = right.doubleValue { a == b } else { false }
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(Double(value))
        case .number(let value): hasher.combine(value)
        case .literal(let text): hasher.combine(Double(text) ?? 0)
        case .string(let value): hasher.combine(value)
        case .array(let elements): hasher.combine(elements)
        case .object(let members): hasher.combine(members)
        }
    }
}

// There is no nil literal: in an optional, `nil` could then mean `null`.
extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(JSONObject(members))
    }
}
