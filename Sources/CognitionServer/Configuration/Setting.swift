import CognitionCore

/// One variable of the configuration: what reads it, what `check` prints of it, what the documentation lists.
struct Setting: Sendable {
    enum Kind: Sendable {
        case text
        /// A text that may hold a password, as addresses do; it is shown without.
        case address
        /// One of these words.
        case choice([String])
        case number(ClosedRange<Int>)
        /// Names separated by commas.
        case list
        /// A path; relative ones start at the working folder.
        case path
        /// A number with a unit; a bare one counts in the unit given here.
        case duration(ClosedRange<Duration>, bare: DurationUnit)
    }

    let name: String
    let kind: Kind
    let standard: String
    let isSecret: Bool
    let summary: String

    init(_ name: String, _ kind: Kind, standard: String = "", isSecret: Bool = false, _ summary: String) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.isSecret = isSecret
        self.summary = summary
    }

    /// What is wrong with a value, if anything is.
    func fault(in value: String) -> String? {
        switch kind {
        case .text, .address, .list, .path: nil
        case .choice(let words): words.contains(value.lowercased()) ? nil : "is one of \(words.joined(separator: ", "))"
        case .duration(let range, let unit): Self.fault(inDuration: value, range, unit)
        case .number(let range):
            Int(value).map(range.contains) == true
                ? nil : "is a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
    }

    private static func fault(inDuration value: String, _ range: ClosedRange<Duration>, _ unit: DurationUnit) -> String?
    {
        do {
            let duration = try Duration(configurationText: value, bareUnit: unit)
            if range.contains(duration) { return nil }
            return "is from \(range.lowerBound.configurationText) to \(range.upperBound.configurationText)"
        } catch {
            return "is a duration such as \(range.lowerBound.configurationText): \(error)"
        }
    }
}
