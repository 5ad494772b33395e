import CZlib

/// gzip (RFC 1952): a frame of deflate (RFC 1951) with a checksum.
package enum Gzip {
    /// Why bytes cannot be unpacked.
    package enum Fault: Error, Hashable {
        /// They are not gzip, were cut off or changed.
        case damaged
        /// There are more bytes in them than the reader takes.
        case tooLarge
    }

    /// What most of it does in half the time of the best.
    private static let level: Int32 = 5
    /// 15 bits of window, and 16 for the frame of gzip.
    private static let window: Int32 = 15 + 16
    private static let chunk = 1 << 16

    /// - Returns: `nil` when it would be no shorter.
    package static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        // What does not fit is not worth it.
        deflated(bytes, room: bytes.count - bytes.count / 16)
    }

    /// - Returns: A frame for any bytes, which may be longer than they are.
    /// - Parameter bytes: Less than 4 GiB.
    package static func packed(_ bytes: [UInt8]) -> [UInt8] {
        // What deflate adds at most where nothing repeats, by zlib's own bound, and the frame.
        let room = bytes.count + bytes.count >> 10 + 1_024
        guard let packed = deflated(bytes, room: room) else { preconditionFailure("a frame has room for its bytes") }
        return packed
    }

    private static func deflated(_ bytes: [UInt8], room: Int) -> [UInt8]? {
        guard bytes.count < Int(UInt32.max), room > 0 else { return nil }
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let compressed = [UInt8](unsafeUninitializedCapacity: room) { output, count in
            count = bytes.withUnsafeBufferPointer { input in
                // zlib only reads from it.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(room)
                return deflate(&stream, Z_FINISH) == Z_STREAM_END ? room - Int(stream.avail_out) : 0
            }
        }
        return compressed.isEmpty ? nil : compressed
    }

    /// The bytes that were packed.
    /// - Parameter bytesMax: How many there may be.
    package static func unpacked(_ bytes: [UInt8], bytesMax: Int) throws(Fault) -> [UInt8] {
        guard bytes.count < Int(UInt32.max) else { throw .tooLarge }
        var stream = z_stream()
        guard inflateInit2_(&stream, window, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .damaged
        }
        defer { inflateEnd(&stream) }
        var unpacked: [UInt8] = []
        var fault: Fault?
        bytes.withUnsafeBufferPointer { input in
            // zlib only reads from it.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(input.count)
            var status = Z_OK
            while status == Z_OK {
                let piece = [UInt8](unsafeUninitializedCapacity: chunk) { output, count in
                    stream.next_out = output.baseAddress
                    stream.avail_out = UInt32(chunk)
                    status = inflate(&stream, Z_NO_FLUSH)
                    count = chunk - Int(stream.avail_out)
                }
                unpacked += piece
                if unpacked.count > bytesMax {
                    fault = .tooLarge
                    return
                }
            }
            if status != Z_STREAM_END || stream.avail_in > 0 { fault = .damaged }
        }
        if let fault { throw fault }
        return unpacked
    }
}
