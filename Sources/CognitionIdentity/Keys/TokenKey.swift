import CognitionCore
import Crypto
import JWTKit

/// How access tokens are signed (RFC 7518, RFC 8037).
package enum SigningAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// HMAC-SHA256: whoever checks tokens could also sign them.
    case hs256 = "HS256"
    /// ECDSA with P-256: others check tokens with the public key.
    case es256 = "ES256"
    /// Ed25519: the same, with shorter and faster signatures.
    case edDSA = "EdDSA"

    /// - Parameter name: In any case, as settings have it.
    package init?(named name: String) {
        guard let found = Self.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
            return nil
        }
        self = found
    }
}

/// A key that signs access tokens, and the one algorithm that it is for: a token is checked with no other (RFC 8725).
enum TokenKey: Sendable {
    case hs256(SymmetricKey)
    case es256(P256.Signing.PrivateKey)
    case edDSA(Curve25519.Signing.PrivateKey)

    /// - Parameter secret: For HS256 at least 32 bytes, else the 32 bytes of a private key.
    /// - Returns: `nil` for bytes that are none.
    init?(_ algorithm: SigningAlgorithm, secret: [UInt8]) {
        switch algorithm {
        case .hs256:
            guard secret.count >= SigningKeys.secretBytesMin else { return nil }
            self = .hs256(SymmetricKey(data: secret))
        case .es256:
            guard let key = try? P256.Signing.PrivateKey(rawRepresentation: secret) else { return nil }
            self = .es256(key)
        case .edDSA:
            guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: secret) else { return nil }
            self = .edDSA(key)
        }
    }

    /// A key made of a text of the settings, so that nodes which share it share keys: for HS256 its very bytes, so that
    /// other programs which have it can check tokens, else derived from it by HKDF-SHA256.
    init(_ algorithm: SigningAlgorithm, given: [UInt8]) {
        if algorithm == .hs256 {
            self = .hs256(SymmetricKey(data: given))
            return
        }
        // Of the numbers of 32 bytes, one in four thousand millions is no key of P-256; the next one is then.
        for attempt in 0... {
            let info = Array("cognitionos \(algorithm.rawValue) \(attempt)".utf8)
            let derived = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: given), info: info, outputByteCount: 32)
            if let key = TokenKey(algorithm, secret: derived.withUnsafeBytes { Array($0) }) {
                self = key
                return
            }
        }
        preconditionFailure("one of the derived numbers is a key")
    }

    var algorithm: SigningAlgorithm {
        switch self {
        case .hs256: .hs256
        case .es256: .es256
        case .edDSA: .edDSA
        }
    }

    func add(to collection: JWTKeyCollection, as id: JWKIdentifier) async throws {
        switch self {
        case .hs256(let key): await collection.add(hmac: HMACKey(key: key), digestAlgorithm: .sha256, kid: id)
        case .es256(let key): await collection.add(ecdsa: try ES256PrivateKey(backing: key), kid: id)
        case .edDSA(let key): await collection.add(eddsa: EdDSA.PrivateKey(backing: key), kid: id)
        }
    }

    /// The public key as a JWK (RFC 7517); `nil` for HS256, which has none.
    func publicJWK(id: String) -> JSONValue? {
        func jwk(_ members: JSONObject) -> JSONValue {
            var members = members
            members.merge(["kid": .string(id), "use": "sig", "alg": .string(algorithm.rawValue)])
            return .object(members)
        }
        switch self {
        case .hs256: return nil
        case .es256(let key):
            let point = Array(key.publicKey.rawRepresentation)
            return jwk([
                "kty": "EC", "crv": "P-256", "x": .string(Base64URL.encode(Array(point[..<32]))),
                "y": .string(Base64URL.encode(Array(point[32...]))),
            ])
        case .edDSA(let key):
            return jwk([
                "kty": "OKP", "crv": "Ed25519",
                "x": .string(Base64URL.encode(Array(key.publicKey.rawRepresentation))),
            ])
        }
    }
}
