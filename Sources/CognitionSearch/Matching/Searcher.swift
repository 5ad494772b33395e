import CognitionCore

extension IndexSnapshot {
    /// Carries out a search.
    ///
    /// - Throws: `search.query_invalid`, `search.index_damaged`.
    package func search(_ request: SearchRequest) throws -> SearchAnswer {
        try Searcher(request, in: [self]).answer()
    }

    /// Carries out one search in several indexes: words weigh the same in all of them, and hits are in one order.
    ///
    /// A condition on a field that some of them have matches nothing in the others.
    package static func search(_ request: SearchRequest, in snapshots: [IndexSnapshot]) throws -> SearchAnswer {
        try Searcher(request, in: snapshots).answer()
    }
}

/// Carries out a search: plans it for each index, runs it over all segments, and makes the answer.
struct Searcher {
    static let limitMax = 1_000
    static let reachMax = 10_000
    static let facetsMax = 100
    static let sortKeysMax = 8

    private let request: SearchRequest
    private let snapshots: [IndexSnapshot]
    private let statistics: CollectionStatistics

    init(_ request: SearchRequest, in snapshots: [IndexSnapshot]) throws {
        (self.request, self.snapshots) = (request, snapshots)
        statistics = CollectionStatistics(snapshots)
        try SearchBounds(snapshots).check(request)
        for snapshot in snapshots { try snapshot.check() }
    }

    /// What was planned for all indexes.
    struct Planned {
        var units: [SearchRun.Unit] = []
        var plans: [Plan] = []
        var filters: [[Plan]] = []
        var scale = ScoreScale(best: 1)
        var typoLimited = false
        var couldExpand = false
        var corrections: [String: String] = [:]
    }

    /// A run that is over.
    private struct Found {
        var planned: Planned
        var run: SearchRun
        var sorter: HitSorter?
        var hits: [FoundHit]
    }

    func answer() throws -> SearchAnswer {
        var found = try search(expandsKnown: request.fuzziness == .on)
        // Too few documents match the words as they stand: now those are tried that the words may have been meant to be.
        if request.fuzziness == .auto, found.planned.couldExpand, found.run.total < request.limit {
            let corrections = found.planned.corrections
            found = try search(expandsKnown: true)
            found.planned.corrections.merge(corrections) { new, _ in new }
        }
        if request.expands, let terms = try feedback(of: found), !terms.isEmpty {
            found = try search(found.planned.adding(terms, statistics: statistics, snapshots: snapshots))
        }
        return try answer(of: found)
    }

    private func search(expandsKnown: Bool) throws -> Found { try search(try plan(expandsKnown: expandsKnown)) }

    private func search(_ planned: Planned) throws -> Found {
        let offset = if case .offset(let offset) = request.page { offset } else { 0 }
        let kept = offset + request.limit
        var run = SearchRun(request, units: planned.units, scale: planned.scale, keptMax: kept)
        var sorter =
            request.sort.isEmpty ? nil : HitSorter(request, keptMax: kept, units: planned.units)
        try run.run(sorter: &sorter)
        let hits: [FoundHit] =
            if let sorter {
                sorter.sorted.map { FoundHit(order: $0.order, score: $0.score, values: $0.values.map(\.json)) }
            } else {
                run.top.map { FoundHit(order: $0.order, score: $0.score, values: [.number($0.score)]) }
            }
        return Found(planned: planned, run: run, sorter: sorter, hits: Array(hits.dropFirst(offset)))
    }

    /// A hit before its id is known.
    private struct FoundHit {
        var order: UInt64
        var score: Double
        var values: [JSONValue]
        var unit: Int { Int(order >> 32) }
        var document: Int { Int(order & 0xFFFF_FFFF) - 1 }
    }

    // MARK: - Plans

