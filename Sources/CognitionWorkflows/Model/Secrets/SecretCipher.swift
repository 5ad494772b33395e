/// Encrypts the values of secrets; filled in by the server, which has the keys.
package protocol SecretCipher: Sendable {
    /// - Parameter context: What the value belongs to; it opens in the same context only.
    func seal(_ plain: [UInt8], in context: [UInt8]) throws -> SealedSecret

    /// - Returns: `nil` when no key opens it in this context.
    func open(_ sealed: SealedSecret, in context: [UInt8]) throws -> [UInt8]?
}

/// A value that only its key opens.
package struct SealedSecret: Sendable {
    /// Which key has sealed it.
    package let keyID: String
    package let bytes: [UInt8]

    package init(keyID: String, bytes: [UInt8]) {
        self.keyID = keyID
        self.bytes = bytes
    }
}
