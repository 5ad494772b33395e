/// Takes the marks of Markdown and simple HTML off a text and leaves its paragraphs.
///
/// Dropped with their content: front matter, fenced code, tables, images, link definitions, comments. Headings are not
/// sentences and end a paragraph; they are returned only when there is nothing else. A list item is a paragraph. Lines
/// of a paragraph are joined.
enum PlainText {
    static func paragraphs(of text: String) -> [String] {
        var builder = Builder()
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            builder.add(Substring(line).trimmed)
        }
        return builder.finish()
    }

    private struct Builder {
        private var paragraphs: [String] = []
        private var headings: [String] = []
        private var current = ""
        private var lines = 0
        private var fence: Substring?
        private var isInFrontMatter = false

        mutating func add(_ line: Substring) {
            lines += 1
            if isInFrontMatter {
                // Front matter that never ends was a rule.
                if line == "---" || line == "..." || lines > 100 { isInFrontMatter = false }
                return
            }
            if let fence {
                if line.hasPrefix(fence) { self.fence = nil }
                return
            }
            if lines == 1 && line == "---" {
                isInFrontMatter = true
            } else if line.isEmpty || line.hasPrefix("|") || PlainText.isRule(line) {
                if let mark = line.first, mark == "=" || mark == "-", !current.isEmpty {
                    underlineHeading()
                } else {
                    end()
                }
            } else if line.hasPrefix("```") || line.hasPrefix("~~~") {
                end()
                fence = line.prefix(3)
            } else if let heading = PlainText.heading(line) {
                end()
                headings.append(PlainText.withoutMarks(heading))
            } else if !PlainText.isLinkDefinition(line) {
                append(line)
            }
        }

        mutating func finish() -> [String] {
            end()
            return paragraphs.isEmpty ? headings : paragraphs
        }

        private mutating func append(_ line: Substring) {
            var line = line
            while line.first == ">" { line = line.dropFirst().trimmed }
            if let item = PlainText.listItem(line) {
                end()
                line = item
            }
            if !current.isEmpty { current += "\n" }
            current += line
        }

        private mutating func underlineHeading() {
            headings.append(PlainText.withoutMarks(current[...]))
            current = ""
        }

        private mutating func end() {
            guard !current.isEmpty else { return }
            let plain = PlainText.withoutMarks(current[...])
            if !plain.isEmpty { paragraphs.append(plain) }
            current = ""
        }
    }

    /// A line of three or more of the same of `-`, `=`, `*`, `_`.
    private static func isRule(_ line: Substring) -> Bool {
        guard let mark = line.utf8.first, "-=*_".utf8.contains(mark), line.utf8.count >= 3 else { return false }
        return line.utf8.allSatisfy { $0 == mark || $0 == UInt8(ascii: " ") }
    }

    private static func heading(_ line: Substring) -> Substring? {
        let marks = line.utf8.prefix { $0 == UInt8(ascii: "#") }
        guard (1...6).contains(marks.count) else { return nil }
        let rest = line[marks.endIndex...]
        guard rest.isEmpty || rest.first == " " else { return nil }
        var text = rest.trimmed
        while text.last == "#" { text.removeLast() }
        return text.trimmed
    }

    private static func listItem(_ line: Substring) -> Substring? {
        let rest: Substring
        if let mark = line.utf8.first, "-*+".utf8.contains(mark), line.utf8.dropFirst().first == UInt8(ascii: " ") {
            rest = line.dropFirst(2)
        } else {
            let digits = line.utf8.prefix { (0x30...0x39).contains($0) }
            let behind = line[digits.endIndex...]
            guard (1...3).contains(digits.count), behind.hasPrefix(". ") || behind.hasPrefix(") ") else { return nil }
            rest = behind.dropFirst(2)
        }
        for box in ["[ ] ", "[x] ", "[X] "] where rest.hasPrefix(box) { return rest.dropFirst(4).trimmed }
        return rest.trimmed
    }

    private static func isLinkDefinition(_ line: Substring) -> Bool {
        guard line.hasPrefix("["), let close = line.firstIndex(of: "]") else { return false }
        return line[close...].hasPrefix("]: ")
    }
}

// MARK: Marks inside a paragraph

extension PlainText {
    /// How far the end of a link or tag is looked for, in scalars.
    private static let reach = 1_000

