/// 4,096 documents of a segment: which of them match so far, and their scores.
///
/// A query is carried out window by window, each of its nodes over all documents of the window: what is touched stays in the
/// first cache, and no heap of documents has to be kept in order. Source: Lucene, `BooleanScorer` and `MaxScoreBulkScorer`.
final class Window {
    static let length = 4_096
    static let wordCount = length / 64

    /// First document.
    var base: UInt32 = 0
    /// Documents after the last of the window or of the segment.
    var end: UInt32 = 0
    let bits: UnsafeMutablePointer<UInt64>
    /// Of documents without a bit they mean nothing, unless the window was just cleared.
    let scores: UnsafeMutablePointer<Int32>

    init() {
        bits = .allocate(capacity: Self.wordCount)
        scores = .allocate(capacity: Self.length)
    }

    deinit {
        bits.deallocate()
        scores.deallocate()
    }

    func clear() {
        bits.update(repeating: 0, count: Self.wordCount)
        scores.update(repeating: 0, count: Self.length)
    }

    func clear(like other: Window) {
        (base, end) = (other.base, other.end)
        clear()
    }

    var isEmpty: Bool {
        var all: UInt64 = 0
        for word in 0..<Self.wordCount { all |= bits[word] }
        return all == 0
    }

    var count: Int {
        var sum = 0
        for word in 0..<Self.wordCount { sum &+= bits[word].nonzeroBitCount }
        return sum
    }

    /// Calls `body` with the place of each document that matches, in order.
    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        for word in 0..<Self.wordCount {
            var rest = bits[word]
            while rest != 0 {
                body(word &<< 6 | rest.trailingZeroBitCount)
                rest &= rest &- 1
            }
        }
    }

    /// Sets bits of all documents.
    func setAll() {
        let count = Int(end - base)
        for word in 0..<Self.wordCount {
            let left = count - word * 64
            bits[word] = left >= 64 ? .max : left <= 0 ? 0 : (1 << UInt64(left)) - 1
        }
    }

    /// Keeps what a set over the whole segment holds, too. `base` is a multiple of 64.
    @inline(__always)
    func keep(_ set: DocumentSet) {
        let first = Int(base) >> 6
        let count = min(Self.wordCount, set.wordCount - first)
        for word in 0..<max(0, count) { bits[word] &= set.words[first + word] }
    }

    /// Adds another's documents, with its scores.
    func add(_ other: Window) {
        for word in 0..<Self.wordCount where other.bits[word] != 0 {
            var (new, rest) = (other.bits[word], other.bits[word] & bits[word])
            bits[word] |= new
            new &= ~rest
            while new != 0 {
                let place = word << 6 | new.trailingZeroBitCount
                scores[place] = other.scores[place]
                new &= new - 1
            }
            while rest != 0 {
                let place = word << 6 | rest.trailingZeroBitCount
                scores[place] &+= other.scores[place]
                rest &= rest - 1
            }
        }
    }

    /// Adds another's documents, with the greater score where both have one.
    func addBest(_ other: Window) {
        for word in 0..<Self.wordCount where other.bits[word] != 0 {
            let before = bits[word]
            var rest = other.bits[word]
            bits[word] |= rest
            while rest != 0 {
                let bit = rest.trailingZeroBitCount
                let place = word << 6 | bit
                let score = other.scores[place]
                if before >> UInt64(bit) & 1 == 0 || score > scores[place] { scores[place] = score }
                rest &= rest - 1
            }
        }
    }

    /// Keeps what another has, too, and adds its scores.
    func intersect(_ other: Window) {
        for word in 0..<Self.wordCount {
            var rest = bits[word] & other.bits[word]
            bits[word] = rest
            while rest != 0 {
                let place = word << 6 | rest.trailingZeroBitCount
                scores[place] &+= other.scores[place]
                rest &= rest - 1
            }
        }
    }

    func exclude(_ other: Window) {
        for word in 0..<Self.wordCount { bits[word] &= ~other.bits[word] }
    }
}

/// Documents of a segment, a bit each.
final class DocumentSet {
    let words: UnsafeMutablePointer<UInt64>
    let wordCount: Int
    let documentCount: Int

    init(documentCount: Int) {
        self.documentCount = documentCount
        wordCount = (documentCount + 63) / 64
        words = .allocate(capacity: max(1, wordCount))
        words.initialize(repeating: 0, count: max(1, wordCount))
    }

    convenience init(_ alive: AliveBits) {
        self.init(documentCount: alive.documentCount)
        for (place, word) in alive.words.enumerated() { words[place] = word }
    }

    deinit { words.deallocate() }

    @inline(__always)
    func insert(_ document: Int) { words[document &>> 6] |= 1 &<< UInt64(document & 63) }

    @inline(__always)
    subscript(document: Int) -> Bool { (words[document &>> 6] &>> UInt64(document & 63)) & 1 == 1 }

    var count: Int {
        var sum = 0
        for word in 0..<wordCount { sum += words[word].nonzeroBitCount }
        return sum
    }

    /// The first document from `document` on; `PostingCursor.end` for none.
    func first(from document: UInt32) -> UInt32 {
        var word = Int(document >> 6)
        guard word < wordCount else { return PostingCursor.end }
        var bits = words[word] & (.max << UInt64(document & 63))
        while bits == 0 {
            word += 1
            guard word < wordCount else { return PostingCursor.end }
            bits = words[word]
        }
        return UInt32(word << 6 | bits.trailingZeroBitCount)
    }

    func intersect(_ other: DocumentSet) {
        for word in 0..<wordCount { words[word] &= other.words[word] }
    }

    func copy() -> DocumentSet {
        let copy = DocumentSet(documentCount: documentCount)
        copy.words.update(from: words, count: wordCount)
        return copy
    }

    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        for word in 0..<wordCount {
            var rest = words[word]
            while rest != 0 {
                body(word &<< 6 | rest.trailingZeroBitCount)
                rest &= rest &- 1
            }
        }
    }
}
