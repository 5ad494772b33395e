/// Texts that a search box may offer as a whole: names, and what was looked for before with success.
package struct Completions: Sendable {
    package struct Entry: Sendable, Equatable {
        package var text: String
        /// How good it is beside others, e.g. how often it was looked for; above 0.
        package var weight: Double
        /// Roles that may see it; `nil` for everyone.
        package var roles: Set<String>?

        package init(_ text: String, weight: Double = 1, roles: Set<String>? = nil) {
            self.text = text
            self.weight = weight
            self.roles = roles
        }
    }

    /// Entries that are kept: those of the greatest weight.
    package static let entriesMax = 20_000

    private let entries: [(entry: Entry, words: [[Unicode.Scalar]])]

    package init(_ entries: [Entry] = []) {
        let kept =
            entries.count <= Self.entriesMax
            ? entries : Array(entries.sorted { $0.weight > $1.weight }.prefix(Self.entriesMax))
        self.entries = kept.map { ($0, FoldedWords.of($0.text)) }
    }

    struct Match {
        var entry: Entry
        var hasTypo: Bool
        /// Whether it begins with what was typed.
        var isAtStart: Bool
    }

    /// Entries in which the words stand one after the other, of the last one its beginning.
    func matches(_ typed: [[Unicode.Scalar]], roles: Set<String>?, toleratesTypos: Bool) -> [Match] {
        guard let last = typed.last else { return [] }
        return entries.compactMap { entry, words in
            if let roles, let own = entry.roles, own.isDisjoint(with: roles) { return nil }
            var misspelt: Match?
            for start in words.indices where start + typed.count <= words.count {
                guard words[start..<(start + typed.count - 1)].elementsEqual(typed.dropLast()) else { continue }
                let word = words[start + typed.count - 1]
                if word.starts(with: last) { return Match(entry: entry, hasTypo: false, isAtStart: start == 0) }
                if toleratesTypos, misspelt == nil, Misspelling.isNear(last, beginningOf: word) {
                    misspelt = Match(entry: entry, hasTypo: true, isAtStart: start == 0)
                }
            }
            return misspelt
        }
    }
}

enum FoldedWords {
    /// The words of a text, folded.
    static func of(_ text: String) -> [[Unicode.Scalar]] {
        var words: [[Unicode.Scalar]] = []
        for word in TextAnalyzer.simple.queryWords(text) {
            for term in word.whole.map({ [$0] }) ?? word.parts.map(\.term) {
                words.append(Array(String(decoding: term, as: UTF8.self).unicodeScalars))
            }
        }
        return words
    }
}

enum Misspelling {
    /// Letters of a word of which one may be wrong.
    static let lettersMin = 4

    /// Whether a word begins with `typed` after one edit: a letter that is wrong, missing, too much, or two that are
    /// exchanged. The first letter is right.
    static func isNear(_ typed: [Unicode.Scalar], beginningOf word: [Unicode.Scalar]) -> Bool {
        guard typed.count >= lettersMin, word.first == typed.first else { return false }
        var same = 0
        while same < typed.count, same < word.count, typed[same] == word[same] { same += 1 }
        if same == typed.count { return true }
        func goesOn(_ typedFrom: Int, _ wordFrom: Int) -> Bool {
            typedFrom <= typed.count && wordFrom <= word.count && word[wordFrom...].starts(with: typed[typedFrom...])
        }
        if goesOn(same + 1, same + 1) || goesOn(same, same + 1) || goesOn(same + 1, same) { return true }
        return same + 1 < typed.count && same + 1 < word.count && typed[same] == word[same + 1]
            && typed[same + 1] == word[same] && goesOn(same + 2, same + 2)
    }
}