    static func withoutMarks(_ text: Substring) -> String {
        let scalars = Array(text.unicodeScalars)
        // Looking for ends that are not there costs at most twice the text; then brackets are just brackets.
        var searches = 2 * scalars.count
        var out = String.UnicodeScalarView()
        out.reserveCapacity(text.utf8.count)
        var at = 0
        while at < scalars.count {
            let scalar = scalars[at]
            switch scalar {
            case "\\" where at + 1 < scalars.count && isMark(scalars[at + 1]):
                out.append(scalars[at + 1])
                at += 2
            case "!" where at + 1 < scalars.count && scalars[at + 1] == "[":
                at = link(at + 1, in: scalars, &searches)?.end ?? at + 1
                if at < scalars.count && scalars[at] == "[" { out.append("!") }
            case "[":
                guard let link = link(at, in: scalars, &searches) else { fallthrough }
                out.append(contentsOf: withoutMarks(Substring(string(scalars[link.text]))).unicodeScalars)
                at = link.end
            case "<":
                guard let end = tag(at, in: scalars, &searches) else { fallthrough }
                at = end
            case "&":
                guard let (plain, end) = entity(at, in: scalars) else { fallthrough }
                out.append(plain)
                at = end
            default:
                let isEmphasis =
                    scalar == "`" || ((scalar == "*" || scalar == "_" || scalar == "~") && isAtEdge(at, in: scalars))
                if isEmphasis {
                } else if scalar.properties.isWhitespace {
                    if let last = out.last, last != " ", !joinsWithoutSpace(scalars, at) { out.append(" ") }
                } else {
                    out.append(scalar)
                }
                at += 1
            }
        }
        while out.last == " " { out.removeLast() }
        return String(out)
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && scalar.properties.generalCategory != .uppercaseLetter
            && !(scalar.properties.isAlphabetic || scalar.properties.isWhitespace
                || (0x30...0x39).contains(scalar.value))
    }

    /// `[text](target)` or `[text][label]`, and where it ends. A bracket without target is text.
    private static func link(_ start: Int, in scalars: [Unicode.Scalar], _ searches: inout Int) -> (
        text: Range<Int>, end: Int
    )? {
        guard let close = closing(start, "[", "]", in: scalars, &searches), close + 1 < scalars.count else {
            return nil
        }
        let pair: (Unicode.Scalar, Unicode.Scalar)
        switch scalars[close + 1] {
        case "(": pair = ("(", ")")
        case "[": pair = ("[", "]")
        default: return nil
        }
        guard let end = closing(close + 1, pair.0, pair.1, in: scalars, &searches) else { return nil }
        return (start + 1..<close, end + 1)
    }

    private static func closing(
        _ start: Int, _ open: Unicode.Scalar, _ close: Unicode.Scalar, in scalars: [Unicode.Scalar],
        _ searches: inout Int
    ) -> Int? {
        guard searches > 0 else { return nil }
        var depth = 0
        for index in start..<min(scalars.count, start + reach) {
            searches -= 1
            if scalars[index] == open { depth += 1 }
            if scalars[index] == close {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    /// The index behind `<tag …>`, `</tag>`, `<!-- … -->` or `<https://…>`.
    private static func tag(_ start: Int, in scalars: [Unicode.Scalar], _ searches: inout Int) -> Int? {
        guard start + 1 < scalars.count, searches > 0 else { return nil }
        let next = scalars[start + 1]
        guard next == "/" || next == "!" || (next.isASCII && next.properties.isAlphabetic) else { return nil }
        for index in start + 2..<min(max(scalars.count, start + 2), start + reach) {
            searches -= 1
            if scalars[index] == ">" { return index + 1 }
        }
        return nil
    }

    private static let entities: [String: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "#39": "'", "nbsp": " ", "mdash": "—",
        "ndash": "–",
        "hellip": "…",
    ]

    private static func entity(_ start: Int, in scalars: [Unicode.Scalar]) -> (Unicode.Scalar, Int)? {
        guard let end = scalars[start..<min(scalars.count, start + 8)].firstIndex(of: ";"),
            let plain = entities[string(scalars[(start + 1)..<end])]
        else { return nil }
        return (plain, end + 1)
    }

    /// Whether the mark at `index` opens or closes emphasis: a word on one side of the run, none on the other.
    private static func isAtEdge(_ index: Int, in scalars: [Unicode.Scalar]) -> Bool {
        var (low, high) = (index - 1, index + 1)
        while low >= 0, scalars[low] == scalars[index] { low -= 1 }
        while high < scalars.count, scalars[high] == scalars[index] { high += 1 }
        let before = low >= 0 && Words.isWordScalar(scalars[low])
        let after = high < scalars.count && Words.isWordScalar(scalars[high])
        let closes = low >= 0 && !scalars[low].properties.isWhitespace && !after
        let opens = high < scalars.count && !scalars[high].properties.isWhitespace && !before
        return closes || opens || (scalars[index] == "*" && high - low > 2)
    }

    /// A line break between characters of scripts without spaces is none.
    private static func joinsWithoutSpace(_ scalars: [Unicode.Scalar], _ at: Int) -> Bool {
        guard scalars[at] == "\n", at > 0, at + 1 < scalars.count else { return false }
        return Words.isWide(scalars[at - 1]) && Words.isWide(scalars[at + 1])
    }
}
