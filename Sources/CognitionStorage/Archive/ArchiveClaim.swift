package import CognitionCore

/// Makes one node of several the one that archives.
///
/// A claim is a row with the key 1 of a table of the context's own, with the columns `id`, `owner` and `owned_until`. Its
/// times are those of the database's own clock; a claim that is good for longer than any is of before it was set back.
package struct ArchiveClaim: Sendable {
    /// How long a node that has crashed keeps others from archiving.
    private static let life: Duration = .seconds(300)

    private let table: StaticString
    package let owner: String

    package init(_ table: StaticString, owner: UUIDv7) {
        self.table = table
        self.owner = owner.description
    }

    /// Takes the claim, or keeps it for longer.
    /// - Returns: Whether this node archives now; not while another one does.
    package func take(in tx: borrowing Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE \(columns: table) SET owner = \(owner), owned_until = \(fragment: .now) + \(Self.life.microseconds)
            WHERE id = 1 AND (owner IS NULL OR owner = \(owner) OR owned_until < \(fragment: .now)
                OR owned_until > \(fragment: .now) + \(2 * Self.life.microseconds))
            """) == 1
    }

    /// Lets others archive.
    package func end(in tx: borrowing Transaction) throws {
        try tx.execute("UPDATE \(columns: table) SET owner = NULL WHERE id = 1 AND owner = \(owner)")
    }
}
