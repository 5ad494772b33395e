package import CognitionCore

/// What somebody has sent to an execution: kept in its mailbox until the machine has taken it, in the order of the keys.
package struct ExecutionMessage: Sendable {
    package enum Content: Sendable {
        /// An event, to the `listen` task with this number; `nil` for a signal, which whichever task listens for it takes,
        /// now or later.
        case event(CloudEvent, task: Int?)
        case answer(ApprovalAnswer)
        case reconciliation(Reconciliation)
        /// - Parameter by: Who wants it, as `Principal.actor` says it; `nil` in messages of earlier releases.
        case suspend(by: String?)
        case resume(by: String?)
    }

    package let key: Int64
    package let content: Content

    package init(key: Int64, content: Content) {
        self.key = key
        self.content = content
    }
}

/// What a person says of an effect of class `once` whose outcome a crash has hidden.
package struct Reconciliation: Sendable {
    package enum Outcome: Sendable {
        /// It happened, and this is what it gave.
        case done(JSONValue)
        /// It did not happen, or may happen again.
        case `retry`
        case failed(String)
    }

    package let task: Int
    package let outcome: Outcome
    /// Who says so; filled in by ``Workflows/reconcile(_:of:as:)``.
    package var by: String?

    package init(task: Int, outcome: Outcome, by: String? = nil) {
        self.task = task
        self.outcome = outcome
        self.by = by
    }
}

/// What becomes of the messages of an execution in one commit.
package struct MailChanges: Sendable {
    /// An event that a task has accepted; it stays until the task ends, since the task's state is made of what it accepted.
    package struct Accepted: Sendable {
        package let message: Int64
        package let task: Int
        /// How many the task had accepted before.
        package let place: Int
        /// Place of the filter that took it among ``EventStrategy/allFilters``; -1 where there is none.
        package let filter: Int
    }

    /// Messages that are done with.
    package var taken: [Int64] = []
    /// Signals that nobody has listened for so far.
    package var held: [Int64] = []
    /// Signals that a task has accepted and ended without: they wait again for somebody to listen.
    package var returned: Set<Int64> = []
    package var accepted: [Accepted] = []
    /// What the tasks of `foreach` gave for an accepted event.
    package var outputs: [(message: Int64, output: JSONValue)] = []
    /// Tasks that listen from now on.
    package var listeners: [Listener] = []
    /// Tasks that have ended; what they accepted goes with them.
    package var ended: [Int] = []

    package var isEmpty: Bool {
        taken.isEmpty && held.isEmpty && returned.isEmpty && accepted.isEmpty && outputs.isEmpty && listeners.isEmpty
            && ended.isEmpty
    }
}

/// What makes an event find a task that listens; whether the task takes it, its machine decides.
package struct Listener: Sendable {
    package struct Key: Sendable, Hashable {
        /// `nil` for events of any type.
        package let type: String?
        /// Source of the expression that gives the event's correlation value, and the value that is expected.
        package let correlation: String?
        package let expected: SHA256Digest?
    }

    package let task: Int
    package let keys: Set<Key>
}
