package import CognitionCore

/// The keys of a server as they lie in `DATA_DIR/keys.json`: for each purpose one that is in use, and earlier ones that
/// are still honoured.
///
/// Purposes that this release does not know are kept as they are. Reading and writing the file is the server's part.
package struct KeyRing: Sendable, Hashable {
    /// What a key is for.
    package struct Purpose: RawRepresentable, Sendable, Hashable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        /// Signs access tokens.
        package static let jwt = Purpose(rawValue: "jwt")
        /// Makes the successor of a refresh token.
        package static let refresh = Purpose(rawValue: "refresh")
        /// Encrypts the secrets of workflows.
        package static let secrets = Purpose(rawValue: "secrets")

        /// Those of this release.
        static let all = [jwt, refresh, secrets]
    }

    package enum State: String, Sendable, Hashable {
        case current
        case previous
    }

    package struct Key: Sendable, Hashable {
        /// Unique in the ring, `[a-z0-9][a-z0-9_-]{0,62}`.
        package let id: String
        package let purpose: Purpose
        /// Base64url of 32 bytes or more.
        package let secret: Secret
        package let createdAt: Timestamp
        package let state: State
        /// How a key of purpose ``Purpose/jwt`` signs.
        package var algorithm: SigningAlgorithm = .hs256
        /// When another took its place.
        package var retiredAt: Timestamp?
    }

    package static let version = 1
    package static let keysMax = 256
    package static let bytesMax = 1 << 20

    package let keys: [Key]

    init(checking keys: [Key]) throws {
        guard keys.count <= Self.keysMax else { throw Self.invalid("it has more than \(Self.keysMax) keys") }
        guard Set(keys.map(\.id)).count == keys.count else { throw Self.invalid("two keys have the same id") }
        let current = keys.filter { $0.state == .current }.map(\.purpose)
        guard Set(current).count == current.count else { throw Self.invalid("two keys are current for one purpose") }
        self.keys = keys
    }

    /// A ring with one new key for each purpose.
    package static func generate(
        algorithm: SigningAlgorithm = .hs256, now: Timestamp, ids: UUIDGenerator,
        using random: inout some RandomNumberGenerator
    ) throws -> KeyRing {
        try KeyRing(
            checking: Purpose.all.map { purpose in
                newKey(
                    for: purpose, algorithm: purpose == .jwt ? algorithm : .hs256, now: now, ids: ids, using: &random)
            })
    }

    /// The ring with a key for secrets, which rings of earlier releases lack.
    /// - Returns: `nil` when it has one.
    package func completed(
        now: Timestamp, ids: UUIDGenerator, using random: inout some RandomNumberGenerator
    ) throws -> KeyRing? {
        guard !keys.contains(where: { $0.purpose == .secrets }) else { return nil }
        return try KeyRing(checking: keys + [Self.newKey(for: .secrets, now: now, ids: ids, using: &random)])
    }

    static func newKey(
        for purpose: Purpose, algorithm: SigningAlgorithm = .hs256, now: Timestamp, ids: UUIDGenerator,
        using random: inout some RandomNumberGenerator
    ) -> Key {
        while true {
            let secret = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            // Next to every number of 32 bytes is a private key.
            guard TokenKey(algorithm, secret: secret) != nil else { continue }
            return Key(
                id: "\(purpose.rawValue)-\(ids.next())", purpose: purpose, secret: Secret(Base64URL.encode(secret)),
                createdAt: now, state: .current, algorithm: algorithm)
        }
    }

    /// The keys that this module works with.
    /// - Throws: `identity.keys_invalid` when one is missing.
    package func signingKeys() throws -> SigningKeys {
        let tokens = keys.filter { $0.purpose == .jwt }
        guard let current = tokens.first(where: { $0.state == .current }),
            let refresh = keys.first(where: { $0.purpose == .refresh && $0.state == .current })
        else { throw Self.invalid("it lacks a current key for jwt or refresh") }
        let keys = try tokens.map { entry in
            guard let key = TokenKey(entry.algorithm, secret: entry.bytes) else {
                throw Self.invalid("the secret of key '\(entry.id)' is no key of \(entry.algorithm.rawValue)")
            }
            // One that was put there by hand may not say since when it is a previous one.
            return (entry.id, SigningKeys.RingKey(key: key, retiredAt: entry.retiredAt))
        }
        return try SigningKeys(
            keys: Dictionary(uniqueKeysWithValues: keys), currentID: current.id, refreshSecret: refresh.bytes)
    }

    /// The keys that encrypt secrets.
    ///
    /// - Parameter given: Of the settings; it encrypts, and the keys of the ring only decrypt.
    /// - Throws: `identity.keys_invalid` when there is none.
    package func secretKeys(given: Secret? = nil) throws -> SecretKeys {
        let ring = keys.filter { $0.purpose == .secrets }
        var secrets = Dictionary(uniqueKeysWithValues: ring.map { ($0.id, $0.bytes) })
        let derived = given.map(SecretKeys.derived(from:))
        if let derived { secrets[derived.id] = derived.bytes }
        guard let current = derived?.id ?? ring.first(where: { $0.state == .current })?.id else {
            throw Self.invalid("it lacks a current key for secrets")
        }
        return SecretKeys(secrets, currentID: current)
    }

    /// A ring without keys, for who has a key in the settings and no file.
    package static let empty = KeyRing(unchecked: [])

    private init(unchecked keys: [Key]) { self.keys = keys }

    private static func invalid(_ reason: String) -> IdentityError {
        IdentityError(.keysInvalid, "the file of keys is not usable: \(reason)")
    }
}

