/// A query as it is carried out in one index: analyzed, looked up in the dictionaries, and weighed.
indirect enum Plan: Sendable {
    case all(weight: Double)
    case nothing
    case term(TermLeaf)
    /// The best of them: all terms with one beginning.
    case terms(TermsLeaf)
    case phrase(PhraseLeaf)
    case values(ValuesLeaf)
    /// The best of them: variants of one word in one field.
    case best([Plan])
    /// All of them; those under `not` are left out.
    case and([Plan])
    /// At least `minimum`; scores of those that match are added.
    case or([Plan], minimum: Int)
    case not(Plan)
    /// With score 0.
    case filter(Plan)
    /// The same, with a name for whoever asks why.
    case named(Name, Plan)

    enum Name: Sendable {
        case word(String)
        case beginning(String)
        case phrase(String)
        case synonyms(String)
        case other(String)

        var text: String {
            switch self {
            case .word(let text): "the word “\(text)”"
            case .beginning(let text): "words that begin with “\(text)”"
            case .phrase(let text): "the phrase “\(text)”"
            case .synonyms(let text): "“\(text)” or what means the same"
            case .other(let text): text
            }
        }
    }

    /// What no score of it exceeds, before it is scaled.
    var best: Double {
        switch self {
        case .all(let weight): weight
        case .nothing, .not, .filter: 0
        case .term(let leaf): leaf.weight
        case .terms(let leaf): leaf.weight
        case .phrase(let leaf): leaf.weight
        case .values(let leaf): leaf.weight
        case .best(let parts): parts.reduce(0) { max($0, $1.best) }
        case .and(let parts), .or(let parts, _): parts.reduce(0) { $0 + $1.best }
        case .named(_, let plan): plan.best
        }
    }

    /// All terms in it, conditions left out.
    func forEachTerm(_ body: (TermLeaf) -> Void) {
        switch self {
        case .all, .nothing, .values, .not, .filter: break
        case .term(let leaf): body(leaf)
        case .terms(let leaf): leaf.leaves.forEach(body)
        case .phrase(let leaf): for place in leaf.places { place.terms.forEach(body) }
        case .best(let parts), .and(let parts), .or(let parts, _): for part in parts { part.forEachTerm(body) }
        case .named(_, let plan): plan.forEachTerm(body)
        }
    }
}

/// A term of a text or keyword field.
final class TermLeaf: Sendable {
    let field: Int
    let fieldName: String
    let term: [UInt8]
    /// Idf, boosts, and how often the word is asked for.
    let weight: Double
    let idf: Double
    /// In how many documents of all indexes; the idf is of the word's group and may be of another number.
    let documents: Int
    /// What a misspelling leaves of the weight.
    let factor: Double
    /// For each segment of the index; a segment without the term has none.
    let entries: [TermEntry?]
    /// Of texts; a keyword's score is its weight.
    let table: ScoreTable?

    init(
        field: Int, fieldName: String, term: [UInt8], weight: Double, idf: Double, documents: Int, factor: Double,
        entries: [TermEntry?], table: ScoreTable?
    ) {
        (self.field, self.fieldName, self.term, self.weight) = (field, fieldName, term, weight)
        (self.idf, self.documents, self.factor, self.entries, self.table) = (idf, documents, factor, entries, table)
    }

    var text: String { String(decoding: term, as: UTF8.self) }
}

/// Terms of a field that weigh the same: as many as begin with a letter or two, and so without an object for each.
final class TermsLeaf: Sendable {
    let field: Int
    let fieldName: String
    let weight: Double
    let idf: Double
    /// Of texts; a keyword's score is its weight.
    let table: ScoreTable?
    let list: List

    /// What dictionaries say of the terms.
    struct List: Sendable {
        private var bytes: [UInt8] = []
        private var ends: [Int] = []
        private var documents: [Int] = []
        private var entries: [TermEntry?] = []
        /// Of the term in most documents.
        private(set) var documentsMax = 0

        var count: Int { ends.count }

        /// - Parameters:
        ///   - documents: Of all indexes.
        ///   - entries: One for each segment.
        mutating func append(_ term: UnsafeRawBufferPointer, documents: Int, _ entries: [TermEntry?]) {
            bytes.append(contentsOf: term)
            ends.append(bytes.count)
            self.documents.append(documents)
            self.entries.append(contentsOf: entries)
            documentsMax = max(documentsMax, documents)
        }

        func term(_ place: Int) -> [UInt8] { Array(bytes[(place == 0 ? 0 : ends[place - 1])..<ends[place]]) }
        func documents(_ place: Int) -> Int { documents[place] }
        func entries(_ place: Int) -> [TermEntry?] {
            let width = entries.count / max(1, count)
            return Array(entries[(place * width)..<((place + 1) * width)])
        }

        /// Calls `body` with the entry of each term that the segment has.
        @inline(__always)
        func forEachEntry(ofSegment number: Int, _ body: (TermEntry) -> Void) {
            let width = entries.count / max(1, count)
            for place in 0..<count { if let entry = entries[place &* width &+ number] { body(entry) } }
        }
    }

    init(
        _ list: List, field: Int, fieldName: String, weight: Double, idf: Double, table: ScoreTable?
    ) {
        (self.list, self.field, self.fieldName) = (list, field, fieldName)
        (self.weight, self.idf, self.table) = (weight, idf, table)
    }

    func leaf(_ place: Int) -> TermLeaf {
        TermLeaf(
            field: field, fieldName: fieldName, term: list.term(place), weight: weight, idf: idf,
            documents: list.documents(place), factor: 1, entries: list.entries(place), table: table)
    }

    /// The terms one by one, for whoever asks which of them a document has.
    var leaves: [TermLeaf] { (0..<list.count).map(leaf) }
}

/// Terms at places that follow each other.
final class PhraseLeaf: Sendable {
    struct Place: Sendable {
        /// Distance to the first.
        var offset: Int
        /// Any of them.
        var terms: [TermLeaf]
    }

    let field: Int
    let fieldName: String
    let text: String
    let places: [Place]
    let slop: Int
    let weight: Double
    let table: ScoreTable

    init(field: Int, fieldName: String, text: String, places: [Place], slop: Int, weight: Double, table: ScoreTable) {
        (self.field, self.fieldName, self.text, self.places) = (field, fieldName, text, places)
        (self.slop, self.weight, self.table) = (slop, weight, table)
    }
}

/// A condition on the values of a field.
final class ValuesLeaf: Sendable {
    enum Condition: Sendable {
        /// For each segment the ordinals or the 64 bits that fit; `nil` for none.
        case ranges([ClosedRange<Int64>?])
        case exists
    }

    let field: Int
    let fieldName: String
    let condition: Condition
    let weight: Double
    /// For whoever asks why.
    let text: String

    init(field: Int, fieldName: String, condition: Condition, weight: Double, text: String) {
        (self.field, self.fieldName, self.condition) = (field, fieldName, condition)
        (self.weight, self.text) = (weight, text)
    }
}
