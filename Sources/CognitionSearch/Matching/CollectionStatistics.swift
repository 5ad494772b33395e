import CognitionCore
import Foundation

/// How many documents there are and how many have a term, over all indexes of a search: what makes their scores comparable.
///
/// Deleted documents count until they are merged away, as in Lucene.
final class CollectionStatistics {
    private let snapshots: [IndexSnapshot]
    private var fields: [String: (documents: Int, average: Double)] = [:]

    init(_ snapshots: [IndexSnapshot]) { self.snapshots = snapshots }

    /// Documents that have terms in a text field, and how many on average.
    func lengths(of field: String) -> (documents: Int, average: Double) {
        if let known = fields[field] { return known }
        var (documents, occurrences) = (0, 0)
        for snapshot in snapshots {
            let lengths = snapshot.lengths(of: field)
            documents += lengths.documents
            occurrences += lengths.terms
        }
        let found = (documents, documents > 0 ? Double(occurrences) / Double(documents) : 0)
        fields[field] = found
        return found
    }

    func table(index: Int, field: String) -> ScoreTable {
        snapshots[index].schema.table(of: field, averageLength: lengths(of: field).average)
    }

    /// What the dictionaries of an index's segments say of a term.
    func entries(of term: UnsafeRawBufferPointer, field: Int, index: Int) -> [TermEntry?] {
        snapshots[index].contents.entries.map { $0.segment.fields[field].dictionary?.find(term) }
    }

    /// Documents of all indexes that have a term in a text field of the name.
    func documents(of term: UnsafeRawBufferPointer, field: String, known index: Int, _ entries: [TermEntry?]) -> Int {
        var count = entries.reduce(0) { $0 + ($1?.documentCount ?? 0) }
        guard snapshots.count > 1 else { return count }
        for (other, snapshot) in snapshots.enumerated() where other != index {
            guard let place = snapshot.schema.place(of: field), snapshot.schema.fields[place].kind == .text else {
                continue
            }
            count += self.entries(of: term, field: place, index: other).reduce(0) { $0 + ($1?.documentCount ?? 0) }
        }
        return count
    }

    /// Lucene's idf, which is never negative: `ln(1 + (N − n + 0.5) / (n + 0.5))`.
    static func idf(documents: Int, of all: Int) -> Double {
        log(1 + (Double(max(0, all - documents)) + 0.5) / (Double(documents) + 0.5))
    }
}
