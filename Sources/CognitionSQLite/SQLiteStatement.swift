import CognitionStorage
import GRDBSQLite

/// A compiled statement of one connection, and the row it stands on.
///
/// Confined to the connection's thread.
final class SQLiteStatement: RowSource {
    let text: String
    /// Someone is stepping through it, so another use needs a copy of its own.
    fileprivate(set) var isInUse = false
    /// It leaves the database as it is.
    let isReadOnly: Bool

    private let pointer: OpaquePointer
    /// Which of a statement's values each parameter takes, where that is not simply its own number.
    private let valueNumbers: [Int]?
    private let valueCount: Int
    private var holdsLargeValue = false

    /// From here on a bound value is let go of after the run instead of being kept until the next.
    private static let largeValueBytes = 4_096

    init(_ text: String, on connection: OpaquePointer) throws {
        var text = text
        var pointer: OpaquePointer?
        var hasMore = false
        let code = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                var tail: UnsafePointer<CChar>?
                let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
                let code = sqlite3_prepare_v3(
                    connection, characters.baseAddress, Int32(characters.count), flags, &pointer, &tail)
                if let tail, let start = characters.baseAddress {
                    hasMore = characters[(tail - start)...].contains { !Self.mayFollow.contains(UInt8(bitPattern: $0)) }
                }
                return code
            }
        }
        guard code == SQLITE_OK else { throw StorageError(SQLiteFailure(code, on: connection, statement: text)) }
        guard let pointer, !hasMore else {
            sqlite3_finalize(pointer)
            let failure = SQLiteFailure(code: SQLITE_MISUSE, message: "not exactly one statement", statement: text)
            throw StorageError(failure)
        }
        self.text = text
        self.pointer = pointer
        isReadOnly = sqlite3_stmt_readonly(pointer) != 0
        (valueNumbers, valueCount) = Self.parameters(of: pointer)
    }

    deinit { sqlite3_finalize(pointer) }

    /// White space and semicolons.
    private static let mayFollow: [UInt8] = [0x09, 0x0A, 0x0D, 0x20, 0x3B]

    /// SQLite numbers parameters by their first appearance, whatever digits follow the `$`.
    private static func parameters(of pointer: OpaquePointer) -> (numbers: [Int]?, valueCount: Int) {
        let count = Int(sqlite3_bind_parameter_count(pointer))
        guard count > 0 else { return (nil, 0) }
        let numbers = (1...count).map { index in
            guard let name = sqlite3_bind_parameter_name(pointer, Int32(index)) else { return index }
            return Int(String(cString: name).dropFirst()) ?? index
        }
        return (numbers == Array(1...count) ? nil : numbers, numbers.max() ?? 0)
    }
}

// MARK: - Running

