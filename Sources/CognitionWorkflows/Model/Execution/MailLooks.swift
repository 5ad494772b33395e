/// How far back an engine looks for new messages.
///
/// As ``DueLooks``, and for the same reason: one that was new and was received leaves its place in the index of what is new. Once
/// a look has left nothing behind, the next ones begin behind the messages that were there ``DueLooks/slack`` before, and every
/// ``DueLooks/pause`` one begins at the beginning.
package struct MailLooks: Sendable {
    private static let markPause: Duration = .seconds(1)

    /// Keys that had been given out at some moments, oldest first.
    private var marks: [(key: Int64, at: ContinuousClock.Instant)] = []
    /// When a look from the beginning has last left nothing behind; `nil` while there may be more.
    private var emptiedAt: ContinuousClock.Instant?

    package init() {}

    /// - Returns: The key behind which the next look begins; `nil`: at the beginning.
    package func next(at now: ContinuousClock.Instant = .now) -> Int64? {
        guard let emptiedAt, now - emptiedAt < DueLooks.pause else { return nil }
        return marks.last { now - $0.at >= DueLooks.slack }?.key
    }

    /// - Parameters:
    ///   - start: Where the look began.
    ///   - lastKey: The last key that had been given out when it began; `nil` where nobody says, and then all looks begin at
    ///     the beginning.
    ///   - leavesNothing: All that was found is being received.
    package mutating func note(
        after start: Int64?, lastKey: Int64?, leavesNothing: Bool, at now: ContinuousClock.Instant = .now
    ) {
        if !leavesNothing {
            emptiedAt = nil
        } else if start == nil {
            emptiedAt = now
        }
        guard start == nil, let lastKey, marks.last.map({ now - $0.at >= Self.markPause }) ?? true else { return }
        marks.append((lastKey, now))
        if let old = marks.lastIndex(where: { now - $0.at >= DueLooks.slack }) { marks.removeFirst(old) }
    }
}
