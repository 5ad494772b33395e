import CognitionCore
import CognitionEvents
import CognitionStorage

/// Mailboxes of executions. A sender writes its message and nothing else, so that senders never wait for one another or for
/// the execution; whoever runs it, or claims it now, reads the mailbox.
enum MailStore {
    /// Messages that one look at a mailbox takes.
    static let pageMax = 256

    private enum Kind: Int, SQLEncodable, SQLDecodable {
        case event = 0
        case answer = 1
        case reconciliation = 2
        case suspend = 3
        case resume = 4
    }

    /// What has become of a message.
    enum State: Int, SQLEncodable, SQLDecodable {
        case new = 0
        /// A signal that waits for somebody to listen.
        case held = 1
        /// An event that a task has accepted and not ended with.
        case accepted = 2
    }

    // MARK: Sending

    /// - Returns: Whether there is such an execution, and it has not ended.
    static func send(
        _ content: ExecutionMessage.Content, to id: ExecutionID, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let (kind, task, body) = encoded(content)
        let count = try tx.execute(
            """
            INSERT INTO execution_messages (execution_key, kind, state, task, body, is_signal, created_at)
            SELECT key, \(kind), \(State.new), \(task), \(body), \(content.isSignal), \(now) FROM executions
            WHERE id = \(id) AND workspace_id = \(workspace) AND ended_at IS NULL
            """)
        if count > 0 { tx.signal(.executionsDue) }
        return count > 0
    }

