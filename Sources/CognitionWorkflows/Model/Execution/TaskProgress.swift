import CognitionCore

/// What a composite task remembers between its children.
enum TaskProgress: Sendable {
    case none
    case looping(Loop)
    case branching(Branches)
    case attempting(Attempts)
    case listening(Listening)
    case approving(ApprovalRequest)
    case extending(Extending)

    struct Loop: Sendable {
        var items: [JSONValue]
        /// The iteration that starts next.
        var next = 0
        /// Outputs of the iterations that have ended, of a concurrent loop.
        var outputs: [Int: JSONValue] = [:]
    }

    struct Branches: Sendable {
        var outputs: [Int: JSONValue] = [:]
        /// Branches that have started, ended ones too.
        var started: Set<Int> = []
    }

    struct Attempts: Sendable {
        /// The attempt that runs, from 1.
        var attempt = 1
        /// When the first attempt began.
        var since: Timestamp
        var attemptDeadline: Timestamp?
        /// The error that was caught; the handler runs, or the next attempt is waited for.
        var caught: WorkflowFault?
        var isHandling = false
    }

    var loop: Loop? { if case .looping(let loop) = self { loop } else { nil } }
    var branches: Branches? { if case .branching(let branches) = self { branches } else { nil } }
    var listening: Listening? { if case .listening(let listening) = self { listening } else { nil } }
    var approval: ApprovalRequest? { if case .approving(let request) = self { request } else { nil } }
    var attempts: Attempts? { if case .attempting(let attempts) = self { attempts } else { nil } }

    // The payload is taken out while it is changed, so that a long loop's outputs are not copied for each of them.

    mutating func changeLoop(_ change: (inout Loop) -> Void) {
        guard case .looping(var loop) = self else { return }
        self = .none
        change(&loop)
        self = .looping(loop)
    }

    mutating func changeBranches(_ change: (inout Branches) -> Void) {
        guard case .branching(var branches) = self else { return }
        self = .none
        change(&branches)
        self = .branching(branches)
    }

    mutating func changeAttempts(_ change: (inout Attempts) -> Void) {
        guard case .attempting(var attempts) = self else { return }
        self = .none
        change(&attempts)
        self = .attempting(attempts)
    }

    mutating func changeListening(_ change: (inout Listening) -> Void) {
        guard case .listening(var listening) = self else { return }
        self = .none
        change(&listening)
        self = .listening(listening)
    }
}

// What of it cannot be read from the rows of the children is kept as JSON.

extension TaskProgress {
    var json: JSONValue? {
        switch self {
        case .none, .branching, .listening: return nil
        case .approving(let request): return request.json
        case .looping(let loop): return ["next": .integer(Int64(loop.next))]
        case .extending(let extending): return extending.json
        case .attempting(let attempts):
            var members: JSONObject = [
                "attempt": .integer(Int64(attempts.attempt)), "since": .integer(attempts.since.microseconds),
            ]
            if let deadline = attempts.attemptDeadline { members["attempt_deadline"] = .integer(deadline.microseconds) }
            if let fault = attempts.caught { members["error"] = fault.json }
            if attempts.isHandling { members["handling"] = true }
            return .object(members)
        }
    }
}

extension TaskProgress.Attempts {
    init?(json: JSONValue?) {
        guard let attempt = json?["attempt"]?.integerValue, let since = json?["since"]?.integerValue else { return nil }
        self.init(attempt: Int(attempt), since: Timestamp(microseconds: since))
        attemptDeadline = json?["attempt_deadline"]?.integerValue.map(Timestamp.init(microseconds:))
        caught = json?["error"].flatMap(WorkflowFault.init(json:))
        isHandling = json?["handling"]?.boolValue ?? false
    }
}
