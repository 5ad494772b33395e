/// Documents of one term.
final class TermNode: PlanNode {
    private let cursor: UnsafeMutablePointer<PostingCursor>
    private let weight: Float
    /// `nil` for a keyword, whose documents all score `constant`.
    private let table: ScoreTable?
    /// Of the table, which lives as long as the node.
    private let inverse: UnsafeMutablePointer<Float>?
    private let norms: UnsafePointer<UInt8>?
    /// The score of a keyword; no document scores more.
    let constant: Int32
    private let documentCount: Int
    private(set) var skipped = false
    /// Best score of blocks, as far as they were asked for; -1 where not. One more for all.
    private var bounds: [Int32]
    /// The block that was last asked about.
    private var near = 0

    init(_ leaf: TermLeaf, _ entry: TermEntry, segment: Segment, scale: ScoreScale) {
        let field = segment.fields[leaf.field]
        cursor = .allocate(capacity: 1)
        cursor.initialize(to: field.cursor(entry, documentCount: segment.documentCount))
        weight = Float(leaf.weight * scale.factor)
        table = leaf.table
        inverse = leaf.table?.inverse
        norms = field.norms
        constant = Int32(weight)
        documentCount = segment.documentCount
        bounds = [Int32](repeating: -1, count: max(1, cursor.pointee.blockCount))
        super.init(cost: entry.documentCount)
    }

    deinit {
        cursor.pointee.free()
        cursor.deallocate()
    }

    /// 1 at least.
    var blockCount: Int { bounds.count }
    override var isDamaged: Bool { cursor.pointee.isDamaged }
    override var hasSkipped: Bool { skipped }

    override func next(from document: UInt32) -> UInt32 {
        cursor.pointee.seek(document)
        return cursor.pointee.document
    }

    // MARK: - Bounds

    func bound(block: Int) -> Int32 {
        if bounds[block] >= 0 { return bounds[block] }
        guard let table, let norms else { return constant }
        var best: Int32 = 0
        if cursor.pointee.blockCount > 0 {
            best = table.bound(weight: weight, impacts: cursor.pointee.impacts(ofBlock: block))
        } else {
            // A short list has no bounds on disk: it is read here, once.
            if cursor.pointee.block < 0 { cursor.pointee.load(block: 0) }
            let (docs, counts) = (cursor.pointee.docs, cursor.pointee.counts)
            for place in 0..<cursor.pointee.count {
                best = max(
                    best,
                    ScoreTable.score(
                        weight: weight, count: counts[place], inverse: table.inverse[Int(norms[Int(docs[place])])]))
            }
        }
        bounds[block] = best
        return best
    }

    override func bound(_ window: Window) -> Int32 {
        if table == nil { return constant }
        let cursor = cursor
        if cursor.pointee.blockCount == 0 { return cursor.pointee.isDamaged ? 0 : bound(block: 0) }
        var block = cursor.pointee.block(from: max(0, cursor.pointee.block), reaching: window.base)
        var best: Int32 = 0
        while block < cursor.pointee.blockCount {
            best = max(best, bound(block: block))
            if cursor.pointee.lastDocument(ofBlock: block) >= window.end { break }
            block += 1
        }
        return best
    }

    // MARK: - Filling

    override func collect(_ hits: inout HitCollector) -> Bool {
        guard !isDamaged else { return true }
        for block in 0..<blockCount {
            if hits.limit >= 0, bound(block: block) <= hits.limit {
                skipped = true
            } else {
                load(block: block) { hits.add($0, $1) }
            }
        }
        return true
    }

    /// Goes through the documents of a block, and their scores.
    @inline(__always)
    func load(block: Int, _ body: (Int, Int32) -> Void) {
        let (cursor, weight) = (cursor, weight)
        cursor.pointee.load(block: block)
        let (docs, counts, count) = (cursor.pointee.docs, cursor.pointee.counts, cursor.pointee.count)
        guard let inverse, let norms else {
            for place in 0..<count { body(Int(docs[place]), constant) }
            return
        }
        if count > 0 { cursor.pointee.needCounts() }
        for place in 0..<count {
            let document = Int(docs[place])
            let score = ScoreTable.score(weight: weight, count: counts[place], inverse: inverse[Int(norms[document])])
            body(document, score)
        }
    }

    /// Between which documents those of a block lie.
    func documents(ofBlock block: Int) -> ClosedRange<UInt32> {
        let (cursor, last) = (cursor, UInt32(documentCount - 1))
        guard cursor.pointee.blockCount > 0 else { return 0...last }
        let first = block == 0 ? 0 : min(cursor.pointee.lastDocument(ofBlock: block - 1), last)
        return first...max(first, cursor.pointee.lastDocument(ofBlock: block))
    }

    /// No document of the range scores more. Ranges come in ascending order; one of many blocks is not looked at closely.
    func bound(in range: ClosedRange<UInt32>) -> Int32 {
        guard bound(at: range.lowerBound) != nil else { return 0 }
        var (best, block): (Int32, Int) = (0, near)
        while block < blockCount {
            if block - near == 8 { return constant }
            best = max(best, bound(block: block))
            if cursor.pointee.blockCount == 0 || cursor.pointee.lastDocument(ofBlock: block) >= range.upperBound {
                break
            }
            block += 1
        }
        return best
    }

