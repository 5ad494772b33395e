import CognitionCore
import CognitionEvents
import CognitionStorage
import Synchronization

/// Reads pieces of the log as messages, and the state of what they are about.
final class FeedReader: Sendable {
    /// The events that become messages.
    static let filter = EventFilter(streamTypes: [LogMessage.executionStream, LogMessage.queueStream])
    private static let pageMax = 500
    private static let knownWorkflowsMax = 4_096

    let log: EventLog
    private let source: any ExecutionSource
    /// `nil` where nobody tells of jobs.
    private let jobs: (any JobSource)?
    private let epoch: String
    /// Positions and messages that a subscription may lie behind and still be told all that it missed.
    private let positionsMax: Int64
    private let messagesMax: Int
    /// The workflows of executions whose events do not name them.
    private let knownWorkflows = Mutex<[Topic: String]>([:])

    init(
        log: EventLog, source: any ExecutionSource, jobs: (any JobSource)?, epoch: String, positionsMax: Int64,
        messagesMax: Int
    ) {
        self.log = log
        self.source = source
        self.jobs = jobs
        self.epoch = epoch
        self.positionsMax = positionsMax
        self.messagesMax = messagesMax
    }

    /// The state of `topic`; and what came after `since`, unless that is of another log, too far back or too much.
    /// - Throws: What the source throws for a topic that there is not, or `StorageError`.
    func load(_ topic: Topic, since: FeedPlace?) async throws -> TopicStart {
        let snapshot = try await snapshot(of: topic)
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

    /// - Throws: What the source throws for a topic that there is not, or `StorageError`.
    private func snapshot(of topic: Topic) async throws -> TopicSnapshot {
        let notFound = RealtimeError.roomNotFound(topic.room)
        switch topic {
        case .execution(let workspace, let id): return try await source.execution(id, in: workspace)
        case .workflow(let workspace, let id): return try await source.workflow(id, in: workspace)
        case .room: throw RealtimeError(.realtimeInternal, "rooms are entered, and the log tells nothing of them")
        case .job(let workspace, let id):
            guard let jobs else { throw notFound }
            return try await jobs.job(id, in: workspace)
        case .queue(let workspace, let name):
            guard let jobs else { throw notFound }
            return try await jobs.queue(name, in: workspace)
        case .jobs(let workspace):
            guard let jobs else { throw notFound }
            return try await jobs.jobs(in: workspace)
        }
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
        let page = try await log.readAll(
            after: position, limit: Self.pageMax, filter: Self.filter(for: topics, in: workspace))
        let wanted = Set(topics)
        var messages: [FeedMessage] = []
        for event in page.events {
            let workflow = try await workflow(of: event)
            guard LogMessage.topics(of: event, workflow: workflow).contains(where: wanted.contains) else { continue }
            messages.append(FeedMessage(event, workflow: workflow, epoch: epoch))
        }
        return FeedPage(messages: messages, after: position, position: page.position, head: page.head)
    }

    /// What has to be read for `topics`.
    private static func filter(for topics: [Topic], in workspace: WorkspaceID) -> EventFilter {
        var filter = EventFilter(workspace: workspace, streamTypes: Set(topics.map(streamType)))
        guard topics.count == 1 else { return filter }
        switch topics[0] {
        case .execution(_, let id): filter.stream = StreamName(LogMessage.executionStream, id)
        case .queue(_, let name): filter.stream = StreamName(LogMessage.queueStream, name)
        case .workflow, .job, .jobs, .room: break
        }
        return filter
    }

    private static func streamType(of topic: Topic) -> String {
        switch topic {
        case .job, .queue, .jobs: LogMessage.queueStream
        case .execution, .workflow, .room: LogMessage.executionStream
        }
    }

    /// The workflow that an event belongs to, when it is of an execution.
    func workflow(of event: Event) async throws -> String? {
        guard event.stream.type == LogMessage.executionStream else { return nil }
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

    // MARK: History

    /// Pieces of the log that are looked through for one answer.
    private static let piecesMax = 40

    /// A piece of what the log tells of a topic.
    ///
    /// A long log is looked through in part, so there may be fewer messages than `limit`, or none; the next piece begins after
    /// the page's position.
    /// - Throws: What the source throws for a topic that there is not, `event.archived`, `StorageError`.
    func history(of topic: Topic, _ piece: Rooms.Piece, limit: Int) async throws -> LogRoomPage {
        // Also says that the topic is there.
        let head = try await snapshot(of: topic).position
        return switch piece {
        case .after(let offset): try await history(of: topic, after: offset, limit: limit)
        case .before(let offset): try await history(of: topic, before: offset, limit: limit, head: head)
        case .newest: try await history(of: topic, before: head + 1, limit: limit, head: head)
        }
    }

    func history(of topic: Topic, after offset: Int64, limit: Int) async throws -> LogRoomPage {
        let filter = Self.filter(for: [topic], in: topic.workspace)
        var (messages, position, head) = ([LogMessage](), offset, offset)
        for _ in 0..<Self.piecesMax {
            let page = try await log.readAll(after: position, limit: Self.pageMax, filter: filter)
            (position, head) = (max(position, page.position), page.head)
            messages += try await self.messages(page.events, of: topic)
            if messages.count >= limit || page.isAtEnd { break }
        }
        if messages.count > limit {
            messages = Array(messages.prefix(limit))
            position = messages.last?.position ?? position
        }
        return LogRoomPage(room: topic.room, epoch: epoch, messages: messages, position: position, head: head)
    }

    private func history(of topic: Topic, before offset: Int64, limit: Int, head: Int64) async throws -> LogRoomPage {
        let filter = Self.filter(for: [topic], in: topic.workspace)
        var (messages, position) = ([LogMessage](), offset)
        for _ in 0..<Self.piecesMax {
            let page = try await log.readAll(before: position, limit: Self.pageMax, filter: filter)
            position = page.position
            messages += try await self.messages(page.events, of: topic)
            if messages.count >= limit || page.isAtEnd { break }
        }
        messages = messages.prefix(limit).reversed()
        return LogRoomPage(room: topic.room, epoch: epoch, messages: messages, position: head, head: head)
    }

    private func messages(_ events: [Event], of topic: Topic) async throws -> [LogMessage] {
        var messages: [LogMessage] = []
        for event in events {
            let message = LogMessage(event, workflow: try await workflow(of: event))
            if message.topics.contains(topic) { messages.append(message) }
        }
        return messages
    }

    /// What is new in the log where `topic` may be concerned.
    func tail(of topic: Topic, after position: Int64) -> EventTail {
        log.tail(after: position, filter: Self.filter(for: [topic], in: topic.workspace))
    }
}
