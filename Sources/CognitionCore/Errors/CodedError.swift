/// An error that programs can act on: a stable code, a category that HTTP and retry policies look at, a sentence for people.
package protocol CodedError: Error, CustomStringConvertible {
    var code: ErrorCode { get }
    /// For people; names what was wrong and what to do, and holds no secrets and no SQL.
    var message: String { get }
    /// What lies behind it, for logs only.
    var cause: (any Error)? { get }
}

extension CodedError {
    package var description: String { "\(code.name): \(message)" }
    package var category: ErrorCategory { code.category }
}

/// A stable name of a kind of failure, e.g. `workflow.execution_ended`; each has a line in `Docs/Errors.md`.
package struct ErrorCode: Sendable, Hashable {
    package let name: String
    package let category: ErrorCategory

    package init(_ name: String, category: ErrorCategory) {
        self.name = name
        self.category = category
    }
}

/// What kind of answer an error is.
package enum ErrorCategory: String, Sendable, Hashable, CaseIterable {
    case invalid
    case unauthenticated
    case forbidden
    case notFound
    /// It was there, and has been moved to where this call does not reach.
    case gone
    case conflict
    case limited
    case unsupported
    /// The same call may succeed later without a change.
    case unavailable
    case `internal`
}