    /// The bound of the block that may hold a document, which is not before the last asked for; `nil` where none does.
    @inline(__always)
    func bound(at document: UInt32) -> Int32? {
        if cursor.pointee.blockCount > 0 {
            near = cursor.pointee.block(from: near, reaching: document)
            guard near < cursor.pointee.blockCount else { return nil }
        }
        return bounds[near] >= 0 ? bounds[near] : bound(block: near)
    }

    /// The score of a document whose bound was just asked for; `nil` if it lacks the term.
    @inline(__always)
    func score(of document: UInt32) -> Int32? {
        if cursor.pointee.block < near { cursor.pointee.load(block: near) }
        cursor.pointee.seekInBlock(document)
        return cursor.pointee.document == document ? scoreHere() : nil
    }

    /// Remembers that a document was left out.
    func skip() { skipped = true }

    override func fill(_ window: Window, skipping: Int32) { accumulate(window, skipping: skipping) }

    override func accumulate(_ window: Window, skipping: Int32) {
        let cursor = cursor
        cursor.pointee.seek(window.base)
        while cursor.pointee.document < window.end {
            if skipping >= 0, bound(block: max(0, cursor.pointee.block)) <= skipping {
                skipped = true
                passBlock(window)
                continue
            }
            add(window)
            if cursor.pointee.place < cursor.pointee.count { return }
            cursor.pointee.load(block: cursor.pointee.block + 1)
        }
    }

    /// Leaves the rest of the current block, or of the window.
    private func passBlock(_ window: Window) {
        let cursor = cursor
        if cursor.pointee.docs[cursor.pointee.count - 1] >= window.end {
            cursor.pointee.seek(window.end)
        } else {
            cursor.pointee.load(block: cursor.pointee.block + 1)
        }
    }

    /// Adds the documents of the current block that are in the window.
    private func add(_ window: Window) {
        let (bits, scores, base, end) = (window.bits, window.scores, window.base, window.end)
        let docs = cursor.pointee.docs
        let (first, count) = (cursor.pointee.place, cursor.pointee.count)
        var place = first
        guard let inverse, let norms else {
            while place < count, docs[place] < end {
                let inside = Int(docs[place] &- base)
                bits[inside &>> 6] |= 1 &<< UInt64(inside & 63)
                scores[inside] &+= constant
                place &+= 1
            }
            cursor.pointee.place = place
            return
        }
        cursor.pointee.needCounts()
        let (counts, weight) = (cursor.pointee.counts, weight)
        while place < count, docs[place] < end {
            let document = Int(docs[place])
            let inside = document &- Int(base)
            bits[inside &>> 6] |= 1 &<< UInt64(inside & 63)
            scores[inside] &+= ScoreTable.score(
                weight: weight, count: counts[place], inverse: inverse[Int(norms[document])])
            place &+= 1
        }
        cursor.pointee.place = place
    }

    @inline(__always)
    private func scoreHere() -> Int32 {
        guard let inverse, let norms else { return constant }
        cursor.pointee.needCounts()
        return ScoreTable.score(
            weight: weight, count: cursor.pointee.counts[cursor.pointee.place],
            inverse: inverse[Int(norms[Int(cursor.pointee.document)])])
    }

    override func maximize(_ window: Window) {
        let cursor = cursor
        cursor.pointee.seek(window.base)
        let (bits, scores) = (window.bits, window.scores)
        while cursor.pointee.document < window.end {
            let inside = Int(cursor.pointee.document &- window.base)
            // A document without a bit has score 0 in a window that began cleared.
            bits[inside &>> 6] |= 1 &<< UInt64(inside & 63)
            scores[inside] = max(scores[inside], scoreHere())
            cursor.pointee.advance()
        }
    }

    override func restrict(_ window: Window, above: Int32) {
        let cursor = cursor
        let (bits, scores, base) = (window.bits, window.scores, window.base)
        for word in 0..<Window.wordCount {
            var (rest, kept) = (bits[word], UInt64(0))
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                rest &= rest &- 1
                let inside = word &<< 6 | bit
                if scores[inside] <= above {
                    skipped = true
                    continue
                }
                let document = base &+ UInt32(truncatingIfNeeded: inside)
                cursor.pointee.seek(document)
                if cursor.pointee.document == document {
                    kept |= 1 &<< UInt64(bit)
                    scores[inside] &+= scoreHere()
                }
            }
            bits[word] = kept
        }
    }

    override func addScores(_ window: Window, above: Int32) {
        let cursor = cursor
        let (bits, scores, base) = (window.bits, window.scores, window.base)
        for word in 0..<Window.wordCount {
            var (rest, kept) = (bits[word], bits[word])
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                rest &= rest &- 1
                let inside = word &<< 6 | bit
                if scores[inside] <= above {
                    skipped = true
                    kept &= ~(1 &<< UInt64(bit))
                    continue
                }
                let document = base &+ UInt32(truncatingIfNeeded: inside)
                cursor.pointee.seek(document)
                if cursor.pointee.document == document { scores[inside] &+= scoreHere() }
            }
            bits[word] = kept
        }
    }
}
