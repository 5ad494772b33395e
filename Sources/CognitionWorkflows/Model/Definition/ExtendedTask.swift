import CognitionCore
package import CognitionExpressions

/// A task with one extension of `use.extensions` around it.
///
/// It stands in its list where the task alone would, under the task's name. The task keeps its reference; this one's is
/// that of the task with `/extensions/NAME` behind it, so that both can be told apart in the rows of an execution. Of
/// several extensions the first of the document is the outermost.
package struct ExtendedTask: Sendable {
    /// JSON pointer of the extension, e.g. `/use/extensions/0/logging`.
    package let reference: String
    /// Whether the extension applies: looked at once, on the raw input of the task; `nil` is always.
    package let when: Expression?
    package let before: TaskList
    /// A `do` task with the list, which gives what it was given; `nil` where there is none.
    package let after: TaskDefinition?
    /// The task, or what the next extension makes of it.
    package let task: TaskDefinition

    /// The parts as scopes of its children.
    static let beforeScope = 0
    static let taskScope = 1
    static let afterScope = 2
}

extension TaskDefinition {
    /// The task itself, without the extensions around it.
    var subject: TaskDefinition {
        if case .extended(let extended) = kind { extended.task.subject } else { self }
    }
}
