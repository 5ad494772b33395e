import CPostgres
import CognitionStorage

/// The values of one statement as they are sent: one buffer, and where each value lies in it.
///
/// All go in binary, which for a text is the text itself. Each has its type, as the server would otherwise guess one: of
/// `$1 = 1` a 32-bit integer.
struct PostgresParameters {
    /// Types of the server, by their numbers in `pg_type`.
    enum TypeID {
        static let unknown: Oid = 0
        static let bool: Oid = 16
        static let bytes: Oid = 17
        static let name: Oid = 19
        static let int64: Oid = 20
        static let int16: Oid = 21
        static let int32: Oid = 23
        static let text: Oid = 25
        static let float: Oid = 700
        static let double: Oid = 701
        static let bytesArray: Oid = 1_001
        static let textArray: Oid = 1_009
        static let int64Array: Oid = 1_016
        static let doubleArray: Oid = 1_022
        static let varchar: Oid = 1_043
        static let unspecified: Oid = 705
    }

    private var buffer: [UInt8] = []
    private var starts: [Int] = []
    private(set) var lengths: [Int32] = []
    private(set) var formats: [Int32] = []
    private(set) var types: [Oid] = []

    var count: Int { types.count }
    var byteCount: Int { buffer.count }

    init() {}

    /// - Throws: `storage.text_invalid`, `storage.statement` for a number that is none.
    init(_ values: [SQLValue]) throws {
        starts.reserveCapacity(values.count)
        lengths.reserveCapacity(values.count)
        formats.reserveCapacity(values.count)
        types.reserveCapacity(values.count)
        for value in values {
            let start = buffer.count
            switch value {
            case .null:
                add(TypeID.unknown, from: nil)
                continue
            case .integer(let number): append(number)
            case .double(let number): append(try Self.checked(number).bitPattern)
            case .text(let text): try append(text)
            case .bytes(let bytes): buffer += bytes
            }
            add(value.typeID, from: start)
        }
    }

    /// The columns of a bulk insert, one array for each; see `array_send` of the server for the form.
    init(columns: [BulkTable.Column], values: [SQLValue]) throws {
        let rows = values.count / columns.count
        for (index, column) in columns.enumerated() {
            let start = buffer.count
            let element = column.type.elementTypeID
            append(Int32(1))  // dimensions
            append(Int32(1))  // there may be NULLs
            append(UInt32(element))
            append(Int32(rows))
            append(Int32(1))  // the first index
            for row in 0..<rows {
                let value = values[row * columns.count + index]
                guard value == .null || value.typeID == element else {
                    throw StorageError(.statementInvalid, "a value of column \(column.name) has another type")
                }
                try appendElement(value)
            }
            add(column.type.arrayTypeID, from: start)
        }
    }

    /// Lends the addresses of the values.
    func withAddresses<Result>(_ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
        buffer.withUnsafeBufferPointer { buffer in
            // An empty value has an address too, or it would be NULL.
            let base = UnsafeRawPointer(buffer.baseAddress ?? UnsafePointer(bitPattern: 1))
            return body(
                starts.map { start in start < 0 ? nil : base?.advanced(by: start).assumingMemoryBound(to: CChar.self) })
        }
    }
}

extension PostgresParameters {
    private mutating func add(_ type: Oid, from start: Int?) {
        starts.append(start ?? -1)
        lengths.append(start.map { Int32(buffer.count - $0) } ?? 0)
        formats.append(1)
        types.append(type)
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { buffer.append(contentsOf: $0) }
    }

    private mutating func append(_ text: String) throws {
        let start = buffer.count
        buffer += text.utf8
        guard !buffer[start...].contains(0) else { throw StorageError.textHoldsNUL }
    }

    private mutating func appendElement(_ value: SQLValue) throws {
        switch value {
        case .null: append(Int32(-1))
        case .integer(let number):
            append(Int32(8))
            append(number)
        case .double(let number):
            append(Int32(8))
            append(try Self.checked(number).bitPattern)
        case .text(let text):
            append(Int32(text.utf8.count))
            try append(text)
        case .bytes(let bytes):
            append(Int32(bytes.count))
            buffer += bytes
        }
    }

    private static func checked(_ number: Double) throws -> Double {
        guard !number.isNaN else {
            throw StorageError(.statementInvalid, "a number that is not a number cannot be stored")
        }
        return number
    }
}

extension SQLValue {
    fileprivate var typeID: Oid {
        switch self {
        case .null: PostgresParameters.TypeID.unknown
        case .integer: PostgresParameters.TypeID.int64
        case .double: PostgresParameters.TypeID.double
        case .text: PostgresParameters.TypeID.text
        case .bytes: PostgresParameters.TypeID.bytes
        }
    }
}

extension BulkTable.ColumnType {
    fileprivate var elementTypeID: Oid {
        switch self {
        case .integer: PostgresParameters.TypeID.int64
        case .double: PostgresParameters.TypeID.double
        case .text: PostgresParameters.TypeID.text
        case .bytes: PostgresParameters.TypeID.bytes
        }
    }

    fileprivate var arrayTypeID: Oid {
        switch self {
        case .integer: PostgresParameters.TypeID.int64Array
        case .double: PostgresParameters.TypeID.doubleArray
        case .text: PostgresParameters.TypeID.textArray
        case .bytes: PostgresParameters.TypeID.bytesArray
        }
    }
}
