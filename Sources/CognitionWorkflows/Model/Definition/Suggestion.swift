import CognitionCore

/// Sentences about names that are not known.
enum Suggestion {
    /// `unknown member 'x' of a task; did you mean 'y'?`
    static func unknownMember(_ name: String, of what: String, known: [String]) -> String {
        if let close = closest(to: name, in: known) {
            return "unknown member '\(name.shortened)' of \(what); did you mean '\(close)'?"
        }
        guard !known.isEmpty else { return "unknown member '\(name.shortened)' of \(what); it takes none" }
        return "unknown member '\(name.shortened)' of \(what); it takes \(known.list(lastWord: "and"))"
    }

    /// `; did you mean 'y'?`, or the known names.
    static func among(_ name: String, _ known: [String], empty: String) -> String {
        if known.isEmpty { return empty }
        if let close = closest(to: name, in: known) { return "did you mean '\(close)'?" }
        return "known: \(known.list(lastWord: "and"))"
    }

    /// The known name that a slip of the finger turns into `name`: at most a third of its letters differ.
    static func closest(to name: String, in known: [String]) -> String? {
        let letters = Array(name.lowercased().utf8)
        guard letters.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in known where candidate.utf8.count <= 64 {
            let distance = distance(letters, Array(candidate.lowercased().utf8))
            guard distance <= max(1, min(letters.count, candidate.utf8.count) / 3), distance < best?.distance ?? .max
            else { continue }
            best = (candidate, distance)
        }
        return best?.name
    }

    /// Edits (insert, delete, replace, swap of neighbours) between two texts: optimal string alignment distance.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = []
        var above = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            row.reserveCapacity(b.count + 1)
            for j in 0..<b.count {
                var least = min(above[j + 1] + 1, row[j] + 1, above[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, before[j - 1] + 1) }
                row.append(least)
            }
            before = above
            above = row
        }
        return above[b.count]
    }
}

extension [String] {
    /// `'a', 'b' and 'c'`; at most 20 of them.
    func list(lastWord: String) -> String {
        let shown = prefix(20).map { "'\($0.shortened)'" }
        if count > 20 { return shown.joined(separator: ", ") + " and \(count - 20) more" }
        guard let last = shown.last, shown.count > 1 else { return shown.first ?? "nothing" }
        return shown.dropLast().joined(separator: ", ") + " \(lastWord) \(last)"
    }
}

extension String {
    /// The text itself, or its beginning when it is long.
    var shortened: String { utf8.count <= 80 ? self : String(prefix(60)) + "…" }
}

extension JSONValue {
    /// What a value is, for messages: `null`, `an object`, `the string 'x'`.
    var described: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer, .number, .literal: "the number \(jsonText.shortened)"
        case .string(let value): "the string '\(value.shortened)'"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
