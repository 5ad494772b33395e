import CognitionCore
import CognitionExpressions
import Foundation
import Testing

@Suite("Against jq", .disabled(if: JQPeer.isSkipped, "COGNITIONOS_TEST_WITHOUT_JQ is set"))
struct DifferentialTests {
    @Test("Hand-written expressions mean what they mean in jq")
    func corpus() throws {
        let requests = try JQPeer.corpus()
        #expect(requests.count >= 600)
        try compare(requests, note: "corpus")
    }

    /// `COGNITIONOS_EXPRESSION_SEED` repeats a run. Without it one is drawn, but not where a change is judged: what that
    /// finds is not the change's.
    private static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["COGNITIONOS_EXPRESSION_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return [20_261_121, environment["CI"] == nil ? .random(in: 0...UInt64.max) : 20_261_128]
    }()

    @Test("Random expressions mean what they mean in jq", arguments: seeds)
    func random(seed: UInt64) throws {
        var generator = ExpressionGenerator(seed: seed)
        let requests = (0..<500).map { _ in
            JQPeer.Request(expression: generator.expression(depth: 4), input: generator.value(depth: 3))
        }
        try compare(requests, note: "seed \(seed)")
    }

    @Test("Every function of jq is here or refused by name, and `builtins` lists what is here")
    func functions() throws {
        let answers = try JQPeer.ask([JQPeer.Request(expression: "builtins", input: .null)])
        guard case .outputs(let outputs, error: nil)? = answers.first, let theirs = outputs.first?.arrayValue else {
            Issue.record("jq has not listed its functions: \(answers)")
            return
        }
        let ours = try #require(try Expression("builtins").first(.null)?.arrayValue)
        let missing = Set(theirs).subtracting(ours)
        let refused: Set<JSONValue> = [
            "debug/0", "debug/1", "env/0", "get_jq_origin/0", "get_prog_origin/0", "get_search_list/0", "halt/0",
            "halt_error/0", "halt_error/1", "input/0", "input_filename/0", "input_line_number/0", "inputs/0",
            "modulemeta/0", "now/0", "stderr/0",
        ]
        #expect(missing == refused)
        for function in ours {
            let parts = try #require(function.stringValue).split(separator: "/")
            let count = try #require(Int(parts[1]))
            let arguments = count == 0 ? "" : "(" + Array(repeating: ".", count: count).joined(separator: "; ") + ")"
            #expect(throws: Never.self) { try Expression("\(parts[0])\(arguments)") }
        }
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