// MARK: - The file

extension KeyRing {
    /// Reads `{"version": 1, "keys": [{"id", "purpose", "secret", "created_at", "state", "algorithm"?, "retired_at"?}]}`.
    /// - Throws: `identity.keys_invalid`, with nothing of the secrets in it.
    package init(parsing bytes: [UInt8]) throws {
        let limits = JSONLimits(bytesMax: Self.bytesMax, depthMax: 8, allowsRepeatedNames: false)
        let file: JSONValue
        do {
            file = try JSONValue(parsing: bytes, limits: limits)
        } catch {
            throw Self.invalid("it is not JSON")
        }
        guard file["version"]?.integerValue == Int64(Self.version) else {
            throw Self.invalid("its version is not \(Self.version)")
        }
        guard let entries = file["keys"]?.arrayValue else { throw Self.invalid("it has no list of keys") }
        try self.init(checking: entries.enumerated().map { place, entry in try Self.key(entry, place) })
    }

    private static func key(_ entry: JSONValue, _ place: Int) throws -> Key {
        guard let id = entry["id"]?.stringValue, Workspace.isName(id) else {
            throw invalid("key \(place) has no id that matches [a-z0-9][a-z0-9_-]{0,62}")
        }
        guard let purpose = entry["purpose"]?.stringValue, !purpose.isEmpty,
            let createdAt = entry["created_at"]?.stringValue.flatMap(Timestamp.init),
            let state = entry["state"]?.stringValue.flatMap(State.init)
        else { throw invalid("key '\(id)' lacks purpose, created_at or state") }
        guard let secret = entry["secret"]?.stringValue, let bytes = Base64URL.decode(secret),
            bytes.count >= SigningKeys.secretBytesMin
        else { throw invalid("the secret of key '\(id)' is not base64url of 32 bytes or more") }
        let name = entry["algorithm"]?.stringValue ?? SigningAlgorithm.hs256.rawValue
        let retiredAt = try entry["retired_at"]?.stringValue.map { text in
            guard let moment = Timestamp(text) else { throw invalid("the retired_at of key '\(id)' is no moment") }
            return moment
        }
        guard let algorithm = SigningAlgorithm(rawValue: name) else {
            throw invalid("this release does not know the algorithm of key '\(id)'")
        }
        return Key(
            id: id, purpose: Purpose(rawValue: purpose), secret: Secret(secret), createdAt: createdAt, state: state,
            algorithm: algorithm, retiredAt: retiredAt)
    }

    /// The file, readable for people, with a line feed at its end. It holds the secrets.
    package func encoded() -> [UInt8] {
        let entries: [JSONValue] = keys.map { key in
            var entry: JSONObject = [
                "id": .string(key.id), "purpose": .string(key.purpose.rawValue),
                "secret": .string(key.secret.reveal()), "created_at": .string(key.createdAt.description),
                "state": .string(key.state.rawValue),
            ]
            if key.purpose == .jwt { entry["algorithm"] = .string(key.algorithm.rawValue) }
            if let retiredAt = key.retiredAt { entry["retired_at"] = .string(retiredAt.description) }
            return .object(entry)
        }
        let file: JSONValue = ["version": .integer(Int64(Self.version)), "keys": .array(entries)]
        return Array((file.prettyJSONText + "\n").utf8)
    }
}

extension KeyRing.Key {
    fileprivate var bytes: [UInt8] {
        guard let bytes = Base64URL.decode(secret.reveal()) else {
            preconditionFailure("a key's secret was checked when it was read")
        }
        return bytes
    }
}
