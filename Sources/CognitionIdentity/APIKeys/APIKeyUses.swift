import CognitionCore
import Synchronization

/// When keys were last used, kept in memory and written now and then, so that a request costs no write: a key is noted at
/// most once a minute, and what a crash takes away is a minute of that.
///
/// It also says which refusals are worth an entry in the audit trail: of one key for one reason, one a minute.
final class APIKeyUses: Sendable {
    struct Use: Sendable, Hashable {
        let key: APIKeyID
        let time: Timestamp
        let address: String?
    }

    private struct Refused: Hashable {
        let key: APIKeyID
        let reason: APIKeyDenial
    }

    private struct State {
        var noted: [APIKeyID: Timestamp] = [:]
        var unwritten: [Use] = []
        var refusals: [Refused: Timestamp] = [:]
    }

    static let interval: Duration = .seconds(60)
    /// Keys that are remembered; further ones are noted more often than once a minute, or not until there is room.
    static let entriesMax = 10_000

    private let state = Mutex(State())

    /// - Parameter address: Asked for only when the use is noted.
    func note(_ key: APIKeyID, now: Timestamp, address: () -> String?) {
        let isDue = state.withLock { state in
            if let last = state.noted[key], now < last + Self.interval { return false }
            guard state.unwritten.count < Self.entriesMax else { return false }
            if state.noted.count >= Self.entriesMax { state.noted = [:] }
            state.noted[key] = now
            return true
        }
        guard isDue else { return }
        let use = Use(key: key, time: now, address: address())
        state.withLock { $0.unwritten.append(use) }
    }

    /// What is to be written, at most `limit`.
    func take(limit: Int) -> [Use] {
        state.withLock { state in
            let taken = Array(state.unwritten.prefix(limit))
            state.unwritten.removeFirst(taken.count)
            return taken
        }
    }

    /// Whether a refusal is the first of its kind within a minute.
    func isWorthAnEntry(_ key: APIKeyID, _ reason: APIKeyDenial, now: Timestamp) -> Bool {
        state.withLock { state in
            let refused = Refused(key: key, reason: reason)
            if let last = state.refusals[refused], now < last + Self.interval { return false }
            if state.refusals.count >= Self.entriesMax { state.refusals = [:] }
            state.refusals[refused] = now
            return true
        }
    }
}
