import CognitionCore

/// The text of an API key: `cog_` + 8 characters that may be shown + `_` + 43 that are secret (256 bits) + a checksum of 6.
///
/// All are digits and letters (base 62). The fixed beginning lets scanners find keys that lie where they should not, with
/// `cog_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}`; the checksum, CRC-32 of everything before it, tells them and us a key from a text
/// that only looks like one, without a look at the database.
enum APIKeyText {
    static let beginning = "cog_"
    private static let shownCount = 8
    private static let secretCount = 43
    private static let checksumCount = 6
    private static let count = 4 + shownCount + 1 + secretCount + checksumCount
    private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    static func make() -> Secret {
        var random = SystemRandomNumberGenerator()
        var bytes = Array(beginning.utf8)
        func append(_ count: Int) {
            for _ in 0..<count { bytes.append(digits[Int.random(in: 0..<digits.count, using: &random)]) }
        }
        append(shownCount)
        bytes.append(UInt8(ascii: "_"))
        append(secretCount)
        return Secret(String(decoding: bytes + checksum(of: bytes), as: UTF8.self))
    }

    /// The part that may be shown.
    static func prefix(of key: Secret) -> String { String(key.reveal().prefix(beginning.count + shownCount)) }

    /// Whether a text is meant to be a key. No JWT is: they begin with the `{` of their header, in base 64.
    static func isMeant(_ text: String) -> Bool { text.hasPrefix(beginning) }

    /// Whether a text has the form and the checksum of a key.
    static func isWellFormed(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == count, text.hasPrefix(beginning), bytes[12] == UInt8(ascii: "_") else { return false }
        let isDigit = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        return bytes[4..<12].allSatisfy(isDigit) && bytes[13...].allSatisfy(isDigit)
            && bytes.suffix(checksumCount).elementsEqual(checksum(of: bytes.dropLast(checksumCount)))
    }

    private static func checksum(of bytes: some Sequence<UInt8>) -> [UInt8] {
        var rest = CRC32.checksum(of: bytes)
        var result = [UInt8](repeating: digits[0], count: checksumCount)
        for place in result.indices.reversed() {
            result[place] = digits[Int(rest % 62)]
            rest /= 62
        }
        return result
    }
}

/// The checksum of ISO 3309, as in gzip and PNG.
enum CRC32 {
    static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { value, byte in
            (0..<8).reduce(value ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
    }
}
