import CognitionObservability

/// Reads the text format 0.0.4 strictly, and throws where it is not kept:
/// https://prometheus.io/docs/instrumenting/exposition_formats.
struct Exposition {
    struct Sample: Equatable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Family {
        let name: String
        let help: String
        let kind: String
        var samples: [Sample] = []
    }

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var families: [Family] = []

    init(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault(description: "not UTF-8") }
        guard text.isEmpty || text.utf8.last == UInt8(ascii: "\n") else {
            throw Fault(description: "no last line feed")
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()[...]
        while let line = lines.popFirst() {
            if line.hasPrefix("# HELP ") {
                try begin(help: line, type: lines.popFirst() ?? "")
            } else {
                try add(line)
            }
        }
        for family in families { try Self.check(family) }
    }

    subscript(name: String) -> Family? { families.first { $0.name == name } }

    /// The value of the only sample that has this name and these labels.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let found = families.flatMap(\.samples).filter { $0.name == name && $0.labels == labels }
        return found.count == 1 ? found.first?.value : nil
    }

    private mutating func begin(help: Substring, type: Substring) throws {
        let helpParts = help.dropFirst(7).split(separator: " ", maxSplits: 1)
        let typeParts = type.split(separator: " ")
        guard helpParts.count == 2, typeParts.count == 4, typeParts[0] == "#", typeParts[1] == "TYPE",
            typeParts[2] == helpParts[0], ["counter", "gauge", "histogram"].contains(typeParts[3]),
            Self.isName(helpParts[0])
        else { throw Fault(description: "not HELP and TYPE of one family: \(help) / \(type)") }
        let name = String(helpParts[0])
        if let last = families.last, last.name >= name { throw Fault(description: "\(name) is not in order") }
        families.append(Family(name: name, help: String(helpParts[1]), kind: String(typeParts[3])))
    }

    private mutating func add(_ line: Substring) throws {
        let sample = try Self.sample(line)
        guard var family = families.popLast() else { throw Fault(description: "a sample before its family: \(line)") }
        let suffixes = family.kind == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { family.name + $0 == sample.name }) else {
            throw Fault(description: "\(sample.name) is no sample of \(family.name)")
        }
        guard !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
            throw Fault(description: "twice: \(line)")
        }
        family.samples.append(sample)
        families.append(family)
    }

    private static func sample(_ line: Substring) throws -> Sample {
        let name = line.prefix { $0 != "{" && $0 != " " }
        guard isName(name) else { throw Fault(description: "no name: \(line)") }
        var rest = line.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = rest.prefix { $0 != "=" }
                rest = rest.dropFirst(label.count)
                guard isName(label), !label.contains(":"), rest.hasPrefix("=\"") else {
                    throw Fault(description: "no label: \(line)")
                }
                rest = rest.dropFirst(2)
                guard labels.updateValue(try value(&rest), forKey: String(label)) == nil else {
                    throw Fault(description: "a label twice: \(line)")
                }
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        guard rest.first == " ", let number = number(rest.dropFirst()) else {
            throw Fault(description: "no value: \(line)")
        }
        return Sample(name: String(name), labels: labels, value: number)
    }

    /// The text of a label up to its closing quotation mark, which is taken too.
    private static func value(_ rest: inout Substring) throws -> String {
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "\\":
                switch rest.popFirst() {
                case "\\": text += "\\"
                case "\"": text += "\""
                case "n": text += "\n"
                default: throw Fault(description: "an unknown escape")
                }
            default: text.append(character)
            }
        }
        throw Fault(description: "a label's value does not end")
    }

    private static func number(_ text: Substring) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.allSatisfy { $0.isNumber || "+-.e".contains($0) } ? Double(text) : nil
        }
    }

    private static func isName(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789_:".unicodeScalars.contains($0))
        }
    }

    /// Of metrics that others know by that name.
    private static let literalNames = Set(MetricCatalog.standard.sorted.compactMap(\.literalName))

    /// A counter's name and sign; a histogram's ranges, which only grow, and its count.
    private static func check(_ family: Family) throws {
        switch family.kind {
        case "counter":
            guard family.name.hasSuffix("_total") || literalNames.contains(family.name),
                family.samples.allSatisfy({ $0.value >= 0 })
            else {
                throw Fault(description: "not a counter: \(family.name)")
            }
        case "histogram":
            let sets = Dictionary(grouping: family.samples) { $0.labels.filter { $0.key != "le" } }
            for (labels, samples) in sets {
                let buckets = samples.filter { $0.name.hasSuffix("_bucket") }
                let bounds = buckets.compactMap { $0.labels["le"].flatMap { number($0[...]) } }
                let count = samples.filter { $0.name == family.name + "_count" && $0.labels == labels }
                guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity,
                    zip(buckets, buckets.dropFirst()).allSatisfy({ $0.value <= $1.value }),
                    count.map(\.value) == [buckets.last?.value], samples.count == buckets.count + 2
                else { throw Fault(description: "not a histogram: \(family.name) \(labels)") }
            }
        default: break
        }
    }
}
