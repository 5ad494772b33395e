import CognitionCore

/// What tells whether two tables hold the same rows: how many they are, and the sum of the SHA-256 of each.
///
/// The order of the rows does not count. A sum of 256 bits, which wraps around, is not made to resist somebody who looks
/// for two tables of the same sum; it finds what a copy has lost, changed or doubled.
package struct RowDigest: Sendable, Hashable {
    package private(set) var rows = 0
    /// The sum, the least significant part first.
    private var parts: [UInt64] = [0, 0, 0, 0]

    package init() {}

    mutating func add(_ row: [SQLValue]) {
        var bytes: [UInt8] = []
        for value in row { Self.put(value, into: &bytes) }
        let digest = SHA256Digest(of: bytes).bytes
        var carry: UInt64 = 0
        for place in 0..<4 {
            let part = digest[place * 8..<place * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
            let (sum, first) = parts[place].addingReportingOverflow(part)
            let (total, second) = sum.addingReportingOverflow(carry)
            parts[place] = total
            carry = (first ? 1 : 0) + (second ? 1 : 0)
        }
        rows += 1
    }

    /// Each value with its type and length, so that no two rows have the same bytes.
    private static func put(_ value: SQLValue, into bytes: inout [UInt8]) {
        func number(_ number: UInt64) {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        switch value {
        case .null: bytes.append(0)
        case .integer(let integer):
            bytes.append(1)
            number(UInt64(bitPattern: integer))
        case .double(let double):
            bytes.append(2)
            number(double.bitPattern)
        case .text(let text):
            bytes.append(3)
            number(UInt64(text.utf8.count))
            bytes += text.utf8
        case .bytes(let data):
            bytes.append(4)
            number(UInt64(data.count))
            bytes += data
        }
    }

    /// Hexadecimal.
    package var text: String {
        parts.reversed().map { part in
            let digits = String(part, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
