import CognitionCore
import CognitionStorage
import Logging

/// Tells this process which sessions others have ended, twice a second, and removes what has expired.
///
/// A session that is ended in this process is refused at once; one that another process ended, within the interval. While
/// the database cannot be read, what others ended is not known, and tokens are good until they expire.
package struct RevocationRunner: Sendable {
    private let identity: Identity
    private let interval: Duration
    private let clock: any Clock<Duration>

    /// Rounds after which what has expired is looked for: every minute.
    private static let roundsPerPruning = 120

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
                if round % Self.roundsPerPruning == 0, try await identity.pruneSessions() {
                    // More is left: the next round goes on with it.
                    round -= 1
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
