import CognitionCore
package import CognitionStorage
import Synchronization

/// What became of one write of documents.
package final class DocumentReceipt: Sendable {
    private let given = Mutex<Int64?>(nil)

    init() {}

    /// The sequence of the index that has all of the write: known once `write` has returned, never inside of its body.
    package var sequence: Int64 {
        guard let sequence = given.withLock({ $0 }) else {
            preconditionFailure("sequences are given last before the commit")
        }
        return sequence
    }

    func assign(_ sequence: Int64) { given.withLock { $0 = sequence } }
}

/// A document that is ready to be written, or that one is to be removed.
package struct PreparedDocument: Sendable {
    let id: String
    let boost: Double
    /// A JSON array.
    let roles: String?
    /// `nil` removes the document.
    let fields: String?
    /// Equal for what is the same; empty for a removal.
    let digest: [UInt8]
    let fingerprint: UInt64

    static func removal(of id: String) -> PreparedDocument {
        PreparedDocument(id: id, boost: 1, roles: nil, fields: nil, digest: [], fingerprint: 0)
    }
}

/// Gives the documents of all requests of a round their sequences and writes them, in few statements, late in the transaction.
///
/// The row of an index's sequence is locked from here to the end of the commit, in the order of the indexes, so that two
/// rounds wait for each other no longer than that and not in a circle. So sequences follow the order of commits: whoever has
/// read up to one misses nothing that comes later.
final class DocumentStep: CommitStep {
    private struct Piece {
        let index: Int64
        let name: String
        let receipt: DocumentReceipt
        let documents: [PreparedDocument]
        let time: Timestamp
    }

    private var pieces: [Piece] = []

    init() {}

    /// Before the step that locks the head of the log.
    static let rank = 1

    var count: Int { pieces.count }

    func truncate(to count: Int) { pieces.removeSubrange(count...) }

    func add(_ documents: [PreparedDocument], to index: StoredIndex, time: Timestamp) -> DocumentReceipt {
        let receipt = DocumentReceipt()
        pieces.append(
            Piece(
                index: index.key, name: index.address.name, receipt: receipt, documents: documents, time: time))
        return receipt
    }

    func run(in tx: borrowing Transaction) throws {
        guard !pieces.isEmpty else { return }
        var values: [SQLValue] = []
        for (key, pieces) in Dictionary(grouping: pieces, by: \.index).sorted(by: { $0.key < $1.key }) {
            let count = pieces.reduce(0) { $0 + $1.documents.count }
            let last = try tx.first(
                """
                UPDATE search_sequences SET sequence = sequence + \(count) WHERE index_key = \(key) RETURNING sequence
                """
            ) { try $0[0] as Int64 }
            // It was deleted since the request looked.
            guard let last else { throw SearchError.notFound(pieces[0].name) }
            var sequence = last - Int64(count)
            // A statement writes no row twice: of the same document the last counts.
            var rows: [String: Int] = [:]
            var written: [(document: PreparedDocument, sequence: Int64, time: Timestamp)] = []
            for piece in pieces {
                for document in piece.documents {
                    sequence += 1
                    let row = (document, sequence, piece.time)
                    if let place = rows.updateValue(written.count, forKey: document.id) {
                        rows[document.id] = place
                        written[place] = row
                    } else {
                        written.append(row)
                    }
                }
                piece.receipt.assign(sequence)
            }
            for (document, sequence, time) in written {
                values += [
                    .integer(key), .text(document.id), .integer(sequence), time.sqlValue,
                    .integer(Int64(document.fields?.utf8.count ?? 0)), .double(document.boost),
                    document.roles.sqlValue, document.fields.sqlValue, .bytes(document.digest),
                    .integer(Int64(bitPattern: document.fingerprint)),
                ]
            }
        }
        try tx.insert(into: Self.table, values)
        tx.signal(.searchDocuments)
    }

    /// Once it has run, nothing is cut off any more.
    var committedWork: CommittedWork? {
        let count = pieces.reduce(0) { $0 + $1.documents.count }
        return count == 0 ? nil : CommittedWork(metric: "search.documents", amount: count)
    }

    /// What is the same already keeps its sequence, and no copy has to do anything.
    private static let table = BulkTable(
        "search_documents",
        [
            "index_key": .integer, "id": .text, "sequence": .integer, "changed_at": .integer, "bytes": .integer,
            "boost": .double, "roles": .text, "fields": .text, "digest": .bytes, "fingerprint": .integer,
        ],
        suffix: """
            ON CONFLICT (index_key, id) DO UPDATE SET sequence = excluded.sequence, changed_at = excluded.changed_at,
                bytes = excluded.bytes, boost = excluded.boost, roles = excluded.roles, fields = excluded.fields,
                digest = excluded.digest, fingerprint = excluded.fingerprint
            WHERE search_documents.digest <> excluded.digest
            """)
}

extension SignalTopic {
    /// Documents or settings of an index have changed.
    package static let searchDocuments: SignalTopic = "search.documents"
}
