import CognitionCore
import CognitionStorage
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Whether the server can be reached, as all connections of this process together know it.
///
/// An outage is told once, and its end once. While it is young, whoever needs a connection waits for it; later requests
/// fail at once, and now and then one of them tries again.
final class PostgresAvailability: Sendable {
    private struct Outage {
        let since: ContinuousClock.Instant
        var last: (failure: StorageError, at: ContinuousClock.Instant)
    }

    private struct State {
        /// By what connections are for: a server that takes no writes can still be read.
        var outages: [PostgresOpener.Role: Outage] = [:]
        var toldSince: ContinuousClock.Instant?
        var isClosing = false
    }

    private let opener: PostgresOpener
    private let logger: Logger
    private let state = Mutex(State())

    /// How often a server is tried in a longer outage.
    private static let pause: Duration = .milliseconds(250)

    init(opener: PostgresOpener, logger: Logger) {
        self.opener = opener
        self.logger = logger
    }

    /// Nobody waits for the server any more.
    func close() { state.withLock { $0.isClosing = true } }

    /// Opens a connection, on the thread that will own it.
    func open(as role: PostgresOpener.Role) throws -> PostgresHandle {
        var pauseMilliseconds: UInt32 = 20
        while true {
            if let refusal = refusal(role) { throw refusal }
            do {
                let handle = try PostgresHandle(opener.open(as: role), options: opener.options)
                noteSuccess(role)
                return handle
            } catch let error as StorageError {
                guard noteFailure(error, role), !error.isOfAddress else { throw error }
                usleep(pauseMilliseconds * 1_000)
                pauseMilliseconds = min(2 * pauseMilliseconds, 400)
            }
        }
    }

    /// Why not even to try: the server has been away for long, and was asked a moment ago.
    private func refusal(_ role: PostgresOpener.Role) -> StorageError? {
        state.withLock { state in
            guard let outage = state.outages[role] else { return nil }
            let now = ContinuousClock.now
            guard now - outage.since > opener.options.outagePatience, now - outage.last.at < Self.pause else {
                return nil
            }
            return outage.last.failure
        }
    }

    private func noteSuccess(_ role: PostgresOpener.Role) {
        let toldSince = state.withLock { state -> ContinuousClock.Instant? in
            state.outages[role] = nil
            guard state.outages.isEmpty else { return nil }
            defer { state.toldSince = nil }
            return state.toldSince
        }
        guard let toldSince else { return }
        let outage = ContinuousClock.now - toldSince
        logger.notice("Database reached again", metadata: ["outage.ms": "\(outage.wholeMilliseconds)"])
    }

    /// - Returns: Whether it is worth waiting for.
    private func noteFailure(_ error: StorageError, _ role: PostgresOpener.Role) -> Bool {
        let now = ContinuousClock.now
        let (isNew, isYoung) = state.withLock { state in
            let since = state.outages[role]?.since ?? now
            state.outages[role] = Outage(since: since, last: (error, now))
            let isNew = state.toldSince == nil
            if isNew { state.toldSince = now }
            return (isNew, !state.isClosing && now - since < opener.options.outagePatience)
        }
        if isNew { logger.warning("Database not reached", metadata: ["error": "\(error)"]) }
        return isYoung
    }
}

extension StorageError {
    /// Waiting does not help: user, password or name are not the server's. The client library tells it in words only; in
    /// another language than English it is waited for as in an outage.
    fileprivate var isOfAddress: Bool {
        guard isTransient else { return true }
        let words = ["authentication failed", "does not exist", "pg_hba.conf", "no password", "cannot be read"]
        return words.contains { message.contains($0) }
    }
}
