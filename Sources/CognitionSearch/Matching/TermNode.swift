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
    /// 1 at least.
    let blockCount: Int
    /// Best score of each block, as far as it was asked for; -1 where not.
    private let bounds: UnsafeMutablePointer<Int32>
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
        blockCount = max(1, cursor.pointee.blockCount)
        bounds = .allocate(capacity: blockCount)
        bounds.initialize(repeating: -1, count: blockCount)
        super.init(cost: entry.documentCount)
    }

    deinit {
        cursor.pointee.free()
        cursor.deallocate()
        bounds.deallocate()
    }

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
        findFloor(&hits)
        for block in 0..<blockCount {
            if hits.limit >= 0, bound(block: block) <= hits.limit {
                skipped = true
            } else if hits.takesAll, let inverse, let norms {
                collect(block: block, &hits, inverse, norms)
            } else {
                load(block: block) { hits.add($0, $1) }
            }
        }
        return true
    }

    /// Finds out from the best documents of the blocks which of the blocks need not be read.
    private func findFloor(_ hits: inout HitCollector) {
        let wanted = hits.floorCount
        guard let table, cursor.pointee.blockCount >= 4, 1...64 ~= wanted else { return }
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: wanted) { best in
            best.initialize(repeating: -1)
            for block in 0..<blockCount {
                bounds[block] = table.bound(weight: weight, impacts: cursor.pointee.impacts(ofBlock: block)) { score in
                    guard score > best[0] else { return }
                    var place = 1
                    while place < wanted, best[place] < score {
                        best[place &- 1] = best[place]
                        place &+= 1
                    }
                    best[place &- 1] = score
                }
            }
            hits.raise(to: best[0])
        }
    }

    /// The same of a block whose documents may all be seen.
    private func collect(
        block: Int, _ hits: inout HitCollector, _ inverse: UnsafeMutablePointer<Float>, _ norms: UnsafePointer<UInt8>
    ) {
        let (cursor, weight) = (cursor, weight)
        cursor.pointee.load(block: block)
        let (docs, counts, count) = (cursor.pointee.docs, cursor.pointee.counts, cursor.pointee.count)
        if count > 0 { cursor.pointee.needCounts() }
        hits.count(count)
        var limit = hits.limit
        var least = ScoreTable.least(weight: weight, above: limit)
        for place in 0..<count {
            let document = Int(docs[place])
            let inverse = inverse[Int(norms[document])]
            if Float(counts[place]) * inverse < least { continue }
            hits.offer(document, ScoreTable.score(weight: weight, count: counts[place], inverse: inverse))
            if hits.limit != limit {
                limit = hits.limit
                least = ScoreTable.least(weight: weight, above: limit)
            }
        }
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

    /// Gives those documents of a block that score more than `above`.
    ///
    /// - Returns: Whether one was left out.
    @inline(__always)
    func load(block: Int, above: Int32, _ body: (UInt32, Int32) -> Void) -> Bool {
        let (cursor, weight) = (cursor, weight)
        cursor.pointee.load(block: block)
        let (docs, counts, count) = (cursor.pointee.docs, cursor.pointee.counts, cursor.pointee.count)
        var taken = 0
        if let inverse, let norms {
            if count > 0 { cursor.pointee.needCounts() }
            let least = ScoreTable.least(weight: weight, above: above)
            for place in 0..<count {
                let document = docs[place]
                let inverse = inverse[Int(norms[Int(document)])]
                if Float(counts[place]) * inverse < least { continue }
                let score = ScoreTable.score(weight: weight, count: counts[place], inverse: inverse)
                guard score > above else { continue }
                taken &+= 1
                body(document, score)
            }
        } else if constant > above {
            taken = count
            for place in 0..<count { body(docs[place], constant) }
        }
        return taken < count
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
    private func bound(at document: UInt32) -> Int32? { block(at: document)?.bound }

    /// The block that may hold a document, its last document, and its bound.
    @inline(__always)
    func block(at document: UInt32) -> (block: Int, last: UInt32, bound: Int32)? {
        var last = UInt32.max
        if cursor.pointee.blockCount > 0 {
            near = cursor.pointee.block(from: near, reaching: document)
            guard near < cursor.pointee.blockCount else { return nil }
            last = cursor.pointee.lastDocument(ofBlock: near)
        }
        return (near, last, bounds[near] >= 0 ? bounds[near] : bound(block: near))
    }

    /// Makes a block the current one, and its counts ready.
    @inline(__always)
    func need(block: Int) {
        if cursor.pointee.block < block { cursor.pointee.load(block: block) }
        if inverse != nil { cursor.pointee.needCounts() }
    }

    /// The score of a document of the current block; `nil` if it lacks the term.
    @inline(__always)
    func score(of document: UInt32) -> Int32? {
        let cursor = cursor
        guard let place = cursor.pointee.place(ofDocument: document) else { return nil }
        guard let inverse, let norms else { return constant }
        return ScoreTable.score(
            weight: weight, count: cursor.pointee.counts[place], inverse: inverse[Int(norms[Int(document)])])
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
