import CognitionCore

/// How a term of an index is written in texts: a stem alone is no word to show to people.
package struct WrittenForms {
    private let analyzer: any Analyzer
    /// Bytes of a text that are looked at.
    private static let textBytesMax = 1 << 16

    package init(_ analyzer: any Analyzer) { self.analyzer = analyzer }

    /// The form, in small letters, that stands most often for each of the terms; the shortest of those that do equally often.
    ///
    /// - Parameter beginning: Forms that begin so, folded, are taken before others.
    package func forms(of terms: Set<String>, in texts: [String], beginning: String = "") -> [String: String] {
        var counts: [String: [String: Int]] = [:]
        for text in texts {
            var text = text
            text.withUTF8 { bytes in
                let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes).prefix(Self.textBytesMax))
                analyzer.analyze(bytes) { term in
                    let name = String(decoding: term.term, as: UTF8.self)
                    guard terms.contains(name) else { return }
                    counts[name, default: [:]][
                        String(decoding: bytes[term.range], as: UTF8.self).lowercased(), default: 0] += 1
                }
            }
        }
        return counts.compactMapValues { forms in
            forms.max { left, right in
                let (begins, alsoBegins) = (left.key.hasPrefix(beginning), right.key.hasPrefix(beginning))
                if begins != alsoBegins { return alsoBegins }
                if left.value != right.value { return left.value < right.value }
                return (left.key.utf8.count, left.key) > (right.key.utf8.count, right.key)
            }?.key
        }
    }

    /// What somebody may have meant: a query with its misspelt words replaced; `nil` where nothing is.
    ///
    /// - Parameters:
    ///   - corrections: Of an answer: terms by the words as they were written.
    ///   - forms: How terms are written; a term that is not there is shown as it is.
    package static func didYouMean(_ text: String, corrections: [String: String], forms: [String: String]) -> String? {
        guard !corrections.isEmpty else { return nil }
        var (result, word, isChanged) = ("", "", false)
        func end() {
            if let term = corrections[word] {
                result += forms[term] ?? term
                isChanged = true
            } else {
                result += word
            }
            word = ""
        }
        for character in text {
            // Signs of the query language stand around a word.
            if character.isWhitespace || "()\"+*~^:".contains(character) || (character == "-" && word.isEmpty) {
                end()
                result.append(character)
            } else {
                word.append(character)
            }
        }
        end()
        return isChanged ? result : nil
    }
}
