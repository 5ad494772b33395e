/// The best hits so far: a heap whose first is the worst of them.
struct TopHits {
    struct Hit: Equatable {
        var score: Double
        /// Segment and document: what tells equal scores apart.
        var order: UInt64

        /// Whether it comes after another.
        @inline(__always)
        func isWorse(than other: Hit) -> Bool {
            score != other.score ? score < other.score : order > other.order
        }
    }

    let countMax: Int
    private(set) var heap: [Hit] = []

    init(countMax: Int) {
        self.countMax = countMax
        heap.reserveCapacity(min(countMax, 1_024))
    }

    var isFull: Bool { heap.count >= countMax }

    /// What a hit must have more of than, if it comes after all that were seen; below 0 while there is room.
    @inline(__always)
    var threshold: Double { heap.count < countMax ? -1 : heap.first?.score ?? .infinity }

    @inline(__always)
    mutating func add(score: Double, order: UInt64) {
        let hit = Hit(score: score, order: order)
        if heap.count < countMax {
            heap.append(hit)
            heap.withUnsafeMutableBufferPointer { Self.siftUp($0) }
        } else if countMax > 0 {
            heap.withUnsafeMutableBufferPointer { heap in
                guard heap[0].isWorse(than: hit) else { return }
                Self.siftDown(heap, hit)
            }
        }
    }

    private static func siftUp(_ heap: UnsafeMutableBufferPointer<Hit>) {
        var place = heap.count &- 1
        let hit = heap[place]
        while place > 0 {
            let parent = (place &- 1) &>> 1
            if !hit.isWorse(than: heap[parent]) { break }
            heap[place] = heap[parent]
            place = parent
        }
        heap[place] = hit
    }

    /// Puts a hit in the place of the worst.
    private static func siftDown(_ heap: UnsafeMutableBufferPointer<Hit>, _ hit: Hit) {
        var place = 0
        while true {
            var child = 2 &* place &+ 1
            guard child < heap.count else { break }
            if child &+ 1 < heap.count, heap[child &+ 1].isWorse(than: heap[child]) { child &+= 1 }
            if !heap[child].isWorse(than: hit) { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = hit
    }

    var sorted: [Hit] { heap.sorted { $1.isWorse(than: $0) } }
}
