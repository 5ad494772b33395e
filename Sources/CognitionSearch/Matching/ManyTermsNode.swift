/// The best of many terms of a field, as a short prefix has them: found out for the whole segment before the first window.
///
/// Term by term, so that there is one cursor at a time, however many terms there are.
final class ManyTermsNode: PlanNode {
    private let scores: UnsafeMutablePointer<Int32>
    private let set: DocumentSet
    private var most: Int32 = 0
    private var damaged = false

    init(_ leaves: [TermLeaf], segment: Segment, number: Int, scale: ScoreScale) {
        set = DocumentSet(documentCount: segment.documentCount)
        // A window may reach beyond the last document.
        scores = .allocate(capacity: segment.documentCount + Window.length)
        scores.initialize(repeating: 0, count: segment.documentCount + Window.length)
        super.init(cost: leaves.reduce(0) { $0 + ($1.entries[number]?.documentCount ?? 0) })
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: PostingCursor.bufferLength) { buffer in
            for leaf in leaves {
                guard let entry = leaf.entries[number] else { continue }
                let field = segment.fields[leaf.field]
                var cursor = field.cursor(entry, documentCount: segment.documentCount, buffer: buffer.baseAddress)
                add(&cursor, Float(leaf.weight * scale.factor), leaf.table, field.norms)
                if cursor.isDamaged { damaged = true }
            }
        }
    }

    deinit { scores.deallocate() }

    private func add(
        _ cursor: inout PostingCursor, _ weight: Float, _ table: ScoreTable?, _ norms: UnsafePointer<UInt8>?
    ) {
        let (scores, set) = (scores, set)
        var best = most
        cursor.load(block: 0)
        while cursor.count > 0 {
            if table != nil { cursor.needCounts() }
            let (docs, counts) = (cursor.docs, cursor.counts)
            for place in 0..<cursor.count {
                let document = Int(docs[place])
                var score = Int32(weight)
                if let table, let norms {
                    score = ScoreTable.score(
                        weight: weight, count: counts[place], inverse: table.inverse[Int(norms[document])])
                }
                set.insert(document)
                scores[document] = max(scores[document], score)
                best = max(best, score)
            }
            cursor.load(block: cursor.block + 1)
        }
        most = best
    }

    override var isDamaged: Bool { damaged }
    override func bound(_ window: Window) -> Int32 { most }
    override func next(from document: UInt32) -> UInt32 { set.first(from: document) }

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
        let own = scores + Int(window.base)
        window.forEach { window.scores[$0] &+= own[$0] }
    }
}
