package import CognitionCore

/// The times in which a look for due executions finds them.
package struct DueSpan: Sendable, Hashable {
    /// `nil`: from the beginning.
    package let earliest: Timestamp?
    package let now: Timestamp

    package init(earliest: Timestamp?, now: Timestamp) {
        self.earliest = earliest
        self.now = now
    }
}

/// How far back an engine looks for due executions.
///
/// One that was due and was taken leaves its place in the index of what is due, and PostgreSQL can clear none of them away while
/// a stranger's transaction stays open. So once a look has left nothing behind, the next ones begin shortly before it, and
/// only now and then one begins at the beginning. It finds what is due since earlier and was not there to be found: of a node
/// whose clock is behind, or of a commit that took long.
package struct DueLooks: Sendable {
    /// How late what is due may be committed, and how much clocks may differ, without being found later.
    package static let slack: Duration = .seconds(10)
    /// How often a look begins at the beginning.
    package static let pause: Duration = .seconds(5)

    /// When a look from the beginning has last left nothing behind; `nil` while there may be more.
    private var emptiedAt: Timestamp?

    package init() {}

    package func next(now: Timestamp) -> DueSpan {
        guard let emptiedAt, now >= emptiedAt, now < emptiedAt + Self.pause else {
            return DueSpan(earliest: nil, now: now)
        }
        return DueSpan(earliest: emptiedAt - Self.slack, now: now)
    }

    /// - Parameter leavesNothing: All that was found could be taken.
    package mutating func note(_ span: DueSpan, leavesNothing: Bool) {
        if !leavesNothing {
            emptiedAt = nil
        } else if span.earliest == nil {
            emptiedAt = span.now
        }
    }
}
