import CognitionCore
import CognitionEvents
import CognitionStorage
import Logging

/// Follows the log for the whole node and hands to the hub what somebody waits for.
struct FeedRunner: Sendable {
    let hub: RealtimeHub
    let reader: FeedReader
    /// Events after this position are followed.
    let start: Int64

    private static let congestionPause: Duration = .milliseconds(2)
    private static let failurePause: Duration = .milliseconds(500)

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: `storage.closed`; anything else is tried again, from the event on that was not handed over.
    func run() async throws {
        var position = start
        /// The database does not answer, which has been told.
        var isFailing = false
        while !Task.isCancelled {
            do {
                for try await event in reader.log.tail(after: position, filter: FeedReader.filter) {
                    try await handOver(event)
                    position = event.position
                    isFailing = false
                }
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch let error as EventError where error.position != nil {
                // It stays damaged; the others need not wait for it.
                position = max(position, error.position ?? position)
                warn("Real-time feed leaves out an event", error)
            } catch {
                if !isFailing { warn("Real-time feed is tried again", error) }
                isFailing = true
                // Its only error is cancellation, which the loop looks at.
                try? await Task.sleep(for: Self.failurePause)
            }
        }
    }

    private func handOver(_ event: Event) async throws {
        guard hub.hasSubscriptions else { return }
        let workflow = try await reader.workflow(of: event)
        guard hub.isWanted(LogMessage.topics(of: event, workflow: workflow)) else { return }
        // The log keeps what the loops have no room for.
        while hub.isCongested { try await Task.sleep(for: Self.congestionPause) }
        hub.publish(FeedMessage(event, workflow: workflow, epoch: hub.epoch))
    }

    private func warn(_ message: Logger.Message, _ error: any Error) {
        let code = (error as? any CodedError)?.code.name ?? "\(type(of: error))"
        Logger.current.warning(message, metadata: ["error": "\(code)"])
    }
}
