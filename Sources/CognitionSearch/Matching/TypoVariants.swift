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
        var (best, counts): (Int, [[UInt8]: (form: [UInt8], documents: Int)]) = (editsMax, [:])
        for entry in snapshot.contents.entries {
            guard let dictionary = entry.segment.fields[field].dictionary else { continue }
            let walk = TypoWalk(query: query, dictionary: dictionary, editsMax: editsMax)
            walk.run(editsMax: best, endings: endings) { term, form, distance, documents in
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
final class TypoWalk {
    private static let far: UInt8 = 100

    private let query: [UInt32]
    private let iterator: TermIterator
    /// Rows of the matrix: one for each letter of the term, and one before the first.
    private let rows: UnsafeMutablePointer<UInt8>
    private let width: Int
    private let depthMax: Int
    /// Letters of the current term, and where each ends in its bytes.
    private let letters: UnsafeMutablePointer<UInt32>
    private let ends: UnsafeMutablePointer<Int>
    private var depth = 0

    var isDamaged: Bool { iterator.isDamaged }

    /// - Parameter editsMax: No bound is greater.
    init(query: [UInt32], dictionary: TermDictionary, editsMax: Int) {
        self.query = query
        iterator = TermIterator(dictionary)
        width = query.count + 1
        // A term with more letters is too far.
        depthMax = query.count + editsMax + 2
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
    func run(
        editsMax: Int, endings: WordEndings?,
        _ body: (_ term: [UInt8], _ form: [UInt8], _ distance: Int, _ documents: Int) -> Int
    ) {
        var bound = editsMax
        guard iterator.advance() else { return }
        while let entry = iterator.entry {
            // Rows of what is shared with the term before stay.
            while depth > 0, ends[depth - 1] > iterator.shared { depth -= 1 }
            guard let dead = extendRows(bound: bound) else {
                bound = look(at: entry, bound, endings, body)
                iterator.advance()
                continue
            }
            skip(past: dead)
        }
    }

    /// Gives the current term if it is near enough.
    private func look(
        at entry: TermEntry, _ bound: Int, _ endings: WordEndings?,
        _ body: (_ term: [UInt8], _ form: [UInt8], _ distance: Int, _ documents: Int) -> Int
    ) -> Int {
        let row = rows + depth * width
        let distance = Int(row[query.count])
        let ended = endings?.distance(
            iterator.term, row: row, before: depth > 0 ? UnsafePointer(row - width) : nil,
            below: min(distance, bound) + 1)
        if let ended, ended.edits < distance || endings?.isWord(iterator.term) == false {
            return body(iterator.term, ended.form, ended.edits, entry.documentCount)
        }
        return distance <= bound ? body(iterator.term, iterator.term, distance, entry.documentCount) : bound
    }

    /// Adds rows for the rest of the term.
    ///
    /// - Returns: Bytes of the beginning from which nothing can follow; `nil` if the term was read to its end.
    private func extendRows(bound: Int) -> Int? {
        var place = depth > 0 ? ends[depth - 1] : 0
        while place < iterator.term.count {
            let (letter, length) = Self.letter(iterator.term, place)
            place += length
            letters[depth] = letter
            ends[depth] = place
            depth += 1
            if depth >= depthMax || addRow(bound) > bound { return place }
        }
        return nil
    }

    /// The row of the last letter; the least that any term can come to that goes on from it.
    @inline(__always)
    private func addRow(_ bound: Int) -> Int {
        let count = depth
        let row = rows + count * width
        let before = row - width
        let letter = letters[count - 1]
        row.update(repeating: Self.far, count: width)
        // An insertion before the first letter counts two, and so does all that concerns it.
        var (least, leastBefore) = (Self.far, Self.far)
        if 2 * count < Int(Self.far), count <= bound {
            row[0] = UInt8(2 * count)
            least = row[0]
        }
        let first = max(1, count - bound - 1)
        let last = min(width - 1, count + bound + 1)
        if count > bound, first > 1 { leastBefore = before[first - 1] } else { leastBefore = before[0] }
        var column = first
        while column <= last {
            let isSame = query[column - 1] == letter
            let cost: UInt8 = column == 1 ? 2 : 1
            var best = min(
                min(before[column] &+ 1, row[column - 1] &+ cost), before[column - 1] &+ (isSame ? 0 : cost))
            if column > 1, count > 1, !isSame, query[column - 1] == letters[count - 2], query[column - 2] == letter {
                best = min(best, (row - 2 * width)[column - 2] &+ (column == 2 ? 2 : 1))
            }
            if best < Self.far { row[column] = best }
            least = min(least, best)
            leastBefore = min(leastBefore, before[column])
            column += 1
        }
        // A transposition may come back to the row before with one more edit, and another ending without any.
        let isDropped = letter < 0x80 && WordEndings.isDropped(UInt8(letter))
        return Int(min(least, isDropped ? leastBefore : leastBefore &+ 1))
    }

    /// Goes to the first term that does not begin with the first `length` bytes of the current one.
    private func skip(past length: Int) {
        let start = Array(iterator.term[..<length])
        for _ in 0..<TermDictionaryWriter.blockLength {
            guard iterator.advance() else { return }
            if iterator.shared < length { return }
        }
        // Far: the first term after all that begin so.
        var next = start
        while let last = next.last {
            if last < 0xFF {
                next[next.count - 1] = last + 1
                iterator.seek(next)
                depth = 0
                return
            }
            next.removeLast()
        }
        while iterator.advance() {}
    }

    /// The letter at a byte, and its length; a byte that begins none is one of its own.
    private static func letter(_ bytes: [UInt8], _ place: Int) -> (UInt32, Int) {
        let first = bytes[place]
        if first < 0x80 { return (UInt32(first), 1) }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
        guard length > 1, place + length <= bytes.count else { return (UInt32(first), 1) }
        var value = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        for next in bytes[(place + 1)..<(place + length)] { value = value << 6 | UInt32(next & 0x3F) }
        return (value, length)
    }
}
