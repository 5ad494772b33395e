/// All of several nodes, and none of others.
final class AndNode: PlanNode {
    /// The rarest first.
    private let nodes: [PlanNode]
    private let excluded: [PlanNode]
    private var bounds: [Int32]
    private var skipped = false

    init(_ nodes: [PlanNode], excluding excluded: [PlanNode], documentCount: Int) {
        self.nodes =
            nodes.isEmpty ? [AllNode(documentCount: documentCount, score: 0)] : nodes.sorted { $0.cost < $1.cost }
        self.excluded = excluded
        bounds = Array(repeating: 0, count: self.nodes.count)
        super.init(cost: self.nodes[0].cost)
    }

    override var isDamaged: Bool { nodes.contains(where: \.isDamaged) || excluded.contains(where: \.isDamaged) }
    override var hasSkipped: Bool { skipped || nodes.contains(where: \.hasSkipped) }

    override func next(from document: UInt32) -> UInt32 {
        var document = document
        // Windows are looked for, not documents: a round is enough.
        for node in nodes {
            let next = node.next(from: document)
            if next == PostingCursor.end { return next }
            document = max(document, next)
        }
        return document
    }

    override func bound(_ window: Window) -> Int32 { nodes.reduce(0) { $0 &+ $1.bound(window) } }

    /// Terms alone, the rarest first; `nil` with other parts.
    private var terms: [TermNode]? {
        let terms = nodes.compactMap { $0 as? TermNode }
        return excluded.isEmpty && terms.count == nodes.count ? terms : nil
    }

    override func collect(_ hits: inout HitCollector) -> Bool {
        guard let terms, !isDamaged else { return false }
        // What the terms from a place on add at most.
        var rest = [Int32](repeating: 0, count: terms.count + 1)
        var candidates = Candidates()
        defer { candidates.free() }
        for block in 0..<terms[0].blockCount {
            let range = terms[0].documents(ofBlock: block)
            for place in terms.indices.dropFirst().reversed() {
                rest[place] = rest[place + 1] &+ (hits.limit < 0 ? 0 : terms[place].bound(in: range))
            }
            terms[0].fill(&candidates, block: block, above: hits.limit &- rest[1])
            for place in 1..<terms.count where candidates.count > 0 {
                terms[place].restrict(&candidates, above: hits.limit &- rest[place + 1])
            }
            for place in 0..<candidates.count { hits.add(Int(candidates.docs[place]), candidates.scores[place]) }
        }
        return true
    }

    override func fill(_ window: Window, skipping: Int32) {
        var rest: Int32 = 0
        if skipping >= 0 {
            for place in nodes.indices {
                bounds[place] = nodes[place].bound(window)
                rest += bounds[place]
            }
            if rest <= skipping {
                skipped = true
                return
            }
        }
        for (place, node) in nodes.enumerated() {
            // What a document has to have so far, if the rest is to bring it over the bound.
            rest -= bounds[place]
            if place == 0 {
                node.fill(window, skipping: skipping < 0 ? -1 : skipping - rest)
            } else {
                let before = skipping < 0 ? -1 : skipping - rest - bounds[place]
                node.restrict(window, above: before)
            }
            if window.isEmpty { return }
        }
        for node in excluded { node.exclude(window) }
    }
}

/// Any of several nodes, scores added: MAXSCORE in windows.
///
/// For each window the nodes whose bounds together do not reach the page are not looked for documents in: they only add to
/// what others find. Of the others, blocks that cannot lift a document onto the page are left out. Sources: Turtle, Flood,
/// "Query evaluation: strategies and optimizations" (1995); Ding, Suel, "Faster top-k document retrieval using block-max
/// indexes" (2011); Lucene, `MaxScoreBulkScorer`.
final class OrNode: PlanNode {
    private let nodes: [PlanNode]
    private var order: [(node: Int, bound: Int32)]
    private var skipped = false

    init(_ nodes: [PlanNode]) {
        self.nodes = nodes
        order = nodes.indices.map { ($0, 0) }
        super.init(cost: nodes.reduce(0) { $0 + $1.cost })
    }

    override var isDamaged: Bool { nodes.contains(where: \.isDamaged) }
    override var hasSkipped: Bool { skipped || nodes.contains(where: \.hasSkipped) }

    override func next(from document: UInt32) -> UInt32 {
        nodes.reduce(PostingCursor.end) { min($0, $1.next(from: document)) }
    }

    override func bound(_ window: Window) -> Int32 { nodes.reduce(0) { $0 &+ $1.bound(window) } }

    override func fill(_ window: Window, skipping: Int32) { accumulate(window, skipping: skipping) }

    override func accumulate(_ window: Window, skipping: Int32) {
        guard skipping >= 0 else {
            for node in nodes { node.accumulate(window, skipping: -1) }
            return
        }
        var total: Int32 = 0
        for place in nodes.indices {
            let bound = nodes[place].bound(window)
            order[place] = (place, bound)
            total += bound
        }
        if total <= skipping {
            skipped = true
            return
        }
        order.sort { $0.bound != $1.bound ? $0.bound < $1.bound : $0.node < $1.node }
        // The first of them that are of no use alone.
        var (essential, reached): (Int, Int32) = (0, 0)
        while essential < order.count - 1, reached + order[essential].bound <= skipping {
            reached += order[essential].bound
            essential += 1
        }
        for (node, bound) in order[essential...] {
            nodes[node].accumulate(window, skipping: skipping - (total - bound))
        }
        guard essential > 0 else { return }
        skipped = true
        for (node, bound) in order[..<essential].reversed() {
            nodes[node].addScores(window, above: skipping - reached)
            reached -= bound
        }
    }
}

/// At least some of several nodes, scores added.
final class MinimumNode: PlanNode {
    private let nodes: [PlanNode]
    private let minimum: Int
    private var counts = [UInt16](repeating: 0, count: Window.length)

    init(_ nodes: [PlanNode], minimum: Int) {
        self.nodes = nodes
        self.minimum = minimum
        // The rarest cannot match alone: what is left is at most what the others match.
        let costs = nodes.map(\.cost).sorted()
        super.init(cost: costs.prefix(costs.count - minimum + 1).reduce(0, +))
    }

    override var isDamaged: Bool { nodes.contains(where: \.isDamaged) }

    override func next(from document: UInt32) -> UInt32 {
        nodes.reduce(PostingCursor.end) { min($0, $1.next(from: document)) }
    }

    override func bound(_ window: Window) -> Int32 { nodes.reduce(0) { $0 &+ $1.bound(window) } }

    override func fill(_ window: Window, skipping: Int32) {
        for place in 0..<Window.length { counts[place] = 0 }
        for node in nodes {
            let own = node.cleared(like: window)
            node.fill(own, skipping: -1)
            own.forEach { counts[$0] &+= 1 }
            window.add(own)
        }
        for word in 0..<Window.wordCount {
            var rest = window.bits[word]
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                rest &= rest - 1
                if Int(counts[word << 6 | bit]) < minimum { window.bits[word] &= ~(1 << UInt64(bit)) }
            }
        }
    }
}
