import CognitionCore

/// Says why a document has its score, or why it is no hit.
struct PlanExplainer {
    let unit: SearchRun.Unit
    let request: SearchRequest
    let scale: ScoreScale

    private var builder: NodeBuilder { NodeBuilder(segment: unit.segment, number: unit.number, scale: scale) }

    private func score(_ document: Int, _ plan: Plan) throws(SearchError) -> Double? {
        try builder.score(of: document, plan).map { Double($0) / scale.factor }
    }

    // MARK: - Terms

    /// Terms that the document has of those that the query looks for, by field.
    func terms(of document: Int) throws(SearchError) -> [String: Set<String>] {
        var leaves: [TermLeaf] = []
        unit.plan.forEachTerm { if $0.table != nil { leaves.append($0) } }
        var terms: [String: Set<String>] = [:]
        for leaf in leaves where try score(document, .term(leaf)) != nil {
            terms[leaf.fieldName, default: []].insert(leaf.text)
        }
        return terms
    }

    // MARK: - Scores

    func explain(_ document: Int, score: Double) throws(SearchError) -> ScoreExplanation {
        let scoring = DocumentScoring(unit.segment, schema: unit.schema, now: request.now, scale: scale)
        guard let words = try explain(document, unit.plan) else { return ScoreExplanation("no match", value: 0) }
        if scoring.isPlain { return words }
        var parts = [words]
        if unit.segment.boosts != nil {
            parts.append(ScoreExplanation("boost of the document", value: scoring.boost(document)))
        }
        let age = scoring.age(document)
        if age != 1 { parts.append(ScoreExplanation("age of the document", value: age)) }
        return ScoreExplanation("product of", value: score, parts: parts)
    }

    private func explain(_ document: Int, _ plan: Plan) throws(SearchError) -> ScoreExplanation? {
        guard let value = try score(document, plan) else { return nil }
        switch plan {
        case .all: return ScoreExplanation("every document", value: value)
        case .nothing: return nil
        case .named(let name, let inner):
            guard let part = try explain(document, inner) else { return nil }
            return ScoreExplanation(name.text, value: value, parts: [part])
        case .term(let leaf): return try explain(document, leaf, value)
        case .phrase(let leaf):
            return ScoreExplanation(
                "phrase “\(leaf.text)” in `\(leaf.fieldName)`, weight \(Self.digits(leaf.weight)), "
                    + "length \(length(document, leaf.field))", value: value)
        case .values(let leaf): return ScoreExplanation(leaf.text, value: value)
        case .terms(let leaf):
            let parts = try explain(document, all: leaf.leaves.map(Plan.term))
            return ScoreExplanation("best of", value: value, parts: parts)
        case .best(let plans):
            return ScoreExplanation("best of", value: value, parts: try explain(document, all: plans))
        case .and(let plans): return ScoreExplanation("sum of", value: value, parts: try explain(document, all: plans))
        case .or(let plans, let minimum):
            let name = minimum > 1 ? "sum, at least \(minimum) of \(plans.count), of" : "sum of"
            return ScoreExplanation(name, value: value, parts: try explain(document, all: plans))
        case .not: return ScoreExplanation("not excluded", value: value)
        case .filter: return ScoreExplanation("meets a condition", value: value)
        }
    }

    private func explain(_ document: Int, all plans: [Plan]) throws(SearchError) -> [ScoreExplanation] {
        var parts: [ScoreExplanation] = []
        for plan in plans { if let part = try explain(document, plan) { parts.append(part) } }
        return parts
    }

