/// Takes what matches, and keeps the best hits of all segments.
struct HitCollector {
    private(set) var top: TopHits
    private(set) var total = 0
    /// What a document of the segment must have more of than, to be kept; negative while there is room.
    private(set) var limit: Int32 = -1

    /// The limit that is known from what documents of the segment score, before they are read.
    private var floor: Int32 = -1
    private let after: TopHits.Hit?
    private var scoring: DocumentScoring
    private var isPlain: Bool
    /// Of the scale, and its reciprocal.
    private let (factor, unit): (Double, Double)
    private var order: UInt64 = 0
    private var allowed: DocumentSet?
    /// Of `allowed`; `nil` where all documents are.
    private var allowedWords: UnsafePointer<UInt64>?

    /// - Parameter after: The hit that the page comes after.
    init(countMax: Int, after: TopHits.Hit?, scoring: DocumentScoring) {
        top = TopHits(countMax: countMax)
        (self.after, self.scoring, isPlain) = (after, scoring, scoring.isPlain)
        (factor, unit) = (scoring.scale.factor, 1 / scoring.scale.factor)
    }

    /// Goes on with another segment.
    ///
    /// - Parameter place: Of the segment in the order of documents.
    mutating func begin(_ place: Int, scoring: DocumentScoring, allowed: DocumentSet?) {
        (self.scoring, self.allowed, isPlain) = (scoring, allowed, scoring.isPlain)
        allowedWords = allowed.map { UnsafePointer($0.words) }
        order = UInt64(place) << 32
        floor = -1
        limit = scoring.units(notAbove: top.threshold)
    }

    /// Whether all documents of the segment may be seen.
    var takesAll: Bool { allowedWords == nil }

    /// How many documents of a score make that score a floor, where their scores are all that counts; 0 where they are not.
    var floorCount: Int { takesAll && isPlain && after == nil ? top.countMax : 0 }

    /// As many documents of the segment as there are hits score this, or more.
    mutating func raise(to score: Int32) {
        floor = max(floor, score - 1)
        limit = max(limit, floor)
    }

    /// Counts the documents of a window that others take.
    mutating func count(_ window: Window) { total += window.count }

    /// Counts documents that are offered, or left out as they score too little.
    mutating func count(_ documents: Int) { total &+= documents }

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

    /// Takes a document that was counted and may be seen.
    @inline(__always)
    mutating func offer(_ document: Int, _ units: Int32) {
        if units > limit { keep(document, units) }
    }

    @inline(never)
    private mutating func keep(_ document: Int, _ units: Int32) {
        guard isPlain else { return keepWeighed(document, units) }
        keep(TopHits.Hit(score: Double(units) * unit, order: order | UInt64(document &+ 1)))
        // Of a whole number and a power of two, and so exact; a document's own boost in another segment makes it more.
        limit = max(floor, top.isFull ? Int32(min(Double(Int32.max), top.threshold * factor)) : -1)
    }

    @inline(never)
    private mutating func keepWeighed(_ document: Int, _ units: Int32) {
        keep(TopHits.Hit(score: scoring.score(units, document), order: order | UInt64(document &+ 1)))
        limit = scoring.units(notAbove: top.threshold)
    }

    @inline(__always)
    private mutating func keep(_ hit: TopHits.Hit) {
        if let after, !hit.isWorse(than: after) { return }
        top.add(score: hit.score, order: hit.order)
    }
}
