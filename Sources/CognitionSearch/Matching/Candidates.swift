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

    /// Keeps those for which `score` gives a score, which is theirs from then on.
    @inline(__always)
    mutating func restrict(_ score: (UInt32, Int32) -> Int32?) {
        var kept = 0
        for place in 0..<count {
            let document = docs[place]
            guard let new = score(document, scores[place]) else { continue }
            docs[kept] = document
            scores[kept] = new
            kept &+= 1
        }
        count = kept
    }
}

// MARK: - Terms

extension TermNode {
    /// Gives the documents of a block, without those that score at most `above`.
    func fill(_ candidates: inout Candidates, block: Int, above: Int32) {
        candidates.removeAll()
        guard above < 0 || bound(block: block) > above else { return skip() }
        load(block: block) { document, score in
            if score > above { candidates.append(UInt32(truncatingIfNeeded: document), score) } else { skip() }
        }
    }

    /// Keeps candidates that have the term, without those that have at most a score of `above` with it.
    ///
    /// Whether that is so is mostly seen from the bound of a block, which then is not read. Source: Ding, Suel, "Faster top-k
    /// document retrieval using block-max indexes" (2011).
    func restrict(_ candidates: inout Candidates, above: Int32) {
        candidates.restrict { document, score in
            guard let bound = bound(at: document) else { return nil }
            if above >= 0, score &+ bound <= above {
                skip()
                return nil
            }
            return self.score(of: document).map { score &+ $0 }
        }
    }
}
