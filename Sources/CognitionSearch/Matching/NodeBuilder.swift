/// Puts a plan to work in one segment.
struct NodeBuilder {
    let segment: Segment
    /// Of the segment in its index.
    let number: Int
    let scale: ScoreScale

    func node(_ plan: Plan) -> PlanNode {
        switch plan {
        case .nothing: return NothingNode()
        case .named(_, let plan): return node(plan)
        case .all(let weight): return AllNode(documentCount: segment.documentCount, score: score(weight))
        case .term(let leaf):
            guard let entry = leaf.entries[number] else { return NothingNode() }
            return TermNode(leaf, entry, segment: segment, scale: scale)
        case .terms(let leaf): return ManyTermsNode(leaf, segment: segment, number: number, scale: scale)
        case .phrase(let leaf): return PhraseNode(leaf, segment: segment, number: number, scale: scale) ?? NothingNode()
        case .values(let leaf): return SetNode(set(leaf), score: score(leaf.weight))
        case .best(let plans):
            let nodes = useful(plans)
            if nodes.count == 1 { return nodes[0] }
            return nodes.isEmpty ? NothingNode() : BestNode(nodes)
        case .and(let plans): return and(plans)
        case .or(let plans, let minimum):
            if minimum > 1 {
                let nodes = plans.map(node)
                return minimum > nodes.count ? NothingNode() : MinimumNode(nodes, minimum: minimum)
            }
            let nodes = useful(flattened(plans))
            if nodes.count == 1 { return nodes[0] }
            return nodes.isEmpty ? NothingNode() : OrNode(nodes)
        case .not(let plan): return NotNode(node(plan), documentCount: segment.documentCount)
        case .filter(let plan): return FilterNode(node(plan))
        }
    }

    private func score(_ weight: Double) -> Int32 { Int32(Float(weight * scale.factor)) }

    /// Alternatives of alternatives are alternatives.
    private func flattened(_ plans: [Plan]) -> [Plan] {
        plans.flatMap { plan in
            switch plan {
            case .or(let inner, 1): flattened(inner)
            case .named(_, .or(let inner, 1)): flattened(inner)
            default: [plan]
            }
        }
    }

    private func useful(_ plans: [Plan]) -> [PlanNode] { plans.map(node).filter { !($0 is NothingNode) } }

    private func and(_ plans: [Plan]) -> PlanNode {
        var (nodes, excluded): ([PlanNode], [PlanNode]) = ([], [])
        for plan in plans {
            let node = node(plan)
            if node is NothingNode { return node }
            if let not = node as? NotNode {
                if !(not.node is NothingNode) { excluded.append(not.node) }
            } else {
                nodes.append(node)
            }
        }
        if nodes.count == 1, excluded.isEmpty { return nodes[0] }
        return AndNode(nodes, excluding: excluded, documentCount: segment.documentCount)
    }

    /// The documents that a condition on values is true of.
    private func set(_ leaf: ValuesLeaf) -> DocumentSet {
        let set = DocumentSet(documentCount: segment.documentCount)
        let field = segment.fields[leaf.field]
        switch leaf.condition {
        case .exists:
            if let norms = field.norms {
                for document in 0..<segment.documentCount where norms[document] > 0 { set.insert(document) }
            } else if let column = field.column {
                for document in 0..<segment.documentCount where column.hasValue(document) { set.insert(document) }
            }
        case .ranges(let ranges):
            guard let range = ranges[number], let column = field.column else { return set }
            for document in 0..<segment.documentCount {
                for place in column.places(of: document) where range.contains(column[place]) {
                    set.insert(document)
                    break
                }
            }
        }
        return set
    }

    /// All documents that match.
    func documents(_ plan: Plan) throws(SearchError) -> DocumentSet {
        let set = DocumentSet(documentCount: segment.documentCount)
        let (node, window) = (node(plan), Window())
        try forEachWindow(of: node, window) { window in
            node.fill(window, skipping: -1)
            let first = Int(window.base) >> 6
            for word in 0..<min(Window.wordCount, set.wordCount - first) { set.words[first + word] = window.bits[word] }
            return true
        }
        return set
    }

    /// Windows in which documents may match, cleared, until `body` says no.
    ///
    /// - Throws: `search.index_damaged` if bytes did not fit.
    func forEachWindow(of node: PlanNode, _ window: Window, _ body: (Window) -> Bool) throws(SearchError) {
        let end = UInt32(segment.documentCount)
        var next = node.next(from: 0)
        while next < end {
            window.base = next / UInt32(Window.length) * UInt32(Window.length)
            window.end = min(window.base + UInt32(Window.length), end)
            window.clear()
            if !body(window) { break }
            if window.end == end { break }
            next = node.next(from: window.end)
        }
        try check(node)
    }

    /// - Throws: `search.index_damaged` if bytes did not fit.
    func check(_ node: PlanNode) throws(SearchError) {
        if node.isDamaged { throw .damaged("documents of a term cannot be read") }
    }

    /// The score of one document by one plan; `nil` if it does not match.
    func score(of document: Int, _ plan: Plan) throws(SearchError) -> Int32? {
        let (node, window) = (node(plan), Window())
        window.base = UInt32(document / Window.length * Window.length)
        window.end = min(window.base + UInt32(Window.length), UInt32(segment.documentCount))
        window.clear()
        let inside = document - Int(window.base)
        window.bits[inside >> 6] = 1 << UInt64(inside & 63)
        node.restrict(window, above: -1)
        try check(node)
        return window.bits[inside >> 6] == 0 ? nil : window.scores[inside]
    }
}
