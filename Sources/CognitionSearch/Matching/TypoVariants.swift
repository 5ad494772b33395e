/// Terms of a field that a misspelt word may have been meant to be.
///
/// Damerau–Levenshtein distance with transpositions of neighbours, on Unicode scalars; an error in the first letter counts
/// two. The matrix is kept for the beginning that a term shares with the one before it, and a beginning from which no row can
/// come back below the bound is left at once: the same terms are visited as by an automaton. Source: Hyyrö, "A bit-vector
/// algorithm for computing Levenshtein and Damerau edit distances" (2003) for the recurrence; Schulz, Mihov, "Fast string
/// correction with Levenshtein automata" (2002) for the walk.
struct TypoVariants {
    static let countMax = 50

    /// With how many documents have each, most first; `form` is the word that is nearest, of which the term is the stem.
    var terms: [(term: [UInt8], form: [UInt8], documents: Int)]
    /// Edits of all of them.
    var distance: Int
    /// Whether there are more than `countMax`.
    var isLimited: Bool

    /// - Parameters:
    ///   - word: Folded, not stemmed.
    ///   - leavesOut: A term that is left out.
    static func nearest(
        to word: [UInt8], editsMax: Int, field: Int, in snapshot: IndexSnapshot, leavesOut: [UInt8]?
    ) throws -> TypoVariants {
        let query = String(decoding: word, as: UTF8.self).unicodeScalars.map(\.value)
        let endings = snapshot.schema.fields[field].analyzer.map {
            WordEndings(query, analyzer: $0, editsMax: editsMax)
        }
        var (best, counts): (Int, [[UInt8]: (form: [UInt8], documents: Int)]) = (1, [:])
        // Most are one edit away, which far fewer terms are looked at for than for two.
        for bound in 1...max(1, editsMax) where counts.isEmpty && bound <= editsMax {
            best = bound
            for entry in snapshot.contents.entries {
                guard let dictionary = entry.segment.fields[field].dictionary else { continue }
                var walk = TypoWalk(query: query, dictionary: dictionary, bound: bound)
                walk.run(endings) { term, form, distance, documents in
                    if term == leavesOut { return best }
                    if distance < best {
                        best = distance
                        counts.removeAll(keepingCapacity: true)
                    }
                    counts[term, default: (form, 0)].documents += documents
                    return best
                }
                if walk.isDamaged { throw SearchError.damaged("a dictionary cannot be read") }
            }
        }
        let terms = counts.map { (term: $0.key, form: $0.value.form, documents: $0.value.documents) }.sorted {
            left, right in
            left.documents != right.documents
                ? left.documents > right.documents : left.term.lexicographicallyPrecedes(right.term)
        }
        return TypoVariants(
            terms: Array(terms.prefix(countMax)), distance: best, isLimited: terms.count > countMax)
    }
}

/// One walk through a dictionary.
///
/// Of the matrix only the band is made in which a distance can be within the bound.
struct TypoWalk: ~Copyable {
    private static let far: UInt8 = 100

    private let query: [UInt32]
    private var scan: TermScan
    private var bound: Int
    /// Rows of the matrix: one for each letter of the term, and one before the first.
    private let rows: UnsafeMutablePointer<UInt8>
    private let width: Int
    private let depthMax: Int
    /// Letters of the current term, and where each ends in its bytes.
    private let letters: UnsafeMutablePointer<UInt32>
    private let ends: UnsafeMutablePointer<Int>
    private var depth = 0

    var isDamaged: Bool { scan.isDamaged }

    /// - Parameter bound: Edits at most.
    init(query: [UInt32], dictionary: TermDictionary, bound: Int) {
        self.query = query
        self.bound = bound
        scan = TermScan(dictionary)
        width = query.count + 1
        // A term with more letters is too far.
        depthMax = query.count + bound + 2
        rows = .allocate(capacity: (depthMax + 1) * width)
        rows.initialize(repeating: Self.far, count: (depthMax + 1) * width)
        letters = .allocate(capacity: depthMax + 1)
        ends = .allocate(capacity: depthMax + 1)
        for place in 0..<width { rows[place] = place == 0 ? 0 : UInt8(min(place + 1, Int(Self.far))) }
    }

    deinit {
        rows.deallocate()
        letters.deallocate()
        ends.deallocate()
    }

    /// Gives each term whose distance, with or without an ending, is at most the bound, and with it the word that is as near;
    /// `body` answers the bound from then on.
    mutating func run(
        _ endings: WordEndings?,
        _ body: (_ term: [UInt8], _ form: [UInt8], _ distance: Int, _ documents: Int) -> Int
    ) {
        var goesOn = scan.advance()
        while goesOn {
            // Rows of what is shared with the term before stay.
            while depth > 0, ends[depth - 1] > scan.shared { depth -= 1 }
            let dead = extendRows()
            if dead > 0 {
                goesOn = skip(past: dead)
            } else {
                look(endings, body)
                goesOn = scan.advance()
            }
        }
    }

