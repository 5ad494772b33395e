/// Documents of one block of a term, and their scores so far: what other terms restrict, block by block.
///
/// A struct behind pointers that its owner frees.
struct Candidates {
    let docs = UnsafeMutablePointer<UInt32>.allocate(capacity: BitPacking.blockLength)
    let scores = UnsafeMutablePointer<Int32>.allocate(capacity: BitPacking.blockLength)
    private(set) var count = 0

    func free() {
        docs.deallocate()
        scores.deallocate()
    }

    @inline(__always)
    mutating func append(_ document: UInt32, _ score: Int32) {
        docs[count] = document
        scores[count] = score
        count &+= 1
    }

    mutating func removeAll() { count = 0 }

    /// Keeps those that `body` writes back, the first `count` of them.
    @inline(__always)
    mutating func keep(
        _ body: (_ docs: UnsafeMutablePointer<UInt32>, _ scores: UnsafeMutablePointer<Int32>, _ count: Int) -> Int
    ) {
        count = body(docs, scores, count)
    }
}

// MARK: - Terms

extension TermNode {
    /// Gives the documents of a block, without those that score at most `above`.
    func fill(_ candidates: inout Candidates, block: Int, above: Int32) {
        candidates.removeAll()
        guard above < 0 || bound(block: block) > above else { return skip() }
        if load(block: block, above: above, { candidates.append($0, $1) }) { skip() }
    }

    /// Keeps candidates that have the term, without those that have at most a score of `above` with it.
    ///
    /// Whether that is so is mostly seen from the bound of a block, which then is not read. Source: Ding, Suel, "Faster top-k
    /// document retrieval using block-max indexes" (2011).
    func restrict(_ candidates: inout Candidates, above: Int32) {
        candidates.keep { docs, scores, count in
            var (place, kept) = (0, 0)
            while place < count, let (block, last, bound) = block(at: docs[place]) {
                var isLoaded = false
                repeat {
                    let (document, score) = (docs[place], scores[place])
                    place &+= 1
                    if above >= 0, score &+ bound <= above {
                        skip()
                        continue
                    }
                    if !isLoaded {
                        need(block: block)
                        isLoaded = true
                    }
                    guard let own = self.score(of: document) else { continue }
                    docs[kept] = document
                    scores[kept] = score &+ own
                    kept &+= 1
                } while place < count && docs[place] <= last
            }
            return kept
        }
    }
}
