/// The best of many terms of a field, as a short prefix has them: found out for the whole segment before the first window.
///
/// Term by term, so that there is one cursor at a time, however many terms there are.
final class ManyTermsNode: PlanNode {
    /// Those of documents that are not in the set mean nothing.
    private let scores: UnsafeMutablePointer<Int32>
    private let set: DocumentSet
    private var most: Int32 = 0
    private var damaged = false

    init(_ leaf: TermsLeaf, segment: Segment, number: Int, scale: ScoreScale) {
        set = DocumentSet(documentCount: segment.documentCount)
        // A window may reach beyond the last document.
        scores = .allocate(capacity: segment.documentCount + Window.length)
        var cost = 0
        leaf.list.forEachEntry(ofSegment: number) { cost += $0.documentCount }
        super.init(cost: cost)
        let (field, weight) = (segment.fields[leaf.field], Float(leaf.weight * scale.factor))
        let inverse = field.norms == nil ? nil : leaf.table?.inverse
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: PostingCursor.bufferLength) { buffer in
            leaf.list.forEachEntry(ofSegment: number) { entry in
                var cursor = field.cursor(entry, documentCount: segment.documentCount, buffer: buffer.baseAddress)
                if !cursor.isDamaged { add(&cursor, weight, inverse, field.norms) }
                if cursor.isDamaged { damaged = true }
            }
        }
    }

    deinit { scores.deallocate() }

    private func add(
        _ cursor: inout PostingCursor, _ weight: Float, _ inverse: UnsafeMutablePointer<Float>?,
        _ norms: UnsafePointer<UInt8>?
    ) {
        let (scores, set) = (scores, set)
        var best = most
        cursor.load(block: 0)
        while cursor.count > 0 {
            if inverse != nil { cursor.needCounts() }
            let (docs, counts) = (cursor.docs, cursor.counts)
            for place in 0..<cursor.count {
                let document = Int(docs[place])
                var score = Int32(weight)
                if let inverse, let norms {
                    score = ScoreTable.score(
                        weight: weight, count: counts[place], inverse: inverse[Int(norms[document])])
                }
                scores[document] = set[document] ? max(scores[document], score) : score
                set.insert(document)
                best = max(best, score)
            }
            cursor.load(block: cursor.block + 1)
        }
        most = best
    }

    override var isDamaged: Bool { damaged }
    override func bound(_ window: Window) -> Int32 { most }
    override func next(from document: UInt32) -> UInt32 { set.first(from: document) }

    override func collect(_ hits: inout HitCollector) -> Bool {
        set.forEach { hits.add($0, scores[$0]) }
        return true
    }

    override func fill(_ window: Window, skipping: Int32) {
        window.setAll()
        window.keep(set)
        window.scores.update(from: scores + Int(window.base), count: Window.length)
    }

    override func restrict(_ window: Window, above: Int32) {
        window.keep(set)
        addScores(window, above: -1)
    }

    override func addScores(_ window: Window, above: Int32) {
        let (set, own, base) = (set, scores, Int(window.base))
        window.forEach { if set[base &+ $0] { window.scores[$0] &+= own[base &+ $0] } }
    }
}
