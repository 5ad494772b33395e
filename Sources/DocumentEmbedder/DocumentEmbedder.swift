import Foundation

/// Writes files of text into a Swift file: a list of their names and what they hold.
///
/// Usage: `DocumentEmbedder OUTPUT FILE…`
@main
enum DocumentEmbedder {
    static func main() throws {
        let paths = CommandLine.arguments.dropFirst()
        guard let output = paths.first else { return }
        var source = "/// Made of `Docs` when the program is built.\nenum EmbeddedPages {\n"
        source += "    static let all: [(name: String, text: String)] = [\n"
        for path in paths.dropFirst() {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            // As many signs as no run of them in the text has.
            var marks = "#"
            while text.contains("\"\(marks)") || text.contains("\\\(marks)") { marks += "#" }
            source += "        (\n            name: \"\(URL(fileURLWithPath: path).lastPathComponent)\",\n"
            source += "            text: \(marks)\"\"\"\n\(text)\n\"\"\"\(marks)\n        ),\n"
        }
        source += "    ]\n}\n"
        try source.write(toFile: output, atomically: true, encoding: .utf8)
    }
}
