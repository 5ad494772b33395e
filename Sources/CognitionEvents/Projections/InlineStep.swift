import CognitionStorage

/// Lets inline projections have what a round appends, right after the events have got their positions.
final class InlineStep: CommitStep {
    private var inline: InlineProjections?

    init() {}

    static let rank = AppendStep.rank + 1

    /// Nothing of it belongs to one request.
    var count: Int { 0 }

    func truncate(to count: Int) {}

    /// The same for every request of a round.
    func serve(_ inline: InlineProjections) { self.inline = inline }

    func run(in tx: borrowing Transaction) throws {
        guard let inline, let positions = tx.commitStep(AppendStep.self).positions else { return }
        try inline.take(positions, in: tx)
    }
}
