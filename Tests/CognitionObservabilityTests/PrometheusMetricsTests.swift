import CognitionObservability
import Foundation
import Metrics
import Testing

@Suite struct PrometheusMetricsTests {
    typealias Timer = Metrics.Timer

    private func read(_ metrics: PrometheusMetrics) throws -> Exposition { try Exposition(metrics.render()) }

    @Test("Each kind has its name, its type and its value")
    func kinds() throws {
        let metrics = PrometheusMetrics()
        Counter(label: "workflow.execution.ended", dimensions: [("status", "completed")], factory: metrics)
            .increment(by: 3)
        FloatingPointCounter(label: "money.spent", factory: metrics).increment(by: 0.25)
        Gauge(label: "database.queue.depth", dimensions: [("queue", "write")], factory: metrics).record(7)
        let meter = Meter(label: "room.temperature", factory: metrics)
        meter.set(20.5)
        meter.decrement(by: 30.5)
        Timer(label: "workflow.task.duration", dimensions: [("kind", "http"), ("outcome", "ok")], factory: metrics)
            .recordMilliseconds(20)
        Recorder(label: "database.round.size", factory: metrics).record(5)

        let text = try read(metrics)
        #expect(text["workflow_execution_ended_total"]?.kind == "counter")
        #expect(text.value("workflow_execution_ended_total", ["status": "completed"]) == 3)
        #expect(text.value("money_spent_total") == 0.25)
        #expect(text["database_queue_depth"]?.kind == "gauge")
        #expect(text.value("database_queue_depth", ["queue": "write"]) == 7)
        #expect(text.value("room_temperature") == -10)
        #expect(text["workflow_task_duration_seconds"]?.kind == "histogram")
        let http = ["kind": "http", "outcome": "ok"]
        #expect(text.value("workflow_task_duration_seconds_sum", http) == 0.02)
        #expect(text.value("workflow_task_duration_seconds_bucket", http.merging(["le": "0.01"]) { $1 }) == 0)
        #expect(text.value("workflow_task_duration_seconds_bucket", http.merging(["le": "0.05"]) { $1 }) == 1)
        #expect(text.value("database_round_size_bucket", ["le": "4"]) == 0)
        #expect(text.value("database_round_size_bucket", ["le": "8"]) == 1)
        #expect(text.value("database_round_size_count") == 1)
    }

