/// Splits a paragraph into sentences, in any script that marks their ends.
///
/// A full stop ends a sentence when white space follows and what comes then does not begin in lower case, unless the
/// word before it is a known abbreviation, a single letter (an initial) or letters with stops between them (`e.g.`).
/// Marks of scripts without spaces (`。！？`) always end one. Longer sentences are cut at a space.
enum Sentences {
    /// Scalars of one sentence.
    static let scalarsMax = 2_000

    static func split(_ paragraph: String) -> [String] {
        let scalars = Array(paragraph.unicodeScalars)
        var sentences: [String] = []
        var start = 0
        var at = 0
        while at < scalars.count {
            if let end = end(at, in: scalars, from: start) {
                append(scalars[start..<end], to: &sentences)
                start = end
                at = end
            } else {
                at += 1
                if at - start >= scalarsMax {
                    let cut = scalars[(start + scalarsMax / 2)..<at].lastIndex(of: " ") ?? at
                    append(scalars[start..<cut], to: &sentences)
                    start = cut
                }
            }
        }
        append(scalars[start...], to: &sentences)
        return sentences
    }

    private static func append(_ scalars: ArraySlice<Unicode.Scalar>, to sentences: inout [String]) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        let text = Substring(String(view)).trimmed
        if !text.isEmpty { sentences.append(String(text)) }
    }

    /// The index behind the sentence when the mark at `at` ends it.
    private static func end(_ at: Int, in scalars: [Unicode.Scalar], from start: Int) -> Int? {
        let mark = scalars[at]
        let isWide = wideMarks.contains(mark)
        guard isWide || spacedMarks.contains(mark) else { return nil }
        var end = at + 1
        while end < scalars.count,
            closers.contains(scalars[end]) || wideMarks.contains(scalars[end]) || spacedMarks.contains(scalars[end])
        {
            end += 1
        }
        if isWide || end == scalars.count { return end }
        guard scalars[end].properties.isWhitespace else { return nil }
        guard mark == "." || mark == "…" else { return end }
        var next = end
        while next < scalars.count, scalars[next].properties.isWhitespace || openers.contains(scalars[next]) {
            next += 1
        }
        guard next < scalars.count else { return end }
        if scalars[next].properties.isLowercase { return nil }
        return mark == "." && isAbbreviation(before: at, in: scalars, from: start, next: scalars[next]) ? nil : end
    }

    private static func isAbbreviation(
        before at: Int, in scalars: [Unicode.Scalar], from start: Int, next: Unicode.Scalar
    ) -> Bool {
        var low = at
        while low > start, at - low < 12, scalars[low - 1].properties.isAlphabetic || scalars[low - 1] == "." {
            low -= 1
        }
        guard low < at else { return false }
        let parts = scalars[low..<at].split(separator: ".", omittingEmptySubsequences: true)
        if parts.allSatisfy({ $0.count == 1 }) {
            return parts.count > 1 || scalars[low] != "I" && !Words.isWide(scalars[low])
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[low..<at])
        let word = String(view).lowercased()
        return abbreviations.contains(word) || (next.properties.numericType != nil && beforeNumbers.contains(word))
    }

    private static let wideMarks: Set<Unicode.Scalar> = ["。", "！", "？", "｡", "．"]
    private static let spacedMarks: Set<Unicode.Scalar> = [".", "!", "?", "…", "؟", "।", "॥", "։", "۔"]
    private static let closers: Set<Unicode.Scalar> = [
        "\"", "'", ")", "]", "}", "”", "’", "»", "›", "」", "』", "）", "】", "》",
    ]
    private static let openers: Set<Unicode.Scalar> = ["\"", "'", "(", "[", "“", "‘", "«", "‹", "„", "¿", "¡"]

    private static let abbreviations: Set<String> = [
        "dr", "mr", "mrs", "ms", "prof", "st", "sr", "jr", "vs", "gen", "col", "sgt", "capt", "lt", "gov", "sen", "rep",
        "rev", "hon", "mt", "ca", "cf", "viz", "approx", "al", "eg", "ie", "z.b", "d.h", "bzw", "hr", "fr", "str",
        "mme",
        "mlle", "sra", "dott", "sig", "jan", "feb", "mar", "apr", "aug", "sep", "sept", "oct", "nov", "dec",
    ]
    private static let beforeNumbers: Set<String> = [
        "no", "nr", "nos", "fig", "figs", "vol", "p", "pp", "sec", "ch", "chap", "art", "eq", "ed", "para", "abs",
        "kap", "abb", "bd",
    ]
}
