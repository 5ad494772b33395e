/// Documents in which terms stand at places that follow each other.
final class PhraseNode: PlanNode {
    private struct Place {
        var offset: UInt32
        /// Of a place with several terms, any of them.
        var cursors: UnsafeMutablePointer<PostingCursor>
        var cursorCount: Int
        var cost: Int
        /// Positions less offset, in the document that is looked at.
        var positions = PositionList()
    }

    /// The rarest first.
    private let places: UnsafeMutableBufferPointer<Place>
    /// The same in the order of the phrase.
    private let order: [UnsafeMutablePointer<Place>]
    private let slop: Int
    private let weight: Float
    private let table: ScoreTable
    private let norms: UnsafePointer<UInt8>
    private let most: Int32
    private var skipped = false

    /// `nil` if a place has no term in the segment.
    init?(_ leaf: PhraseLeaf, segment: Segment, number: Int, scale: ScoreScale) {
        let field = segment.fields[leaf.field]
        guard let norms = field.norms, !leaf.places.isEmpty,
            leaf.places.allSatisfy({ $0.terms.contains { $0.entries[number] != nil } })
        else { return nil }
        var list: [(order: Int, place: Place)] = []
        for (order, place) in leaf.places.enumerated() {
            let entries = place.terms.compactMap { $0.entries[number] }
            let cursors = UnsafeMutablePointer<PostingCursor>.allocate(capacity: entries.count)
            for (number, entry) in entries.enumerated() {
                (cursors + number).initialize(to: field.cursor(entry, documentCount: segment.documentCount))
            }
            list.append(
                (
                    order,
                    Place(
                        offset: UInt32(place.offset), cursors: cursors, cursorCount: entries.count,
                        cost: entries.reduce(0) { $0 + $1.documentCount })
                ))
        }
        list.sort { $0.place.cost < $1.place.cost }
        let places = UnsafeMutableBufferPointer<Place>.allocate(capacity: list.count)
        _ = places.initialize(from: list.map(\.place))
        self.places = places
        order = list.enumerated().sorted { $0.element.order < $1.element.order }.map {
            places.baseAddress.unsafelyUnwrapped + $0.offset
        }
        slop = leaf.slop
        weight = Float(leaf.weight * scale.factor)
        table = leaf.table
        self.norms = norms
        most = Int32(weight)
        super.init(cost: places[0].cost)
    }

    deinit {
        for place in places {
            for number in 0..<place.cursorCount { place.cursors[number].free() }
            place.cursors.deallocate()
            place.positions.free()
        }
        places.deallocate()
    }

    override var isDamaged: Bool {
        places.contains { place in (0..<place.cursorCount).contains { place.cursors[$0].isDamaged } }
    }
    override var hasSkipped: Bool { skipped }
    override func bound(_ window: Window) -> Int32 { most }

    override func next(from document: UInt32) -> UInt32 {
        let (first, count) = (places.baseAddress.unsafelyUnwrapped, places.count)
        var candidate = document
        while true {
            let lead = Self.seek(first, candidate)
            if lead == PostingCursor.end { return lead }
            var number = 1
            while number < count {
                candidate = Self.seek(first + number, lead)
                if candidate != lead { break }
                number &+= 1
            }
            if number == count || candidate == PostingCursor.end { return number == count ? lead : candidate }
        }
    }

    /// The first document from `target` on that has one of the place's terms.
    @inline(__always)
    private static func seek(_ place: UnsafeMutablePointer<Place>, _ target: UInt32) -> UInt32 {
        let cursors = place.pointee.cursors
        cursors.pointee.seek(target)
        var first = cursors.pointee.document
        var number = 1
        while number < place.pointee.cursorCount {
            cursors[number].seek(target)
            first = min(first, cursors[number].document)
            number &+= 1
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
                if order.allSatisfy({ Self.seek($0, document) == document }), let score = score(document) {
                    kept |= 1 << UInt64(bit)
                    window.scores[inside] += score
                }
            }
            window.bits[word] = kept
        }
    }

    /// The score of a document that has all terms, if they stand as they should.
    private func score(_ document: UInt32) -> Int32? {
        let count = slop == 0 ? exactCount(document) : slopCount(document)
        guard count > 0 else { return nil }
        return ScoreTable.score(
            weight: weight, count: UInt32(count), inverse: table.inverse[Int(norms[Int(document)])])
    }

    private static func readPositions(_ place: UnsafeMutablePointer<Place>, _ document: UInt32) {
        place.pointee.positions.count = 0
        for number in 0..<place.pointee.cursorCount where place.pointee.cursors[number].document == document {
            place.pointee.cursors[number].appendPositions(to: &place.pointee.positions)
        }
        let (positions, count, offset) = (
            place.pointee.positions.base, place.pointee.positions.count, place.pointee.offset
        )
        if place.pointee.cursorCount > 1 {
            var all = UnsafeMutableBufferPointer(start: positions, count: count)
            all.sort()
        }
        guard offset > 0 else { return }
        // What stands before the phrase could begin is no part of it.
        var kept = 0
        for number in 0..<count where positions[number] >= offset {
            positions[kept] = positions[number] &- offset
            kept &+= 1
        }
        place.pointee.positions.count = kept
    }

    /// Beginnings that all terms share: those of the rarest, as far as the others have them.
    private func exactCount(_ document: UInt32) -> Int {
        let first = places.baseAddress.unsafelyUnwrapped
        Self.readPositions(first, document)
        let shared = first.pointee.positions.base
        var count = first.pointee.positions.count
        for number in 1..<places.count {
            if count == 0 { return 0 }
            Self.readPositions(first + number, document)
            let (others, end) = (first[number].positions.base, first[number].positions.count)
            var (kept, left, right) = (0, 0, 0)
            while left < count, right < end {
                let (one, other) = (shared[left], others[right])
                if one == other {
                    if kept == 0 || shared[kept &- 1] != one {
                        shared[kept] = one
                        kept &+= 1
                    }
                    right &+= 1
                }
                if one <= other { left &+= 1 } else { right &+= 1 }
            }
            count = kept
        }
        return count
    }

    /// Ends of chains in order whose gaps together are no more than the slop.
    private func slopCount(_ document: UInt32) -> Int {
        for place in order { Self.readPositions(place, document) }
        var (count, lastEnd) = (0, UInt32?.none)
        let starts = order[0].pointee.positions
        for start in 0..<starts.count {
            var (reached, fits) = (starts.base[start], true)
            for place in order.dropFirst() {
                let others = place.pointee.positions
                guard let next = (0..<others.count).first(where: { others.base[$0] >= reached }) else {
                    fits = false
                    break
                }
                reached = others.base[next]
            }
            if fits, Int(reached - starts.base[start]) <= slop, reached != lastEnd {
                count += 1
                lastEnd = reached
            }
        }
        return count
    }
}
