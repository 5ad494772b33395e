import CognitionCore
import CognitionExpressions

/// Expressions from text to text, beside the jq C library.
struct ExpressionBenchmark: Benchmark {
    static let name = "expressions"

    private struct Sample {
        /// Gives one output.
        let expression: String
        let input: String
    }

    /// Seconds that a measurement of one expression is to take.
    private static let portion = 0.05

    func run(_ bench: Bench) async throws -> [Measurement] {
        let peer = JQPeer()
        defer { peer?.close() }
        if peer == nil {
            Terminal.progress("no Python with the package jq: expressions are measured without their peer")
        }
        var ratios: [Double] = []
        var measurements: [Measurement] = []
        for sample in Self.samples {
            let (microseconds, ratio) = try measure(sample, peer, bench)
            if let ratio { ratios.append(ratio) }
            measurements.append(
                Measurement(
                    subject: "`\(sample.expression.replacing("|", with: "¦"))` on \(Self.size(sample.input))",
                    figure: "\(microseconds.digits(1)) µs",
                    beside: ratio.map { "\($0.digits(2)) x as fast as jq" } ?? "jq is missing",
                    floors: ratio.map { [.atLeast(0.5, $0, "within 2 x of jq")] } ?? []))
        }
        if let peer {
            measurements.append(
                Measurement(
                    subject: "expressions, geometric mean of the \(ratios.count) above",
                    figure: "\(ratios.geometricMean.digits(2)) x as fast", beside: "Python package jq \(peer.version)",
                    floors: [.atLeast(0.5, ratios.geometricMean, "within 2 x of jq")]))
        }
        return measurements
    }

    /// - Returns: Microseconds of one evaluation, and how many times the peer's speed that is; medians of turns.
    private func measure(_ sample: Sample, _ peer: JQPeer?, _ bench: Bench) throws -> (Double, ratio: Double?) {
        let expression = try Expression(sample.expression)
        var output = ""
        let evaluate = { () throws -> Void in
            let results = try expression.evaluate(try JSONValue(parsing: sample.input))
            output = results.count == 1 ? results[0].jsonText : ""
        }
        try evaluate()
        var count = 1
        while try seconds({ for _ in 0..<count { try evaluate() } }) < Self.portion / 4 { count *= 2 }
        count *= 4
        _ = try peer?.evaluate(sample.expression, sample.input, count: max(1, count / 8))
        var times: [Double] = []
        var ratios: [Double] = []
        for _ in 0..<bench.repetitions {
            let ours = try seconds { for _ in 0..<count { try evaluate() } } / Double(count)
            times.append(ours * 1e6)
            guard let theirs = try peer?.evaluate(sample.expression, sample.input, count: count) else { continue }
            guard theirs.output == output else {
                throw BenchmarkFailure(
                    "\(sample.expression) gives \(output.prefix(200)), jq \(theirs.output.prefix(200))")
            }
            ratios.append(theirs.seconds / ours)
        }
        return (times.median, ratios.isEmpty ? nil : ratios.median)
    }

    private static func size(_ text: String) -> String {
        text.utf8.count < 1_024 ? "\(text.utf8.count) B" : "\(text.utf8.count / 1_024) KiB"
    }

    // MARK: Samples

    private static let samples = [
        Sample(expression: ".user.name", input: context),
        Sample(expression: ".items | length > 0", input: context),
        Sample(expression: "{id: .request_id, total: (.items | map(.price * .count) | add)}", input: context),
        Sample(expression: #""order \(.request_id) of \(.user.name): \(.items | length) items""#, input: context),
        Sample(expression: "if .user.tier == \"gold\" then .limit * 2 else .limit end", input: context),
        Sample(expression: ".orders | map(select(.total > 500)) | length", input: orders),
        Sample(expression: "[.orders[] | {id, total: (.total * 1.5)}]", input: orders),
        Sample(
            expression: ".orders | group_by(.country) | map({country: .[0].country, sum: (map(.total) | add)})",
            input: orders),
        Sample(expression: "reduce .orders[] as $o ({}; .[$o.country] += $o.total)", input: orders),
        Sample(expression: ".orders | sort_by(.total) | reverse | .[:10] | map(.id)", input: orders),
        Sample(expression: "[.orders[].email | select(test(\"^user1[0-9]+@\")) | ascii_upcase]", input: orders),
        Sample(expression: #"[.orders[].email | gsub("(?<d>[0-9]+)"; "<\(.d)>")] | length"#, input: orders),
        Sample(expression: #"[.orders[].email | capture("user(?<n>[0-9]+)@(?<host>.*)")] | length"#, input: orders),
        Sample(expression: "[.orders[] | .id * 86400 | todate | fromdate] | add", input: orders),
        Sample(expression: ".orders | sort_by(.country, .total) | map(.id)", input: orders),
        Sample(expression: "[paths] | length", input: orders),
        Sample(expression: "del(.orders[].address) | [paths(type == \"number\")] | length", input: orders),
        Sample(
            expression: "reduce range(200) as $i (.; setpath([\"orders\", $i, \"total\"]; $i)) | .orders | length",
            input: orders),
        Sample(expression: "fromstream(tostream) | .orders | length", input: orders),
        Sample(
            expression: "walk(if type == \"string\" then ascii_upcase else . end) | .orders | length", input: orders),
        Sample(expression: ".orders |= map(.total += 1)", input: orders),
        Sample(expression: "[range(2000)] | map(. * . % 7) | unique", input: "null"),
        Sample(expression: ".", input: orders),
    ]

    /// What a task's input is like.
    private static let context = """
        {"request_id":"r-1842","user":{"id":17,"name":"Ada Lovelace","tier":"gold"},"limit":250,"items":[\
        {"sku":"a-1","price":12,"count":3},{"sku":"b-7","price":99,"count":1},{"sku":"c-3","price":5,"count":20}],\
        "notes":null,"express":true}
        """

    /// A list of 200.
    private static let orders: String = {
        let countries = ["DE", "FR", "US", "JP", "BR"]
        let orders = (0..<200).map { number in
            """
            {"id":\(number),"country":"\(countries[number * 7 % 5])","total":\(number * 7_919 % 1_000),\
            "email":"user\(number)@example.org","tags":["new","tag-\(number % 11)"],"paid":\(number % 3 > 0),\
            "address":{"city":"Springfield","zip":"\(10_000 + number)"}}
            """
        }
        return "{\"orders\":[\(orders.joined(separator: ","))]}"
    }()
}
