import CognitionCore
import CognitionExpressions
import Testing

@Suite("Against jq", .disabled(if: JQPeer.isSkipped, "COGNITIONOS_TEST_WITHOUT_JQ is set"))
struct DifferentialTests {
    @Test("Hand-written expressions mean what they mean in jq")
    func corpus() throws {
        let requests = try JQPeer.corpus()
        #expect(requests.count >= 600)
        try compare(requests, note: "corpus")
    }

    @Test("Random expressions mean what they mean in jq", arguments: [UInt64.random(in: 0...UInt64.max), 20_261_121])
    func random(seed: UInt64) throws {
        var generator = ExpressionGenerator(seed: seed)
        let requests = (0..<1_000).map { _ in
            JQPeer.Request(expression: generator.expression(depth: 4), input: generator.value(depth: 3))
        }
        try compare(requests, note: "seed \(seed)")
    }

    private func compare(_ requests: [JQPeer.Request], note: String) throws {
        let answers = try JQPeer.ask(requests)
        try #require(answers.count == requests.count)
        for (request, theirs) in zip(requests, answers) {
            let ours = JQPeer.ours(request)
            #expect(
                JQPeer.agree(ours, theirs, isLoose: request.isLoose),
                "\(note): \(request.expression) on \(request.input.jsonText): ours \(ours), jq's \(theirs)")
        }
    }
}
