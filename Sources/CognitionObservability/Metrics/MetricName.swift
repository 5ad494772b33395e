/// A family as it is exported.
struct MetricShape: Sendable {
    let name: String
    let kind: MetricKind
    let help: String
    /// Upper ends of a histogram's ranges, rising; the open one at the end is not among them.
    let bounds: [Double]
    /// `nil`: the registry's own bound.
    let seriesMax: Int?
    /// What is recorded, in terms of what is exported: 10^9 for timers, which record nanoseconds.
    let recordedPerUnit: Double

    /// Every name that its samples have.
    var sampleNames: [String] {
        kind == .histogram ? [name, name + "_bucket", name + "_sum", name + "_count"] : [name]
    }

    /// - Parameters:
    ///   - label: As it was given to swift-metrics, e.g. `workflow.task.duration`.
    ///   - isTimer: Records nanoseconds and is exported in seconds.
    init(_ label: String, kind: MetricKind, isTimer: Bool = false, catalog: MetricCatalog) {
        let entry = catalog[label]
        let unit = isTimer ? .seconds : entry?.unit
        self.kind = kind
        name = entry?.literalName ?? MetricName.exported(label, kind: kind, unit: unit)
        help = entry?.help ?? "\(label) (not described)"
        seriesMax = entry?.seriesMax
        recordedPerUnit = isTimer ? 1e9 : 1
        bounds = kind == .histogram ? entry?.buckets ?? MetricBuckets.standard(for: unit) : []
    }
}

/// Names by the rules of Prometheus: https://prometheus.io/docs/practices/naming and the text format 0.0.4,
/// https://prometheus.io/docs/instrumenting/exposition_formats.
enum MetricName {
    /// `workflow.task.duration` in seconds becomes `workflow_task_duration_seconds`; a counter ends in `_total`.
    static func exported(_ label: String, kind: MetricKind, unit: MetricUnit?) -> String {
        var name = sanitized(label)
        if kind == .counter, name.hasSuffix("_total") { name.removeLast("_total".count) }
        if let suffix = unit?.suffix, !name.hasSuffix(suffix) { name += suffix }
        return kind == .counter ? name + "_total" : name
    }

    /// Letters, digits and underscores of ASCII, with no digit in front. Colons are for recording rules.
    static func sanitized(_ text: String) -> String {
        var bytes = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        if bytes.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) ?? true {
            bytes.insert(UInt8(ascii: "_"), at: 0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The labels of a series as they stand between the braces, sorted by name.
struct MetricLabels: Sendable, Hashable {
    /// Bytes of a value; a longer one is cut.
    static let valueBytesMax = 256
    static let none = MetricLabels([])
    /// Stands for all series of a family that there is no room for.
    static let overflow = MetricLabels([("overflow", "true")])

    let text: String

    /// Of dimensions with the same name the last counts.
    init(_ dimensions: [(String, String)]) {
        let pairs = Dictionary(dimensions.map { (Self.name($0), $1) }, uniquingKeysWith: { $1 })
        text = pairs.sorted { $0.key < $1.key }.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
    }

    /// Names that begin with two underscores, and those of a histogram's and a summary's own labels, are taken.
    private static func name(_ dimension: String) -> String {
        let name = MetricName.sanitized(dimension)
        if name == "le" || name == "quantile" { return name + "_" }
        return name.hasPrefix("__") ? "x" + name : name
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            guard text.utf8.count < valueBytesMax else { return text + "…" }
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
