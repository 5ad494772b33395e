/// Takes what matches, and keeps the best hits of all segments.
struct HitCollector {
    private(set) var top: TopHits
    private(set) var total = 0
    /// What a document of the segment must have more of than, to be kept; negative while there is room.
    private(set) var limit: Int32 = -1

    private let after: TopHits.Hit?
    private var scoring: DocumentScoring
    private var order: UInt64 = 0
    private var allowed: DocumentSet?
    /// Of `allowed`; `nil` where all documents are.
    private var allowedWords: UnsafePointer<UInt64>?

    /// - Parameter after: The hit that the page comes after.
    init(countMax: Int, after: TopHits.Hit?, scoring: DocumentScoring) {
        top = TopHits(countMax: countMax)
        (self.after, self.scoring) = (after, scoring)
    }

    /// Goes on with another segment.
    ///
    /// - Parameter place: Of the segment in the order of documents.
    mutating func begin(_ place: Int, scoring: DocumentScoring, allowed: DocumentSet?) {
        (self.scoring, self.allowed) = (scoring, allowed)
        allowedWords = allowed.map { UnsafePointer($0.words) }
        order = UInt64(place) << 32
        limit = scoring.units(notAbove: top.threshold)
    }

    /// Counts the documents of a window that others take.
    mutating func count(_ window: Window) { total += window.count }

    /// Takes all documents of a window that the caller has made sure may be seen.
    mutating func add(_ window: Window) {
        count(window)
        let base = Int(window.base)
        for word in 0..<Window.wordCount {
            var rest = window.bits[word]
            while rest != 0 {
                let inside = word &<< 6 | rest.trailingZeroBitCount
                rest &= rest &- 1
                offer(base &+ inside, window.scores[inside])
            }
        }
    }

    /// Takes a document that matches, unless it may not be seen.
    @inline(__always)
    mutating func add(_ document: Int, _ units: Int32) {
        if let allowedWords, (allowedWords[document &>> 6] &>> UInt64(document & 63)) & 1 == 0 { return }
        total &+= 1
        offer(document, units)
    }

    @inline(__always)
    private mutating func offer(_ document: Int, _ units: Int32) {
        if units > limit { keep(document, units) }
    }

    @inline(never)
    private mutating func keep(_ document: Int, _ units: Int32) {
        let hit = TopHits.Hit(score: scoring.score(units, document), order: order | UInt64(document + 1))
        if let after, !hit.isWorse(than: after) { return }
        top.add(score: hit.score, order: hit.order)
        limit = scoring.units(notAbove: top.threshold)
    }
}
