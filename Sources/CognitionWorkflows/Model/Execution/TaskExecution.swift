package import CognitionCore

/// Where a task's raw input came from; kept instead of a copy of it.
package enum InputSource: Sendable, Hashable {
    /// The transformed input of the task around it.
    case parent
    /// The output of the task with this number.
    case task(Int)
    /// Its own: the arguments of a function.
    case own
}

/// A task as it is stored: one row for each time the engine enters a task of the document.
package struct TaskExecution: Sendable {
    /// From 1, in the order the tasks were started; 0 is the execution itself.
    package let number: Int
    package let parent: Int
    /// Which of the parent's lists it belongs to: the iteration of a `for`, the branch of a `fork`, 0 for the body and 1
    /// for the handler of a `try`.
    package let scope: Int
    package let name: String
    package let reference: String
    package let source: InputSource
    /// The raw input, where `source` is `own`; written with the row.
    package let ownInput: JSONValue?
    package var status: TaskStatus
    package var reason: StatusReason?
    package var attempt: Int
    package var startedAt: Timestamp
    package var endedAt: Timestamp?
    /// The transformed input, where `input.from` makes it differ from the raw one; in a change, `nil` leaves the row's.
    package var input: JSONValue?
    package var output: JSONValue?
    package var fault: WorkflowFault?
    package var wakeAt: Timestamp?
    package var deadline: Timestamp?
    /// What a composite task has to remember; see ``TaskProgress``.
    package var progress: JSONValue?
    /// What a `for` goes through; in a change, `nil` leaves the row's.
    package var items: JSONValue?
    /// How many tasks of the execution had ended when it was placed; `nil` in rows of older releases.
    package var placedAfter: Int?
    /// Which end in the execution its own was, from 1; `nil` until it has ended, and in rows of older releases.
    package var endedOrder: Int?
    /// What its `export` has made of the context.
    package var context: JSONValue?
    /// Micros that its calls have cost; in a change, what comes to the row's.
    package var cost: Int64?
}

/// A task that has not ended, in memory.
struct LiveTask: Sendable {
    let number: Int
    let parent: Int
    let scope: Int
    /// Its place in the list it belongs to.
    let place: Int
    let definition: TaskDefinition
    let source: InputSource
    let rawInput: JSONValue
    var input: JSONValue
    var status: TaskStatus = .pending
    var reason: StatusReason?
    var attempt = 1
    var startedAt: Timestamp
    var wakeAt: Timestamp?
    var deadline: Timestamp?
    var progress = TaskProgress.none
    /// What its effect has given, where that may have to be undone although the task fails over it.
    var given: JSONValue?
    /// Numbers of the live tasks inside, in the order they started.
    var children: [Int] = []
    /// See ``TaskExecution/placedAfter``.
    var placedAfter: Int?

    var isEffect: Bool {
        switch definition.kind {
        case .call(let call): call.target.isEffect
        case .runWorkflow, .runProcess: true
        default: false
        }
    }

    /// Changes it where it is, in a dictionary too.
    mutating func apply<Result>(_ change: (inout LiveTask) -> Result) -> Result { change(&self) }

    /// The moment at which time alone changes something.
    var nextMoment: Timestamp? {
        var earliest = wakeAt
        if let deadline { earliest = min(earliest ?? deadline, deadline) }
        if let deadline = progress.attempts?.attemptDeadline { earliest = min(earliest ?? deadline, deadline) }
        return earliest
    }
}
