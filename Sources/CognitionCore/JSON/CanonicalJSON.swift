import Crypto

extension JSONValue {
    /// The value as RFC 8785 (JSON Canonicalization Scheme) writes it: two documents are the same when these bytes are.
    ///
    /// As the RFC has it, numbers count as doubles: an integer beyond 2^53 is rounded, and a number beyond the doubles'
    /// range becomes the largest one.
    package var canonicalJSON: [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(256)
        JSONWriter.write(self, style: .canonical, into: &output)
        return output
    }

    /// The SHA-256 of `canonicalJSON`.
    package var canonicalDigest: SHA256Digest { SHA256Digest(of: canonicalJSON) }
}

/// A SHA-256 (FIPS 180-4); printed as 64 lower-case hexadecimal digits.
package struct SHA256Digest: Sendable, Hashable, LosslessStringConvertible {
    /// 32 bytes.
    package let bytes: [UInt8]

    /// Hashes `data`.
    package init(of data: [UInt8]) {
        bytes = Array(SHA256.hash(data: data))
    }

    /// A digest that was stored; `nil` unless there are 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits of either case.
    package init?(_ description: String) {
        let digits = description.utf8.map(\.hexadecimalDigit)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 64, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
    }
}
