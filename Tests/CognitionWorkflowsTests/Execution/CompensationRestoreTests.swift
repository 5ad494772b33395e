import CognitionCore
import CognitionWorkflows
import Testing

/// What is undone after a crash, and how much of it there may be.
@Suite("Compensation after a crash, and its bounds", .timeLimit(.minutes(2))) struct CompensationRestoreTests {
    // MARK: After a crash

    @Test("Whatever commit the process ends after, the same is undone, under the same keys")
    func sweep() throws {
        let document = workflow(
            """
            - book: {call: echo, with: {id: 17}, metadata: {compensate: [{cancel: {call: echo, with: {cancel: '${ .id }'}}}]}}
            - each:
                for: {each: n, in: '[1, 2]'}
                metadata: {concurrency: 2}
                do:
                  - part:
                      input: {from: '{n: $n}'}
                      call: echo
                      with: {n: '${ .n }'}
                      metadata:
                        compensate:
                          - pause: {wait: PT1H}
                          - again:
                              try: [{undo: {call: echo, with: {undo: '${ $compensated.input.n }'}}}]
                              catch: {retry: {limit: {attempt: {count: 3}}}}
            - ship: {call: echo, with: {ship: true}, metadata: {compensate: [{recall: {call: echo, with: {recall: '${ $compensated.outcome }'}}}]}}
            """, extra: "input: {from: '{all: .}'}\ntimeout: {after: PT10S}")
        func outcome(crashAt crash: Int?) throws -> (run: SimulatedExecution, keys: Set<String>) {
            var keys: Set<String> = []
            var refusals = 1
            var run = try SimulatedExecution(document, input: ["x": 1])
            try run.run(crashAt: crash) { effect, _ in
                if effect.argument["ship"] != nil { return .failure(WorkflowFault(.timeout, "late")) }
                if effect.reference.contains("/compensate/") { keys.insert(effect.idempotencyKey) }
                if effect.argument["undo"] == 2, refusals > 0 {
                    refusals -= 1
                    return .failure(CompensationTests.refused)
                }
                return .success(effect.argument)
            }
            return (run, keys)
        }
        let whole = try outcome(crashAt: nil)
        #expect(
            CompensationTests.lines(whole.run) == [
                #"{"recall":"unknown"}"#, #"{"undo":2}"#, #"{"undo":2}"#, #"{"undo":1}"#, #"{"cancel":17}"#,
            ])
        #expect(whole.run.state.status == .faulted && whole.run.state.reason == .compensated)
        #expect(whole.keys.count == 4)
        for crash in 1..<whole.run.commits {
            let (run, keys) = try outcome(crashAt: crash)
            let note: Comment = "ended after commit \(crash)"
            #expect(run.state.status == .faulted && run.state.reason == .compensated, note)
            #expect(run.state.fault?.type == WorkflowFault.Standard.timeout.type, note)
            #expect(
                CompensationTests.lines(run).removingRepeats == CompensationTests.lines(whole.run).removingRepeats, note
            )
            #expect(keys == whole.keys, note)
            #expect(run.events.count { $0.type == "task.compensated" } == 4, note)
            #expect(run.events.count { $0.type == "execution.compensating" } == 1, note)
            #expect(run.rows.values.allSatisfy { $0.status.hasEnded }, note)
        }
    }

    @Test("An effect that waits for a person counts as unknown when the execution is cancelled")
    func needsReconcile() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - pay: {call: once, with: {amount: 1}, metadata: {compensate: [{undo: {call: echo, with: {undo: '${ $compensated.outcome }'}}}]}}
                """))
        try run.restart()
        #expect(run.state.reason == .needsReconcile)
        run.cancel()
        try run.run()
        #expect(run.state.status == .cancelled && run.state.reason == .compensated)
        #expect(run.ledger == [#"/do/0/pay/metadata/compensate/0/undo {"undo":"unknown"}"#])
    }

    @Test("A call of class once in a compensation, whose outcome a crash has hidden, waits for a person")
    func onceInCompensation() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - pay: {call: echo, with: {}, metadata: {compensate: [{refund: {call: once, with: {refund: 1}}}]}}
                - fail: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                """))
        run.answerNext()
        #expect(run.state.status == .running && run.state.reason == .compensating)
        try run.restart()
        #expect(run.state.status == .waiting && run.state.reason == .needsReconcile)
        run.cancel()
        try run.run()
        #expect(run.state.status == .waiting && run.state.reason == .needsReconcile && run.ledger.isEmpty)
    }

    // MARK: Bounds

    @Test(
        "What would have to be undone is bounded; the task that would be one too many fails, and all others are undone")
    func bounds() throws {
        let count = CompensationList.tasksMax + 1
        var run = try SimulatedExecution(
            workflow(
                """
                - all:
                    for: {in: '[range(\(count))]'}
                    do:
                      - part: {do: [], metadata: {compensate: [{undo: {set: {undone: true}}}]}}
                """))
        try run.run()
        #expect(run.state.status == .faulted && run.state.reason == .compensated)
        #expect(run.state.fault?.detail?.contains("at most 10000 tasks to be compensated") == true)
        #expect(run.events.count { $0.type == "task.compensated" } == CompensationList.tasksMax)
    }

    @Test("The bytes of what would have to be undone are bounded too")
    func bytes() {
        var list = CompensationList()
        let output: JSONValue = .string(String(repeating: "x", count: 16 << 20))
        for task in 1...4 {
            #expect(!list.isFull)
            list.add(
                Compensation(
                    task: task, name: "a", reference: "/do/0/a", key: "\(task)", outcome: .completed, input: nil,
                    output: output))
        }
        #expect(list.isFull && list.takeLast()?.task == 4 && !list.isFull)
    }
}

extension [String] {
    fileprivate var removingRepeats: [String] {
        reduce(into: []) { result, line in if result.last != line { result.append(line) } }
    }
}