    /// Sends an event to every task that may want it.
    /// - Returns: How many.
    @discardableResult
    static func deliver(
        _ event: CloudEvent, isLifecycle: Bool = false, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Int {
        try deliver(event, isLifecycle: isLifecycle, where: "1 = 1", in: workspace, now: now, tx)
    }

    /// Sends an event to tasks whose listeners were written after it.
    static func deliver(
        _ event: CloudEvent, toNew tasks: [Int], of key: Int64, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        _ = try deliver(
            event, isLifecycle: false, where: "execution_key = \(key) AND task IN \(list: tasks)", in: workspace,
            now: now, tx)
    }

    private static func deliver(
        _ event: CloudEvent, isLifecycle: Bool, where condition: SQL, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Int {
        let matches = try ListenerStore.matches(of: event, isLifecycle: isLifecycle, in: workspace, tx)
        guard !matches.isEmpty else { return 0 }
        let body = JSONValue.object(event.json).jsonBytes
        var sent = 0
        // A task with two filters that match gets one message.
        for start in stride(from: 0, to: matches.count, by: pageMax) {
            let page = matches[start..<min(start + pageMax, matches.count)]
            let listeners = page.dropFirst().reduce(page[start].condition) { "\($0) OR \($1.condition)" }
            sent += try tx.execute(
                """
                INSERT INTO execution_messages (execution_key, kind, state, task, body, created_at)
                SELECT l.execution_key, \(Kind.event), \(State.new), l.task, \(body), \(now)
                FROM (SELECT DISTINCT execution_key, task FROM event_listeners
                      WHERE (\(listeners)) AND \(condition)) l
                """)
        }
        if sent > 0 { tx.signal(.executionsDue) }
        return sent
    }

    /// Signals of an execution that nobody has taken.
    static func signalCount(of id: ExecutionID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            """
            SELECT COUNT(*) FROM execution_messages m JOIN executions e ON e.key = m.execution_key
            WHERE e.id = \(id) AND m.state < \(State.accepted) AND m.kind = \(Kind.event) AND m.task IS NULL
            """
        ) { try $0[0] } ?? 0
    }

    // MARK: Receiving

    /// The last key that was given to a message, committed or not; `nil` on engines that clear away what is deleted at once.
    static func lastKey(_ tx: borrowing Transaction) throws -> Int64? {
        guard tx.dialect == .postgres else { return nil }
        // The value of one that has given nothing yet is the first that it will give.
        return try tx.first("SELECT last_value - 1 FROM execution_messages_key_seq") { try $0[0] as Int64 }
    }

    /// Executions with new messages that this node runs, or that nobody does.
    /// - Parameter start: Messages up to this key are left out.
    static func waiting(
        for node: UUIDv7, after start: Int64, limit: Int, _ tx: borrowing Transaction
    ) throws -> [(key: Int64, id: ExecutionID, isOwned: Bool, hasEnded: Bool)] {
        // CROSS JOIN keeps SQLite's planner from going through all executions, as it would every quarter of a second.
        try tx.query(
            """
            SELECT DISTINCT e.key, e.id, e.owner, e.ended_at
            FROM execution_messages m CROSS JOIN executions e
            WHERE e.key = m.execution_key AND m.state = 0 AND m.key > \(start) AND (e.owner IS NULL OR e.owner = \(node))
                AND (e.reason IS NULL OR e.reason <> \(StatusReason.quarantined)) LIMIT \(limit)
            """
        ) { row in
            (
                key: try row[0], id: try row[1], isOwned: try row[2] as UUIDv7? != nil,
                hasEnded: try row[3] as Timestamp? != nil
            )
        }
    }

    /// Names of the workflows whose schedules events have come for; they have negative keys here.
    static func schedulesWithMail(after start: Int64, limit: Int, _ tx: borrowing Transaction) throws -> [Int64] {
        try tx.query(
            """
            SELECT DISTINCT execution_key FROM execution_messages
            WHERE state = 0 AND key > \(start) AND execution_key < 0 LIMIT \(limit)
            """
        ) { -(try $0[0] as Int64) }
    }

    /// The oldest new messages of an execution.
    static func new(of key: Int64, _ tx: borrowing Transaction) throws -> [ExecutionMessage] {
        try tx.query(
            """
            SELECT key, kind, task, body FROM execution_messages
            WHERE execution_key = \(key) AND state = \(State.new) ORDER BY key LIMIT \(pageMax)
            """
        ) { row in
            ExecutionMessage(key: try row[0], content: try decoded(row[1], task: row[2], row[3]))
        }
    }

    static func held(of key: Int64, _ tx: borrowing Transaction) throws -> [(message: Int64, event: JSONValue)] {
        try tx.query(
            """
            SELECT key, body FROM execution_messages
            WHERE execution_key = \(key) AND state = \(State.held) ORDER BY key
            """
        ) { (message: try $0[0], event: try ExecutionStore.json($0[1]) ?? .null) }
    }

    /// Events that the execution's tasks have accepted, by task and in the order they did.
    static func accepted(
        of key: Int64, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [Int: [StoredExecution.AcceptedEvent]] {
        let rows = try tx.query(
            """
            SELECT task, key, body, filter, output, output_sha256, is_signal FROM execution_messages
            WHERE execution_key = \(key) AND state = \(State.accepted) ORDER BY task, place
            """
        ) { row in
            (
                task: try row[0] as Int, output: try StoredPayload(row, at: 4),
                event: StoredExecution.AcceptedEvent(
                    message: try row[1], event: try ExecutionStore.json(row[2]) ?? .null, filter: try row[3],
                    isSignal: try row[6])
            )
        }
        var accepted: [Int: [StoredExecution.AcceptedEvent]] = [:]
        for row in rows {
            var event = row.event
            event.output = try row.output?.json(for: workspace, in: tx)
            accepted[row.task, default: []].append(event)
        }
        return accepted
    }

    // MARK: Taking

    static func write(
        _ changes: MailChanges, _ outputs: [(message: Int64, output: EncodedJSON)], of key: Int64,
        in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        for message in changes.held {
            try tx.send("UPDATE execution_messages SET state = \(State.held) WHERE key = \(message)")
        }
        for event in changes.accepted {
            try tx.send(
                """
                UPDATE execution_messages SET state = \(State.accepted), task = \(event.task), place = \(event.place),
                    filter = \(event.filter)
                WHERE key = \(event.message)
                """)
        }
        let returned = changes.returned.sorted()
        for start in stride(from: 0, to: returned.count, by: pageMax) {
            let keys = Array(returned[start..<min(start + pageMax, returned.count)])
            try tx.send(
                """
                UPDATE execution_messages SET state = \(State.held), task = NULL, place = NULL, filter = NULL
                WHERE key IN \(list: keys)
                """)
        }
        for (message, output) in outputs {
            let output = try output.store(for: workspace, in: tx)
            try tx.send(
                """
                UPDATE execution_messages SET output = \(output.inlineBytes), output_sha256 = \(output.reference)
                WHERE key = \(message)
                """)
        }
        for start in stride(from: 0, to: changes.taken.count, by: pageMax) {
            let keys = Array(changes.taken[start..<min(start + pageMax, changes.taken.count)])
            try tx.send("DELETE FROM execution_messages WHERE key IN \(list: keys)")
        }
        for task in changes.ended {
            try ListenerStore.remove(task, of: key, tx)
            try delete("AND task = \(task) AND kind = \(Kind.event)", of: key, in: workspace, tx)
        }
    }

    /// Empties the mailbox of an execution that has ended.
    static func deleteAll(of key: Int64, in workspace: WorkspaceID, _ tx: borrowing Transaction) throws {
        try delete("", of: key, in: workspace, tx)
    }

    /// Throws away what was sent to executions while they ended.
    static func deleteEnded(_ keys: [Int64], _ tx: borrowing Transaction) throws {
        try tx.send(
            """
            DELETE FROM execution_messages WHERE execution_key IN \(list: keys) AND state = \(State.new)
                AND EXISTS (SELECT 1 FROM executions e
                            WHERE e.key = execution_messages.execution_key AND e.ended_at IS NOT NULL)
            """)
    }

    private static func delete(
        _ condition: SQL, of key: Int64, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        let payloads = try tx.query(
            """
            SELECT output, output_sha256 FROM execution_messages
            WHERE execution_key = \(key) AND output_sha256 IS NOT NULL \(condition)
            """
        ) { try StoredPayload($0, at: 0) }
        for case .some(let payload) in payloads { try PayloadStore.release(payload, workspace: workspace, in: tx) }
        try tx.send("DELETE FROM execution_messages WHERE execution_key = \(key) \(condition)")
    }

    // MARK: Form

    private static func encoded(_ content: ExecutionMessage.Content) -> (kind: Kind, task: Int?, body: [UInt8]?) {
        switch content {
        case .event(let event, let task): (.event, task, JSONValue.object(event.json).jsonBytes)
        case .answer(let answer): (.answer, answer.task, answer.json.jsonBytes)
        case .reconciliation(let reconciliation):
            (.reconciliation, reconciliation.task, reconciliation.json.jsonBytes)
        case .suspend(let actor): (.suspend, nil, body(by: actor))
        case .resume(let actor): (.resume, nil, body(by: actor))
        }
    }

    private static func body(by actor: String?) -> [UInt8]? {
        actor.map { ["by": .string($0)] as JSONValue }?.jsonBytes
    }

    private static func decoded(_ kind: Kind, task: Int?, _ body: [UInt8]?) throws -> ExecutionMessage.Content {
        let json = try ExecutionStore.json(body) ?? .null
        switch kind {
        case .event: return .event(CloudEvent(stored: json), task: task)
        case .answer: if let task, let answer = ApprovalAnswer(json, task: task) { return .answer(answer) }
        case .reconciliation:
            if let task, let reconciliation = Reconciliation(json, task: task) {
                return .reconciliation(reconciliation)
            }
        case .suspend: return .suspend(by: json["by"]?.stringValue)
        case .resume: return .resume(by: json["by"]?.stringValue)
        }
        throw EventError(.eventDamaged, "a message to an execution cannot be read")
    }
}

extension ExecutionMessage.Content {
    /// Sent to the execution, for whichever of its tasks listens.
    fileprivate var isSignal: Bool { if case .event(_, task: nil) = self { true } else { false } }
}

extension ApprovalAnswer {
    fileprivate var json: JSONValue {
        [
            "attempt": .integer(Int64(attempt)), "choice": .string(choice),
            "comment": comment.map(JSONValue.string) ?? .null, "by": by.map(JSONValue.string) ?? .null,
            "at": .integer(at.microseconds),
        ]
    }

    fileprivate init?(_ json: JSONValue, task: Int) {
        guard let attempt = json["attempt"]?.integerValue, let choice = json["choice"]?.stringValue,
            let at = json["at"]?.integerValue
        else { return nil }
        self.init(
            task: task, attempt: Int(attempt), choice: choice, comment: json["comment"]?.stringValue,
            by: json["by"]?.stringValue, at: Timestamp(microseconds: at))
    }
}

extension Reconciliation {
    fileprivate var json: JSONValue {
        var members: JSONObject =
            switch outcome {
            case .done(let output): ["outcome": "done", "output": output]
            case .retry: ["outcome": "retry"]
            case .failed(let detail): ["outcome": "fail", "detail": .string(detail)]
            }
        if let by { members["by"] = .string(by) }
        return .object(members)
    }

    fileprivate init?(_ json: JSONValue, task: Int) {
        let outcome: Outcome
        switch json["outcome"]?.stringValue {
        case "done": outcome = .done(json["output"] ?? .null)
        case "retry": outcome = .retry
        case "fail": outcome = .failed(json["detail"]?.stringValue ?? "")
        default: return nil
        }
        self.init(task: task, outcome: outcome, by: json["by"]?.stringValue)
    }
}
