/// One value of RESP3, the protocol of Redis. Attributes, which describe the value behind them, are left out.
///
/// Source: the RESP3 specification, https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md.
package enum RESPValue: Sendable, Hashable {
    case null
    case text(String)
    /// What the server says went wrong, e.g. `ERR unknown command`.
    case error(String)
    case integer(Int64)
    case double(Double)
    case boolean(Bool)
    /// The digits of a number of any size.
    case bigNumber(String)
    case bytes([UInt8])
    case array([RESPValue])
    /// Keys and values in the order in which they came.
    case map([Pair])
    case set([RESPValue])
    /// Not an answer to anything: a message of a channel, say.
    case push([RESPValue])

    package struct Pair: Sendable, Hashable {
        package let key: RESPValue
        package let value: RESPValue

        package init(_ key: RESPValue, _ value: RESPValue) {
            self.key = key
            self.value = value
        }
    }
}

extension RESPValue {
    /// The text of a line or of bytes that are UTF-8.
    package var string: String? {
        switch self {
        case .text(let text): text
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }

    /// The value of `key` in a map.
    package subscript(key: String) -> RESPValue? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.first { $0.key.string == key }?.value
    }
}

/// Bounds of what a peer may send in one value.
package struct RESPLimits: Sendable {
    /// Bytes of texts and of everything within, together. A server may send 512 MiB, which none of our keys holds.
    package var bytesMax = 16 << 20
    /// Values within, together.
    package var elementsMax = 65_536
    package var depthMax = 16
    /// Of a number, an error or a short text.
    package var lineBytesMax = 65_536

    package init() {}
}

/// What was sent is not RESP3, or goes beyond a bound; nothing after it can be understood.
package struct RESPFault: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
