/// One walk through a dictionary, which passes over what cannot be near to a word.
///
/// Of each row of the matrix only the cells are reckoned that are within the edits of the diagonal.
final class TypoWalk {
    /// More than any bound.
    private static let far: UInt8 = 100

    private let query: [UInt32]
    private let iterator: TermIterator
    /// Rows of the matrix: one for each letter of the term, and one before the first; then the least of each.
    private var rows: UnsafeMutablePointer<UInt8>
    private var least: UnsafeMutablePointer<UInt8>
    /// Letters of the current term, and where each ends in its bytes.
    private var letters: UnsafeMutablePointer<UInt32>
    private var ends: UnsafeMutablePointer<Int>
    private let columns: Int
    /// No term with more letters is near.
    private let lettersMax: Int
    /// Edits at most.
    private let editsMax: Int

    var isDamaged: Bool { iterator.isDamaged }

    init(query: [UInt32], dictionary: TermDictionary, bound: Int) {
        self.query = query
        editsMax = bound
        iterator = TermIterator(dictionary)
        columns = query.count + 1
        lettersMax = query.count + 8
        rows = .allocate(capacity: (lettersMax + 1) * columns)
        least = .allocate(capacity: lettersMax + 1)
        letters = .allocate(capacity: lettersMax + 1)
        ends = .allocate(capacity: lettersMax + 1)
        // Letters of the word that the term lacks; the first counts two.
        for column in 0..<columns { rows[column] = column == 0 ? 0 : UInt8(min(column + 1, Int(Self.far))) }
        least[0] = 0
    }

    deinit {
        rows.deallocate()
        least.deallocate()
        letters.deallocate()
        ends.deallocate()
    }

    /// Gives each term whose distance, with or without an ending, is at most the bound, and with it the word that is as near;
    /// `body` answers the bound from then on.
    func run(
        _ endings: WordEndings?,
        _ body: (_ term: [UInt8], _ form: [UInt8], _ distance: Int, _ documents: Int) -> Int
    ) {
        var (bound, count) = (editsMax, 0)
        guard iterator.advance() else { return }
        while let entry = iterator.entry {
            // Rows of what is shared with the term before stay.
            while count > 0, ends[count - 1] > iterator.shared { count -= 1 }
            if let dead = extendRows(&count, bound: bound) {
                guard iterator.skip(past: dead) else { return }
                continue
            }
            let (row, bytes) = (rows + count * columns, iterator.bytes)
            let distance = Int(row[columns - 1])
            let before = count > 0 && WordEndings.isDropped(bytes.last ?? 0) ? UnsafePointer(row - columns) : nil
            let below = min(distance, bound) + 1
            let isReachable = endings?.reaches(row: row, before: before, below: below) ?? false
            if distance <= bound || isReachable {
                let term = iterator.term
                if isReachable, let endings,
                    let ended = endings.distance(term, row: row, before: before, below: below),
                    ended.edits < distance || !endings.isWord(term)
                {
                    bound = body(term, ended.form, ended.edits, entry.documentCount)
                } else if distance <= bound {
                    bound = body(term, term, distance, entry.documentCount)
                }
            }
            iterator.advance()
        }
    }

    /// Adds rows for the rest of the term.
    ///
    /// - Returns: Bytes of the beginning from which nothing can follow; `nil` if the term was read to its end.
    private func extendRows(_ count: inout Int, bound: Int) -> Int? {
        let (bytes, rows, least, letters, ends) = (iterator.bytes, rows, least, letters, ends)
        var place = count > 0 ? ends[count - 1] : 0
        return query.withUnsafeBufferPointer { query in
            while place < bytes.count {
                let (letter, length) = Self.letter(bytes, place)
                place += length
                if count == lettersMax { return place }
                letters[count] = letter
                ends[count] = place
                count += 1
                if Self.addRow(count, query, rows, least, letters, columns, editsMax) > bound { return place }
            }
            return nil
        }
    }

    /// The row of the last letter.
    ///
    /// - Returns: What no term that goes on from here is below.
    @inline(__always)
    private static func addRow(
        _ count: Int, _ query: UnsafeBufferPointer<UInt32>, _ rows: UnsafeMutablePointer<UInt8>,
        _ leasts: UnsafeMutablePointer<UInt8>, _ letters: UnsafeMutablePointer<UInt32>, _ columns: Int, _ editsMax: Int
    ) -> Int {
        let row = rows + count &* columns
        let (above, letter) = (row - columns, letters[count &- 1])
        for column in 0..<columns { row[column] = far }
        var least = far
        let (first, last) = (max(0, count &- editsMax), min(columns &- 1, count &+ editsMax))
        if first == 0 {
            // A letter before the first of the word counts two.
            row[0] = min(above[0] &+ 2, far)
            least = row[0]
        }
        var column = max(1, first)
        while column <= last {
            // And so does all that concerns the first.
            let cost: UInt8 = column == 1 ? 2 : 1
            var best = min(above[column] &+ 1, row[column &- 1] &+ cost)
            best = min(best, above[column &- 1] &+ (query[column &- 1] == letter ? 0 : cost))
            if column > 1, count > 1, query[column &- 1] == letters[count &- 2], query[column &- 2] == letter {
                best = min(best, (above - columns)[column &- 2] &+ (column == 2 ? 2 : 1))
            }
            row[column] = min(best, far)
            least = min(least, best)
            column &+= 1
        }
        leasts[count] = least
        // Another ending in the place of this letter goes on from the row before.
        if letter < 0x80, WordEndings.isDropped(UInt8(letter)) { return Int(min(least, leasts[count &- 1])) }
        // So does a transposition, of this letter with the one that follows.
        column = max(2, first)
        while column <= min(columns &- 1, last &+ 1) {
            if query[column &- 1] == letter { least = min(least, above[column &- 2] &+ (column == 2 ? 2 : 1)) }
            column &+= 1
        }
        return Int(least)
    }

    /// The letter at a byte, and its length; a byte that begins none is one of its own.
    @inline(__always)
    private static func letter(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> (UInt32, Int) {
        let first = bytes[place]
        if first < 0x80 { return (UInt32(first), 1) }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
        guard length > 1, place + length <= bytes.count else { return (UInt32(first), 1) }
        var value = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        for next in (place + 1)..<(place + length) { value = value << 6 | UInt32(bytes[next] & 0x3F) }
        return (value, length)
    }
}
