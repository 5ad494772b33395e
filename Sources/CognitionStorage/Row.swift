package import CognitionCore

/// One row of a result, lent while it is read; columns count from 0.
package struct Row: ~Copyable {
    private let source: any RowSource

    package init(_ source: any RowSource) { self.source = source }

    /// - Throws: `storage.unexpected_value` when the column is NULL or holds what the type cannot take.
    package subscript<Value: SQLDecodable>(column: Int) -> Value {
        get throws {
            if source.isNull(at: column) {
                guard let value = Value.null else {
                    throw StorageError.unexpectedValue(column: column, wanted: Value.self)
                }
                return value
            }
            guard let value = Value(source, at: column) else {
                throw StorageError.unexpectedValue(column: column, wanted: Value.self)
            }
            return value
        }
    }
}

/// The current row of a driver's cursor. A column that holds another type is read as `nil`; there is one exception each for
/// what engines do not keep apart: an integer may be read as a double, and a text as its bytes.
package protocol RowSource: AnyObject {
    func isNull(at column: Int) -> Bool
    func integer(at column: Int) -> Int64?
    func double(at column: Int) -> Double?
    func text(at column: Int) -> String?
    func bytes(at column: Int) -> [UInt8]?
}

/// What can be read from a column.
package protocol SQLDecodable {
    /// The value of NULL, for types that have one.
    static var null: Self? { get }
    init?(_ source: any RowSource, at column: Int)
}

extension SQLDecodable {
    package static var null: Self? { nil }
}

extension Int64: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let integer = source.integer(at: column) else { return nil }
        self = integer
    }
}
extension Int: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let integer = source.integer(at: column) else { return nil }
        self.init(exactly: integer)
    }
}
extension Bool: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let integer = source.integer(at: column) else { return nil }
        self = integer != 0
    }
}
extension Double: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let double = source.double(at: column) else { return nil }
        self = double
    }
}
extension String: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let text = source.text(at: column) else { return nil }
        self = text
    }
}
extension [UInt8]: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let bytes = source.bytes(at: column) else { return nil }
        self = bytes
    }
}
extension Timestamp: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let integer = source.integer(at: column) else { return nil }
        self.init(microseconds: integer)
    }
}
extension UUIDv7: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let text = source.text(at: column) else { return nil }
        self.init(text)
    }
}
extension Identifier: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let text = source.text(at: column) else { return nil }
        self.init(text)
    }
}
extension WorkspaceID: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let text = source.text(at: column) else { return nil }
        self.init(text)
    }
}
extension Optional: SQLDecodable where Wrapped: SQLDecodable {
    package static var null: Self? { .some(nil) }
    package init?(_ source: any RowSource, at column: Int) {
        guard let value = Wrapped(source, at: column) else { return nil }
        self = value
    }
}
extension SQLDecodable where Self: RawRepresentable, RawValue: SQLDecodable {
    package init?(_ source: any RowSource, at column: Int) {
        guard let raw = RawValue(source, at: column) else { return nil }
        self.init(rawValue: raw)
    }
}
