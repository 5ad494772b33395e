/// The length of a field in one byte: exact up to 39 terms, then with four significant bits.
///
/// Source: Lucene, `SmallFloat.intToByte4`. The order of lengths is the order of bytes.
package enum Norm {
    private static let exact = 24

    package static func byte(length: Int) -> UInt8 {
        let length = min(length, Int(Int32.max))
        guard length >= exact else { return UInt8(max(0, length)) }
        let rest = UInt64(length - exact)
        let bits = 64 - rest.leadingZeroBitCount
        guard bits >= 4 else { return UInt8(exact + Int(rest)) }
        let shift = UInt64(bits - 4)
        return UInt8(exact + Int((rest >> shift) & 7 | (shift + 1) << 3))
    }

    package static func length(_ byte: UInt8) -> Int {
        guard byte >= exact else { return Int(byte) }
        let code = Int(byte) - exact
        let shift = (code >> 3) - 1
        return exact + (shift < 0 ? code & 7 : (code & 7 | 8) << shift)
    }
}
