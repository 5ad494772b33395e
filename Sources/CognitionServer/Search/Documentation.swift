import CognitionCore
import CognitionSearch

/// `_documentation`: the pages of this release, a document for each section.
enum Documentation {
    static let settings = SearchSettings([
        "title": .text(boost: 1.5), "text": .text(), "page": .keyword(isFacet: true), "url": .keyword(),
    ])

    static var documents: [SearchDocument] { EmbeddedPages.all.flatMap { sections(of: $0.name, $0.text) } }

    /// The sections of a page of Markdown, named as links to them are.
    static func sections(of page: String, _ text: String) -> [SearchDocument] {
        var documents: [SearchDocument] = []
        var (headings, lines): ([String], [Substring]) = ([], [])
        var (isCode, anchors): (Bool, [String: Int]) = (false, [:])
        func end() {
            let body = lines.joined(separator: "\n")
            lines = []
            guard let heading = headings.last, body.contains(where: { !$0.isWhitespace }) else { return }
            var anchor = Self.anchor(of: heading)
            let count = anchors[anchor, default: 0]
            anchors[anchor] = count + 1
            if count > 0 { anchor += "-\(count)" }
            let id = documents.isEmpty ? page : "\(page)#\(anchor)"
            documents.append(
                SearchDocument(
                    id: id,
                    fields: [
                        "title": .string(headings.joined(separator: " › ")), "text": .string(body),
                        "page": .string(page), "url": .string("Docs/\(id)"),
                    ]))
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") { isCode.toggle() }
            let level = isCode ? 0 : line.prefix { $0 == "#" }.count
            if (1...4).contains(level), line.dropFirst(level).first == " " {
                end()
                headings = Array(headings.prefix(level - 1)) + [String(line.dropFirst(level + 1))]
            } else {
                lines.append(line)
            }
        }
        end()
        return documents
    }

    /// As pages of Markdown are linked to: lower case, hyphens for spaces, no other signs.
    private static func anchor(of heading: String) -> String {
        String(
            heading.lowercased().compactMap { character in
                character.isLetter || character.isNumber || character == "-" || character == "_"
                    ? character : character == " " ? "-" : nil
            })
    }
}
