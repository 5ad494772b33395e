import CognitionCore
import CognitionWorkflows
import Testing

/// Ends the process after every commit of a workflow that uses every kind of task, and compares with a run that nobody ended.
@Suite("Crash sweep of the machine") struct CrashSweepTests {
    static let document = workflow(
        """
        - prepare: {set: {items: '${ .items }', total: 0}}
        - parallel:
            for: {each: item, in: .items}
            metadata: {concurrency: 2}
            do:
              - attempt:
                  try:
                    - work: {call: echo, with: {item: '${ $item }'}}
                    - pause: {wait: PT2S}
                    - more: {call: echo, with: {again: '${ .item }'}}
                  catch:
                    retry: {delay: PT1S, limit: {attempt: {count: 2}}}
                    do:
                      - handled: {set: {again: '${ "failed \\($error.status)" }'}}
        - count:
            export: {as: '{count: length}'}
            set: {count: '${ length }'}
        - one_by_one:
            input: {from: '{n: [1, 2, 3], seen: []}'}
            for: {each: n, in: .n}
            do:
              - call: {call: echo, with: {n: '${ .n }', seen: '${ .seen + [$n + $context.count] }'}}
        - branches:
            fork:
              branches:
                - left: {call: echo, with: {side: left}}
                - right:
                    do:
                      - first: {wait: PT1S}
                      - second: {call: echo, with: {side: right}}
                - both: {metadata: {needs: [left, right]}, call: echo, with: {sides: '${ [$branches[].side] }'}}
        - race:
            fork:
              compete: true
              branches:
                - slow: {wait: PT1H}
                - quick: {call: echo, with: {won: '${ .[2].sides }'}}
        """)
    static let input: JSONValue = ["items": ["a", "b", "c"]]

    /// The second item fails twice, the third always.
    static func answer() -> SimulatedExecution.Answer {
        var failures: [String: Int] = ["b": 2, "c": .max]
        return { effect, _ in
            if let item = effect.argument["item"]?.stringValue, let left = failures[item], left > 0 {
                failures[item] = left - 1
                return .failure(WorkflowFault(.communication, "down", status: 503))
            }
            return .success(effect.argument)
        }
    }

    @Test("Whatever commit the process ends after, the result is the same, and only what ran is repeated")
    func sweep() throws {
        var whole = try SimulatedExecution(Self.document, input: Self.input)
        try whole.run(answer: Self.answer())
        #expect(whole.state.status == .completed)
        #expect(whole.state.output == ["won": ["left", "right"]])
        for crash in 1..<whole.commits {
            var run = try SimulatedExecution(Self.document, input: Self.input)
            try run.run(crashAt: crash, answer: Self.answer())
            #expect(run.state.status == .completed, "ended after commit \(crash)")
            #expect(run.state.output == whole.state.output, "ended after commit \(crash)")
            #expect(Set(run.ledger) == Set(whole.ledger), "ended after commit \(crash)")
            #expect(run.ledger.count <= whole.ledger.count + 3, "ended after commit \(crash)")
            #expect(run.progressSeen == run.progressSeen.sorted(), "ended after commit \(crash)")
            #expect(run.events.last?.type == "execution.completed")
            #expect(run.rows.values.allSatisfy { $0.status.hasEnded })
        }
    }
}
