/// Makes the text that Prometheus reads, format 0.0.4.
struct ExpositionWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    mutating func family(_ shape: MetricShape) {
        put("# HELP \(shape.name) ")
        for scalar in shape.help.unicodeScalars {
            switch scalar {
            case "\\": put("\\\\")
            case "\n": put("\\n")
            default: bytes.append(contentsOf: Unicode.UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter)
            }
        }
        put("\n# TYPE \(shape.name) \(shape.kind.rawValue)\n")
    }

    mutating func sample(_ name: String, suffix: String = "", _ labels: MetricLabels, _ value: Double) {
        line(name, suffix, labels.text, Self.text(value))
    }

    mutating func sample(_ name: String, suffix: String = "", _ labels: MetricLabels, _ value: UInt64) {
        line(name, suffix, labels.text, String(value))
    }

    mutating func bucket(_ name: String, _ labels: MetricLabels, upTo bound: Double, _ count: UInt64) {
        let separator = labels.text.isEmpty ? "" : ","
        line(name, "_bucket", "\(labels.text)\(separator)le=\"\(Self.text(bound))\"", String(count))
    }

    private mutating func line(_ name: String, _ suffix: String, _ labels: String, _ value: String) {
        put(name)
        put(suffix)
        if !labels.isEmpty {
            put("{")
            put(labels)
            put("}")
        }
        put(" ")
        put(value)
        put("\n")
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// The shortest text that is read as the same number; whole numbers have no point.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: value).map(String.init) ?? value.description
    }
}
