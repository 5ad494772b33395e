import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Runs workflows made by chance, forks them behind every task that has completed, and compares the ends.
@Suite("Forks of workflows made by chance") struct ForkPropertyTests {
    @Test(
        "Wherever an execution is forked, it ends as the whole did", arguments: TestDatabase.engines,
        [UInt64](1...8))
    func everywhere(on engine: TestDatabase.Engine, seed: UInt64) async throws {
        var generator = WorkflowGenerator(seed: seed)
        let document = generator.document()
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                let source = try await harness.end(of: harness.execute(document, input: ["n": 3]))
                #expect(source.status == .completed, "seed \(seed): \(document)")
                let whole = harness.script.ledger.count
                var last: Execution?
                for task in source.tasks where task.status == .completed {
                    let before = harness.script.ledger.count
                    let id = try await harness.workflows.fork(
                        source.id, ForkCommand(.task(task.number)), as: .localOperator
                    ).id
                    let fork = try await harness.end(of: id)
                    #expect(fork.status == .completed, "seed \(seed), task \(task.number): \(document)")
                    #expect(fork.output == source.output, "seed \(seed), task \(task.number): \(document)")
                    #expect(harness.script.ledger.count - before <= whole)
                    #expect(
                        Set(fork.tasks.map(\.reference)) == Set(source.tasks.map(\.reference)),
                        "seed \(seed), task \(task.number): \(document)")
                    if task.number % 3 == 0 { last = fork }
                }
                // Forks of a fork.
                for task in (last?.tasks ?? []) where task.status == .completed && task.number % 2 == 1 {
                    guard let last else { continue }
                    let id = try await harness.workflows.fork(
                        last.id, ForkCommand(.task(task.number)), as: .localOperator
                    ).id
                    #expect(
                        try await harness.end(of: id).output == source.output,
                        "seed \(seed), fork, task \(task.number): \(document)")
                }
            }
        }
    }
}

/// Makes documents in which each task takes and gives `{n: number}`.
struct WorkflowGenerator {
    private var random: SplitMix64
    private var names = 0

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func document() -> String {
        let tasks = list(depth: 0)
        return """
            document: {dsl: 1.0.3, namespace: test, name: chance, version: 1.0.0}
            do: \(tasks.jsonText)
            """
    }

    private mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

    private mutating func name() -> String {
        names += 1
        return "t\(names)"
    }

    private mutating func list(depth: Int) -> JSONValue {
        var tasks: [JSONValue] = []
        for _ in 0..<(2 + pick(depth == 0 ? 4 : 2)) { tasks += task(depth: depth) }
        return .array(tasks)
    }

    private mutating func named(_ body: JSONValue) -> JSONValue { .object(JSONObject([(name(), body)])) }

    private mutating func task(depth: Int) -> [JSONValue] {
        let add = Int64(pick(5) + 1)
        let call: JSONValue = ["call": "script", "with": ["n": .string("${ (.n + \(add)) % 1000 }")]]
        guard depth < 3 else { return [named(call)] }
        let sum: JSONValue = ["set": ["n": "${ ([.[].n] | add) % 1000 }"]]
        switch pick(10) {
        case 0: return [named(["set": ["n": .string("${ (.n * \(add)) % 1000 }")]])]
        case 1: return [named(["do": list(depth: depth + 1)])]
        case 2:
            return [
                named([
                    "for": ["each": "i", "in": "${ [1, 2, 3] }"], "while": "${ $i < 3 }", "do": list(depth: depth + 1),
                ])
            ]
        case 3:
            let loop: JSONValue = [
                "for": ["each": "i", "in": "${ [1, 2, 3] }"], "metadata": ["concurrency": 2],
                "do": list(depth: depth + 1),
            ]
            return [named(loop), named(sum)]
        case 4:
            let branches: [JSONValue] = [named(["do": list(depth: depth + 1)]), named(call), named(call)]
            return [named(["fork": ["branches": .array(branches)]]), named(sum)]
        case 5:
            let fails: JSONValue = [
                "if": "${ .n % 2 == 0 }",
                "raise": ["error": ["type": "https://example.com/odd", "status": 400, "title": "odd"]],
            ]
            let body: JSONValue = .array([named(call), named(fails), named(call)])
            let handler: JSONValue = .array([named(["set": ["n": "${ .n + $e.status }"]]), named(call)])
            return [named(["try": body, "catch": ["as": "e", "do": handler]])]
        case 6:
            let cases: JSONValue = [
                ["even": ["when": "${ .n % 2 == 0 }", "then": "exit"]], ["other": ["then": "continue"]],
            ]
            return [named(["switch": cases]), named(call)]
        case 7 where depth > 0:
            let cases: JSONValue = [
                ["some": ["when": "${ .n % 5 == 0 }", "then": "end"]], ["other": ["then": "continue"]],
            ]
            return [named(["switch": cases])]
        case 8: return [named(["wait": ["milliseconds": 1]])]
        default:
            guard depth == 0 else { return [named(call)] }
            var exported = call.objectValue ?? [:]
            exported["export"] = ["as": "${ {c: .n} }"]
            return [
                named(.object(exported)), named(["set": ["n": "${ (.n + $context.c) % 1000 }"]]),
            ]
        }
    }
}