    /// Gives the current term if it is near enough.
    @inline(__always)
    private mutating func look(
        _ endings: WordEndings?,
        _ body: (_ term: [UInt8], _ form: [UInt8], _ distance: Int, _ documents: Int) -> Int
    ) {
        let row = rows + depth * width
        let distance = Int(row[query.count])
        let last = scan.count > 0 ? scan.term[scan.count - 1] : 0
        let before = depth > 0 && WordEndings.isDropped(last) ? UnsafePointer(row - width) : nil
        let isReachable = endings?.reaches(row: row, before: before, below: min(distance, bound) + 1) ?? false
        guard distance <= bound || isReachable else { return }
        let term = scan.bytes
        if isReachable, let endings,
            let ended = endings.distance(term, row: row, before: before, below: min(distance, bound) + 1),
            ended.edits < distance || !endings.isWord(term)
        {
            bound = body(term, ended.form, ended.edits, scan.documents)
        } else if distance <= bound {
            bound = body(term, term, distance, scan.documents)
        }
    }

    /// Adds rows for the rest of the term.
    ///
    /// - Returns: Bytes of the beginning from which nothing can follow; 0 if the term was read to its end.
    @inline(__always)
    private mutating func extendRows() -> Int {
        var place = depth > 0 ? ends[depth - 1] : 0
        while place < scan.count {
            let (letter, length) = Self.letter(scan.term, place, scan.count)
            place += length
            letters[depth] = letter
            ends[depth] = place
            depth += 1
            if depth >= depthMax || addRow() > bound { return place }
        }
        return 0
    }

    /// The row of the last letter; the least that any term can come to that goes on from it.
    @inline(__always)
    private func addRow() -> Int {
        let count = depth
        let row = rows + count * width
        let before = row - width
        let letter = letters[count - 1]
        let last = min(width - 1, count + bound + 1)
        let first = min(max(1, count - bound - 1), last)
        // What lies beside the band, where the rows after it look.
        row[first - 1] = Self.far
        if last + 1 < width { row[last + 1] = Self.far }
        // An insertion before the first letter counts two, and so does all that concerns it.
        if first == 1 { row[0] = UInt8(min(2 * count, Int(Self.far))) }
        var least = row[first - 1]
        var leastBefore = before[first - 1]
        query.withUnsafeBufferPointer { query in
            for column in stride(from: first, through: last, by: 1) {
                let other = query[column - 1]
                let cost: UInt8 = column == 1 ? 2 : 1
                var best = min(
                    min(before[column] &+ 1, row[column - 1] &+ cost),
                    before[column - 1] &+ (other == letter ? 0 : cost))
                if column > 1, count > 1, other == letters[count - 2], query[column - 2] == letter {
                    best = min(best, (row - 2 * width)[column - 2] &+ (column == 2 ? 2 : 1))
                }
                row[column] = min(best, Self.far)
                least = min(least, best)
                leastBefore = min(leastBefore, before[column])
            }
        }
        // A transposition may come back to the row before with one more edit, and another ending without any.
        let isDropped = letter < 0x80 && WordEndings.isDropped(UInt8(letter))
        return Int(min(least, isDropped ? leastBefore : leastBefore &+ 1))
    }

    /// Goes to the first term that does not begin with the first `length` bytes of the current one; `false` if there is none.
    private mutating func skip(past length: Int) -> Bool {
        for _ in 0..<TermDictionaryWriter.blockLength {
            guard scan.advance() else { return false }
            if scan.shared < length { return true }
        }
        // Far: the first term after all that begin so.
        var next = Array(scan.bytes.prefix(length))
        while let last = next.popLast() {
            guard last < 0xFF else { continue }
            next.append(last + 1)
            depth = 0
            return next.withUnsafeBytes { scan.seek($0) }
        }
        return false
    }

    /// The letter at a byte, and its length; a byte that begins none is one of its own.
    @inline(__always)
    private static func letter(_ bytes: UnsafeMutablePointer<UInt8>, _ place: Int, _ count: Int) -> (UInt32, Int) {
        let first = bytes[place]
        if first < 0x80 { return (UInt32(first), 1) }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
        guard length > 1, place + length <= count else { return (UInt32(first), 1) }
        var value = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        for next in (place + 1)..<(place + length) { value = value << 6 | UInt32(bytes[next] & 0x3F) }
        return (value, length)
    }
}
