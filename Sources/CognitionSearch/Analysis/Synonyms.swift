/// Words that mean the same, as a field's analyzer reads them; asked while a query is made ready.
package struct Synonyms: Sendable {
    /// What stands at a place of a query, and what may stand there instead.
    package struct Match: Sendable, Equatable {
        /// Terms of the query that it takes.
        package var length: Int
        /// Each is one term, or several that follow one another.
        package var variants: [[[UInt8]]]
    }

    private struct Member: Sendable {
        var terms: [[UInt8]]
        var group: Int
    }

    /// Members by their first term, the longest first.
    private var members: [[UInt8]: [Member]] = [:]
    private var groups: [[[[UInt8]]]] = []

    /// - Parameters:
    ///   - groups: As settings have them.
    ///   - analyzer: Of the field that is searched.
    package init(_ groups: [[String]], analyzer: any Analyzer) {
        for group in groups {
            var variants: [[[UInt8]]] = []
            for text in group {
                let terms = analyzer.queryWords(text).flatMap(\.terms)
                if !terms.isEmpty, !variants.contains(terms) { variants.append(terms) }
            }
            guard variants.count > 1 else { continue }
            for terms in variants {
                members[terms[0], default: []].append(Member(terms: terms, group: self.groups.count))
            }
            self.groups.append(variants)
        }
        for first in members.keys { members[first]?.sort { $0.terms.count > $1.terms.count } }
    }

    package var isEmpty: Bool { members.isEmpty }

    /// What the terms from `index` on mean as well: of the longest members that stand there.
    ///
    /// - Parameter terms: Of the query in their order, stop words left out; `QueryWord.terms` of each word.
    package func variants(of terms: [[UInt8]], at index: Int) -> Match? {
        guard let candidates = members[terms[index]] else { return nil }
        var match: Match?
        for member in candidates where terms[index...].starts(with: member.terms) {
            if let length = match?.length, member.terms.count < length { break }
            var found = match ?? Match(length: member.terms.count, variants: [])
            for variant in groups[member.group] where variant != member.terms && !found.variants.contains(variant) {
                found.variants.append(variant)
            }
            match = found
        }
        return match
    }
}
