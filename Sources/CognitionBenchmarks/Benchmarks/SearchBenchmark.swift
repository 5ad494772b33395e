import CognitionCore
import CognitionSearch
import Foundation
import OrderedCollections
import Synchronization

/// Search in the descriptions of Debian's packages, beside tantivy and SQLite's FTS5: one thread, in process, ten hits.
struct SearchBenchmark: Benchmark {
    static let name = "search"

    /// Kinds of queries, with their floors against tantivy.
    private static let kinds = [
        ("term", "one term"), ("and", "two terms, both"), ("or", "three terms, any"), ("phrase", "a phrase of two"),
        ("prefix", "a prefix"), ("fuzzy", "a misspelt word"),
    ]
    /// FTS5 ranks all that matches, and would take a minute for all queries.
    private static let slowCount = 40
    private static let tantivyMost = 1.5

    func run(_ bench: Bench) async throws -> [Measurement] {
        let corpus = try Corpus(folder: SearchPeer.corpus)
        let peer = SearchPeer(folder: bench.folder + "/peers")
        defer { peer?.close() }
        let folder = bench.folder + "/index"
        var measurements: [Measurement] = []
        let index = try indexing(corpus, folder, peer, &measurements)
        try queries(index, corpus, peer, bench, &measurements)
        try facets(index, bench, &measurements)
        try opening(folder, bench, &measurements)
        try await whileIndexing(index, corpus, &measurements)
        return measurements
    }

    // MARK: Indexing

    static let settings = {
        var settings = SearchSettings()
        settings.fields = ["text": SearchField(.text), "section": SearchField(.keyword)]
        settings.fields["section"]?.isFacet = true
        return settings
    }()

    private func open(_ folder: String) throws -> SearchIndex {
        try SearchIndex(folder: folder, settings: Self.settings, analyzers: Analyzers.named)
    }

    private func indexing(
        _ corpus: Corpus, _ folder: String, _ peer: SearchPeer?, _ measurements: inout [Measurement]
    ) throws -> SearchIndex {
        let index = try open(folder)
        let time = try seconds {
            for start in stride(from: 0, to: corpus.changes.count, by: 1_000) {
                try index.apply(Array(corpus.changes[start..<min(start + 1_000, corpus.changes.count)]))
            }
            try index.commit()
        }
        let rate = Double(corpus.changes.count) / time
        let rates = peer?.indexed.mapValues { Double(corpus.changes.count) / $0.seconds } ?? [:]
        measurements.append(
            Measurement(
                subject: "search: indexing \(Double(corpus.changes.count).grouped) descriptions, durable",
                figure: "\(rate.grouped) documents/s",
                beside: rates.sorted { $0.key > $1.key }.map { "\($0.key) \($0.value.grouped)/s" }.joined(
                    separator: ", "),
                floors: [.atLeast(20_000, rate, "≥ 20,000/s")]))
        while try index.maintain(everything: true) {}
        try index.commit()
        let share = Double(index.byteCount) / Double(corpus.textBytes)
        let shares = peer?.indexed.mapValues { Double($0.bytes) / Double(corpus.textBytes) } ?? [:]
        measurements.append(
            Measurement(
                subject: "search: the index, with positions, of \(corpus.textBytes / 1_000_000) MB of text",
                figure: share.percent,
                beside: shares.sorted { $0.key > $1.key }.map { "\($0.key) \($0.value.percent)" }.joined(
                    separator: ", "),
                floors: [.atMost(0.6, share, "≤ 60 %")]))
        return index
    }

    // MARK: Queries

