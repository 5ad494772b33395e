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

    package init(
        _ name: String, _ kind: MetricKind, _ unit: MetricUnit, labels: [String] = [], buckets: [Double]? = nil,
        _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.labels = labels
        self.help = help
        self.buckets = buckets
    }

    package var exportedName: String { MetricName.exported(name, kind: kind, unit: unit) }
}

/// All metrics that this program is known to have: what `# HELP`, names and buckets are made from, and the document.
package struct MetricCatalog: Sendable {
    private let entries: [String: MetricDescription]

    /// - Parameter metrics: Their names are different.
    package init(_ metrics: [MetricDescription]) {
        entries = Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, $0) })
    }

    package subscript(name: String) -> MetricDescription? { entries[name] }

    package var sorted: [MetricDescription] { entries.values.sorted { $0.name < $1.name } }

    /// The table of `Docs/Metrics.md`.
    package var markdown: String {
        let rows = sorted.map { metric in
            let unit =
                switch metric.unit {
                case .seconds: "seconds"
                case .bytes: "bytes"
                case .items(let name): name
                }
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(metric.exportedName)` | \(metric.kind.rawValue) | \(unit) | \(labels) | \(metric.help) |\n"
        }
        return "| metric | kind | unit | labels | what it tells |\n|---|---|---|---|---|\n" + rows.joined()
    }

    package static let standard = MetricCatalog([
        // Workflows
        MetricDescription(
            "workflow.execution.ended", .counter, .items("executions"), labels: ["status"],
            "Executions that ended, by the status they ended with"),
        MetricDescription(
            "workflow.task.duration", .histogram, .seconds, labels: ["kind", "outcome"],
            buckets: MetricBuckets.longSeconds,
            "How long the effect of one attempt of a task ran, by kind (http, function, workflow) and outcome (ok, fault)"
        ),

        // HTTP
        MetricDescription(
            "http.server.requests", .counter, .items("requests"), labels: ["method", "route", "status"],
            "Requests answered, by route as it is declared"),
        MetricDescription(
            "http.server.duration", .histogram, .seconds, labels: ["method", "route"],
            "From the head of a request to the head of its answer"),
        MetricDescription(
            "http.client.requests", .counter, .items("requests"), labels: ["outcome"],
            "Calls to other servers, by class of status or by error"),
        MetricDescription(
            "http.client.duration", .histogram, .seconds, labels: ["outcome"], buckets: MetricBuckets.longSeconds,
            "How long calls to other servers took, retries not counted"),

        // Database
        MetricDescription(
            "database.write.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "From the request of a write to the moment it was durable, the wait for its turn included"),
        MetricDescription(
            "database.read.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "From the request of a read to its result, the wait for a connection included"),
        MetricDescription(
            "database.commit.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "How long one COMMIT took, which many writes share: in the main the disk's fsync"),
        MetricDescription(
            "database.round.size", .histogram, .items("requests"), "Writes that shared one commit"),
        MetricDescription(
            "database.queue.depth", .gauge, .items("requests"), labels: ["queue"],
            "Requests that wait for a connection, by queue (write, read)"),
        MetricDescription(
            "database.errors", .counter, .items("errors"), labels: ["code"],
            "Requests that the database refused and transactions that it ended, by code of the error"),

        // Event log
        MetricDescription("events.appended", .counter, .items("events"), "Events that became durable in the log"),
        MetricDescription(
            "events.subscription.lag", .gauge, .items("events"), labels: ["subscription"],
            "Events of the log that a subscription of this process has not looked through yet"),

        // The process and its metrics
        MetricDescription("process.cpu", .counter, .seconds, "Processor time used, in user and system mode"),
        MetricDescription("process.resident_memory", .gauge, .bytes, "Memory that is in RAM"),
        MetricDescription("process.start_time", .gauge, .seconds, "When the process began, since 1970 in UTC"),
        MetricDescription("process.threads", .gauge, .items("threads"), "Threads of the process"),
        MetricDescription("process.open_fds", .gauge, .items("descriptors"), "Open files and sockets"),
        MetricDescription(
            "process.max_fds", .gauge, .items("descriptors"), "How many files and sockets may be open at once"),
        MetricDescription(
            "metrics.dropped", .counter, .items("handles"), labels: ["reason"],
            "Handles for which there was no room (families, series) or whose name another kind of metric has (name)"),
    ])
}
