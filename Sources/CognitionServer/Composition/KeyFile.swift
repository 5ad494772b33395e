import CognitionCore
import CognitionIdentity
import Logging

/// The keys of this server: those of `DATA_DIR/keys.json`, or the one that the settings give.
enum KeyFile {
    static func path(in folder: String) -> String { folder + "/keys.json" }

    /// - Parameter mayCreate: Makes the file when it is missing; only the owner of the folder may.
    /// - Throws: `CommandFailure`, `identity.keys_invalid`.
    static func signingKeys(
        _ configuration: ServerConfiguration, mayCreate: Bool, ids: UUIDGenerator, now: Timestamp
    ) throws -> SigningKeys {
        if let secret = configuration.secretKey { return try given(secret, configuration) }
        return try ring(configuration, mayCreate: mayCreate, ids: ids, now: now).signingKeys()
    }

    /// The keys that encrypt secrets: with a key in the settings one made of that, so that nodes share it, else the file's.
    ///
    /// - Parameter mayCreate: Makes the file, or its key, when it is missing; only the owner of the folder may.
    /// - Throws: `CommandFailure`, `identity.keys_invalid`.
    static func secretKeys(
        _ configuration: ServerConfiguration, mayCreate: Bool, ids: UUIDGenerator, now: Timestamp
    ) throws -> SecretKeys {
        guard let given = configuration.secretKey else {
            return try ring(configuration, mayCreate: mayCreate, ids: ids, now: now).secretKeys()
        }
        let file = try PrivateFile.read(path(in: configuration.dataDirectory))
        return try (file.map { try KeyRing(parsing: Array($0.utf8)) } ?? .empty).secretKeys(given: given)
    }

    private static func ring(
        _ configuration: ServerConfiguration, mayCreate: Bool, ids: UUIDGenerator, now: Timestamp
    ) throws -> KeyRing {
        let path = path(in: configuration.dataDirectory)
        let found = try PrivateFile.read(path).map { try KeyRing(parsing: Array($0.utf8)) }
        guard mayCreate else {
            if let found { return found }
            throw CommandFailure("\(path) is not there; the server makes it when it starts for the first time")
        }
        let ring = try wanted(found, configuration.signingAlgorithm, ids: ids, now: now)
        if ring != found { try KeyRingFile(configuration: configuration).write(ring) }
        return ring
    }

    /// The ring with a current key for everything; when the settings have another algorithm than the key that signs, a new
    /// key takes its place.
    private static func wanted(
        _ found: KeyRing?, _ algorithm: SigningAlgorithm, ids: UUIDGenerator, now: Timestamp
    ) throws -> KeyRing {
        var random = SystemRandomNumberGenerator()
        guard let found else {
            return try KeyRing.generate(algorithm: algorithm, now: now, ids: ids, using: &random)
        }
        let ring = try found.completed(now: now, ids: ids, using: &random) ?? found
        guard let current = ring.signingAlgorithm, current != algorithm else { return ring }
        return try ring.rotated(to: algorithm, now: now, ids: ids, using: &random)
    }

    /// A key given by hand. A short one is good enough to try things out with, when nobody else relies on it.
    private static func given(_ secret: Secret, _ configuration: ServerConfiguration) throws -> SigningKeys {
        let isShort = secret.reveal().utf8.count < SigningKeys.secretBytesMin
        let algorithm = configuration.signingAlgorithm
        guard isShort, !configuration.isProduction else {
            return try SigningKeys(secret: secret, algorithm: algorithm)
        }
        Logger.current.warning("SECURITY_SECRET_KEY is weak; production refuses it")
        return try SigningKeys(
            secret: Secret(SHA256Digest(of: Array(secret.reveal().utf8)).description), algorithm: algorithm)
    }
}

/// The ring in `DATA_DIR/keys.json`, for who changes it.
struct KeyRingFile: KeyRingStore {
    let configuration: ServerConfiguration

    private var path: String { KeyFile.path(in: configuration.dataDirectory) }

    func read() throws -> KeyRing {
        guard configuration.secretKey == nil else {
            throw IdentityError(.keysGiven, "the key comes from SECURITY_SECRET_KEY; change it there, on all nodes")
        }
        guard let text = try PrivateFile.read(path) else {
            throw CommandFailure("\(path) is not there; the server makes it when it starts for the first time")
        }
        return try KeyRing(parsing: Array(text.utf8))
    }

    func write(_ ring: KeyRing) throws {
        try PrivateFile.write(String(decoding: ring.encoded(), as: UTF8.self), to: path)
    }
}

extension ServerConfiguration {
    /// How access tokens are signed; the setting was checked when it was read.
    var signingAlgorithm: SigningAlgorithm { SigningAlgorithm(named: self[.algorithm]) ?? .hs256 }

    /// How long entries of the audit trail stay in the database; `nil` for ever.
    var auditRetention: Duration? {
        let days = number(.auditRetentionDays)
        return days == 0 ? nil : .seconds(days * 86_400)
    }

    var isProduction: Bool { self[.environment].lowercased() == "production" }

    var secretKey: Secret? {
        let text = self[.secretKey].isEmpty ? self[.jwtSecretKey] : self[.secretKey]
        return text.isEmpty ? nil : Secret(text)
    }

    /// Settings of the identity context.
    var identity: IdentitySettings {
        let standard: IdentitySettings.Registration = isProduction ? .invite : .open
        return IdentitySettings(
            serviceName: self[.serviceName],
            accessTokenLife: .seconds(number(.accessTokenMinutes) * 60),
            refreshTokenLife: .seconds(number(.refreshTokenDays) * 86_400),
            bcryptCost: number(.bcryptCost), failedLoginsMax: number(.failedLoginsMax),
            lockout: .seconds(number(.lockoutMinutes) * 60),
            authFailuresPerAddress: number(.failuresPerAddress),
            registration: IdentitySettings.Registration(rawValue: self[.registration].lowercased()) ?? standard,
            emailVerification: isOn(.emailVerification),
            // What is wrong with it is said by whoever checks the settings.
            publicURL: (try? publicURL) ?? "")
    }
}
