import CognitionCore

/// One pass of a search over the segments of all its indexes.
struct SearchRun {
    /// A segment, and where it stands in the order of documents.
    final class Unit: Sendable {
        let index: Int
        let number: Int
        let segment: Segment
        let alive: AliveBits
        let schema: IndexSchema
        let plan: Plan
        let filters: [Plan]

        init(index: Int, number: Int, entry: SegmentEntry, schema: IndexSchema, plan: Plan, filters: [Plan]) {
            (self.index, self.number, self.segment, self.alive) = (index, number, entry.segment, entry.alive)
            (self.schema, self.plan, self.filters) = (schema, plan, filters)
        }
    }

    /// Documents that match, before and after filters, where somebody wants to count them.
    struct Matches {
        var query: DocumentSet
        var filters: [DocumentSet]
    }

    let request: SearchRequest
    let units: [Unit]
    let scale: ScoreScale
    /// Hits that are kept: those before the page, too.
    let keptMax: Int

    private(set) var isLowerBound = false
    private(set) var top: [TopHits.Hit] = []
    private(set) var total = 0
    /// For each unit, with facets.
    private(set) var matches: [Matches] = []

    init(_ request: SearchRequest, units: [Unit], scale: ScoreScale, keptMax: Int) {
        (self.request, self.units, self.scale, self.keptMax) = (request, units, scale, keptMax)
    }

    private var wantsAll: Bool { request.countsExactly || !request.facets.isEmpty }

    mutating func run(sorter: inout HitSorter?) throws {
        var hits: HitCollector?
        for (place, unit) in units.enumerated() {
            let builder = NodeBuilder(segment: unit.segment, number: unit.number, scale: scale)
            let allowed = try allowed(unit, builder)
            let scoring = DocumentScoring(unit.segment, schema: unit.schema, now: request.now, scale: scale)
            let node = builder.node(unit.plan)
            var collector = hits.take() ?? HitCollector(countMax: keptMax, after: afterHit, scoring: scoring)
            collector.begin(place, scoring: scoring, allowed: allowed)
            if !wantsAll, sorter == nil, unit.filters.isEmpty, node.collect(&collector) {
                try builder.check(node)
            } else {
                try sorter?.begin(unit)
                try collect(node, of: unit, builder, allowed, &collector, &sorter, scoring)
                sorter?.finish(place)
            }
            if node.hasSkipped { isLowerBound = true }
            hits = collector
        }
        if let hits { (top, total) = (hits.top.sorted, hits.total) }
    }

    /// Window by window.
    private mutating func collect(
        _ node: PlanNode, of unit: Unit, _ builder: NodeBuilder, _ allowed: DocumentSet?,
        _ collector: inout HitCollector, _ sorter: inout HitSorter?, _ scoring: DocumentScoring
    ) throws {
        let filters = try unit.filters.map { plan throws(SearchError) in try builder.documents(plan) }
        let match = request.facets.isEmpty ? nil : DocumentSet(documentCount: unit.segment.documentCount)
        let prunes = !wantsAll && sorter == nil
        try builder.forEachWindow(of: node, Window()) { window in
            node.fill(window, skipping: prunes ? collector.limit : -1)
            if let allowed { window.keep(allowed) }
            if let match {
                let first = Int(window.base) >> 6
                for word in 0..<min(Window.wordCount, match.wordCount - first) {
                    match.words[first + word] = window.bits[word]
                }
            }
            for filter in filters { window.keep(filter) }
            if sorter == nil {
                collector.add(window)
            } else {
                collector.count(window)
                window.forEach { inside in
                    let document = Int(window.base) + inside
                    sorter?.add(document, score: scoring.score(window.scores[inside], document))
                }
            }
            return true
        }
        if let match { matches.append(Matches(query: match, filters: filters)) }
    }

    /// Documents that are there and may be seen; `nil` for all.
    private func allowed(_ unit: Unit, _ builder: NodeBuilder) throws(SearchError) -> DocumentSet? {
        var set = unit.alive.hasDeletions ? DocumentSet(unit.alive) : nil
        if let roles = request.roles, !unit.segment.isOpenToAll {
            let visible = try RoleFilter.documents(for: roles, in: unit.segment)
            if let known = set { known.intersect(visible) } else { set = visible }
        }
        return set
    }

    /// The hit that the page comes after, as a hit; without scores to sort by, that is the sorter's.
    private var afterHit: TopHits.Hit? {
        guard request.sort.isEmpty, case .after(let cursor) = request.page else { return nil }
        let score = cursor.values.first?.doubleValue ?? 0
        return TopHits.Hit(score: score, order: Self.order(of: cursor, in: units))
    }

    /// Where a change stands in the order of documents: the document it put, or the last before it; 0 before all.
    /// An order is the place of the unit in the upper 32 bits, and the document plus one in the lower.
    static func order(of cursor: SearchCursor, in units: [Unit]) -> UInt64 {
        var order: UInt64 = 0
        for (place, unit) in units.enumerated() {
            if unit.index > cursor.index { break }
            let sequences = unit.segment.sequences
            if unit.index == cursor.index, sequences[0] > cursor.sequence { break }
            var (low, high) = (0, unit.segment.documentCount)
            if unit.index == cursor.index {
                while high - low > 1 {
                    let middle = (low + high) / 2
                    if sequences[middle] <= cursor.sequence { low = middle } else { high = middle }
                }
            } else {
                low = high - 1
            }
            order = UInt64(place) << 32 | UInt64(low + 1)
        }
        return order
    }
}

/// Documents that roles may find.
enum RoleFilter {
    static func documents(for roles: Set<String>, in segment: Segment) throws(SearchError) -> DocumentSet {
        let set = DocumentSet(documentCount: segment.documentCount)
        for role in roles.map({ "r" + $0 }).sorted() + [SegmentFormat.everyone] {
            guard let entry = segment.roles.dictionary?.find(role) else { continue }
            var cursor = segment.roles.cursor(entry, documentCount: segment.documentCount)
            defer { cursor.free() }
            cursor.advance()
            while cursor.document != PostingCursor.end {
                set.insert(Int(cursor.document))
                cursor.advance()
            }
            if cursor.isDamaged { throw .damaged("documents of a role cannot be read") }
        }
        return set
    }
}