extension SQLiteStatement {
    /// Binds `values`, steps to the end or until `row` has enough, and makes the statement ready for its next use.
    func run(_ values: [SQLValue], on connection: OpaquePointer, row: (borrowing Row) throws -> Bool) throws {
        isInUse = true
        defer { finish() }
        try bind(values, on: connection)
        while true {
            let code = sqlite3_step(pointer)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw failure(code, on: connection) }
            guard try row(Row(self)) else { return }
        }
    }

    /// Runs a statement that has neither values nor rows.
    func run(on connection: OpaquePointer) throws {
        let code = sqlite3_step(pointer)
        guard code != SQLITE_DONE, code != SQLITE_ROW else {
            sqlite3_reset(pointer)
            return
        }
        let failure = failure(code, on: connection)
        sqlite3_reset(pointer)
        throw failure
    }

    private func finish() {
        sqlite3_reset(pointer)
        if holdsLargeValue {
            sqlite3_clear_bindings(pointer)
            holdsLargeValue = false
        }
        isInUse = false
    }

    private func failure(_ code: Int32, on connection: OpaquePointer) -> StorageError {
        // The step's own code lacks the detail that the connection has.
        let extended = sqlite3_extended_errcode(connection)
        return StorageError(
            SQLiteFailure(extended & 0xFF == code & 0xFF ? extended : code, on: connection, statement: text))
    }

    private func bind(_ values: [SQLValue], on connection: OpaquePointer) throws {
        guard values.count == valueCount else {
            let message = "\(values.count) values for \(valueCount) placeholders"
            throw StorageError(SQLiteFailure(code: SQLITE_RANGE, message: message, statement: text))
        }
        if let valueNumbers {
            for (index, number) in valueNumbers.enumerated() {
                try bind(values[number - 1], at: Int32(index + 1), on: connection)
            }
        } else {
            for index in values.indices { try bind(values[index], at: Int32(index + 1), on: connection) }
        }
    }

    private func bind(_ value: SQLValue, at index: Int32, on connection: OpaquePointer) throws {
        let code: Int32
        switch value {
        case .null: code = sqlite3_bind_null(pointer, index)
        case .integer(let number): code = sqlite3_bind_int64(pointer, index, number)
        case .double(let number):
            guard !number.isNaN else {
                throw StorageError(.statementInvalid, "a number that is not a number cannot be stored")
            }
            code = sqlite3_bind_double(pointer, index, number)
        case .text(var text):
            guard !text.utf8.contains(0) else { throw StorageError.textHoldsNUL }
            if text.utf8.count >= Self.largeValueBytes { holdsLargeValue = true }
            code = text.withUTF8 { utf8 in
                // An empty string may have no address, which SQLite would take for NULL.
                guard let start = utf8.baseAddress else { return sqlite3_bind_text(pointer, index, "", 0, .copied) }
                return start.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
                    sqlite3_bind_text64(pointer, index, $0, UInt64(utf8.count), .copied, UInt8(SQLITE_UTF8))
                }
            }
        case .bytes(let bytes):
            if bytes.count >= Self.largeValueBytes { holdsLargeValue = true }
            code = bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress, !buffer.isEmpty else {
                    return sqlite3_bind_zeroblob(pointer, index, 0)
                }
                return sqlite3_bind_blob64(pointer, index, start, UInt64(buffer.count), .copied)
            }
        }
        guard code == SQLITE_OK else { throw failure(code, on: connection) }
    }
}

// MARK: - Reading the row

extension SQLiteStatement {
    func isNull(at column: Int) -> Bool { sqlite3_column_type(pointer, Int32(column)) == SQLITE_NULL }

    func integer(at column: Int) -> Int64? {
        guard sqlite3_column_type(pointer, Int32(column)) == SQLITE_INTEGER else { return nil }
        return sqlite3_column_int64(pointer, Int32(column))
    }

    func double(at column: Int) -> Double? {
        switch sqlite3_column_type(pointer, Int32(column)) {
        case SQLITE_FLOAT, SQLITE_INTEGER: sqlite3_column_double(pointer, Int32(column))
        default: nil
        }
    }

    /// Bytes that are not UTF-8 are read as U+FFFD.
    func text(at column: Int) -> String? {
        guard sqlite3_column_type(pointer, Int32(column)) == SQLITE_TEXT else { return nil }
        guard let start = sqlite3_column_text(pointer, Int32(column)) else { return nil }
        let count = Int(sqlite3_column_bytes(pointer, Int32(column)))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// The bytes of a byte string or of a text.
    func bytes(at column: Int) -> [UInt8]? {
        let type = sqlite3_column_type(pointer, Int32(column))
        guard type == SQLITE_BLOB || type == SQLITE_TEXT else { return nil }
        // SQLite gives no address for an empty byte string.
        guard let start = sqlite3_column_blob(pointer, Int32(column)) else { return [] }
        let count = Int(sqlite3_column_bytes(pointer, Int32(column)))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

/// What SQLite calls to let go of a bound value; `nil` says that it is immortal.
private typealias Destructor = @convention(c) (UnsafeMutableRawPointer?) -> Void

extension Optional where Wrapped == Destructor {
    /// SQLITE_TRANSIENT: SQLite copies the value before the call returns.
    fileprivate static var copied: Destructor? { unsafeBitCast(-1, to: Destructor?.self) }
}
