/// What kind of value a metric has.
package enum MetricKind: String, Sendable, Hashable {
    /// Only rises, until the process ends.
    case counter
    case gauge
    case histogram
}

/// What a metric's value counts. Seconds and bytes are part of the exported name.
package enum MetricUnit: Sendable, Hashable {
    case seconds
    case bytes
    /// Things, named in the plural.
    case items(String)

    /// What the exported name ends in.
    var suffix: String? {
        switch self {
        case .seconds: "_seconds"
        case .bytes: "_bytes"
        case .items: nil
        }
    }
}

/// Upper ends of a histogram's ranges, rising; at most 23, the open range at the end not counted.
package enum MetricBuckets {
    /// Half a millisecond to a minute.
    package static let seconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// From 20 µs: what a disk or a lookup takes.
    package static let briefSeconds: [Double] = [
        0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
    ]
    /// Up to a day: what a task or a model takes.
    package static let longSeconds: [Double] = [
        0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400,
    ]
    /// Four times as much from range to range, 256 bytes to 64 MiB.
    package static let bytes: [Double] = (4...13).map { Double(1 << (2 * $0)) }
    package static let items: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384]

    static func standard(for unit: MetricUnit?) -> [Double] {
        switch unit {
        case .seconds: seconds
        case .bytes: bytes
        case .items, nil: items
        }
    }
}

/// A metric for those who read it.
package struct MetricDescription: Sendable, Hashable {
    /// As it is given to swift-metrics, e.g. `workflow.task.duration`.
    package let name: String
    package let kind: MetricKind
    package let unit: MetricUnit
    package let labels: [String]
    /// One sentence without an end.
    package let help: String
    /// `nil`: the standard ones of the unit.
    package let buckets: [Double]?
    /// How many label sets there may be; `nil`: as many as of any other.
    package let seriesMax: Int?
    /// The exported name where it is not made by the rules, because others know it as it is; a counter then need not end in
    /// `_total`.
    package let literalName: String?

    package init(
        _ name: String, _ kind: MetricKind, _ unit: MetricUnit, labels: [String] = [], buckets: [Double]? = nil,
        seriesMax: Int? = nil, exportedAs literalName: String? = nil, _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.labels = labels
        self.help = help
        self.buckets = buckets
        self.seriesMax = seriesMax
        self.literalName = literalName
    }

    package var exportedName: String { literalName ?? MetricName.exported(name, kind: kind, unit: unit) }
}
