package import CognitionCore
import CognitionEvents
package import CognitionStorage

/// An event on its way: into the log, and into the mailboxes of those who listen for it, in one transaction.
package struct EventPublication: Sendable {
    package let event: CloudEvent
    private let actor: String
    private let correlationID: String?
    private let traceparent: String?
    private let ids: UUIDGenerator
    private let time: Timestamp

    init(_ event: CloudEvent, _ origin: ExecutionOrigin, _ ids: UUIDGenerator, _ time: Timestamp) {
        self.event = event
        self.actor = origin.actor
        self.correlationID = origin.correlationID
        self.traceparent = origin.traceparent
        self.ids = ids
        self.time = time
    }

    /// - Returns: How many tasks it may be for.
    @discardableResult
    package func run(_ workspace: WorkspaceID, in tx: borrowing Transaction) throws -> Int {
        let context = EventContext(
            Principal(actor: actor, workspace: workspace), time: time, ids: ids, correlationID: correlationID,
            traceparent: traceparent)
        try tx.append(
            [NewEvent(WorkflowEvent.published, data: .object(event.json))],
            to: StreamName("cloudevent", event.type), context: context)
        return try MailStore.deliver(event, in: workspace, now: time, tx)
    }
}
