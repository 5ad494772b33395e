package import CognitionCore
import CognitionEvents
import CognitionStorage
import Logging

/// Hands over what lies in the outbox: at once when this process or another node has put something in, and every few
/// seconds what is to be tried again.
package struct MailRunner: Sendable {
    private let identity: Identity
    private let mail: any OutboundMail
    private let polling: Duration
    private let clock: any Clock<Duration>

    package init(
        _ identity: Identity, mail: any OutboundMail, polling: Duration = .seconds(5),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.identity = identity
        self.mail = mail
        self.polling = polling
        self.clock = clock
    }

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        var isFailing = false
        while !Task.isCancelled {
            // Made before the look, so that what comes during it wakes.
            let wakeUps = identity.database.signals.wakeUps(for: .mails)
            do {
                while try await identity.sendMails(over: mail), !Task.isCancelled {}
                isFailing = false
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                if !isFailing {
                    Logger.current.warning(
                        "Mails that wait cannot be read",
                        metadata: ["error": "\((error as? any CodedError)?.code.name ?? "\(type(of: error))")"])
                }
                isFailing = true
            }
            await wait(for: wakeUps, atMost: polling, on: clock)
        }
    }
}
