/// What a prompt asks the extractive model for: which part is the document, and how many sentences.
///
/// Rules, the first that applies:
/// 1. a line of only `---` that is not the first line: the instruction stands before it, the document behind it;
/// 2. exactly one fenced block (three backticks or tildes, alone or with `text`, `txt`, `markdown`, `md` or `document`)
///    that ends the prompt, after at most 600 bytes: its content is the document. So a text that ends in code is not
///    mistaken;
/// 3. a first line of at most 300 bytes that ends in a colon, with text below it: that line is the instruction;
/// 4. the whole prompt is the document.
///
/// The number of sentences is read from the instruction, else from the system text: a number 1...50, or `one` to `ten`,
/// or `a single`, right before the word "sentence" (also *Satz*, *phrase*, *frase*, *zin*). Otherwise it is 3. Nothing
/// else of the instruction has an effect.
struct ExtractionPrompt: Sendable, Hashable {
    static let standardSentences = 3

    let instruction: String
    let document: String
    let sentencesMax: Int

    init(prompt: String, system: String?) {
        (instruction, document) = ExtractionPrompt.parts(of: prompt)
        sentencesMax =
            ExtractionPrompt.sentencesAsked(in: instruction) ?? system.flatMap {
                ExtractionPrompt.sentencesAsked(in: $0)
            }
            ?? ExtractionPrompt.standardSentences
    }

    private static func parts(of prompt: String) -> (instruction: String, document: String) {
        let lines = prompt.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            Substring($0).trimmed
        }
        guard let first = lines.firstIndex(where: { !$0.isEmpty }) else { return ("", "") }
        if let rule = lines.indices.dropFirst(first + 1).first(where: { lines[$0] == "---" }), lines[first] != "---" {
            return (text(of: lines[..<rule], in: prompt), text(of: lines[(rule + 1)...], in: prompt))
        }
        if let fence = closingFence(in: lines) {
            return (
                text(of: lines[..<fence.open], in: prompt), text(of: lines[(fence.open + 1)..<fence.close], in: prompt)
            )
        }
        let head = lines[first]
        if head.utf8.count <= 300, head.hasSuffix(":") || head.hasSuffix("："),
            lines[(first + 1)...].contains(where: { !$0.isEmpty })
        {
            return (String(head), text(of: lines[(first + 1)...], in: prompt))
        }
        return ("", prompt)
    }

    private static func closingFence(in lines: [Substring]) -> (open: Int, close: Int)? {
        let fences = lines.indices.filter { lines[$0].hasPrefix("```") || lines[$0].hasPrefix("~~~") }
        guard fences.count == 2, let last = lines.lastIndex(where: { !$0.isEmpty }), last == fences[1],
            fencedTexts.contains(lines[fences[0]].dropFirst(3).trimmed.lowercased()),
            lines[..<fences[0]].reduce(0, { $0 + $1.utf8.count + 1 }) <= 600
        else { return nil }
        return (fences[0], fences[1])
    }

    private static let fencedTexts: Set<String> = ["", "text", "txt", "markdown", "md", "document"]

    /// The original text from the first to the last of the lines, which are slices of it.
    private static func text(of lines: ArraySlice<Substring>, in prompt: String) -> String {
        guard let first = lines.first, let last = lines.last else { return "" }
        return String(prompt[first.startIndex..<last.endIndex])
    }

    static func sentencesAsked(in text: String) -> Int? {
        let words = text.utf8.prefix(4_096).split { byte in
            byte < 0x80 && !(0x30...0x39).contains(byte) && !(0x41...0x5A).contains(byte)
                && !(0x61...0x7A).contains(byte)
        }.map { String(Substring($0)).lowercased() }
        for (index, word) in words.enumerated().dropFirst() where nouns.contains(word) {
            let before = words[index - 1]
            if let named = numbers[before] { return named }
            if let number = Int(before), (1...50).contains(number) { return number }
        }
        return nil
    }

    private static let nouns: Set<String> = [
        "sentence", "sentences", "satz", "sätze", "sätzen", "phrase", "phrases", "frase", "frases", "frasi", "zin",
        "zinnen",
    ]

    private static let numbers: [String: Int] = [
        "one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
        "ten": 10,
    ]
}

extension Substring {
    /// Without white space at both ends.
    var trimmed: Substring {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
