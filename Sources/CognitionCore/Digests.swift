import Crypto

/// Message authentication with HMAC-SHA256 (RFC 2104).
package enum HMACSHA256 {
    /// - Returns: 32 bytes.
    package static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }
}

/// MD5 (RFC 1321), only for protocols that ask for it, such as Digest authentication; it protects nothing.
package enum MD5Digest {
    /// - Returns: 32 hexadecimal digits in lower case.
    package static func hexadecimal(of data: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = Insecure.MD5.hash(data: data).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
