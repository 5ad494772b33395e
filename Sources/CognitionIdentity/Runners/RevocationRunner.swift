import CognitionCore
import CognitionStorage
import Logging

/// Tells this process which sessions and API keys others have ended, twice a second; it stores which were used here, and removes
/// what has expired.
///
/// A session or key that is ended in this process is refused at once; one that another process ended, within the interval. While
/// the database cannot be read, what others ended is not known, and tokens are good until they expire.
package struct RevocationRunner: Sendable {
    private let identity: Identity
    private let interval: Duration
    private let clock: any Clock<Duration>

    /// Rounds after which what was used is stored and what has expired is looked for: every minute.
    private static let roundsPerPruning = 120
    /// Rounds after which it is written when keys were last used: every 5 seconds.
    private static let roundsPerWrite = 10

    package init(
        _ identity: Identity, interval: Duration = .milliseconds(500), clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.identity = identity
        self.interval = interval
        self.clock = clock
    }

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        var round = 0
        var isFailing = false
        while !Task.isCancelled {
            do {
                try await identity.readRefusals()
                try await identity.readAPIKeyRefusals()
                if round % Self.roundsPerWrite == 0 { try await identity.writeAPIKeyUses() }
                if round % Self.roundsPerPruning == 0 {
                    try await identity.storeSeen()
                    let isMoreLeft = [
                        try await identity.pruneSessions(), try await identity.pruneAPIKeys(),
                        try await identity.pruneInvitations(),
                    ]
                    // Then the next round goes on with it.
                    if isMoreLeft.contains(true) { round -= 1 }
                }
                round += 1
                isFailing = false
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                if !isFailing {
                    Logger.current.warning(
                        "Ended sessions cannot be read",
                        metadata: ["error": "\((error as? any CodedError)?.code.name ?? "\(type(of: error))")"])
                }
                isFailing = true
            }
            // Its only error is cancellation, which the loop looks at.
            try? await clock.sleep(for: interval)
        }
    }
}
