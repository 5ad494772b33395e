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
        let path = path(in: configuration.dataDirectory)
        if let text = try PrivateFile.read(path) {
            return try KeyRing(parsing: Array(text.utf8)).signingKeys()
        }
        guard mayCreate else {
            throw CommandFailure("\(path) is not there; the server makes it when it starts for the first time")
        }
        var random = SystemRandomNumberGenerator()
        let ring = try KeyRing.generate(now: now, ids: ids, using: &random)
        try PrivateFile.write(String(decoding: ring.encoded(), as: UTF8.self), to: path)
        return try ring.signingKeys()
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
