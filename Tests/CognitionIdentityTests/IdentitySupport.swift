import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Crypto
import Foundation
import MetricsTestKit
import Testing
import Synchronization

/// A server's identity on a database of its own, and what a test turns.
struct World: Sendable {
    let database: any Database
    let clock: ManualClock
    let metrics: TestMetrics
    let identity: Identity

    static let jwtSecret = [UInt8](repeating: 7, count: 32)
    static let password = Secret("correct horse battery")
    static let client = ClientInfo(address: "192.0.2.1", userAgent: "tests/1.0")

    /// Another process with the same database and keys.
    func node(_ change: (inout IdentitySettings) -> Void = { _ in }) throws -> Identity {
        var settings = IdentitySettings(bcryptCost: 4)
        change(&settings)
        return try Identity(
            database: database, clock: clock, ids: UUIDGenerator(clock: clock), keys: Self.keys(), settings: settings,
            metricsFactory: TestMetrics())
    }

    static func keys(current: String = "k1") throws -> SigningKeys {
        try SigningKeys(
            tokenSecrets: ["k1": jwtSecret, "k0": [UInt8](repeating: 6, count: 32)], currentID: current,
            refreshSecret: [UInt8](repeating: 9, count: 32))
    }

    @discardableResult
    func register(_ email: String) async throws -> User {
        try await identity.register(RegisterCommand(email: email, password: Self.password), from: Self.client)
    }

    func login(
        _ email: String, _ password: Secret = World.password, workspace: WorkspaceID? = nil,
        from client: ClientInfo = World.client
    ) async throws -> Tokens {
        try await identity.login(LoginCommand(email: email, password: password, workspace: workspace), from: client)
    }

    /// A new user who has logged in.
    func caller(_ email: String, workspace: WorkspaceID? = nil) async throws -> Caller {
        if try await count("SELECT count(*) FROM users WHERE email = \(email)") == 0 { try await register(email) }
        return try await identity.authenticate(login(email, workspace: workspace).accessToken.reveal())
    }

    func operatorCaller() async throws -> Caller {
        try await identity.authenticate(identity.operatorToken(life: .seconds(60)).reveal())
    }

    func count(_ statement: SQL) async throws -> Int {
        try await database.read { try $0.first(statement) { try $0[0] as Int } } ?? -1
    }

    func eventTypes() async throws -> [String] {
        try await EventLog(database).readAll().events.map(\.type)
    }

    /// Every entry of the audit trail, oldest first.
    func audit() async throws -> [AuditEntry] {
        try await identity.auditEntries(AuditFilter(), PageRequest(limit: 200), as: operatorCaller()).items.reversed()
    }

    /// How many passwords were hashed so far.
    var hashes: Int { get throws { try metrics.expectTimer("auth.password.duration").values.count } }

    var registrations: Int64 { metrics.counterTotal(label: "auth.registrations") }

    var archivedEntries: Int64 { metrics.counterTotal(label: "auth.audit.archived") }

    func refreshes(_ outcome: String) -> Int64 {
        metrics.counterTotal(label: "auth.refreshes", dimensions: [("outcome", outcome)])
    }

    func post(_ mail: NewMail) async throws {
        try await database.write { tx in try identity.post(mail, tx) }
    }

    /// The mails that are due, sent.
    func mails() async throws -> [MailMessage] {
        let box = Postbox()
        while try await identity.sendMails(over: box) {}
        return box.messages
    }

    /// The one mail that is due, sent.
    func mail() async throws -> MailMessage {
        let mails = try await mails()
        try #require(mails.count == 1)
        return mails[0]
    }

