import CognitionCore

/// Bytes that grow at their end: what a part of a segment is written into.
package final class ByteSink {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    package init(capacity: Int = 256) {
        self.capacity = max(16, capacity)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// Lends the bytes. The sink lives as long as `body` runs, which a pointer alone would not see to.
    @inline(__always)
    package func withBytes<Result, Failure>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    package var checksum: UInt32 { withBytes(CRC32.checksum) }

    /// The byte at a place, which is below `count`.
    @inline(__always)
    subscript(place: Int) -> UInt8 { base[place] }

    func append(_ other: ByteSink) { other.withBytes { append($0) } }

    func removeAll() { count = 0 }

    /// Room for `extra` bytes at the end, which the caller fills.
    @inline(__always)
    func extend(by extra: Int) -> UnsafeMutablePointer<UInt8> {
        if count + extra > capacity { grow(to: count + extra) }
        defer { count += extra }
        return base + count
    }

    @inline(never)
    private func grow(to needed: Int) {
        let larger = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.update(from: base, count: count)
        base.deallocate()
        (base, capacity) = (moved, larger)
    }

    @inline(__always)
    func append(_ byte: UInt8) { extend(by: 1).pointee = byte }

    func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        UnsafeMutableRawPointer(extend(by: bytes.count)).copyMemory(from: start, byteCount: bytes.count)
    }

    @inline(__always)
    package func append<Number: FixedWidthInteger>(_ number: Number) {
        UnsafeMutableRawPointer(extend(by: MemoryLayout<Number>.size))
            .storeBytes(of: number.littleEndian, as: Number.self)
    }

    /// Seven bits a byte, lowest first; the high bit says that more follow.
    @inline(__always)
    func append(varint number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    func pad(to alignment: Int) {
        while count % alignment != 0 { append(UInt8(0)) }
    }
}

/// Reads numbers from bytes that nobody vouches for: past the end it gives zeros and says so in `failed`.
package struct ByteSource {
    private(set) var place: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>
    private(set) var failed = false

    @inline(__always)
    init(_ start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
        (place, self.end) = (start, end)
    }

    package init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; a made-up one stands for it and is never read.
        let start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 16).unsafelyUnwrapped
        self.init(
            start.assumingMemoryBound(to: UInt8.self), end: (start + bytes.count).assumingMemoryBound(to: UInt8.self))
    }

    @inline(__always)
    var left: Int { end - place }

    mutating func fail() {
        failed = true
        place = end
    }

    @inline(__always)
    package mutating func byte() -> UInt8 {
        guard place < end else {
            failed = true
            return 0
        }
        defer { place += 1 }
        return place.pointee
    }

    @inline(__always)
    package mutating func varint() -> UInt64 {
        let first = byte()
        if first < 0x80 { return UInt64(first) }
        return longVarint(UInt64(first & 0x7F))
    }

    private mutating func longVarint(_ low: UInt64) -> UInt64 {
        var (value, shift) = (low, UInt64(7))
        while shift < 64 {
            let next = byte()
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
            shift += 7
        }
        failed = true
        return 0
    }

    @inline(__always)
    package mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
        guard left >= MemoryLayout<Number>.size else {
            failed = true
            return 0
        }
        defer { place += MemoryLayout<Number>.size }
        return Number(littleEndian: UnsafeRawPointer(place).loadUnaligned(as: Number.self))
    }

    /// The next `count` bytes; none, and `failed`, where there are not so many.
    @inline(__always)
    package mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= left else {
            failed = true
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        defer { place += count }
        return UnsafeRawBufferPointer(start: place, count: count)
    }
}
