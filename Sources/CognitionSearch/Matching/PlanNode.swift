/// A part of a plan at work in one segment. Windows come in ascending order.
///
/// Each kind says how it fills an empty window; what else can be done with it follows, unless the kind knows a shorter way.
class PlanNode {
    /// About how many documents match.
    let cost: Int
    private var scratch: Window?

    init(cost: Int) { self.cost = cost }

    /// A window of the node's own.
    final func cleared(like window: Window) -> Window {
        let own = scratch ?? Window()
        scratch = own
        own.clear(like: window)
        return own
    }

    /// The first document from `document` on that may match; `PostingCursor.end` for none.
    func next(from document: UInt32) -> UInt32 { document }

    /// No document of the window scores more.
    func bound(_ window: Window) -> Int32 { 0 }

    /// Puts matches and scores into a window that was cleared.
    ///
    /// - Parameter skipping: Documents may be left out if this node gives them at most so much; negative for none.
    func fill(_ window: Window, skipping: Int32) { fatalError("A node says how it fills a window.") }

    /// Adds matches, and their scores to those that are there.
    func accumulate(_ window: Window, skipping: Int32) {
        let own = cleared(like: window)
        fill(own, skipping: skipping)
        window.add(own)
    }

    /// Adds matches, with the greater of two scores.
    func maximize(_ window: Window) {
        let own = cleared(like: window)
        fill(own, skipping: -1)
        window.addBest(own)
    }

    /// Keeps of the window's documents those that match, and adds scores.
    ///
    /// - Parameter above: Documents with at most this score may be left out unseen; negative for none.
    func restrict(_ window: Window, above: Int32) {
        let own = cleared(like: window)
        fill(own, skipping: -1)
        window.intersect(own)
    }

    /// Adds scores of those of the window's documents that match; the others stay.
    ///
    /// - Parameter above: As in ``restrict(_:above:)``.
    func addScores(_ window: Window, above: Int32) {
        let own = cleared(like: window)
        fill(own, skipping: -1)
        window.forEach { place in
            if own.bits[place >> 6] >> UInt64(place & 63) & 1 == 1 { window.scores[place] &+= own.scores[place] }
        }
    }

    func exclude(_ window: Window) {
        let own = cleared(like: window)
        fill(own, skipping: -1)
        window.exclude(own)
    }

    /// Gives all documents of the segment to a collector, from the first on, without windows: for a node that has a shorter
    /// way to the best of them, before anything else is asked of it. Documents with at most the collector's limit may be
    /// left out.
    ///
    /// - Returns: Whether the node has such a way.
    func collect(_ hits: inout HitCollector) -> Bool { false }

    /// Whether bytes did not fit while they were read.
    var isDamaged: Bool { false }
    /// Whether a document was left out, or a block not looked at, as it could not be on the page.
    var hasSkipped: Bool { false }
}

final class NothingNode: PlanNode {
    init() { super.init(cost: 0) }
    override func next(from document: UInt32) -> UInt32 { PostingCursor.end }
    override func fill(_ window: Window, skipping: Int32) {}
}

/// Every document.
final class AllNode: PlanNode {
    private let score: Int32

    init(documentCount: Int, score: Int32) {
        self.score = score
        super.init(cost: documentCount)
    }

    override func bound(_ window: Window) -> Int32 { score }

    override func fill(_ window: Window, skipping: Int32) {
        window.setAll()
        window.scores.update(repeating: score, count: Window.length)
    }

    override func restrict(_ window: Window, above: Int32) { addScores(window, above: above) }

    override func addScores(_ window: Window, above: Int32) {
        guard score != 0 else { return }
        window.forEach { window.scores[$0] &+= score }
    }
}

/// A set that was found out before.
final class SetNode: PlanNode {
    private let set: DocumentSet
    private let score: Int32

    init(_ set: DocumentSet, score: Int32) {
        self.set = set
        self.score = score
        super.init(cost: set.count)
    }

    override func next(from document: UInt32) -> UInt32 {
        set.first(from: document)
    }

    override func bound(_ window: Window) -> Int32 { score }

    override func fill(_ window: Window, skipping: Int32) {
        window.setAll()
        window.keep(set)
        if score != 0 { window.scores.update(repeating: score, count: Window.length) }
    }

    override func restrict(_ window: Window, above: Int32) {
        window.keep(set)
        if score != 0 { window.forEach { window.scores[$0] &+= score } }
    }
}

/// The same documents, with score 0.
final class FilterNode: PlanNode {
    private let node: PlanNode

    init(_ node: PlanNode) {
        self.node = node
        super.init(cost: node.cost)
    }

    override func next(from document: UInt32) -> UInt32 { node.next(from: document) }

    override func fill(_ window: Window, skipping: Int32) {
        node.fill(window, skipping: -1)
        window.scores.update(repeating: 0, count: Window.length)
    }

    override func exclude(_ window: Window) { node.exclude(window) }
    override var isDamaged: Bool { node.isDamaged }
}

/// Every document but those of another node.
final class NotNode: PlanNode {
    let node: PlanNode

    init(_ node: PlanNode, documentCount: Int) {
        self.node = node
        super.init(cost: documentCount)
    }

    override func fill(_ window: Window, skipping: Int32) {
        window.setAll()
        node.exclude(window)
    }

    override func restrict(_ window: Window, above: Int32) { node.exclude(window) }
    override var isDamaged: Bool { node.isDamaged }
}

/// The best of several: variants of a word.
final class BestNode: PlanNode {
    private let nodes: [PlanNode]

    init(_ nodes: [PlanNode]) {
        self.nodes = nodes
        super.init(cost: nodes.reduce(0) { $0 + $1.cost })
    }

    override func next(from document: UInt32) -> UInt32 {
        nodes.reduce(PostingCursor.end) { min($0, $1.next(from: document)) }
    }

    override func bound(_ window: Window) -> Int32 { nodes.reduce(0) { max($0, $1.bound(window)) } }

    override func fill(_ window: Window, skipping: Int32) { for node in nodes { node.maximize(window) } }
    override func maximize(_ window: Window) { for node in nodes { node.maximize(window) } }
    override var isDamaged: Bool { nodes.contains(where: \.isDamaged) }
}
