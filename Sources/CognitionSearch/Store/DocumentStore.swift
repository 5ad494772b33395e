import CognitionCore
import CognitionStorage

/// A step of an index's history as it is stored.
struct StoredChange: Sendable {
    let id: String
    let sequence: Int64
    let boost: Double
    let roles: String?
    /// `nil` for a removal.
    let fields: String?

    /// - Throws: `search.document_invalid` for a row that somebody else has written.
    var change: DocumentChange {
        get throws {
            guard let fields else { return DocumentChange(sequence: sequence, content: .removed(id: id)) }
            do {
                let document = SearchDocument(
                    id: id, boost: boost,
                    roles: try roles.map { try JSONValue(parsing: $0).arrayValue?.compactMap(\.stringValue) ?? [] },
                    fields: try JSONValue(parsing: fields).objectValue ?? [:])
                return DocumentChange(sequence: sequence, content: .put(document))
            } catch {
                throw SearchError(.searchDocumentInvalid, "document \(id) cannot be read", cause: error)
            }
        }
    }
}

/// A piece of an index's history, and the index as it was when that was read.
struct ChangePage: Sendable {
    let index: StoredIndex
    let changes: [StoredChange]
    /// Up to here the history is known now.
    let reached: Int64

    var isAtEnd: Bool { reached >= index.sequence }
}

/// What a document holds, for whoever has found it.
package struct StoredDocument: Sendable {
    let id: String
    let sequence: Int64
    let boost: Double
    /// As JSON.
    let roles: String?
    package let fields: String

    static let columns: StaticString = "id, sequence, boost, roles, fields"

    init(row: borrowing Row) throws {
        id = try row[0]
        sequence = try row[1]
        boost = try row[2]
        roles = try row[3]
        fields = try row[4]
    }

    /// - Parameter roles: Of whoever asks; `nil` for whoever may see all.
    func isThere(for roles: Set<String>?) -> Bool {
        guard let roles, let own = self.roles else { return true }
        // What cannot be read is there for nobody.
        return (try? JSONValue(parsing: own))?.arrayValue?.contains { roles.contains($0.stringValue ?? "") } ?? false
    }
}

enum DocumentStore {
    private static let changesMax = 1_000
    /// Of the documents of a page; one alone may be larger.
    private static let bytesMax: Int64 = 8 << 20

    /// What comes after `sequence`; `nil` when the index is not there any more.
    static func page(of key: Int64, after sequence: Int64, _ tx: borrowing Transaction) throws -> ChangePage? {
        guard let index = try IndexStore.find(key, tx) else { return nil }
        // First how much it is, so that a thousand large documents are not in memory at once.
        let sizes = try tx.query(
            """
            SELECT sequence, bytes FROM search_documents WHERE index_key = \(key) AND sequence > \(sequence)
            ORDER BY sequence LIMIT \(changesMax)
            """
        ) { row in (sequence: try row[0] as Int64, bytes: try row[1] as Int64) }
        guard var last = sizes.first?.sequence else {
            return ChangePage(index: index, changes: [], reached: max(sequence, index.sequence))
        }
        var bytes: Int64 = 0
        for size in sizes {
            bytes += size.bytes
            guard bytes <= bytesMax || size.sequence == last else { break }
            last = size.sequence
        }
        let changes = try tx.query(
            """
            SELECT id, sequence, boost, roles, fields FROM search_documents
            WHERE index_key = \(key) AND sequence > \(sequence) AND sequence <= \(last) ORDER BY sequence
            """
        ) { row in
            StoredChange(
                id: try row[0], sequence: try row[1], boost: try row[2], roles: try row[3], fields: try row[4])
        }
        let isAll = sizes.count < changesMax && last == sizes.last?.sequence
        return ChangePage(index: index, changes: changes, reached: isAll ? max(last, index.sequence) : last)
    }

