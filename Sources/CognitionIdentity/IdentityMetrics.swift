import CognitionCore
import Metrics

/// What this module counts.
struct IdentityMetrics: Sendable {
    enum Login: String, CaseIterable { case ok, failed, locked, throttled }
    enum APIKeyUse: String, CaseIterable { case ok, malformed, unknown, denied }
    enum Mail: String, CaseIterable { case sent, failed, dropped }
    enum PasswordChange: String, CaseIterable { case changed, reset }
    enum Refresh: String, CaseIterable { case ok, repeated, reused, refused }

    private let logins: [Login: Counter]
    private let refreshes: [Refresh: Counter]
    private let passwordChanges: [PasswordChange: Counter]
    private let ended: [SessionEnd: Counter]
    private let apiKeyUses: [APIKeyUse: Counter]
    private let mails: [Mail: Counter]
    private let mailsWaiting: Gauge
    private let registrations: Counter
    private let archivedEntries: Counter
    private let passwordDuration: Timer
    private let passwordQueue: Gauge

    init(factory: any MetricsFactory) {
        logins = Dictionary(
            uniqueKeysWithValues: Login.allCases.map { outcome in
                (outcome, Counter(label: "auth.logins", dimensions: [("outcome", outcome.rawValue)], factory: factory))
            })
        refreshes = Dictionary(
            uniqueKeysWithValues: Refresh.allCases.map { outcome in
                (
                    outcome,
                    Counter(label: "auth.refreshes", dimensions: [("outcome", outcome.rawValue)], factory: factory)
                )
            })
        passwordChanges = Dictionary(
            uniqueKeysWithValues: PasswordChange.allCases.map { way in
                (way, Counter(label: "auth.password.changes", dimensions: [("way", way.rawValue)], factory: factory))
            })
        ended = Dictionary(
            uniqueKeysWithValues: SessionEnd.allCases.map { reason in
                (
                    reason,
                    Counter(label: "auth.sessions.ended", dimensions: [("reason", reason.rawValue)], factory: factory)
                )
            })
        apiKeyUses = Dictionary(
            uniqueKeysWithValues: APIKeyUse.allCases.map { outcome in
                (
                    outcome,
                    Counter(label: "auth.api_key.uses", dimensions: [("outcome", outcome.rawValue)], factory: factory)
                )
            })
        mails = Dictionary(
            uniqueKeysWithValues: Mail.allCases.map { outcome in
                (outcome, Counter(label: "auth.mails", dimensions: [("outcome", outcome.rawValue)], factory: factory))
            })
        mailsWaiting = Gauge(label: "auth.mail.queue", factory: factory)
        registrations = Counter(label: "auth.registrations", factory: factory)
        archivedEntries = Counter(label: "auth.audit.archived", factory: factory)
        passwordDuration = Timer(
            label: "auth.password.duration", dimensions: [], preferredDisplayUnit: .seconds, factory: factory)
        passwordQueue = Gauge(label: "auth.password.queue", factory: factory)
    }

    func countLogin(_ outcome: Login) { logins[outcome]?.increment() }
    func countRefresh(_ outcome: Refresh) { refreshes[outcome]?.increment() }
    func countPasswordChange(_ way: PasswordChange) { passwordChanges[way]?.increment() }
    func countEnded(_ count: Int, _ reason: SessionEnd) { ended[reason]?.increment(by: count) }
    func countAPIKeyUse(_ outcome: APIKeyUse) { apiKeyUses[outcome]?.increment() }
    func countArchived(_ count: Int) { archivedEntries.increment(by: Int64(count)) }
    func countMail(_ outcome: Mail) { mails[outcome]?.increment() }
    func recordMailsWaiting(_ count: Int) { mailsWaiting.record(count) }
    func countRegistration() { registrations.increment() }
    func recordQueue(_ count: Int) { passwordQueue.record(count) }

    func recordPassword(took duration: Duration) {
        passwordDuration.recordNanoseconds(duration.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }
}
