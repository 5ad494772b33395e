/// Documents in which terms stand at places that follow each other.
final class PhraseNode: PlanNode {
    private struct Place {
        var offset: Int
        /// Of a place with several terms, any of them.
        var cursors: UnsafeMutableBufferPointer<PostingCursor>
        var cost: Int
        var order: Int
    }

    /// The rarest first.
    private let places: [Place]
    /// Positions less offset, by the order of the phrase.
    private var positions: [[UInt32]]
    private var merged: [UInt32] = []
    private let slop: Int
    private let weight: Float
    private let table: ScoreTable
    private let norms: UnsafePointer<UInt8>
    private let most: Int32
    private var skipped = false

    /// `nil` if a place has no term in the segment.
    init?(_ leaf: PhraseLeaf, segment: Segment, number: Int, scale: ScoreScale) {
        let field = segment.fields[leaf.field]
        guard let norms = field.norms,
            leaf.places.allSatisfy({ $0.terms.contains { $0.entries[number] != nil } })
        else { return nil }
        var places: [Place] = []
        for (order, place) in leaf.places.enumerated() {
            let entries = place.terms.compactMap { $0.entries[number] }
            let cursors = UnsafeMutableBufferPointer<PostingCursor>.allocate(capacity: entries.count)
            for (number, entry) in entries.enumerated() {
                cursors.initializeElement(at: number, to: field.cursor(entry, documentCount: segment.documentCount))
            }
            places.append(
                Place(
                    offset: place.offset, cursors: cursors, cost: entries.reduce(0) { $0 + $1.documentCount },
                    order: order))
        }
        self.places = places.sorted { $0.cost < $1.cost }
        positions = Array(repeating: [], count: places.count)
        slop = leaf.slop
        weight = Float(leaf.weight * scale.factor)
        table = leaf.table
        self.norms = norms
        most = Int32(weight)
        super.init(cost: self.places[0].cost)
    }

    deinit {
        for place in places {
            for cursor in place.cursors { cursor.free() }
            place.cursors.deallocate()
        }
    }

    override var isDamaged: Bool { places.contains { $0.cursors.contains(where: \.isDamaged) } }
    override var hasSkipped: Bool { skipped }
    override func bound(_ window: Window) -> Int32 { most }

    override func next(from document: UInt32) -> UInt32 {
        var candidate = document
        while true {
            let first = Self.seek(places[0], candidate)
            if first == PostingCursor.end { return first }
            var reached = first
            for place in places.dropFirst() {
                let next = Self.seek(place, reached)
                if next != reached {
                    reached = next
                    break
                }
            }
            if reached == first || reached == PostingCursor.end { return reached }
            candidate = reached
        }
    }

    /// The first document from `target` on that has one of the place's terms.
    @inline(__always)
    private static func seek(_ place: Place, _ target: UInt32) -> UInt32 {
        var first = PostingCursor.end
        for number in 0..<place.cursors.count {
            let cursor = place.cursors.baseAddress.unsafelyUnwrapped + number
            cursor.pointee.seek(target)
            first = min(first, cursor.pointee.document)
        }
        return first
    }

    override func fill(_ window: Window, skipping: Int32) {
        if skipping >= most {
            skipped = true
            return
        }
        var document = next(from: window.base)
        while document < window.end {
            if let score = score(document) {
                let inside = Int(document - window.base)
                window.bits[inside >> 6] |= 1 << UInt64(inside & 63)
                window.scores[inside] = score
            }
            document = next(from: document + 1)
        }
    }

    override func restrict(_ window: Window, above: Int32) {
        for word in 0..<Window.wordCount {
            var (rest, kept) = (window.bits[word], UInt64(0))
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                rest &= rest - 1
                let inside = word << 6 | bit
                if window.scores[inside] <= above {
                    skipped = true
                    continue
                }
                let document = window.base + UInt32(inside)
                if places.allSatisfy({ Self.seek($0, document) == document }), let score = score(document) {
                    kept |= 1 << UInt64(bit)
                    window.scores[inside] += score
                }
            }
            window.bits[word] = kept
        }
    }

    /// The score of a document that has all terms, if they stand as they should.
    private func score(_ document: UInt32) -> Int32? {
        for place in places { readPositions(of: place, document) }
        let count = slop == 0 ? exactCount() : slopCount()
        guard count > 0 else { return nil }
        return ScoreTable.score(
            weight: weight, count: UInt32(count), inverse: table.inverse[Int(norms[Int(document)])])
    }

    private func readPositions(of place: Place, _ document: UInt32) {
        let order = place.order
        positions[order].removeAll(keepingCapacity: true)
        if place.cursors.count == 1 {
            place.cursors.baseAddress.unsafelyUnwrapped.pointee.appendPositions(to: &positions[order])
        } else {
            for number in 0..<place.cursors.count where place.cursors[number].document == document {
                place.cursors.baseAddress.unsafelyUnwrapped.advanced(by: number).pointee.appendPositions(
                    to: &positions[order])
            }
            positions[order].sort()
        }
        let offset = UInt32(truncatingIfNeeded: place.offset)
        guard offset > 0 else { return }
        // What stands before the phrase could begin is no beginning of it.
        var kept = 0
        for number in positions[order].indices where positions[order][number] >= offset {
            positions[order][kept] = positions[order][number] - offset
            kept += 1
        }
        positions[order].removeLast(positions[order].count - kept)
    }

    /// Beginnings that all terms share.
    private func exactCount() -> Int {
        merged.removeAll(keepingCapacity: true)
        merged.append(contentsOf: positions[0])
        for others in positions.dropFirst() {
            var (kept, left, right) = (0, 0, 0)
            while left < merged.count, right < others.count {
                let (one, other) = (merged[left], others[right])
                if one == other {
                    if kept == 0 || merged[kept - 1] != one {
                        merged[kept] = one
                        kept += 1
                    }
                    left += 1
                    right += 1
                } else if one < other {
                    left += 1
                } else {
                    right += 1
                }
            }
            merged.removeLast(merged.count - kept)
            if kept == 0 { return 0 }
        }
        return merged.count
    }

    /// Ends of chains in order whose gaps together are no more than the slop.
    private func slopCount() -> Int {
        var (count, lastEnd) = (0, UInt32?.none)
        for start in positions[0] {
            var (reached, fits) = (start, true)
            for others in positions.dropFirst() {
                guard let next = others.first(where: { $0 >= reached }) else {
                    fits = false
                    break
                }
                reached = next
            }
            if fits, Int(reached - start) <= slop, reached != lastEnd {
                count += 1
                lastEnd = reached
            }
        }
        return count
    }
}
