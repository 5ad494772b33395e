import CognitionCore

/// Shows where a text has what was looked for: the best parts of it, escaped, with what matched in tags.
///
/// The text is analyzed again, so that what is marked is what the index matched: a stem, a misspelling's variant, what a prefix
/// became, a synonym.
package struct Highlighter {
    package struct Options: Sendable, Equatable {
        /// Put before and after what matched, as they are.
        package var before = "<mark>"
        package var after = "</mark>"
        /// Bytes of text in a snippet, without tags; 0 for all of the text. 0...10,000.
        package var length = 200
        /// Snippets for a field; 1...10.
        package var count = 1
        /// Fields to show; `nil` for all that matched.
        package var fields: [String]?

        package init() {}
    }

    /// Bytes of a text that are looked at.
    package static let textBytesMax = 1 << 20
    private static let matchesMax = 10_000

    private let terms: HighlightTerms
    private let analyzer: any Analyzer
    private let options: Options

    /// - Parameter weights: Terms that matched, as the index has them, and what each says: the idf.
    package init(_ weights: [String: Double], analyzer: any Analyzer, options: Options = Options()) {
        terms = HighlightTerms(weights)
        self.analyzer = analyzer
        self.options = options
    }

    /// The snippets that say most, in the order of the text; none where nothing matches.
    package func snippets(of text: String) -> [String] {
        var text = text
        return text.withUTF8 { bytes in
            let text = UnsafeRawBufferPointer(bytes)
            let end = text.count <= Self.textBytesMax ? text.count : text.scalarStart(atOrBefore: Self.textBytesMax)
            let looked = UnsafeRawBufferPointer(rebasing: text[0..<end])
            let matches = matches(in: looked)
            guard !matches.isEmpty else { return [] }
            guard options.length > 0 else {
                return [SnippetWriter(looked, matches, options).write(0..<end, isCut: end < text.count)]
            }
            return windows(of: matches).map { window in
                let range = range(around: matches[window], in: looked)
                return SnippetWriter(looked, matches, options).write(range, isCut: range.upperBound < text.count)
            }
        }
    }

    struct Match {
        var range: Range<Int>
        /// Number of its term.
        var term: Int
    }

    private func matches(in text: UnsafeRawBufferPointer) -> [Match] {
        var matches: [Match] = []
        analyzer.analyze(text) { term in
            guard matches.count < Self.matchesMax, let number = terms.number(of: term.term) else { return }
            // A part of what is marked as a whole.
            if let last = matches.last, term.range.lowerBound < last.range.upperBound,
                term.range.upperBound <= last.range.upperBound, last.term == number
            {
                return
            }
            matches.append(Match(range: term.range, term: number))
        }
        return matches
    }

    /// The best windows that do not overlap: by distinct words, then by what they say, then by nearness, then the first.
    private func windows(of matches: [Match]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var free = [matches.indices]
        while found.count < options.count,
            let best = free.compactMap({ best(in: $0, of: matches) }).max(by: { $0.value < $1.value })
        {
            found.append(best.window)
            // What the snippet will show around the window is taken as well.
            let margin =
                options.length
                - (matches[best.window.upperBound - 1].range.upperBound
                    - matches[best.window.lowerBound].range.lowerBound)
            let lower = matches[best.window.lowerBound].range.lowerBound - max(0, margin)
            let upper = matches[best.window.upperBound - 1].range.upperBound + max(0, margin)
            free = free.flatMap { range -> [Range<Int>] in
                guard range.overlaps(best.window) else { return [range] }
                var (left, right) = (
                    range.lowerBound..<best.window.lowerBound, best.window.upperBound..<range.upperBound
                )
                while let last = left.last, matches[last].range.upperBound > lower { left = left.dropLast() }
                while let first = right.first, matches[first].range.lowerBound < upper { right = right.dropFirst() }
                return [left, right].filter { !$0.isEmpty }
            }
        }
        return found.sorted { $0.lowerBound < $1.lowerBound }
    }

    private struct Value: Comparable {
        var distinct: Int
        var weight: Double
        var span: Int
        var start: Int

        static func < (left: Value, right: Value) -> Bool {
            if left.distinct != right.distinct { return left.distinct < right.distinct }
            if left.weight != right.weight { return left.weight < right.weight }
            return (left.span, left.start) > (right.span, right.start)
        }
    }

    /// The best window of at most ``Options/length`` bytes among some matches.
    private func best(in range: Range<Int>, of matches: [Match]) -> (window: Range<Int>, value: Value)? {
        var counts = [Int](repeating: 0, count: terms.count)
        /// For each term the last start whose window has it.
        var seenFrom = [Int](repeating: -1, count: terms.count)
        var (distinct, end) = (0, range.lowerBound)
        var best: (window: Range<Int>, value: Value)?
        for start in range {
            while end < range.upperBound,
                end == start || matches[end].range.upperBound - matches[start].range.lowerBound <= options.length
            {
                counts[matches[end].term] += 1
                if counts[matches[end].term] == 1 { distinct += 1 }
                end += 1
            }
            if distinct >= best?.value.distinct ?? 0 {
                // Up to the last that says something new.
                var (last, seen, weight) = (start, 0, 0.0)
                for index in start..<end where seenFrom[matches[index].term] < start {
                    seenFrom[matches[index].term] = start
                    (last, seen) = (index, seen + 1)
                    weight += terms.weights[matches[index].term]
                    if seen == distinct { break }
                }
                let value = Value(
                    distinct: distinct, weight: weight,
                    span: matches[last].range.upperBound - matches[start].range.lowerBound, start: start)
                if best.map({ $0.value < value }) ?? true { best = (start..<(last + 1), value) }
            }
            counts[matches[start].term] -= 1
            if counts[matches[start].term] == 0 { distinct -= 1 }
        }
        return best
    }

    /// A part of the text with the matches in it, between words, of about the asked length.
    private func range(around matches: ArraySlice<Match>, in text: UnsafeRawBufferPointer) -> Range<Int> {
        guard let first = matches.first?.range.lowerBound, let last = matches.map(\.range.upperBound).max() else {
            return 0..<0
        }
        let spare = max(0, options.length - (last - first))
        // More after than before: what leads up to a word says less than what follows.
        var start = max(0, first - spare / 3)
        var end = min(text.count, last + (spare - (first - start)))
        start = max(0, min(start, end - options.length))
        if start > 0 {
            start = text.scalarStart(atOrBefore: start)
            start = text[start..<first].firstIndex { $0.isWhiteSpace }.map { $0 + 1 } ?? start
        }
        if end < text.count {
            end = text.scalarStart(atOrBefore: end)
            end = text[last..<max(last, end)].lastIndex { $0.isWhiteSpace } ?? end
            end = max(end, last)
        }
        return min(start, first)..<end
    }
}