    private func plan(expandsKnown: Bool) throws -> Planned {
        var planned = Planned()
        var unknown: Set<String>?
        for (index, snapshot) in snapshots.enumerated() {
            let planner = try QueryPlanner(
                request, snapshot, index: index, statistics: statistics, expandsKnown: expandsKnown,
                isOneOfSeveral: snapshots.count > 1)
            planned.plans.append(try planner.plan())
            planned.filters.append(try request.filters.map { try planner.plan($0) })
            planned.typoLimited = planned.typoLimited || planner.typoLimited
            planned.couldExpand = planned.couldExpand || planner.couldExpand
            planned.corrections.merge(planner.corrections) { known, _ in known }
            unknown = unknown.map { $0.intersection(planner.unknownFields) } ?? planner.unknownFields
        }
        if let name = unknown?.min() { throw SearchError.unknownField(name) }
        planned.finish(snapshots)
        return planned
    }

    // MARK: - Answers

    private func answer(of found: Found) throws -> SearchAnswer {
        let (planned, run) = (found.planned, found.run)
        var answer = SearchAnswer(
            total: SearchAnswer.Total(value: run.total, isLowerBound: run.isLowerBound), hits: [], facets: [:],
            typoLimited: planned.typoLimited, corrections: planned.corrections, whyNot: nil,
            sequence: snapshots.map(\.sequence).min() ?? 0)
        if !request.facets.isEmpty { try count(run, &answer) }
        for hit in found.hits {
            let unit = planned.units[hit.unit]
            var result = SearchAnswer.Hit(
                id: try unit.segment.id(of: hit.document), score: hit.score,
                cursor: SearchCursor(
                    values: hit.values, index: unit.index, sequence: unit.segment.sequences[hit.document]))
            result.index = unit.index
            if request.namesTerms || request.explains {
                let explainer = PlanExplainer(unit: unit, request: request, scale: planned.scale)
                if request.namesTerms { result.terms = try explainer.terms(of: hit.document) }
                if request.explains { result.explanation = try explainer.explain(hit.document, score: hit.score) }
            }
            answer.hits.append(result)
        }
        if let id = request.whyNot { answer.whyNot = try whyNot(id, planned) }
        return answer
    }

    /// Counts of all facets; a facet's own filter is left out of what it counts.
    private func count(_ run: SearchRun, _ answer: inout SearchAnswer) throws {
        var total = 0
        for facet in request.facets {
            var counter = FacetCounter(facet)
            for (unit, matches) in zip(run.units, run.matches) {
                let documents = matches.query.copy()
                for (filter, set) in zip(request.filters, matches.filters) where filter.field != facet.field {
                    documents.intersect(set)
                }
                try counter.count(documents, in: unit.segment, schema: unit.schema)
            }
            answer.facets[facet.field] = counter.result
        }
        for matches in run.matches {
            let documents = matches.query.copy()
            for set in matches.filters { documents.intersect(set) }
            total += documents.count
        }
        answer.total = SearchAnswer.Total(value: total, isLowerBound: false)
    }

    private func whyNot(_ id: String, _ planned: Planned) throws -> String {
        for unit in planned.units.reversed() {
            guard let document = try unit.segment.document(id: id), unit.alive[document] else { continue }
            return try PlanExplainer(unit: unit, request: request, scale: planned.scale).whyNot(document)
        }
        return "There is no document “\(id)” in the index."
    }

    private func feedback(of found: Found) throws -> [FeedbackTerm]? {
        let hits = found.hits.prefix(RelevanceFeedback.hitsMax)
        guard !hits.isEmpty else { return nil }
        return try RelevanceFeedback(
            hits.map { (unit: found.planned.units[$0.unit], document: $0.document, score: $0.score) },
            statistics: statistics, snapshots: snapshots
        ).terms()
    }
}

extension Searcher.Planned {
    /// Puts what was planned to the segments, and finds the unit of scores.
    mutating func finish(_ snapshots: [IndexSnapshot]) {
        units.removeAll()
        for (index, snapshot) in snapshots.enumerated() {
            for (number, entry) in snapshot.contents.entries.enumerated() where entry.alive.aliveCount > 0 {
                units.append(
                    SearchRun.Unit(
                        index: index, number: number, entry: entry, schema: snapshot.schema, plan: plans[index],
                        filters: filters[index]))
            }
        }
        scale = ScoreScale(best: plans.reduce(0) { max($0, $1.best) })
    }
}
