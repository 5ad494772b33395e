/// Endings that an analyzer takes off words: for how far a misspelt word, `heatnig`, is from a word of which the dictionary has
/// the stem alone, `heat`.
///
/// A term with one of these endings counts as a word if the analyzer makes the term of it, so that nothing is invented for
/// analyzers that leave words as they are.
struct WordEndings {
    private static let known: [[UInt32]] = """
        s es e ed d ing ings er ers or ors ly ion ions ation ations al ally ity ities able ably ible ibly ive ively ative atively ment ments \
        ness ance ances ence ences ency encies ic ics ical ically ous ously ism ist ists ize ized izes izing izer ization ate \
        ates ated ating ator ators ant ants ent ents ful fully less y ning ned ner ting ted ter ping ped per ling led ler \
        ring red ming med mer ging ged ger
        """.split(separator: " ").map { $0.unicodeScalars.map(\.value) }
    /// In the place of the `i` or the `e` that ends a stem.
    private static let afterI: [[UInt32]] = ["y", "ies", "ied", "ying", "yer"].map { $0.unicodeScalars.map(\.value) }
    private static let afterE: [[UInt32]] = ["ing", "ed", "es", "er", "ers", "ings", "able", "ation", "ity", "ive"].map
    {
        $0.unicodeScalars.map(\.value)
    }
    /// No ending is longer.
    private static let lengthMax = 8

    private let analyzer: any Analyzer
    private let count: Int
    /// For each ending the edits from it to what follows a place of the word; places further from the end than an ending's
    /// length and the edits are out of reach.
    private var costs: [[Int]] = []
    private var costsAfterI: [[Int]] = []
    private var costsAfterE: [[Int]] = []
    /// The least of them for each place.
    private var least: [Int]

    private static let far = 1_000

    /// - Parameter word: Folded, as it was written.
    init(_ word: [UInt32], analyzer: any Analyzer, editsMax: Int) {
        self.analyzer = analyzer
        count = word.count
        least = Array(repeating: Self.far, count: word.count + 1)
        costs = Self.known.map { Self.costs($0, word, editsMax) }
        costsAfterI = Self.afterI.map { Self.costs($0, word, editsMax) }
        costsAfterE = Self.afterE.map { Self.costs($0, word, editsMax) }
        for costs in costs + costsAfterI + costsAfterE {
            for place in costs.indices { least[place] = min(least[place], costs[place]) }
        }
    }

    private static func costs(_ ending: [UInt32], _ word: [UInt32], _ editsMax: Int) -> [Int] {
        var costs = Array(repeating: far, count: word.count + 1)
        let reach = min(word.count - 1, ending.count + editsMax)
        guard reach >= 0 else { return costs }
        // Both from their ends on: a row for each letter of the ending, a column for each of the word.
        var rows: [[Int]] = [Array(0...reach)]
        for row in 1...ending.count {
            let letter = ending[ending.count - row]
            var next = [row]
            for column in stride(from: 1, through: reach, by: 1) {
                let other = word[word.count - column]
                var best = min(
                    rows[row - 1][column] + 1, next[column - 1] + 1,
                    rows[row - 1][column - 1] + (letter == other ? 0 : 1))
                if row > 1, column > 1, letter == word[word.count - column + 1], ending[ending.count - row + 1] == other
                {
                    best = min(best, rows[row - 2][column - 2] + 1)
                }
                next.append(best)
            }
            rows.append(next)
        }
        for column in 0...reach where rows[ending.count][column] <= editsMax {
            costs[word.count - column] = rows[ending.count][column]
        }
        return costs
    }

    /// The least distance of the word to the term with an ending, if that is below `bound`.
    ///
    /// - Parameters:
    ///   - row: Distances of the term to each beginning of the word; `before` of the term without its last letter.
    func distance(
        _ bytes: UnsafeRawBufferPointer, row: UnsafePointer<Int32>, before: UnsafePointer<Int32>?, below bound: Int
    ) -> (edits: Int, form: [UInt8])? {
        let before = Self.isDropped(bytes.last) ? before : nil
        var reachable = false
        for place in max(1, count - Self.lengthMax)...count where place < least.count {
            let edits = Int(min(row[place], before?[place] ?? Int32(Self.far))) + least[place]
            if edits < bound { reachable = true }
        }
        guard reachable else { return nil }
        let term = Array(bytes)
        var (bound, found) = (bound, (edits: Int, form: [UInt8])?.none)
        func look(_ costs: [[Int]], _ endings: [[UInt32]], _ row: UnsafePointer<Int32>, _ stem: ArraySlice<UInt8>) {
            for (costs, ending) in zip(costs, endings) {
                for place in max(1, count - Self.lengthMax)...count where Int(row[place]) + costs[place] < bound {
                    let form = stem + ending.map { UInt8(truncatingIfNeeded: $0) }
                    guard isForm(form, of: term) else { break }
                    bound = Int(row[place]) + costs[place]
                    found = (bound, Array(form))
                }
            }
        }
        look(costs, Self.known, row, term[...])
        if let before {
            let isI = term.last == UInt8(ascii: "i")
            look(isI ? costsAfterI : costsAfterE, isI ? Self.afterI : Self.afterE, before, term.dropLast())
        }
        return found
    }

    /// Whether the last letter of a term may have another ending in its place.
    static func isDropped(_ letter: UInt8?) -> Bool { letter == UInt8(ascii: "i") || letter == UInt8(ascii: "e") }

    /// Whether the analyzer leaves the term as it is.
    func isWord(_ term: [UInt8]) -> Bool { isForm(term[...], of: term) }

    private func isForm(_ form: ArraySlice<UInt8>, of term: [UInt8]) -> Bool {
        var isForm = false
        Array(form).withUnsafeBytes { bytes in
            analyzer.analyze(bytes) { isForm = $0.term.elementsEqual(term) }
        }
        return isForm
    }
}
