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
            var walk = TypoWalk(query: query, dictionary: dictionary)
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
struct TypoWalk {
    private let query: [UInt32]
    private let iterator: TermIterator
    /// Rows of the matrix: one for each letter of the term, and one before the first.
    private var rows: [[Int]]
    /// Letters of the current term, and where each ends in its bytes.
    private var letters: [UInt32] = []
    private var ends: [Int] = []

    var isDamaged: Bool { iterator.isDamaged }

    init(query: [UInt32], dictionary: TermDictionary) {
        self.query = query
        iterator = TermIterator(dictionary)
        rows = [query.indices.reduce(into: [0]) { row, place in row.append(row[place] + (place == 0 ? 2 : 1)) }]
    }

    /// Gives each term whose distance, with or without an ending, is at most the bound, and with it the word that is as near;
    /// `body` answers the bound from then on.
    mutating func run(
        editsMax: Int, endings: WordEndings?,
        _ body: (_ term: [UInt8], _ form: [UInt8], _ distance: Int, _ documents: Int) -> Int
    ) {
        var bound = editsMax
        guard iterator.advance() else { return }
        while let entry = iterator.entry {
            // Rows of what is shared with the term before stay.
            while let end = ends.last, end > iterator.shared {
                letters.removeLast()
                ends.removeLast()
            }
            guard let dead = extendRows(bound: bound) else {
                let distance = rows[letters.count][query.count]
                if let ended = endings?.distance(
                    iterator.term, row: rows[letters.count], before: letters.count > 0 ? rows[letters.count - 1] : nil,
                    below: min(distance, bound) + 1), ended.edits < distance || endings?.isWord(iterator.term) == false
                {
                    bound = body(iterator.term, ended.form, ended.edits, entry.documentCount)
                } else if distance <= bound {
                    bound = body(iterator.term, iterator.term, distance, entry.documentCount)
                }
                iterator.advance()
                continue
            }
            skip(past: dead)
        }
    }

    /// Adds rows for the rest of the term.
    ///
    /// - Returns: Bytes of the beginning from which nothing can follow; `nil` if the term was read to its end.
    private mutating func extendRows(bound: Int) -> Int? {
        var place = ends.last ?? 0
        while place < iterator.term.count {
            let (letter, length) = Self.letter(iterator.term, place)
            place += length
            letters.append(letter)
            ends.append(place)
            if addRow() > bound { return place }
        }
        return nil
    }

    /// The row of the last letter; its least number.
    private mutating func addRow() -> Int {
        let count = letters.count
        if rows.count <= count { rows.append([Int](repeating: 0, count: query.count + 1)) }
        let letter = letters[count - 1]
        // An insertion before the first letter counts two, and so does all that concerns it.
        var least = rows[count - 1][0] + 2
        rows[count][0] = least
        for column in 1...max(1, query.count) where column <= query.count {
            let cost = column == 1 ? 2 : 1
            var best = min(
                rows[count - 1][column] + 1, rows[count][column - 1] + cost,
                rows[count - 1][column - 1] + (query[column - 1] == letter ? 0 : cost))
            if column > 1, count > 1, query[column - 1] == letters[count - 2], query[column - 2] == letter {
                best = min(best, rows[count - 2][column - 2] + (column == 2 ? 2 : 1))
            }
            rows[count][column] = best
            least = min(least, best)
        }
        // A transposition may come back to the row before with one more edit, and another ending without any.
        let before = rows[count - 1].min() ?? 0
        return min(least, letter < 0x80 && WordEndings.isDropped(UInt8(letter)) ? before : before + 1)
    }

    /// Goes to the first term that does not begin with the first `length` bytes of the current one.
    private mutating func skip(past length: Int) {
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
                letters.removeAll(keepingCapacity: true)
                ends.removeAll(keepingCapacity: true)
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