    @Test("The text is what the format wants, byte by byte")
    func bytes() throws {
        let catalog = MetricCatalog([
            MetricDescription("a.size", .histogram, .bytes, buckets: [1, 2.5], "Back\\slash\nand line"),
            MetricDescription("b", .counter, .items("bees"), labels: ["x"], "Bees"),
        ])
        let metrics = PrometheusMetrics(catalog: catalog)
        let recorder = Recorder(label: "a.size", factory: metrics)
        for value in [1, 2.5, 2.6] { recorder.record(value) }
        Counter(label: "b", dimensions: [("x", "q\"b\\n\nü"), ("1 a", "")], factory: metrics).increment()
        let text = String(decoding: metrics.render(), as: UTF8.self)
        #expect(
            text.hasPrefix(
                """
                # HELP a_size_bytes Back\\\\slash\\nand line
                # TYPE a_size_bytes histogram
                a_size_bytes_bucket{le="1"} 1
                a_size_bytes_bucket{le="2.5"} 2
                a_size_bytes_bucket{le="+Inf"} 3
                a_size_bytes_sum 6.1
                a_size_bytes_count 3
                # HELP b_total Bees
                # TYPE b_total counter
                b_total{_1_a="",x="q\\"b\\\\n\\nü"} 1

                """))
        #expect(try read(metrics).value("b_total", ["x": "q\"b\\n\nü", "_1_a": ""]) == 1)
    }

    @Test(
        "Names and labels are made to fit",
        arguments: [
            ("a-b.c d", "a_b_c_d_total"), ("9lives", "_9lives_total"), ("", "__total"), ("ü", "___total"),
            ("x.total", "x_total"), ("x_total", "x_total"), ("rule:x", "rule_x_total"),
        ])
    func names(label: String, exported: String) throws {
        let metrics = PrometheusMetrics()
        Counter(
            label: label, dimensions: [("le", "1"), ("__name__", "2"), ("a.b", "3"), ("a_b", "4")], factory: metrics
        )
        .increment()
        #expect(try read(metrics).value(exported, ["le_": "1", "x__name__": "2", "a_b": "4"]) == 1)
    }

    @Test("Numbers that are hard to write")
    func numbers() throws {
        let metrics = PrometheusMetrics()
        let values: [Double] = [
            0, -1, 1e300, 1e-300, 0.1, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
            9_007_199_254_740_992, 1e19,
        ]
        for (number, value) in values.enumerated() {
            Gauge(label: "g", dimensions: [("n", "\(number)")], factory: metrics).record(value)
        }
        Gauge(label: "nan", factory: metrics).record(Double.nan)
        let text = try read(metrics)
        for (number, value) in values.enumerated() { #expect(text.value("g", ["n": "\(number)"]) == value) }
        #expect(text.value("nan")?.isNaN == true)
    }

    @Test("What spoils a sum for good is left out, and counters do not fall")
    func poison() throws {
        let metrics = PrometheusMetrics()
        let recorder = Recorder(label: "r", factory: metrics)
        for value: Double in [1, .nan, .infinity, -.infinity, 2] { recorder.record(value) }
        let counter = FloatingPointCounter(label: "f", factory: metrics)
        for amount: Double in [1, .nan, .infinity, -5, 0.5] { counter.increment(by: amount) }
        let whole = Counter(label: "w", factory: metrics)
        whole.increment(by: 2)
        whole.increment(by: -1)
        let meter = Meter(label: "m", factory: metrics)
        meter.increment(by: Double.nan)
        meter.increment(by: 2.0)
        let timer = Timer(label: "t", factory: metrics)
        timer.recordNanoseconds(-5)
        timer.recordNanoseconds(Int64.max)
        let text = try read(metrics)
        #expect(text.value("r_sum") == 3 && text.value("r_count") == 2)
        #expect(text.value("f_total") == 1.5 && text.value("w_total") == 2 && text.value("m") == 2)
        #expect(text.value("t_seconds_count") == 2 && text.value("t_seconds_sum") == 9_223_372_036.854776)
    }

    @Test("Durations that are a bound lie below it")
    func bounds() throws {
        let metrics = PrometheusMetrics()
        let timer = Timer(label: "t", factory: metrics)
        for bound in MetricBuckets.seconds {
            timer.recordNanoseconds(Int64((bound * 1e9).rounded()))
            timer.recordNanoseconds(Int64((bound * 1e9).rounded()) + 1)
        }
        let family = try #require(try read(metrics)["t_seconds"])
        let counts = family.samples.filter { $0.name == "t_seconds_bucket" }.map { Int($0.value) }
        #expect(counts == MetricBuckets.seconds.indices.map { 2 * $0 + 1 } + [2 * MetricBuckets.seconds.count])
    }

    @Test("Handles of the same name and labels share a series, which lives as long as one of them")
    func sharing() throws {
        let metrics = PrometheusMetrics()
        let first = Counter(label: "c", dimensions: [("a", "1"), ("b", "2")], factory: metrics)
        let second = Counter(label: "c", dimensions: [("b", "2"), ("a", "1")], factory: metrics)
        first.increment()
        second.increment()
        #expect(try read(metrics).value("c_total", ["a": "1", "b": "2"]) == 2)
        first.destroy()
        #expect(try read(metrics).value("c_total", ["a": "1", "b": "2"]) == 2)
        second.destroy()
        #expect(try read(metrics)["c_total"] == nil)
        // The name is free again.
        Gauge(label: "c.total", factory: metrics).record(1)
        #expect(try read(metrics)["c_total"]?.kind == "gauge")
    }

    @Test("Of a family with too many label sets the rest share one series")
    func seriesBound() throws {
        let metrics = PrometheusMetrics(seriesMax: 3)
        let counters = (0..<10).map { Counter(label: "c", dimensions: [("id", "\($0)")], factory: metrics) }
        for counter in counters { counter.increment() }
        let text = try read(metrics)
        #expect(text["c_total"]?.samples.count == 4)
        #expect(text.value("c_total", ["id": "2"]) == 1)
        #expect(text.value("c_total", ["overflow": "true"]) == 7)
        #expect(text.value("metrics_dropped_total", ["reason": "series"]) == 7)
        // One that is destroyed makes room.
        counters[0].destroy()
        counters[9].destroy()
        Counter(label: "c", dimensions: [("id", "new")], factory: metrics).increment(by: 5)
        #expect(try read(metrics).value("c_total", ["id": "new"]) == nil)
        counters[1].destroy()
        Counter(label: "c", dimensions: [("id", "newer")], factory: metrics).increment(by: 5)
        #expect(try read(metrics).value("c_total", ["id": "newer"]) == 5)
    }

    @Test("The catalog may allow a family more series")
    func ownSeriesBound() throws {
        let catalog = MetricCatalog([MetricDescription("c", .counter, .items("x"), seriesMax: 5, "Xs")])
        let metrics = PrometheusMetrics(catalog: catalog, seriesMax: 3)
        for label in ["c", "d"] {
            for number in 0..<10 {
                Counter(label: label, dimensions: [("id", "\(number)")], factory: metrics).increment()
            }
        }
        let text = try read(metrics)
        #expect(text.value("c_total", ["overflow": "true"]) == 5 && text["c_total"]?.samples.count == 6)
        #expect(text.value("d_total", ["overflow": "true"]) == 7)
    }

    @Test("Of too many families the last are lost, and counted")
    func familyBound() throws {
        let metrics = PrometheusMetrics(familiesMax: 3)
        for number in 0..<5 { Counter(label: "c\(number)", factory: metrics).increment() }
        let text = try read(metrics)
        #expect(text.families.map(\.name) == ["c0_total", "c1_total", "metrics_dropped_total"])
        #expect(text.value("metrics_dropped_total", ["reason": "families"]) == 3)
    }

    @Test("A name belongs to one kind")
    func nameClashes() throws {
        let metrics = PrometheusMetrics()
        Timer(label: "a", factory: metrics).recordSeconds(1)
        Gauge(label: "a.seconds", factory: metrics).record(1)  // the family's name
        Gauge(label: "a.seconds.count", factory: metrics).record(1)  // one of its samples
        Recorder(label: "a.seconds", factory: metrics).record(1)  // the same kind in another unit
        Gauge(label: "b.sum", factory: metrics).record(1)
        Recorder(label: "b", factory: metrics).record(1)  // one of its samples would have the gauge's name
        let text = try read(metrics)
        #expect(text.families.map(\.name) == ["a_seconds", "b_sum", "metrics_dropped_total"])
        #expect(text.value("a_seconds_count") == 1)
        #expect(text.value("metrics_dropped_total", ["reason": "name"]) == 4)
    }

    @Test("Long values of labels are cut")
    func longLabels() throws {
        let metrics = PrometheusMetrics()
        Counter(label: "c", dimensions: [("x", String(repeating: "ä", count: 10_000))], factory: metrics).increment()
        let value = try #require(try read(metrics)["c_total"]?.samples.first?.labels["x"])
        #expect(value == String(repeating: "ä", count: 128) + "…")
    }

    @Test("Ten threads count without losing one")
    func threads() async throws {
        let metrics = PrometheusMetrics()
        let counter = Counter(label: "c", factory: metrics)
        let floating = FloatingPointCounter(label: "f", factory: metrics)
        let meter = Meter(label: "m", factory: metrics)
        let timer = Timer(label: "t", factory: metrics)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    for number in 0..<100_000 {
                        counter.increment()
                        floating.increment(by: 0.5)
                        meter.increment(by: 1.0)
                        timer.recordMilliseconds(number % 4)
                    }
                }
            }
            // Whoever reads meanwhile sees something well-formed.
            group.addTask {
                for _ in 0..<50 { #expect(throws: Never.self) { try Exposition(metrics.render()) } }
            }
        }
        let text = try read(metrics)
        #expect(text.value("c_total") == 1_000_000)
        #expect(text.value("f_total") == 500_000)
        #expect(text.value("m") == 1_000_000)
        #expect(text.value("t_seconds_count") == 1_000_000)
        #expect(text.value("t_seconds_sum") == 1_500)
        #expect(text.value("t_seconds_bucket", ["le": "0.0005"]) == 250_000)
        #expect(text.value("t_seconds_bucket", ["le": "0.001"]) == 500_000)
    }

    @Test("Many threads make the same handles")
    func makingInParallel() async throws {
        let metrics = PrometheusMetrics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    for number in 0..<1_000 {
                        Counter(label: "c", dimensions: [("n", "\(number % 100)")], factory: metrics).increment()
                    }
                }
            }
        }
        let samples = try #require(try read(metrics)["c_total"]?.samples)
        #expect(samples.count == 100 && samples.allSatisfy { $0.value == 100 })
    }

    @Test("Collectors are asked at every scrape")
    func collectors() throws {
        let metrics = PrometheusMetrics()
        let scrapes = Counter(label: "scrapes", factory: metrics)
        metrics.onScrape {
            scrapes.increment()  // measuring in a collector is fine
            return [MetricReading("depth", dimensions: [("queue", "a")], 3), MetricReading("process.cpu", 1.5)]
        }
        _ = metrics.render()
        let text = try read(metrics)
        #expect(text.value("depth", ["queue": "a"]) == 3 && text["depth"]?.kind == "gauge")
        #expect(text.value("process_cpu_seconds_total") == 1.5)
        #expect(text.value("scrapes_total") == 2)
    }

    @Test("The catalog's table names everything once, and its buckets rise")
    func catalog() {
        let catalog = MetricCatalog.standard
        #expect(Set(catalog.sorted.map(\.exportedName)).count == catalog.sorted.count)
        for metric in catalog.sorted {
            #expect(catalog.markdown.contains("| `\(metric.exportedName)` | \(metric.kind.rawValue) |"))
            let buckets = metric.buckets ?? []
            #expect(buckets == buckets.sorted() && Set(buckets).count == buckets.count && buckets.count < 24)
            #expect(!metric.help.isEmpty && !metric.help.hasSuffix("."), "\(metric.name)")
        }
        #expect(
            catalog["process.resident_memory"]?.exportedName == "process_resident_memory_bytes"
                && catalog["process.cpu"]?.exportedName == "process_cpu_seconds_total")
    }

    @Test("What others know by a name is exported by just that, and still a counter")
    func literalNames() throws {
        let metrics = PrometheusMetrics()
        for name in ["scheduler.jobs", "scheduler.jobs.success", "scheduler.jobs.failed"] {
            Counter(label: name, dimensions: [("queue", "a"), ("kind", "http")], factory: metrics).increment()
        }
        let text = try read(metrics)
        for name in ["scheduler_jobs_total", "scheduler_jobs_success", "scheduler_jobs_failed"] {
            #expect(text[name]?.kind == "counter" && text.value(name, ["queue": "a", "kind": "http"]) == 1, "\(name)")
        }
        #expect(
            MetricCatalog.standard["scheduler.execution.duration"]?.exportedName
                == "scheduler_execution_duration_seconds")
    }

    @Test("The catalog has every metric that the sources name")
    func complete() throws {
        let name = #"(?:(Counter|Timer|Gauge|Recorder|Meter)\(\s*label:|CommittedWork\((metric):)\s*"([a-z0-9_.]+)""#
        let pattern = try NSRegularExpression(pattern: name)
        let kinds: [String: MetricKind] = [
            "Counter": .counter, "metric": .counter, "Timer": .histogram, "Recorder": .histogram, "Gauge": .gauge,
            "Meter": .gauge,
        ]
        // This file may be reached by way of a link.
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let files = try #require(FileManager.default.enumerator(atPath: root.appendingPathComponent("Sources").path))
        var found: Set<String> = []
        for case let path as String in files where path.hasSuffix(".swift") {
            let text = try String(contentsOf: root.appendingPathComponent("Sources/" + path), encoding: .utf8)
            for match in pattern.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
                let words = (1...3).compactMap { Range(match.range(at: $0), in: text).map { String(text[$0]) } }
                found.insert(words[1])
                #expect(MetricCatalog.standard[words[1]]?.kind == kinds[words[0]], "\(words[1]) in \(path)")
            }
        }
        #expect(found.contains("event.store.events") && found.contains("database.commit.duration"))
    }

    @Test(
        "promtool finds nothing to complain about",
        .enabled(if: Promtool.path != nil, "promtool is not installed: it comes with Debian's package prometheus"))
    func promtool() throws {
        let metrics = PrometheusMetrics()
        // It asks of every counter that its name ends in _total.
        for metric in MetricCatalog.standard.sorted where metric.literalName == nil {
            let dimensions = metric.labels.map { ($0, "a \"quoted\" \\ \n value") }
            switch (metric.kind, metric.unit) {
            case (.counter, _): Counter(label: metric.name, dimensions: dimensions, factory: metrics).increment()
            case (.gauge, _): Gauge(label: metric.name, dimensions: dimensions, factory: metrics).record(1.5)
            case (.histogram, .seconds):
                Timer(label: metric.name, dimensions: dimensions, factory: metrics).recordMilliseconds(3)
            case (.histogram, _): Recorder(label: metric.name, dimensions: dimensions, factory: metrics).record(3)
            }
        }
        metrics.onScrape(ProcessMetrics.collect)
        Counter(label: "unknown.thing", factory: metrics).increment()
        let (status, output) = try Promtool.check(metrics.render())
        #expect(status == 0 && output.isEmpty, "\(output)")
        // It would have complained.
        #expect(try Promtool.check(Array("# TYPE a counter\na 1\na 1\n".utf8)).status != 0)
    }
}

/// The checker that comes with Prometheus.
private enum Promtool {
    static let path = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    static func check(_ text: [UInt8]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: text)
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
}
