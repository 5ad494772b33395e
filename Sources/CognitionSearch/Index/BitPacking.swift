/// 128 numbers in as many bits each as the largest needs, four lanes side by side so that four are unpacked at once.
///
/// The layout is that of SIMD-BP128: number `i` lies in lane `i % 4`, each lane a stream of 32-bit words. Source: Lemire,
/// Boytsov, "Decoding billions of integers per second through vectorization", Software: Practice and Experience (2015).
enum BitPacking {
    static let blockLength = 128

    @inline(__always)
    static func byteCount(bits: Int) -> Int { bits * 16 }

    /// Bits of the largest of 128 numbers.
    static func bitsNeeded(_ numbers: UnsafePointer<UInt32>) -> Int {
        var all: UInt32 = 0
        for place in 0..<blockLength { all |= numbers[place] }
        return 32 - all.leadingZeroBitCount
    }

    static func pack(_ numbers: UnsafePointer<UInt32>, bits: Int, into sink: ByteSink) {
        guard bits > 0 else { return }
        let start = UnsafeMutableRawPointer(sink.extend(by: byteCount(bits: bits)))
        let source = UnsafeRawPointer(numbers)
        var (word, filled, place) = (SIMD4<UInt32>(), 0, 0)
        for row in 0..<32 {
            let value = source.loadUnaligned(fromByteOffset: row * 16, as: SIMD4<UInt32>.self)
            word |= value &<< UInt32(filled)
            filled += bits
            if filled >= 32 {
                start.storeBytes(of: word, toByteOffset: place, as: SIMD4<UInt32>.self)
                place += 16
                filled -= 32
                word = filled > 0 ? value &>> UInt32(bits - filled) : SIMD4<UInt32>()
            }
        }
    }

    /// Reads `byteCount(bits:)` bytes, which the caller has seen to be there, and writes 128 numbers.
    @inline(__always)
    static func unpack(_ source: UnsafeRawPointer, bits: Int, into numbers: UnsafeMutablePointer<UInt32>) {
        let target = UnsafeMutableRawPointer(numbers)
        switch bits {
        case 0: unpackZeros(target)
        case 1: unpack1(source, target)
        case 2: unpack2(source, target)
        case 3: unpack3(source, target)
        case 4: unpack4(source, target)
        case 5: unpack5(source, target)
        case 6: unpack6(source, target)
        case 7: unpack7(source, target)
        case 8: unpack8(source, target)
        case 9: unpack9(source, target)
        case 10: unpack10(source, target)
        case 11: unpack11(source, target)
        case 12: unpack12(source, target)
        default: unpackRows(source, bits, target)
        }
    }

    private static func unpackZeros(_ target: UnsafeMutableRawPointer) {
        for row in 0..<32 { target.storeBytes(of: SIMD4<UInt32>(), toByteOffset: row * 16, as: SIMD4<UInt32>.self) }
    }

    // One function for each common width, so that the shifts are constants of the machine code.
    private static func unpack1(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 1, t) }
    private static func unpack2(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 2, t) }
    private static func unpack3(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 3, t) }
    private static func unpack4(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 4, t) }
    private static func unpack5(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 5, t) }
    private static func unpack6(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 6, t) }
    private static func unpack7(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 7, t) }
    private static func unpack8(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 8, t) }
    private static func unpack9(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 9, t) }
    private static func unpack10(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 10, t) }
    private static func unpack11(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 11, t) }
    private static func unpack12(_ s: UnsafeRawPointer, _ t: UnsafeMutableRawPointer) { unpackRows(s, 12, t) }

    @inline(__always)
    private static func unpackRows(_ source: UnsafeRawPointer, _ bits: Int, _ target: UnsafeMutableRawPointer) {
        let mask = SIMD4<UInt32>(repeating: bits == 32 ? .max : (1 &<< UInt32(bits)) &- 1)
        var word = source.loadUnaligned(as: SIMD4<UInt32>.self)
        var (taken, place) = (0, 16)
        for row in 0..<32 {
            var value = word &>> UInt32(taken)
            taken += bits
            if taken >= 32 {
                taken -= 32
                if place < bits * 16 {
                    word = source.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt32>.self)
                    place += 16
                    if taken > 0 { value |= word &<< UInt32(bits - taken) }
                }
            }
            target.storeBytes(of: value & mask, toByteOffset: row * 16, as: SIMD4<UInt32>.self)
        }
    }
}

/// Numbers in equally many bits each, one after the other, any of which is read alone.
///
/// On disk: `bits` (a byte), seven bytes of padding, the smallest value (8 bytes), then the differences to it. Up to 56 bits
/// they are packed, above it they are 8 bytes each. Whoever stores them leaves 8 readable bytes behind them.
package struct PackedNumbers: @unchecked Sendable {
    // Unchecked as it holds a pointer: into the memory of a segment, which does not change and outlives it.
    private let data: UnsafeRawPointer
    private let bits: Int
    private let mask: UInt64
    private let least: Int64
    package let count: Int

    package static func write(_ numbers: some Collection<Int64>, into sink: ByteSink) {
        let (least, most) = (numbers.min() ?? 0, numbers.max() ?? 0)
        let width = 64 - (UInt64(bitPattern: most) &- UInt64(bitPattern: least)).leadingZeroBitCount
        let bits = width > 56 ? 64 : width
        sink.append(UInt8(bits))
        for _ in 0..<7 { sink.append(UInt8(0)) }
        sink.append(least)
        guard bits > 0 else { return }
        if bits == 64 {
            for number in numbers { sink.append(UInt64(bitPattern: number) &- UInt64(bitPattern: least)) }
            return
        }
        var (pending, filled): (UInt64, Int) = (0, 0)
        for number in numbers {
            let value = UInt64(bitPattern: number) &- UInt64(bitPattern: least)
            pending |= value << UInt64(filled)
            filled += bits
            while filled >= 8 {
                sink.append(UInt8(truncatingIfNeeded: pending))
                pending >>= 8
                filled -= 8
            }
        }
        if filled > 0 { sink.append(UInt8(truncatingIfNeeded: pending)) }
    }

    /// `nil` if there are not as many bytes as `count` numbers need.
    package init?(_ source: inout ByteSource, count: Int) {
        let bits = Int(source.byte())
        _ = source.take(7)
        least = source.number(Int64.self)
        guard !source.failed, bits <= 56 || bits == 64, count >= 0, count <= Int(Int32.max) else { return nil }
        let bytes = source.take((count * bits + 7) / 8)
        guard !source.failed else { return nil }
        // Without bits nothing is read but 8 bytes at the start, which follow in any case.
        data = bytes.baseAddress ?? UnsafeRawPointer(source.place)
        self.bits = bits
        self.count = count
        mask = bits == 64 ? .max : (1 << UInt64(bits)) - 1
    }

    /// `index` is below `count`: the caller sees to it.
    @inline(__always)
    package subscript(index: Int) -> Int64 {
        if bits == 64 {
            return Int64(
                bitPattern: UInt64(littleEndian: data.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self))
                    &+ UInt64(bitPattern: least))
        }
        let bit = index &* bits
        let word = UInt64(littleEndian: data.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
        return Int64(bitPattern: ((word &>> UInt64(bit & 7)) & mask) &+ UInt64(bitPattern: least))
    }
}
