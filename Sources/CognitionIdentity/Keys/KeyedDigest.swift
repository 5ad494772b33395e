import Crypto

/// Digests (HMAC-SHA256) of what may hold secrets: without the key nobody tries out what they are of.
package struct KeyedDigest: Sendable {
    private let key: SymmetricKey

    init(key: SymmetricKey) { self.key = key }

    /// - Parameters:
    ///   - texts: Each counts as one, wherever they are joined.
    ///   - rest: Whatever follows them.
    /// - Returns: 32 bytes.
    package func callAsFunction(_ texts: [String], _ rest: [UInt8] = []) -> [UInt8] {
        var code = HMAC<SHA256>(key: key)
        for text in texts { code.update(data: Array("\(text.utf8.count):\(text)".utf8)) }
        code.update(data: rest)
        return Array(code.finalize())
    }
}

extension Identity {
    /// Digests for one purpose, the same on all nodes with these keys.
    /// - Parameter purpose: In the words `cognitionos …`.
    package func keyedDigest(for purpose: String) -> KeyedDigest {
        KeyedDigest(key: accessTokens.keys.derivedKey(for: purpose))
    }
}
