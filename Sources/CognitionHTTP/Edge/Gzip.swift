import CZlib

/// `Content-Encoding: gzip` (RFC 1952, RFC 9110 8.4.1.3).
package enum Gzip {
    /// What most of it does in half the time of the best.
    private static let level: Int32 = 5

    /// - Returns: `nil` when it would be no shorter.
    package static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count < Int(UInt32.max) else { return nil }
        var stream = z_stream()
        // 15 bits of window, and 16 for the frame of gzip.
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        // What does not fit is not worth it.
        let room = bytes.count - bytes.count / 16
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
}

/// Which codings a client takes, by `Accept-Encoding` (RFC 9110 12.5.3).
package struct AcceptedCodings {
    /// Whether gzip is taken, and nothing is said to be liked better.
    package let prefersGzip: Bool

    package init(_ header: String?) {
        guard let header, header.utf8.count <= 1_024 else {
            prefersGzip = false
            return
        }
        var weights: [String: Double] = [:]
        for element in header.split(separator: ",") {
            let parts = element.split(separator: ";")
            guard let name = parts.first?.trimmingSpaces.lowercased() else { continue }
            weights[name == "x-gzip" ? "gzip" : name] = Self.weight(parts.dropFirst())
        }
        let gzip = weights["gzip"] ?? weights["*"] ?? 0
        prefersGzip = gzip > 0 && gzip >= weights["identity"] ?? 0
    }

    /// 1 unless given; a weight that is none is taken for a refusal.
    private static func weight(_ parameters: ArraySlice<Substring>) -> Double {
        for parameter in parameters {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            guard pair.first?.trimmingSpaces.lowercased() == "q" else { continue }
            guard pair.count == 2, let weight = Double(pair[1].trimmingSpaces), (0...1).contains(weight) else {
                return 0
            }
            return weight
        }
        return 1
    }
}
