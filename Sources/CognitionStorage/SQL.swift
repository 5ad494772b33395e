package import CognitionCore

/// A statement with its values: interpolation binds, so text that comes from outside can never become part of it.
///
/// ```swift
/// try tx.execute("UPDATE streams SET version = \(version) WHERE key = \(key)")
/// ```
///
/// Placeholders are written `$1`, `$2`, …, which SQLite and PostgreSQL both read. What differs between the two is a named
/// ``SQLFragment``.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// The text with placeholders; each `\u{0}` stands for the next of `fragments`.
    private var template: String
    package private(set) var values: [SQLValue]
    private var fragments: [SQLFragment]

    /// A statement whose text is complete; for loops that run the same one with other values.
    package init(_ text: StaticString, _ values: [SQLValue]) {
        self.template = String(describing: text)
        self.values = values
        self.fragments = []
    }

    /// A text that the program has put together of its own names, once.
    init(template: String, _ values: [SQLValue]) {
        self.template = template
        self.values = values
        fragments = []
    }

    package init(stringLiteral text: String) {
        template = text
        values = []
        fragments = []
    }

    package init(stringInterpolation: Interpolation) {
        template = stringInterpolation.template
        values = stringInterpolation.values
        fragments = stringInterpolation.fragments
    }

    /// The text as `dialect` says it.
    package func text(in dialect: Dialect) -> String {
        guard !fragments.isEmpty else { return template }
        var text: [UInt8] = []
        text.reserveCapacity(template.utf8.count + 24 * fragments.count)
        var next = fragments.makeIterator()
        for byte in template.utf8 {
            if byte == 0, let fragment = next.next() {
                text += dialect.text(of: fragment).utf8
            } else {
                text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    package struct Interpolation: StringInterpolationProtocol {
        fileprivate var template = ""
        fileprivate var values: [SQLValue] = []
        fileprivate var fragments: [SQLFragment] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            template.reserveCapacity(literalCapacity + 3 * interpolationCount)
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { template += literal }

        package mutating func appendInterpolation(_ value: some SQLEncodable) {
            values.append(value.sqlValue)
            template += "$"
            template += String(values.count)
        }

        /// A value that may be NULL; said apart because the compiler warns of optional values in other interpolations.
        package mutating func appendInterpolation<Value: SQLEncodable>(_ value: Value?) {
            appendInterpolation(value?.sqlValue ?? .null)
        }

        /// A list for `IN`, such as `WHERE id IN \(list: ids)`; an empty one matches nothing.
        ///
        /// The last value is repeated up to one of a few lengths, so that the engine has few different statements to prepare.
        package mutating func appendInterpolation(list: some Sequence<some SQLEncodable>) {
            var items = list.map(\.sqlValue)
            guard let last = items.last else { return template += "(NULL)" }
            items += repeatElement(last, count: Self.length(of: items.count) - items.count)
            template += "("
            for (place, value) in items.enumerated() {
                if place > 0 { template += ", " }
                appendInterpolation(value)
            }
            template += ")"
        }

        /// The next power of two, or of 1,024 the next multiple.
        private static func length(of count: Int) -> Int {
            guard count < 1_024 else { return (count + 1_023) / 1_024 * 1_024 }
            var length = 1
            while length < count { length *= 2 }
            return length
        }

        package mutating func appendInterpolation(fragment: SQLFragment) {
            fragments.append(fragment)
            template += "\u{0}"
        }

        /// Text of the program itself, such as a list of columns.
        package mutating func appendInterpolation(columns: StaticString) {
            template += String(describing: columns)
        }

        /// Another statement as a part of this one, with its values.
        package mutating func appendInterpolation(_ part: SQL) {
            template += part.renumbered(after: values.count)
            values += part.values
            fragments += part.fragments
        }
    }

    /// The template with `count` added to the number of each placeholder; a `$` in quotes, or without a number, is text.
    private func renumbered(after count: Int) -> String {
        guard count > 0, !values.isEmpty else { return template }
        var result: [UInt8] = []
        result.reserveCapacity(template.utf8.count + 2 * values.count)
        var quote: UInt8?
        var rest = template.utf8[...]
        while let byte = rest.popFirst() {
            result.append(byte)
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                quote = byte
            } else if byte == UInt8(ascii: "$") {
                let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                guard let number = Int(String(decoding: digits, as: UTF8.self)) else { continue }
                result += String(number + count).utf8
                rest = rest.dropFirst(digits.count)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// A value that a statement binds.
package enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case double(Double)
    case text(String)
    case bytes([UInt8])
}

/// What can be bound.
package protocol SQLEncodable {
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLEncodable { package var sqlValue: SQLValue { self } }
extension Int64: SQLEncodable { package var sqlValue: SQLValue { .integer(self) } }
extension Int: SQLEncodable { package var sqlValue: SQLValue { .integer(Int64(self)) } }
extension Bool: SQLEncodable { package var sqlValue: SQLValue { .integer(self ? 1 : 0) } }
extension Double: SQLEncodable { package var sqlValue: SQLValue { .double(self) } }
extension String: SQLEncodable { package var sqlValue: SQLValue { .text(self) } }
extension [UInt8]: SQLEncodable { package var sqlValue: SQLValue { .bytes(self) } }
extension Timestamp: SQLEncodable { package var sqlValue: SQLValue { .integer(microseconds) } }
extension UUIDv7: SQLEncodable { package var sqlValue: SQLValue { .text(description) } }
extension Identifier: SQLEncodable { package var sqlValue: SQLValue { .text(description) } }
extension WorkspaceID: SQLEncodable { package var sqlValue: SQLValue { .text(name) } }
extension Optional: SQLEncodable where Wrapped: SQLEncodable {
    package var sqlValue: SQLValue { self?.sqlValue ?? .null }
}
extension SQLEncodable where Self: RawRepresentable, RawValue: SQLEncodable {
    package var sqlValue: SQLValue { rawValue.sqlValue }
}
