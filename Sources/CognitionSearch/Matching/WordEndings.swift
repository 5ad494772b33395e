/// Endings that an analyzer takes off words: for how far a misspelt word, `heatnig`, is from a word of which the dictionary has
/// the stem alone, `heat`.
///
/// A term with one of these endings counts as a word if the analyzer makes the term of it, so that nothing is invented for
/// analyzers that leave words as they are.
struct WordEndings {
    private struct Ending: Sendable {
        var letters: [UInt8]
        /// A letter at the end of a stem that it takes the place of; 0 for none.
        var instead: UInt8
    }

    private static func endings(_ text: String, insteadOf letter: UInt8 = 0) -> [Ending] {
        text.split(separator: " ").map { Ending(letters: Array($0.utf8), instead: letter) }
    }

    private static let known =
        endings(
            """
            s es e ed d ing ings er ers or ors ly ion ions ation ations al ally ity ities able ably ible ibly ive ively \
            ative atively ment ments ness ance ances ence ences ency encies ic ics ical ically ous ously ism ist ists ize \
            ized izes izing izer ization ate ates ated ating ator ators ant ants ent ents ful fully less y ning ned ner \
            ting ted ter ping ped per ling led ler ring red ming med mer ging ged ger
            """)
        + endings("y ies ied ying yer", insteadOf: UInt8(ascii: "i"))
        + endings("ing ed es er ers ings able ation ity ive", insteadOf: UInt8(ascii: "e"))
    private static let lengthMax = 7
    private static let far: UInt8 = 100

    private let analyzer: any Analyzer
    private let count: Int
    private let width: Int
    /// For each ending the edits from it to the last letters of the word, by how many these are; `far` for more than may be.
    private var costs: [UInt8]
    /// The least of them.
    private var least: [UInt8]

    /// - Parameter word: Folded, as it was written.
    init(_ word: [UInt32], analyzer: any Analyzer, editsMax: Int) {
        self.analyzer = analyzer
        count = word.count
        width = min(word.count - 1, Self.lengthMax + editsMax) + 1
        costs = Array(repeating: Self.far, count: Self.known.count * max(1, width))
        least = Array(repeating: Self.far, count: max(1, width))
        guard width > 1 else { return }
        // Both from their ends on: a row for each letter of an ending, a column for each of the word.
        var rows = [UInt8](repeating: 0, count: (Self.lengthMax + 1) * width)
        for (number, ending) in Self.known.enumerated() {
            let length = ending.letters.count
            for column in 0..<width { rows[column] = UInt8(column) }
            for row in 1...length {
                let letter = UInt32(ending.letters[length - row])
                rows[row * width] = UInt8(row)
                for column in 1..<width {
                    let other = word[count - column]
                    let above = (row - 1) * width + column
                    var best = min(
                        min(rows[above], rows[above + width - 1]) + 1, rows[above - 1] + (letter == other ? 0 : 1))
                    if row > 1, column > 1, letter == word[count - column + 1],
                        UInt32(ending.letters[length - row + 1]) == other
                    {
                        best = min(best, rows[above - width - 2] + 1)
                    }
                    rows[above + width] = best
                }
            }
            for column in 0..<width {
                let cost = rows[length * width + column]
                guard cost <= editsMax else { continue }
                costs[number * width + column] = cost
                least[column] = min(least[column], cost)
            }
        }
    }

    /// Whether ``distance(_:row:before:below:)`` has to be asked.
    @inline(__always)
    func reaches(row: UnsafePointer<UInt8>, before: UnsafePointer<UInt8>?, below bound: Int) -> Bool {
        least.withUnsafeBufferPointer { least in
            for column in 0..<width {
                let place = count - column
                if Int(min(row[place], before?[place] ?? Self.far) &+ least[column]) < bound { return true }
            }
            return false
        }
    }

    /// The least distance of the word to the term with an ending, if that is below `bound`.
    ///
    /// - Parameters:
    ///   - row: Distances of the term to each beginning of the word.
    ///   - before: Those of the term without its last letter, if another ending may take its place.
    func distance(
        _ term: [UInt8], row: UnsafePointer<UInt8>, before: UnsafePointer<UInt8>?, below bound: Int
    ) -> (edits: Int, form: [UInt8])? {
        guard width > 1, let last = term.last else { return nil }
        var (bound, found) = (bound, (edits: Int, form: [UInt8])?.none)
        for (number, ending) in Self.known.enumerated()
        where ending.instead == 0 || (ending.instead == last && before != nil) {
            let row = ending.instead == 0 ? row : before ?? row
            for column in 0..<width {
                let edits = Int(row[count - column] &+ costs[number * width + column])
                guard edits < bound else { continue }
                let form = (ending.instead == 0 ? term[...] : term.dropLast()) + ending.letters
                guard isForm(Array(form), of: term) else { break }
                bound = edits
                found = (edits, Array(form))
            }
        }
        return found
    }

    /// Whether the last letter of a term may have another ending in its place.
    static func isDropped(_ letter: UInt8) -> Bool { letter == UInt8(ascii: "i") || letter == UInt8(ascii: "e") }

    /// Whether the analyzer leaves the term as it is.
    func isWord(_ term: [UInt8]) -> Bool { isForm(term, of: term) }

    private func isForm(_ form: [UInt8], of term: [UInt8]) -> Bool {
        var isForm = false
        form.withUnsafeBytes { bytes in
            analyzer.analyze(bytes) { isForm = $0.term.elementsEqual(term) }
        }
        return isForm
    }
}
