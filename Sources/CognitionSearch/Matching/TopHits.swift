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

    /// What a hit must have more of than, if it comes after all that were seen; below 0 while there is room.
    @inline(__always)
    var threshold: Double { heap.count < countMax ? -1 : heap.first?.score ?? .infinity }

    @inline(__always)
    mutating func add(score: Double, order: UInt64) {
        let hit = Hit(score: score, order: order)
        if heap.count < countMax {
            heap.append(hit)
            var place = heap.count - 1
            while place > 0 {
                let parent = (place - 1) / 2
                if !heap[place].isWorse(than: heap[parent]) { break }
                heap.swapAt(place, parent)
                place = parent
            }
        } else if let worst = heap.first, worst.isWorse(than: hit) {
            heap[0] = hit
            siftDown()
        }
    }

    private mutating func siftDown() {
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, heap[child + 1].isWorse(than: heap[child]) { child += 1 }
            if !heap[child].isWorse(than: heap[place]) { return }
            heap.swapAt(place, child)
            place = child
        }
    }

    var sorted: [Hit] { heap.sorted { $1.isWorse(than: $0) } }
}
