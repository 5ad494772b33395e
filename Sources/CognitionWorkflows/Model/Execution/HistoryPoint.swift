import CognitionCore

/// A point in the history of an execution, between the end of one task and whatever came next.
struct HistoryPoint: Sendable, Equatable {
    /// How many tasks had ended.
    var ends: Int
    /// Whether what follows from the last end had been started; false right after it, before its list goes on.
    var isSettled: Bool
}

/// A task behind which a list goes on.
struct EndedTask: Sendable {
    /// With its output, and its input where its row has one.
    var row: TaskExecution
    /// The raw input; `nil` where that is the input of the task around.
    var rawInput: JSONValue?

    var isSkipped: Bool { row.progress?["skipped"]?.boolValue ?? false }
    /// A task inside said `then: end`.
    var endsWorkflow: Bool { row.progress?["ends_workflow"]?.boolValue ?? false }
}

/// An execution as it was at a point of its history, ready to go on from there.
struct ResumedExecution: Sendable {
    /// Tasks with tasks inside are running, all others pending: they start again.
    var stored: StoredExecution
    /// Behind these the lists go on at once.
    var ended: [EndedTask]
}