    private func queries(
        _ index: SearchIndex, _ corpus: Corpus, _ peer: SearchPeer?, _ bench: Bench,
        _ measurements: inout [Measurement]
    ) throws {
        let snapshot = index.snapshot()
        var ratios: [Double] = []
        for (kind, title) in Self.kinds {
            let requests = try corpus.requests(kind)
            _ = try times(requests, snapshot)
            var (ours, theirs, ratio): ([Double], [Double], [Double]) = ([], [], [])
            for _ in 0..<max(3, bench.repetitions) {
                let own = try times(requests, snapshot)
                ours += own
                guard let peer else { continue }
                let tantivy = try peer.times("tantivy", kind, count: requests.count)
                theirs += tantivy
                ratio.append(own.reduce(0, +) / tantivy.reduce(0, +))
            }
            var measurement = Measurement(
                subject: "search: \(title)",
                figure: "\(Self.microseconds(ours.mean)), p99 \(Self.microseconds(ours.percentile(0.99)))",
                floors: [.atMost(0.01, ours.percentile(0.99), "p99 ≤ 10 ms")])
            if !theirs.isEmpty {
                measurement.beside =
                    "tantivy \(Self.microseconds(theirs.mean)), p99 \(Self.microseconds(theirs.percentile(0.99))): "
                    + "\(ratio.median.digits(2)) x its time"
                measurement.floors.append(.atMost(Self.tantivyMost, ratio.median, "≤ 1.5 x tantivy"))
                ratios.append(ratio.median)
            }
            if let peer, kind != "fuzzy" {
                let slow = try peer.times("fts5", kind, count: Self.slowCount)
                let faster =
                    slow.reduce(0, +) / (try times(Array(requests.prefix(Self.slowCount)), snapshot)).reduce(0, +)
                measurement.beside += "; FTS5 \(Self.microseconds(slow.mean)): \(faster.digits(0)) x as fast"
                if kind == "or" { measurement.floors.append(.atLeast(20, faster, "≥ 20 x FTS5")) }
            }
            measurements.append(measurement)
        }
        guard !ratios.isEmpty else { return }
        measurements.append(
            Measurement(
                subject: "search: geometric mean of the \(ratios.count) above",
                figure: "\(ratios.geometricMean.digits(2)) x tantivy's time"))
    }

    private func times(_ requests: [SearchRequest], _ snapshot: IndexSnapshot) throws -> [Double] {
        var times: [Double] = []
        times.reserveCapacity(requests.count)
        var hits = 0
        for request in requests {
            times.append(try seconds { hits += try snapshot.search(request).hits.count })
        }
        guard hits > 0 else { throw BenchmarkFailure("no query has found anything") }
        return times
    }

    private static func microseconds(_ seconds: Double) -> String {
        seconds < 0.001 ? "\((seconds * 1e6).digits(1)) µs" : "\((seconds * 1e3).digits(2)) ms"
    }

    // MARK: Facets, opening, searching while indexing

    private func facets(_ index: SearchIndex, _ bench: Bench, _ measurements: inout [Measurement]) throws {
        let snapshot = index.snapshot()
        // Nearly every description has one of these.
        var request = SearchRequest(
            .words(WordsQuery("package provides library files used program data support contains")))
        request.limit = 10
        request.facets = [FacetRequest(field: "section", kind: .values(limit: 20))]
        var hits = 0
        let times = try (0..<(4 * bench.repetitions)).map { _ in
            try seconds { hits = try snapshot.search(request).total.value }
        }
        var alone = request
        alone.query = .all
        let ofAll = try (0..<(4 * bench.repetitions)).map { _ in try seconds { _ = try snapshot.search(alone) } }
        measurements.append(
            Measurement(
                subject: "search: the facet of all \(Double(snapshot.documentCount).grouped) documents",
                figure: Self.microseconds(ofAll.median),
                beside: "nine words, any, with \(Double(hits).grouped) hits: \(Self.microseconds(times.median))",
                floors: [.atMost(0.005, ofAll.median, "≤ 5 ms")]))
    }

