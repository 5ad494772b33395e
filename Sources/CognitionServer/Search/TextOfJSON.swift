import CognitionCore

/// The words of a value, for whoever looks for them: texts and numbers with the names of their members, up to a bound.
struct TextOfJSON {
    private(set) var text = ""
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    static func text(of value: JSONValue?, bytesMax: Int) -> String {
        var writer = TextOfJSON(bytesMax: bytesMax)
        if let value { writer.add(value) }
        return writer.text
    }

    var isFull: Bool { text.utf8.count >= bytesMax }

    mutating func add(_ value: JSONValue) {
        // A stack of its own, as values may be deep; what comes first is on top.
        var open = [value]
        while !isFull, let next = open.popLast() {
            switch next {
            case .null, .bool: continue
            case .integer(let number): add(String(number))
            case .number(let number): add(String(number))
            case .literal(let text), .string(let text): add(text)
            case .array(let elements): open += elements.reversed()
            case .object(let members):
                for (name, value) in zip(members.keys, members.values).reversed() {
                    open.append(value)
                    open.append(.string(name))
                }
            }
        }
    }

    mutating func add(_ words: String) {
        guard !words.isEmpty, !isFull else { return }
        if !text.isEmpty { text += "\n" }
        let room = bytesMax - text.utf8.count
        // Cut at a character.
        text += words.utf8.count <= room ? words : String(decoding: words.utf8.prefix(room), as: UTF8.self)
    }
}
