/// Makes terms of text: what is indexed and what is looked for go through the same one.
///
/// A value without state that threads share. It works on bytes and gives its terms to a closure, so that a document's
/// million words cost no million strings.
package protocol Analyzer: Sendable {
    /// Calls `emit` for each term in order of the text. Positions do not fall, and several terms may share one (an
    /// identifier as a whole and its first part). A word that is left out (a stop word) leaves a gap.
    ///
    /// - Parameter text: UTF-8; what is no UTF-8 is read as U+FFFD.
    func analyze(_ text: UnsafeRawBufferPointer, _ emit: (AnalyzedTerm) -> Void)
}

/// A term of a text. Valid during the call that gives it.
package struct AnalyzedTerm {
    /// UTF-8, 1...255 bytes, folded and stemmed.
    package var term: UnsafeRawBufferPointer
    /// From 0; gaps of stop words included.
    package var position: Int
    /// Bytes of the text that the term was made of.
    package var range: Range<Int>
    /// An identifier, version, path or number, or a part of one: no misspelling of it is tried.
    package var isExact: Bool

    package init(term: UnsafeRawBufferPointer, position: Int, range: Range<Int>, isExact: Bool) {
        self.term = term
        self.position = position
        self.range = range
        self.isExact = isExact
    }
}