/// The terms that a highlighter marks.
private struct HighlightTerms {
    private let terms: [[UInt8]]
    let weights: [Double]
    /// Numbers of terms by their first byte.
    private var byFirst: [[Int]]

    init(_ weights: [String: Double]) {
        let sorted = weights.sorted { $0.key < $1.key }.filter { !$0.key.isEmpty }
        terms = sorted.map { Array($0.key.utf8) }
        self.weights = sorted.map(\.value)
        byFirst = Array(repeating: [], count: 256)
        for (number, term) in terms.enumerated() { byFirst[Int(term[0])].append(number) }
    }

    var count: Int { terms.count }

    func number(of term: UnsafeRawBufferPointer) -> Int? {
        byFirst[Int(term[0])].first { terms[$0].count == term.count && terms[$0].elementsEqual(term) }
    }
}

/// Writes a part of a text: escaped, white space as one space, matches in tags.
private struct SnippetWriter {
    private let text: UnsafeRawBufferPointer
    private let matches: [Highlighter.Match]
    private let options: Highlighter.Options
    private var output: [UInt8] = []

    init(_ text: UnsafeRawBufferPointer, _ matches: [Highlighter.Match], _ options: Highlighter.Options) {
        self.text = text
        self.matches = matches
        self.options = options
    }

    func write(_ range: Range<Int>, isCut: Bool) -> String {
        var writer = self
        if range.lowerBound > 0 { writer.output += "…".utf8 }
        var place = range.lowerBound
        for match in merged(range) {
            writer.escape(place..<match.lowerBound)
            writer.output += options.before.utf8
            writer.escape(match)
            writer.output += options.after.utf8
            place = match.upperBound
        }
        writer.escape(place..<range.upperBound)
        if isCut { writer.output += "…".utf8 }
        return String(decoding: writer.output, as: UTF8.self)
    }

    /// What is marked, without overlaps.
    private func merged(_ range: Range<Int>) -> [Range<Int>] {
        var merged: [Range<Int>] = []
        for match in matches
        where match.range.lowerBound >= range.lowerBound && match.range.upperBound <= range.upperBound {
            if let last = merged.last, match.range.lowerBound < last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, match.range.upperBound)
            } else {
                merged.append(match.range)
            }
        }
        return merged
    }

    private mutating func escape(_ range: Range<Int>) {
        for byte in text[range] {
            switch byte {
            case UInt8(ascii: "&"): output += "&amp;".utf8
            case UInt8(ascii: "<"): output += "&lt;".utf8
            case UInt8(ascii: ">"): output += "&gt;".utf8
            case UInt8(ascii: "\""): output += "&quot;".utf8
            case UInt8(ascii: "'"): output += "&#39;".utf8
            case _ where byte.isWhiteSpace:
                if output.last != 0x20, !output.isEmpty { output.append(0x20) }
            case 0..<0x20, 0x7F: break
            default: output.append(byte)
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Where the scalar begins that the byte at `place` is one of.
    fileprivate func scalarStart(atOrBefore place: Int) -> Int {
        var start = Swift.min(place, count)
        while start > 0, start < count, self[start] & 0xC0 == 0x80, place - start < 4 { start -= 1 }
        return start
    }
}
