import Foundation

/// A term that the best hits share, and how much it is to weigh.
struct FeedbackTerm {
    var index: Int
    var field: Int
    var term: [UInt8]
    var weight: Double
}

/// Words that the best hits have in common: they are added to the query.
///
/// A term's worth is the sum over the hits of their score times the term's share of their length, times its idf. Source:
/// Rocchio (1971), as relevance models do it without judgements: Lavrenko, Croft, "Relevance-based language models" (2001).
/// The index has no list of a document's terms; dictionaries are walked, and terms that are rare or common are left out.
struct RelevanceFeedback {
    static let hitsMax = 10
    static let termsMax = 10
    /// What all added terms together may weigh beside those of the query.
    static let share = 0.3
    /// Terms in more than this part of documents say nothing about the hits.
    static let commonPart = 0.1

    private let hits: [(unit: SearchRun.Unit, document: Int, score: Double)]
    private let statistics: CollectionStatistics
    private let snapshots: [IndexSnapshot]

    init(
        _ hits: [(unit: SearchRun.Unit, document: Int, score: Double)], statistics: CollectionStatistics,
        snapshots: [IndexSnapshot]
    ) {
        (self.hits, self.statistics, self.snapshots) = (hits, statistics, snapshots)
    }

    private struct Key: Hashable {
        var index: Int
        var field: Int
        var term: [UInt8]
    }

    func terms() throws(SearchError) -> [FeedbackTerm] {
        var worth: [Key: (worth: Double, hits: Int)] = [:]
        let best = hits.map(\.score).max() ?? 1
        let units = Dictionary(grouping: hits) { ObjectIdentifier($0.unit.segment) }
        for hits in units.values {
            let unit = hits[0].unit
            let documents = hits.sorted { $0.document < $1.document }
            for (place, field) in unit.schema.fields.enumerated() where field.kind == .text {
                let part = unit.segment.fields[place]
                guard let dictionary = part.dictionary, let norms = part.norms else { continue }
                let common = max(2, Int(Double(unit.segment.documentCount) * Self.commonPart))
                let all = statistics.lengths(of: field.name).documents
                let iterator = TermIterator(dictionary)
                while iterator.advance() {
                    guard let entry = iterator.entry, entry.documentCount >= 2, entry.documentCount <= common else {
                        continue
                    }
                    var cursor = part.cursor(entry, documentCount: unit.segment.documentCount)
                    defer { cursor.free() }
                    for hit in documents {
                        cursor.seek(UInt32(hit.document))
                        guard cursor.document == UInt32(hit.document) else { continue }
                        cursor.needCounts()
                        let count = Double(cursor.counts[cursor.place])
                        let length = Double(max(1, Norm.length(norms[hit.document])))
                        let idf = CollectionStatistics.idf(documents: entry.documentCount, of: all)
                        let key = Key(index: unit.index, field: place, term: iterator.term)
                        let known = worth[key] ?? (0, 0)
                        worth[key] = (
                            known.worth + hit.score / max(best, 1e-300) * count / length * idf, known.hits + 1
                        )
                    }
                    if cursor.isDamaged { throw .damaged("documents of a term cannot be read") }
                }
                if iterator.isDamaged { throw .damaged("a dictionary cannot be read") }
            }
        }
        // What one hit alone has tells about that hit.
        let shared = worth.filter { hits.count == 1 || $0.value.hits > 1 }
        let sorted = shared.sorted { left, right in
            left.value.worth != right.value.worth
                ? left.value.worth > right.value.worth : left.key.term.lexicographicallyPrecedes(right.key.term)
        }
        let chosen = sorted.prefix(Self.termsMax)
        let sum = chosen.reduce(0) { $0 + $1.value.worth }
        return chosen.map {
            FeedbackTerm(
                index: $0.key.index, field: $0.key.field, term: $0.key.term,
                weight: sum > 0 ? Self.share * $0.value.worth / sum * Double(Self.termsMax) / 2 : 0)
        }
    }
}

extension Searcher.Planned {
    /// The same, with words that add to scores, and to matches where any word is enough.
    func adding(
        _ terms: [FeedbackTerm], statistics: CollectionStatistics, snapshots: [IndexSnapshot]
    ) -> Searcher.Planned {
        var planned = self
        for (index, snapshot) in snapshots.enumerated() {
            let leaves = terms.compactMap { term -> Plan? in
                guard let place = snapshot.schema.place(of: snapshots[term.index].schema.fields[term.field].name),
                    snapshot.schema.fields[place].kind == .text
                else { return nil }
                let name = snapshot.schema.fields[place].name
                let (entries, documents) = term.term.withUnsafeBytes { bytes in
                    let entries = statistics.entries(of: bytes, field: place, index: index)
                    return (entries, statistics.documents(of: bytes, field: name, known: index, entries))
                }
                guard entries.contains(where: { $0 != nil }) else { return nil }
                let idf = CollectionStatistics.idf(documents: documents, of: statistics.lengths(of: name).documents)
                return .named(
                    .other("“\(String(decoding: term.term, as: UTF8.self))”, which the best hits share"),
                    .term(
                        TermLeaf(
                            field: place, fieldName: name, term: term.term, weight: idf * term.weight, idf: idf,
                            documents: documents, factor: 1, entries: entries,
                            table: statistics.table(index: index, field: name))))
            }
            if !leaves.isEmpty { planned.plans[index] = planned.plans[index].adding(leaves) }
        }
        planned.finish(snapshots)
        return planned
    }
}

extension Plan {
    /// Other alternatives where it is one of alternatives; else only better scores of what matches anyhow.
    fileprivate func adding(_ leaves: [Plan]) -> Plan {
        switch self {
        case .or(let plans, 1): .or(plans + leaves, minimum: 1)
        case .named, .term, .terms, .best: .or([self] + leaves, minimum: 1)
        default: .and([self, .or([.filter(.all(weight: 0))] + leaves, minimum: 1)])
        }
    }
}