    static func find(_ ids: [String], of key: Int64, _ tx: borrowing Transaction) throws -> [String: StoredDocument] {
        guard !ids.isEmpty else { return [:] }
        let found = try tx.query(
            """
            SELECT \(columns: StoredDocument.columns) FROM search_documents
            WHERE index_key = \(key) AND id IN \(list: ids) AND fields IS NOT NULL
            """, as: StoredDocument.init(row:))
        return Dictionary(found.map { ($0.id, $0) }) { first, _ in first }
    }

    static func existing(_ ids: [String], of key: Int64, _ tx: borrowing Transaction) throws -> [String] {
        try tx.query(
            """
            SELECT id FROM search_documents WHERE index_key = \(key) AND id IN \(list: ids) AND fields IS NOT NULL
            """
        ) { try $0[0] as String }
    }

    /// Of an index of few.
    static func all(of key: Int64, _ tx: borrowing Transaction) throws -> [String] {
        try tx.query(
            "SELECT id FROM search_documents WHERE index_key = \(key) AND fields IS NOT NULL"
        ) { try $0[0] as String }
    }

    static func count(of key: Int64, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            "SELECT COUNT(*) FROM search_documents WHERE index_key = \(key) AND fields IS NOT NULL"
        ) { try $0[0] as Int } ?? 0
    }

    static func size(of key: Int64, _ tx: borrowing Transaction) throws -> (documents: Int, bytes: Int64) {
        try tx.first(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS \(fragment: .int64)) FROM search_documents
            WHERE index_key = \(key) AND fields IS NOT NULL
            """
        ) { row in (try row[0] as Int, try row[1] as Int64) } ?? (0, 0)
    }

    /// How many documents there are up to the last change, and the sum of their fingerprints.
    static func sum(of key: Int64, _ tx: borrowing Transaction) throws -> (count: Int, fingerprint: UInt64) {
        var (count, sum, last) = (0, UInt64(0), Int64(-1))
        while true {
            // Summed here, as no engine adds without an overflow.
            let page = try tx.query(
                """
                SELECT sequence, fingerprint FROM search_documents
                WHERE index_key = \(key) AND sequence > \(last) AND fields IS NOT NULL
                ORDER BY sequence LIMIT \(sumMax)
                """
            ) { row in (sequence: try row[0] as Int64, fingerprint: UInt64(bitPattern: try row[1] as Int64)) }
            count += page.count
            for row in page { sum &+= row.fingerprint }
            guard page.count == sumMax, let end = page.last else { return (count, sum) }
            last = end.sequence
        }
    }

    private static let sumMax = 10_000

    /// Whether removals are old enough to be forgotten, or something is left of a deleted index.
    static func hasLeftovers(before moment: Timestamp, _ tx: borrowing Transaction) throws -> Bool {
        let removal = try tx.first(
            "SELECT 1 FROM search_documents WHERE fields IS NULL AND changed_at < \(moment) LIMIT 1"
        ) { try $0[0] as Int }
        return try removal != nil || tx.first("SELECT 1 FROM search_removals LIMIT 1") { try $0[0] as Int } != nil
    }

    /// Forgets removals from before `moment`; a copy that has not heard of them has to be made anew.
    /// - Returns: How many, at most `limit`.
    static func purge(before moment: Timestamp, limit: Int, _ tx: borrowing Transaction) throws -> Int {
        let removed = try tx.query(
            """
            SELECT index_key, id, sequence FROM search_documents WHERE fields IS NULL AND changed_at < \(moment)
            ORDER BY changed_at LIMIT \(limit)
            """
        ) { row in (key: try row[0] as Int64, id: try row[1] as String, sequence: try row[2] as Int64) }
        for (key, removed) in Dictionary(grouping: removed, by: \.key).sorted(by: { $0.key < $1.key }) {
            let last = removed.reduce(0) { max($0, $1.sequence) }
            // Locks the row that writers of the index lock before they write, so that none of these is one again meanwhile.
            try tx.execute(
                "UPDATE search_sequences SET purged = \(last) WHERE index_key = \(key) AND purged < \(last)")
            try tx.execute(
                """
                DELETE FROM search_documents WHERE index_key = \(key) AND fields IS NULL AND sequence <= \(last)
                    AND id IN \(list: removed.map(\.id))
                """)
        }
        return removed.count
    }
}
