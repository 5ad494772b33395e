import CPostgres
import CognitionStorage

/// The answer to one statement, and the row of it that is looked at. Values come in binary.
final class PostgresResult: RowSource {
    private let result: OpaquePointer
    private var row: Int32 = 0

    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    var status: ExecStatusType { PQresultStatus(result) }

    func failure(in statement: String?) -> PostgresFailure { PostgresFailure(result, statement: statement) }

    /// What was done, e.g. `INSERT 0 1`.
    var command: String { PQcmdStatus(result).map { String(cString: $0) } ?? "" }

    /// How many rows an INSERT, UPDATE or DELETE changed; 0 of anything else.
    var changes: Int {
        guard let status = PQcmdStatus(result), status.pointee != CChar(UInt8(ascii: "S")) else { return 0 }
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// Calls `body` with one row after the other as long as it wants another.
    func forEach(_ body: (borrowing Row) throws -> Bool) throws {
        for number in 0..<PQntuples(result) {
            row = number
            guard try body(Row(self)) else { return }
        }
    }
}

// MARK: - Reading the row

extension PostgresResult {
    private typealias TypeID = PostgresParameters.TypeID

    func isNull(at column: Int) -> Bool { PQgetisnull(result, row, Int32(column)) != 0 }

    func integer(at column: Int) -> Int64? {
        switch PQftype(result, Int32(column)) {
        case TypeID.int64: load(Int64.self, at: column)
        case TypeID.int32: load(Int32.self, at: column).map(Int64.init)
        case TypeID.int16: load(Int16.self, at: column).map(Int64.init)
        case TypeID.bool: load(UInt8.self, at: column).map(Int64.init)
        default: nil
        }
    }

    func double(at column: Int) -> Double? {
        switch PQftype(result, Int32(column)) {
        case TypeID.double: load(UInt64.self, at: column).map(Double.init(bitPattern:))
        case TypeID.float: load(UInt32.self, at: column).map { Double(Float(bitPattern: $0)) }
        default: integer(at: column).map(Double.init)
        }
    }

    func text(at column: Int) -> String? {
        guard isText(column) else { return nil }
        return String(decoding: value(at: column), as: UTF8.self)
    }

    /// The bytes of a byte string or of a text.
    func bytes(at column: Int) -> [UInt8]? {
        guard PQftype(result, Int32(column)) == TypeID.bytes || isText(column) else { return nil }
        return Array(value(at: column))
    }

    private func isText(_ column: Int) -> Bool {
        switch PQftype(result, Int32(column)) {
        case TypeID.text, TypeID.varchar, TypeID.name, TypeID.unspecified: true
        default: false
        }
    }

    /// Valid as long as the result is.
    private func value(at column: Int) -> UnsafeRawBufferPointer {
        let count = Int(PQgetlength(result, row, Int32(column)))
        return UnsafeRawBufferPointer(start: PQgetvalue(result, row, Int32(column)), count: count)
    }

    private func load<Number: FixedWidthInteger>(_: Number.Type, at column: Int) -> Number? {
        let bytes = value(at: column)
        guard bytes.count == MemoryLayout<Number>.size else { return nil }
        return Number(bigEndian: bytes.loadUnaligned(as: Number.self))
    }
}
