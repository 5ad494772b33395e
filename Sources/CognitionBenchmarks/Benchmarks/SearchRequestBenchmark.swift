import CognitionCore
import Foundation

/// Searches over HTTP with a token: the same queries in turn, ten hits with what their documents hold.
struct SearchRequestBenchmark: Benchmark {
    static let name = "http-search"

    private static let subject = "searches of package descriptions with a token, ten hits"
    /// Few, so that the time of an answer is that of the search and not of its turn.
    private static let fewConnections = 8
    private static let path = "/api/v3/search/packages"
    private static let kinds = ["term", "and", "or", "phrase", "prefix", "fuzzy"]
    /// Documents of one request.
    private static let batch = 500
    private static let patience = Duration.seconds(120)

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let load = LoadGenerator() else { return [.missing(Self.subject, Measurement.missingLoadGenerator)] }
        guard let lines = FileManager.default.contents(atPath: SearchPeer.corpus + "/packages.jsonl"),
            let queries = FileManager.default.contents(atPath: SearchPeer.corpus + "/queries.json")
        else { return [.missing(Self.subject, "there is no corpus; run Scripts/install-dependencies bench")] }
        let script = bench.folder + "/search.lua"
        try Self.script(try JSONValue(parsing: queries)).write(toFile: script, atomically: true, encoding: .utf8)
        let measurements = try ServerProcess.with(bench.folder + "/http-search") { server in
            let user = try ServerUser(on: server)
            let rate = try index(lines, user)
            let ask = { seconds, connections in
                try load.run(
                    port: server.port, path: Self.path + "/query", token: user.token, seconds: seconds,
                    connections: connections, script: script)
            }
            _ = try ask(1, LoadGenerator.connections)
            return try [LoadGenerator.connections, Self.fewConnections].map { connections in
                let results = try (0..<bench.repetitions).map { _ in
                    try bench.disk.sample(20)
                    return try ask(bench.size(8), connections)
                }
                return Self.line(results, connections, rate)
            }
        }
        return measurements ?? [.missing(Self.subject, Measurement.missingServer)]
    }

    /// Puts all documents, and waits until they are found.
    /// - Returns: Documents a second.
    private func index(_ lines: Data, _ user: ServerUser) throws -> Double {
        let connection = try HTTPConnection(port: user.server.port)
        let settings: JSONValue = [
            "fields": ["text": ["type": "text"], "section": ["type": "keyword", "facet": true]]
        ]
        try connection.send(
            "PUT", Self.path, token: user.token, type: "application/json", body: settings.jsonBytes)
        let made = try connection.answer()
        guard made.status == 201 else { throw ServerUser.failure("making an index", made) }
        var documents: [JSONValue] = []
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let package = try JSONValue(parsing: line)
            guard let id = package["id"], let text = package["text"] else { continue }
            documents.append(["id": id, "fields": ["text": text, "section": package["section"] ?? .null]])
        }
        let start = ContinuousClock.now
        var sequence: JSONValue = 0
        for place in stride(from: 0, to: documents.count, by: Self.batch) {
            let body: JSONValue = [
                "documents": .array(Array(documents[place..<min(place + Self.batch, documents.count)]))
            ]
            let answer = try connection.post(Self.path + "/documents", token: user.token, body: body.jsonBytes)
            guard answer.status == 200 else { throw ServerUser.failure("putting documents", answer) }
            sequence = try answer.json["seq"] ?? 0
        }
        let wish: JSONValue = ["wait_for_seq": sequence, "wait_seconds": 30, "limit": 0]
        while true {
            let answer = try connection.post(Self.path + "/query", token: user.token, body: wish.jsonBytes)
            if answer.status == 200 { break }
            guard ContinuousClock.now - start < Self.patience else { throw ServerUser.failure("indexing", answer) }
        }
        return Double(documents.count) / (ContinuousClock.now - start).seconds
    }

    /// Another query with each request.
    private static func script(_ queries: JSONValue) throws -> String {
        var bodies: [String] = []
        for kind in kinds {
            for text in (queries[kind]?.arrayValue ?? []).prefix(300).compactMap(\.stringValue) {
                var body: JSONObject = ["limit": 10]
                switch kind {
                case "phrase": body["query"] = .string("\"\(text)\"")
                case "prefix": body["query"] = .string("\(text)*")
                default: body["query"] = .string(text)
                }
                if kind == "and" { body["operator"] = "and" }
                bodies.append("[==[\(JSONValue.object(body).jsonText)]==]")
            }
        }
        guard !bodies.isEmpty else { throw BenchmarkFailure("the corpus has no queries") }
        return """
            local bodies = {\(bodies.joined(separator: ",\n"))}
            local headers = {["Content-Type"] = "application/json", ["Authorization"] = wrk.headers["Authorization"]}
            local place = 0
            request = function()
              place = (place + 769) % #bodies
              return wrk.format("POST", nil, headers, bodies[place + 1])
            end
            """
    }

    private static func line(
        _ results: [LoadGenerator.Result], _ connections: Int, _ documentsPerSecond: Double
    ) -> Measurement {
        let rate = results.map(\.requestsPerSecond).median
        let (median, percentile99) = (results.map(\.median).median, results.map(\.percentile99).median)
        return Measurement(
            subject: "\(Self.subject), \(connections) connections",
            figure: "\(rate.grouped)/s, p50 \(median.digits(2)) ms, p99 \(percentile99.digits(2)) ms",
            beside: "\(documentsPerSecond.grouped) documents/s put and found, \(Self.batch) in a request",
            floors: [.atLeast(1_000, rate, ">= 1,000/s")]
                + (connections == Self.fewConnections ? [.atMost(10, percentile99, "p99 <= 10 ms")] : []))
    }
}
