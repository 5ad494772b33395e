import CognitionCore

/// Who may come in, how long they stay, and what happens to those who guess; from the settings `SECURITY_*`.
package struct IdentitySettings: Sendable, Hashable {
    /// Who may register.
    package enum Registration: String, Sendable, Hashable, CaseIterable {
        case open
        /// Only who was invited.
        case invite
        /// Nobody; users are made from the command line.
        case closed
    }

    /// Issuer and audience of tokens; a token of a server of another name is refused.
    package var serviceName: String
    /// 1 minute...1 day.
    package var accessTokenLife: Duration
    /// How long a session lasts without a refresh, 1 hour...365 days.
    package var refreshTokenLife: Duration
    /// How long a refresh token that was used still answers the same successor, 0...60 seconds.
    package var refreshGrace: Duration
    /// Each step doubles the work of one password, 4...14.
    package var bcryptCost: Int
    /// Wrong passwords in a row that lock a user, 1...1,000.
    package var failedLoginsMax: Int
    /// How long a user stays locked, 1 second...30 days.
    package var lockout: Duration
    /// Failed logins from one network address within ``authFailuresWindow``, 1...10,000; further ones are refused unseen.
    package var authFailuresPerAddress: Int
    package var registration: Registration
    /// Who registers has to follow the link of a mail before the first login.
    package var emailVerification: Bool
    /// Where people reach the server, without a slash at the end; links in mails begin with it.
    package var publicURL: String

    package static let authFailuresWindow: Duration = .seconds(300)

    package init(
        serviceName: String = "cognitionos", accessTokenLife: Duration = .seconds(30 * 60),
        refreshTokenLife: Duration = .seconds(7 * 86_400), refreshGrace: Duration = .seconds(20), bcryptCost: Int = 12,
        failedLoginsMax: Int = 5, lockout: Duration = .seconds(30 * 60), authFailuresPerAddress: Int = 30,
        registration: Registration = .open, emailVerification: Bool = false,
        publicURL: String = "http://127.0.0.1:8100"
    ) {
        self.serviceName = serviceName
        self.accessTokenLife = accessTokenLife
        self.refreshTokenLife = refreshTokenLife
        self.refreshGrace = refreshGrace
        self.bcryptCost = bcryptCost
        self.failedLoginsMax = failedLoginsMax
        self.lockout = lockout
        self.authFailuresPerAddress = authFailuresPerAddress
        self.registration = registration
        self.emailVerification = emailVerification
        self.publicURL = publicURL
    }

    /// - Throws: `identity.setting_invalid` with the first setting that is out of its range.
    package func check() throws {
        try Self.check(serviceName.utf8.count, in: 1...200, "SERVICE_NAME", "bytes")
        try Self.check(accessTokenLife.microseconds / 60_000_000, in: 1...1_440, "the access token's life", "minutes")
        try Self.check(
            refreshTokenLife.microseconds / 3_600_000_000, in: 1...8_760, "the refresh token's life", "hours")
        try Self.check(refreshGrace.microseconds / 1_000_000, in: 0...60, "the refresh token's grace", "seconds")
        try Self.check(bcryptCost, in: 4...14, "SECURITY_BCRYPT_COST", "")
        try Self.check(failedLoginsMax, in: 1...1_000, "SECURITY_MAX_FAILED_LOGINS", "")
        try Self.check(lockout.microseconds / 1_000_000, in: 1...2_592_000, "the lockout", "seconds")
        try Self.check(authFailuresPerAddress, in: 1...10_000, "SECURITY_AUTH_FAILURES_PER_ADDRESS", "")
    }

    private static func check<Number: BinaryInteger>(
        _ value: Number, in range: ClosedRange<Number>, _ name: String, _ unit: String
    ) throws {
        guard !range.contains(value) else { return }
        throw IdentityError(
            .identitySettingInvalid,
            "\(name) takes \(range.lowerBound) to \(range.upperBound)\(unit.isEmpty ? "" : " ")\(unit), not \(value)")
    }
}
