package import CognitionCore

/// A task that has done something, or may have, and whose definition says how that is undone (`metadata.compensate`).
package struct Compensation: Sendable {
    package enum Outcome: String, Sendable {
        /// The effect has happened, and `output` is what it gave.
        case completed
        /// Nobody knows whether it has happened: it was stopped, ran out of time, or its connection broke.
        case unknown
    }

    /// The number of the task.
    package var task: Int
    package var name: String
    package var reference: String
    /// The same for all attempts at one effect.
    package var key: String
    package var outcome: Outcome
    /// The transformed input; `nil` for that of the execution.
    package var input: JSONValue?
    /// Null when the outcome is unknown.
    package var output: JSONValue
    /// SHA-256 of the output's canonical form: attempts that gave the same are one effect. `nil` when it is unknown.
    private(set) var digest: String?

    package init(
        task: Int, name: String, reference: String, key: String, outcome: Outcome, input: JSONValue?, output: JSONValue
    ) {
        self.task = task
        self.name = name
        self.reference = reference
        self.key = key
        self.outcome = outcome
        self.input = input
        self.output = output
        if outcome == .completed { digest = SHA256Digest(of: output.canonicalJSON).description }
    }
}

extension Compensation {
    /// What the row of the ended task keeps, beside its input and output.
    var mark: JSONValue {
        var members: JSONObject = ["key": .string(key), "outcome": .string(outcome.rawValue)]
        if let digest { members["digest"] = .string(digest) }
        return ["compensate": .object(members)]
    }

    /// Reads ``mark``, without the input and output; `nil` for what another task has left in its row.
    package init?(task: Int, name: String, reference: String, mark: JSONValue?) {
        guard let mark = mark?["compensate"], let key = mark["key"]?.stringValue,
            let outcome = mark["outcome"]?.stringValue.flatMap(Outcome.init)
        else { return nil }
        self.task = task
        self.name = name
        self.reference = reference
        self.key = key
        self.outcome = outcome
        output = .null
        digest = mark["digest"]?.stringValue
    }
}

/// Everything that has to be undone if an execution fails or is cancelled.
package struct CompensationList: Sendable {
    /// Tasks in it at most.
    package static let tasksMax = 10_000
    /// Bytes of their inputs and outputs as JSON, after which no further task that would have to be undone is begun.
    package static let bytesMax = 64 << 20

    private var entries: [Int: Compensation] = [:]
    /// The tasks in it with the same key.
    private var numbers: [String: [Int]] = [:]
    private var bytes = 0
    /// The numbers in their order, while nothing is added.
    private var order: [Int] = []
    /// What is being undone now.
    package internal(set) var current: Compensation?

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    package var isFull: Bool { entries.count >= Self.tasksMax || bytes >= Self.bytesMax }

    /// Adds a task. Of the attempts at one effect those count that have completed, once for each output; when none has, the
    /// first.
    package mutating func add(_ entry: Compensation) {
        let attempts = (numbers[entry.key] ?? []).compactMap { entries[$0] }
        if entry.outcome == .unknown, !attempts.isEmpty { return }
        for attempt in attempts where attempt.outcome == .unknown || attempt.digest == entry.digest { remove(attempt) }
        order = []
        entries[entry.task] = entry
        numbers[entry.key, default: []].append(entry.task)
        bytes += entry.size
    }

    /// Takes out what is to be undone next: what was started last.
    package mutating func takeLast() -> Compensation? {
        if order.isEmpty { order = entries.keys.sorted() }
        guard let number = order.popLast(), let entry = entries[number] else { return nil }
        remove(entry)
        return entry
    }

    /// In the order of their starts.
    package var all: [Compensation] { entries.values.sorted { $0.task < $1.task } }

    private mutating func remove(_ entry: Compensation) {
        entries[entry.task] = nil
        numbers[entry.key]?.removeAll { $0 == entry.task }
        if numbers[entry.key]?.isEmpty == true { numbers[entry.key] = nil }
        bytes -= entry.size
    }
}

extension Compensation {
    fileprivate var size: Int { (input?.jsonBytes.count ?? 0) + output.jsonBytes.count }
}

/// How an execution will end once everything is undone; kept with it.
package struct PendingEnd: Sendable {
    /// `faulted` or `cancelled`.
    package var status: ExecutionStatus
    package var fault: WorkflowFault?
    /// Compensations that have failed.
    package var failed = 0

    package init(status: ExecutionStatus, fault: WorkflowFault?) {
        self.status = status
        self.fault = fault
    }

    /// How it has ended then.
    var reason: StatusReason { failed == 0 ? .compensated : .compensationFailed }

    package var json: JSONValue {
        var members: JSONObject = ["status": .string(status.name)]
        if let fault { members["error"] = fault.json }
        if failed > 0 { members["failed"] = .integer(Int64(failed)) }
        return .object(members)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    package init?(json: JSONValue?) {
        guard let status = json?["status"]?.stringValue.flatMap(ExecutionStatus.init(name:)), status.hasEnded else {
            return nil
        }
        self.init(status: status, fault: json?["error"].flatMap(WorkflowFault.init(json:)))
        failed = json?["failed"]?.integerValue.map { Int($0) } ?? 0
    }
}

extension WorkflowFault {
    /// Whether an effect that has failed so may have happened all the same: it ran out of time, its connection broke, or
    /// the peer says that something went wrong on its side.
    var leavesOutcomeOpen: Bool {
        effectHappened ?? (type == Standard.timeout.type || status == Standard.timeout.status || status >= 500)
    }

    /// What an error says about its effect, where type and status alone would tell it wrongly.
    static func effectHappened(_ code: ErrorCode) -> Bool? {
        if unsent.contains(code.name) { return false }
        return answered.contains(code.name) ? true : nil
    }

    /// Nothing was sent.
    private static let unsent: Set<String> = [
        "http_client.unreachable", "http_client.circuit_open", "http_client.overloaded", "llm.circuit_open",
    ]
    /// The peer has answered, only not as expected.
    private static let answered: Set<String> = ["http_client.body_too_large", "http_client.malformed_response"]
}