    /// What stands behind the `#` of the mail's link.
    func token(in mail: MailMessage) throws -> Secret {
        let link = try #require(mail.text.split(separator: "\n").first { $0.hasPrefix("http") })
        return Secret(String(try #require(link.split(separator: "#").last)))
    }

    /// As many mails as may wait.
    func fillOutbox() async throws {
        try await database.write { tx in
            try tx.execute(
                """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                INSERT INTO outbound_mails (id, purpose, sealed, created_at, expires_at, due_at, attempts)
                SELECT CAST(i AS TEXT), \(MailPurpose.verifyEmail), \([0] as [UInt8]), 0, 0, 0, 0 FROM n
                """)
        }
    }

    func counted(_ label: String, _ dimension: (String, String)) -> Int64 {
        metrics.counterTotal(label: label, dimensions: [dimension])
    }

    func mails(_ outcome: String) -> Int64 {
        metrics.counterTotal(label: "auth.mails", dimensions: [("outcome", outcome)])
    }

    func logins(_ outcome: String) -> Int64 {
        metrics.counterTotal(label: "auth.logins", dimensions: [("outcome", outcome)])
    }
}

func withWorld<Value>(
    _ engine: TestDatabase.Engine = .sqliteMemory, _ change: (inout IdentitySettings) -> Void = { _ in },
    _ body: (World) async throws -> Value
) async throws -> Value {
    var settings = IdentitySettings(bcryptCost: 4)
    change(&settings)
    return try await withTestDatabase(engine, migrations: EventLog.migrations + Identity.migrations) { database in
        let clock = ManualClock()
        let metrics = TestMetrics()
        let identity = try Identity(
            database: database, clock: clock, ids: UUIDGenerator(clock: clock), keys: World.keys(), settings: settings,
            metricsFactory: metrics)
        return try await body(World(database: database, clock: clock, metrics: metrics, identity: identity))
    }
}

/// The code of the error that `body` throws; `nil` when it throws none.
func code(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? any CodedError)?.code.name ?? "\(error)"
    }
}

/// What `count` calls of `body` at once answer.
func race<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Value
) async throws -> [Value] {
    try await withThrowingTaskGroup(of: Value.self) { group in
        for number in 0..<count { group.addTask { try await body(number) } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}

// MARK: - Tokens by hand

func base64URL(_ bytes: some Sequence<UInt8>) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
}

func base64URLDecoded(_ text: some StringProtocol) -> [UInt8] {
    let standard = String(text).replacing("-", with: "+").replacing("_", with: "/")
    let padding = String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
    return Data(base64Encoded: standard + padding).map(Array.init) ?? []
}

/// A token with whatever is wanted in it.
func forge(header: JSONValue, claims: JSONValue, secret: [UInt8] = World.jwtSecret) -> String {
    let body = base64URL(header.jsonBytes) + "." + base64URL(claims.jsonBytes)
    let code = HMAC<SHA256>.authenticationCode(for: Array(body.utf8), using: SymmetricKey(data: secret))
    return body + "." + base64URL(code)
}

func claims(of token: Secret) throws -> JSONValue {
    try JSONValue(parsing: base64URLDecoded(token.reveal().split(separator: ".")[1]))
}

func header(of token: Secret) throws -> JSONValue {
    try JSONValue(parsing: base64URLDecoded(token.reveal().split(separator: ".")[0]))
}

extension JSONValue {
    /// The same object with one member changed; `nil` leaves it out.
    func with(_ member: String, _ value: JSONValue?) -> JSONValue {
        guard var object = objectValue else { return self }
        if let value { object[member] = value } else { object.removeValue(forKey: member) }
        return .object(object)
    }
}

/// A clock on which a loop sleeps until a test lets it go on, so that a test knows how often it went round.
final class StepClock: Clock {
    typealias Duration = Swift.Duration
    typealias Instant = ContinuousClock.Instant

    private let sleeps = AsyncStream.makeStream(of: Void.self)
    private let steps = AsyncStream.makeStream(of: Void.self)

    var now: Instant { ContinuousClock.now }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        sleeps.continuation.yield()
        for await _ in steps.stream { break }
        try Task.checkCancellation()
    }

    /// Returns once the loop sleeps.
    func asleep() async { for await _ in sleeps.stream { return } }

    /// Lets the loop go round once more, and returns once it sleeps again.
    func step() async {
        steps.continuation.yield()
        await asleep()
    }
}
