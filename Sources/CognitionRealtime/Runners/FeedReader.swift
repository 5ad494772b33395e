import CognitionCore
import CognitionEvents
import CognitionStorage
import Synchronization

/// Reads pieces of the log as messages, and the state of what they are about.
final class FeedReader: Sendable {
    /// The events that become messages.
    static let filter = EventFilter(streamType: "execution")
    private static let pageMax = 500
    private static let knownWorkflowsMax = 4_096

    let log: EventLog
    private let source: any ExecutionSource
    private let epoch: String
    /// Positions and messages that a subscription may lie behind and still be told all that it missed.
    private let positionsMax: Int64
    private let messagesMax: Int
    /// The workflows of executions whose events do not name them.
    private let knownWorkflows = Mutex<[Topic: String]>([:])

    init(
        log: EventLog, source: any ExecutionSource, epoch: String, positionsMax: Int64, messagesMax: Int
    ) {
        self.log = log
        self.source = source
        self.epoch = epoch
        self.positionsMax = positionsMax
        self.messagesMax = messagesMax
    }

    /// The state of `topic`; and what came after `since`, unless that is of another log, too far back or too much.
    /// - Throws: What the source throws for a topic that there is not, or `StorageError`.
    func load(_ topic: Topic, since: FeedPlace?) async throws -> TopicStart {
        let snapshot =
            switch topic {
            case .execution(let workspace, let id): try await source.execution(id, in: workspace)
            case .workflow(let workspace, let id): try await source.workflow(id, in: workspace)
            case .room: throw RealtimeError(.realtimeInternal, "rooms are entered, and the log tells nothing of them")
            }
        let missed: (messages: [FeedMessage], position: Int64)? =
            if let since { try await missed(topic, since: since, head: snapshot.position) } else { nil }
        guard let since, let missed else {
            return TopicStart(
                snapshot: snapshot, epoch: epoch, from: snapshot.position, recovered: since == nil ? nil : false,
                messages: [], position: snapshot.position)
        }
        return TopicStart(
            snapshot: snapshot, epoch: epoch, from: since.offset, recovered: true, messages: missed.messages,
            position: missed.position)
    }

    /// Everything after `since`, or nothing when that is not to be had.
    private func missed(
        _ topic: Topic, since: FeedPlace, head: Int64
    ) async throws -> (messages: [FeedMessage], position: Int64)? {
        guard since.epoch == epoch, since.offset <= head, head - since.offset <= positionsMax else { return nil }
        var messages: [FeedMessage] = []
        var position = since.offset
        // Not to the end of a log that is being written, which may run ahead for ever.
        while position < head {
            let page: FeedPage
            do {
                page = try await self.page(after: position, topics: [topic])
            } catch let error as EventError where error.code == .eventArchived {
                return nil
            }
            messages += page.messages
            position = page.position
            if messages.count > messagesMax { return nil }
        }
        return (messages, position)
    }

    /// Messages of `topics`, all of one workspace, after `position`; the log is looked through in bounded pieces.
    func page(after position: Int64, topics: [Topic]) async throws -> FeedPage {
        guard let workspace = topics.first?.workspace else {
            return FeedPage(messages: [], after: position, position: position, head: position)
        }
        var filter = Self.filter
        filter.workspace = workspace
        if topics.count == 1, case .execution(_, let id) = topics[0] { filter.stream = StreamName("execution", id) }
        let page = try await log.readAll(after: position, limit: Self.pageMax, filter: filter)
        let wanted = Set(topics)
        var messages: [FeedMessage] = []
        for event in page.events {
            let workflow = try await workflow(of: event)
            guard FeedMessage.topics(of: event, workflow: workflow).contains(where: wanted.contains) else { continue }
            messages.append(FeedMessage(event, workflow: workflow, epoch: epoch))
        }
        return FeedPage(messages: messages, after: position, position: page.position, head: page.head)
    }

    /// The workflow that an event of an execution belongs to.
    func workflow(of event: Event) async throws -> String? {
        if let name = event.data["workflow_id"]?.stringValue { return name }
        let execution = Topic.execution(event.workspace, event.stream.id)
        if let known = knownWorkflows.withLock({ $0[execution] }) { return known }
        guard let name = try await source.workflowID(ofExecution: event.stream.id, in: event.workspace) else {
            return nil
        }
        knownWorkflows.withLock { known in
            // All at once is as good as one by one: executions end, and their entries with them.
            if known.count >= Self.knownWorkflowsMax { known.removeAll(keepingCapacity: true) }
            known[execution] = name
        }
        return name
    }
}
