import CognitionCore
import OrderedCollections

/// What a request may ask for, before anything is looked up.
struct SearchBounds {
    let snapshots: [IndexSnapshot]

    init(_ snapshots: [IndexSnapshot]) { self.snapshots = snapshots }

    /// - Throws: `search.query_invalid`.
    func check(_ request: SearchRequest) throws(SearchError) {
        guard (0...Searcher.limitMax).contains(request.limit) else {
            throw .query("`limit` is between 0 and \(Searcher.limitMax).")
        }
        switch request.page {
        case .offset(let offset):
            guard offset >= 0, offset <= Searcher.reachMax - request.limit else {
                throw .query(
                    "`offset` and `limit` reach at most \(Searcher.reachMax) hits; a cursor goes on from there.")
            }
        case .after(let cursor):
            guard cursor.values.count == max(1, request.sort.count), cursor.index >= 0 else {
                throw .query("The cursor belongs to a search with another order.")
            }
        }
        guard request.filters.count <= Searcher.facetsMax, request.facets.count <= Searcher.facetsMax else {
            throw .query("A search has at most \(Searcher.facetsMax) filters and as many facets.")
        }
        guard request.sort.count <= Searcher.sortKeysMax else {
            throw .query("A search has at most \(Searcher.sortKeysMax) keys to sort by.")
        }
        for key in request.sort {
            guard case .field(let name) = key.subject else { continue }
            try check(name, "sorted by") { $0.kind != .text && $0.isSortable }
        }
        for facet in request.facets {
            try check(facet.field, "counted") { $0.kind != .text && $0.isFacet }
            switch facet.kind {
            case .values(let limit): try check(limit)
            case .hierarchy(let separator, _, let limit):
                try check(limit)
                guard !separator.isEmpty else { throw .query("The separator of a hierarchy is not empty.") }
                try check(facet.field, "counted as paths") { $0.kind == .keyword }
            case .ranges(let ranges):
                guard ranges.count <= 1_000 else { throw .query("A facet has at most 1,000 ranges.") }
                for snapshot in snapshots {
                    guard let place = snapshot.schema.place(of: facet.field) else { continue }
                    for (_, range) in ranges { try range.check(snapshot.schema.fields[place]) }
                }
            }
        }
    }

    private func check(_ limit: Int) throws(SearchError) {
        guard (0...10_000).contains(limit) else { throw .query("A facet has at most 10,000 values.") }
    }

    /// The field is in one index at least, and fit for it wherever it is.
    private func check(_ name: String, _ verb: String, _ fits: (SearchField) -> Bool) throws(SearchError) {
        let fields = snapshots.compactMap { $0.settings.fields[name] }
        guard !fields.isEmpty else { throw .unknownField(name) }
        for field in fields where !fits(field) {
            throw .query(
                "The field `\(name)` is a \(field.kind.rawValue) that cannot be \(verb); settings say which can.")
        }
    }
}
