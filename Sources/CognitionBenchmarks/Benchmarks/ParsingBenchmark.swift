import CognitionCore
import CognitionWorkflows

/// How fast what comes from outside is read: JSON and definitions.
struct ParsingBenchmark: Benchmark {
    static let name = "parsing"

    func run(_ bench: Bench) async throws -> [Measurement] {
        let json = Array(Self.json.utf8)
        let value = try JSONValue(parsing: json)
        let parsing = try rate(bench) { _ = try JSONValue(parsing: json) } * Double(json.count) / 1e6
        let writing = rate(bench) { _ = value.jsonBytes } * Double(json.count) / 1e6
        let context = DefinitionContext(of: [NoopFunction()])
        let definitions = try rate(bench) { _ = try WorkflowDefinition(reading: Self.document, context: context) }
        return [
            Measurement(subject: "JSON of \(json.count / 1_024) KiB parsed", figure: "\(parsing.grouped) MB/s"),
            Measurement(subject: "JSON of \(json.count / 1_024) KiB written", figure: "\(writing.grouped) MB/s"),
            Measurement(
                subject: "definition of 20 tasks in YAML read and compiled",
                figure: "\((1e3 / definitions).digits(2)) ms"),
        ]
    }

    /// Calls a second; the median of some turns of a tenth of a second each.
    private func rate(_ bench: Bench, _ body: () throws -> Void) rethrows -> Double {
        try body()
        let turns = try (0..<bench.repetitions).map { _ in
            var count = 0.0
            let start = ContinuousClock.now
            var elapsed = 0.0
            while elapsed < 0.1 {
                try body()
                count += 1
                elapsed = (ContinuousClock.now - start).seconds
            }
            return count / elapsed
        }
        return turns.median
    }

    private static let json: String = {
        let people = (0..<4_000).map { number in
            """
            {"id":\(number),"name":"Person Nº \(number)","score":\(Double(number) / 7),\
            "tags":["a","b\\n","tag-\(number % 17)"],\
            "active":\(number % 2 == 0),"parent":null,"address":{"street":"Main Street 12","zip":"\(10_000 + number)"}}
            """
        }
        return "{\"people\":[\(people.joined(separator: ","))]}"
    }()

    private static let document: String = {
        let head = """
            document: {dsl: '1.0.0', namespace: default, name: twenty, version: '1.0.0'}
            do:

            """
        let four = (0..<5).map { number in
            """
              - set\(number): {set: {total: '${ .items | map(.price) | add }', number: \(number)}}
              - call\(number):
                  if: ${ .total > 0 }
                  call: noop
                  output: {as: '${ {result: ., at: "step-\(number)"} }'}
              - route\(number):
                  switch:
                    - high: {when: .total > 100, then: wait\(number)}
                    - low: {then: continue}
              - wait\(number): {wait: {seconds: \(number + 1)}}

            """
        }
        return head + four.joined()
    }()
}
