import CZlib

/// The checksum of Gzip and PNG (ISO 3309), which finds every damage to one byte and nearly every other.
package enum CRC32 {
    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(
            truncatingIfNeeded: crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt(bytes.count)))
    }
}