    private func opening(_ folder: String, _ bench: Bench, _ measurements: inout [Measurement]) throws {
        var request = SearchRequest(.words(WordsQuery("server")))
        request.limit = 10
        let times = try (0..<max(3, bench.repetitions)).map { _ in
            try seconds { _ = try open(folder).snapshot().search(request) }
        }
        measurements.append(
            Measurement(
                subject: "search: from opening the index to its first answer", figure: Self.microseconds(times.median),
                floors: [.atMost(0.05, times.median, "≤ 50 ms")]))
    }

    private func whileIndexing(_ index: SearchIndex, _ corpus: Corpus, _ measurements: inout [Measurement]) async throws
    {
        let requests = try corpus.requests("or")
        let quiet = try times(requests + requests, index.snapshot()).percentile(0.99)
        let isOver = Atomic(false)
        let changes = corpus.changes
        // Unstructured, as it is no child of what is timed here; awaited below.
        let writer = Task.detached { () throws -> Int in
            var (count, sequence) = (0, index.sequence)
            while !isOver.load(ordering: .relaxed) {
                let batch = (0..<100).map { offset in
                    DocumentChange(
                        sequence: sequence + Int64(offset) + 1,
                        content: changes[(count + offset) % changes.count].content)
                }
                try index.apply(batch)
                count += batch.count
                sequence += Int64(batch.count)
                if count % 20_000 == 0 { try index.commit() }
                if count % 5_000 == 0 { try index.maintain() }
            }
            return count
        }
        var times: [Double] = []
        let start = ContinuousClock.now
        while (ContinuousClock.now - start).seconds < 5 {
            for request in requests { times.append(try seconds { _ = try index.snapshot().search(request) }) }
        }
        isOver.store(true, ordering: .relaxed)
        let written = try await writer.value
        let rate = Double(written) / (ContinuousClock.now - start).seconds
        let ratio = times.percentile(0.99) / quiet
        measurements.append(
            Measurement(
                subject: "search: three terms, any, while \(rate.grouped) documents/s are written",
                figure: "p99 \(Self.microseconds(times.percentile(0.99)))",
                beside: "p99 \(Self.microseconds(quiet)) without: \(ratio.digits(2)) x",
                floors: [.atMost(3, ratio, "≤ 3 x")]))
    }
}

/// Documents and queries that `Scripts/bench_search_peer.py` has sampled.
private struct Corpus {
    let changes: [DocumentChange]
    let textBytes: Int
    private let queries: JSONValue

    init(folder: String) throws {
        guard let lines = FileManager.default.contents(atPath: folder + "/packages.jsonl"),
            let queries = FileManager.default.contents(atPath: folder + "/queries.json")
        else {
            throw BenchmarkFailure("there is no corpus; `Scripts/install-dependencies bench` prepares it where apt is")
        }
        var (changes, bytes): ([DocumentChange], Int) = ([], 0)
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let package = try JSONValue(parsing: line)
            guard let id = package["id"]?.stringValue, let text = package["text"]?.stringValue else { continue }
            bytes += text.utf8.count
            let document = SearchDocument(
                id: id, fields: ["text": .string(text), "section": package["section"] ?? .null])
            changes.append(DocumentChange(sequence: Int64(changes.count) + 1, content: .put(document)))
        }
        self.changes = changes
        textBytes = bytes
        self.queries = try JSONValue(parsing: queries)
    }

    func requests(_ kind: String) throws -> [SearchRequest] {
        guard let texts = queries[kind]?.arrayValue?.compactMap(\.stringValue), !texts.isEmpty else {
            throw BenchmarkFailure("the corpus has no queries of \(kind)")
        }
        return texts.map { text in
            let query: QueryNode =
                switch kind {
                case "phrase": .phrase(text: text, fields: nil, slop: 0)
                case "prefix": .prefix(text: text, fields: nil)
                default: .words(WordsQuery(text))
                }
            var request = SearchRequest(query)
            request.limit = 10
            request.minimum = kind == "and" ? .all : .any
            request.fuzziness = kind == "fuzzy" ? .auto : .off
            return request
        }
    }
}

extension [Double] {
    fileprivate var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }
}