    private func explain(_ document: Int, _ leaf: TermLeaf, _ value: Double) throws(SearchError) -> ScoreExplanation {
        guard leaf.table != nil, let entry = leaf.entries[unit.number] else {
            return ScoreExplanation("`\(leaf.fieldName)` is “\(leaf.text)”", value: value)
        }
        var cursor = unit.segment.fields[leaf.field].cursor(entry, documentCount: unit.segment.documentCount)
        defer { cursor.free() }
        cursor.seek(UInt32(document))
        cursor.needCounts()
        let count = cursor.document == UInt32(document) ? Int(cursor.counts[cursor.place]) : 0
        var parts = [
            ScoreExplanation("idf, \(leaf.documents) documents have the term", value: leaf.idf),
            ScoreExplanation(
                "boosts of field and query",
                value: leaf.idf * leaf.factor == 0 ? 0 : leaf.weight / (leaf.idf * leaf.factor)),
        ]
        if leaf.factor != 1 { parts.append(ScoreExplanation("misspelling", value: leaf.factor)) }
        parts.append(
            ScoreExplanation(
                "\(count) times in \(length(document, leaf.field)) terms",
                value: leaf.weight > 0 ? value / leaf.weight : 0))
        return ScoreExplanation("“\(leaf.text)” in `\(leaf.fieldName)`, product of", value: value, parts: parts)
    }

    private func length(_ document: Int, _ field: Int) -> Int {
        unit.segment.fields[field].norms.map { Norm.length($0[document]) } ?? 0
    }

    private static func digits(_ value: Double) -> String { String((value * 10_000).rounded() / 10_000) }

    // MARK: - No hit

    func whyNot(_ document: Int) throws(SearchError) -> String {
        let id = try unit.segment.id(of: document)
        if let roles = request.roles, !(try RoleFilter.documents(for: roles, in: unit.segment)[document]) {
            // Whoever may not see it does not learn that it is there.
            return "There is no document “\(id)” in the index."
        }
        for (filter, plan) in zip(request.filters, unit.filters) where try score(document, plan) == nil {
            return "The document does not meet the filter on `\(filter.field)`."
        }
        if try score(document, unit.plan) != nil {
            return "The document matches; it may be on another page of hits."
        }
        return "The document does not match: \(try failure(document, unit.plan))."
    }

    /// Which part of a plan does not match.
    private func failure(_ document: Int, _ plan: Plan) throws(SearchError) -> String {
        switch plan {
        case .all: return "every document does"
        case .nothing: return "the query has no words to look for in the index"
        case .named(let name, .nothing): return "\(name.text) is not in the index"
        case .named(let name, _): return "it lacks \(name.text)"
        case .term(let leaf): return "it lacks “\(leaf.text)” in `\(leaf.fieldName)`"
        case .phrase(let leaf): return "it lacks the phrase “\(leaf.text)” in `\(leaf.fieldName)`"
        case .values(let leaf): return "it is not so that \(leaf.text)"
        case .terms(let leaf): return try failures(document, leaf.leaves.map(Plan.term))
        case .best(let plans): return try failures(document, plans)
        case .and(let plans):
            for plan in plans where try score(document, plan) == nil { return try failure(document, plan) }
            return "its parts do not match together"
        case .or(let plans, let minimum):
            if minimum == 1 { return try failures(document, plans) }
            var missing: [Plan] = []
            for plan in plans where try score(document, plan) == nil { missing.append(plan) }
            return "at least \(minimum) of \(plans.count) parts are needed, and \(try failures(document, missing))"
        case .not(let inner): return "it is excluded, as it has \(Self.name(inner))"
        case .filter(let inner): return try failure(document, inner)
        }
    }

    private func failures(_ document: Int, _ plans: [Plan]) throws(SearchError) -> String {
        var texts: [String] = []
        for plan in plans.prefix(5) { texts.append(try failure(document, plan)) }
        if plans.count > 5 { texts.append("\(plans.count - 5) more") }
        return texts.joined(separator: ", ")
    }

    private static func name(_ plan: Plan) -> String {
        switch plan {
        case .named(let name, _): name.text
        case .term(let leaf): "“\(leaf.text)” in `\(leaf.fieldName)`"
        case .terms(let leaf): leaf.leaves.map { name(.term($0)) }.joined(separator: ", ")
        case .values(let leaf): leaf.text
        case .phrase(let leaf): "the phrase “\(leaf.text)”"
        case .filter(let inner): name(inner)
        case .or(let plans, _), .and(let plans), .best(let plans): plans.map(name).joined(separator: ", ")
        case .all, .nothing, .not: "what the query excludes"
        }
    }
}
