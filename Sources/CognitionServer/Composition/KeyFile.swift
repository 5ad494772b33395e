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
        return try ring(in: configuration.dataDirectory, mayCreate: mayCreate, ids: ids, now: now).signingKeys()
    }

    /// The keys that encrypt secrets: with a key in the settings one made of that, so that nodes share it, else the file's.
    ///
    /// - Parameter mayCreate: Makes the file, or its key, when it is missing; only the owner of the folder may.
    /// - Throws: `CommandFailure`, `identity.keys_invalid`.
    static func secretKeys(
        _ configuration: ServerConfiguration, mayCreate: Bool, ids: UUIDGenerator, now: Timestamp
    ) throws -> SecretKeys {
        guard let given = configuration.secretKey else {
            return try ring(in: configuration.dataDirectory, mayCreate: mayCreate, ids: ids, now: now).secretKeys()
        }
        let file = try PrivateFile.read(path(in: configuration.dataDirectory))
        return try (file.map { try KeyRing(parsing: Array($0.utf8)) } ?? .empty).secretKeys(given: given)
    }

    private static func ring(in folder: String, mayCreate: Bool, ids: UUIDGenerator, now: Timestamp) throws -> KeyRing {
        let path = path(in: folder)
        let found = try PrivateFile.read(path).map { try KeyRing(parsing: Array($0.utf8)) }
        guard mayCreate else {
            if let found { return found }
            throw CommandFailure("\(path) is not there; the server makes it when it starts for the first time")
        }
        var random = SystemRandomNumberGenerator()
        let new =
            if let found { try found.completed(now: now, ids: ids, using: &random) } else {
                try KeyRing.generate(now: now, ids: ids, using: &random)
            }
        if let new { try PrivateFile.write(String(decoding: new.encoded(), as: UTF8.self), to: path) }
        return new ?? found ?? .empty
    }

    /// A key given by hand. A short one is good enough to try things out with, when nobody else relies on it.
    private static func given(_ secret: Secret, _ configuration: ServerConfiguration) throws -> SigningKeys {
        let isShort = secret.reveal().utf8.count < SigningKeys.secretBytesMin
        guard isShort, !configuration.isProduction else { return try SigningKeys(secret: secret) }
        Logger.current.warning("SECURITY_SECRET_KEY is weak; production refuses it")
        return try SigningKeys(secret: Secret(SHA256Digest(of: Array(secret.reveal().utf8)).description))
    }
}

extension ServerConfiguration {
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
            registration: IdentitySettings.Registration(rawValue: self[.registration].lowercased()) ?? standard)
    }
}
