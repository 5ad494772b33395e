import CognitionCore
import CognitionStorage
import Logging
import Synchronization

extension WorkflowEngine {
    /// Hands new messages to the executions that this node runs, and takes over those with messages that nobody runs.
    /// - Returns: Whether all of them are received by that.
    func noticeMail(
        in waiting: [(key: Int64, id: ExecutionID, isOwned: Bool, hasEnded: Bool)]
    ) async throws -> Bool {
        guard !waiting.isEmpty else { return true }
        let unowned = waiting.filter { !$0.isOwned && !$0.hasEnded }.map(\.key)
        let room = members.withLock { max(0, settings.executionsMax - $0.live.count) }
        var isAll = unowned.count <= room
        if !unowned.isEmpty, room > 0 { try await takeOver(Array(unowned.prefix(room))) }
        for box in waiting where box.isOwned && !box.hasEnded {
            guard let live = members.withLock({ $0.live[box.key] }) else {
                isAll = false
                continue
            }
            do {
                let messages = try await workflows.mail(of: box.key)
                if !messages.isEmpty { deliver(.mail(messages), to: live) }
            } catch let error as StorageError {
                throw error
            } catch {
                logger.error("Mailbox not read", metadata: ["execution.id": "\(box.id)", "error": "\(error)"])
                isAll = false
            }
        }
        // Sent while the execution ended.
        let ended = waiting.filter(\.hasEnded).map(\.key)
        if !ended.isEmpty { try await workflows.emptyMail(of: ended) }
        return isAll
    }
}
