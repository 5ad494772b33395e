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
                let walk = TypoWalk(query: query, dictionary: dictionary, bound: bound)
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
