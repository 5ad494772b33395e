import CognitionCore
import CognitionWorkflows
import Testing

/// Ends the process after every commit of a workflow with a task of every kind, in which people and other programs take
/// part, and compares with a run that nobody ended.
@Suite("Crash sweep of every kind of task", .timeLimit(.minutes(2))) struct EveryKindCrashTests {
    static let document = workflow(
        """
        - numbers: {set: {items: [1, 2]}}
        - inner:
            do:
              - items: {set: {items: '${ .items }'}}
        - each:
            for: {each: item, in: .items}
            metadata: {concurrency: 2}
            do:
              - work: {call: echo, with: {item: '${ $item }'}}
              - pause: {wait: PT1S}
        - sides:
            fork:
              branches:
                - left: {call: echo, with: {side: left}}
                - right: {call: once, with: {side: right}}
        - race:
            fork:
              compete: true
              branches:
                - slow: {wait: PT1H}
                - quick: {call: echo, with: {side: quick}}
        - choose: {switch: [{quick: {when: '.side == "quick"', then: fetch}}, {other: {then: end}}]}
        - never: {call: echo, with: {never: true}}
        - fetch: {call: http, with: {method: get, endpoint: 'http://peer.test/x'}}
        - operation: {call: openapi, with: {document: {endpoint: 'http://peer.test/api.json'}, operationId: list}}
        - tools: {call: mcp, with: {method: tools/list, transport: {http: {endpoint: 'http://peer.test/mcp'}}}}
        - defined: {call: greet, with: {name: Ann}}
        - program: {run: {script: {language: python, code: 'print(1)'}}}
        - child: {run: {workflow: {namespace: test, name: child, version: 0.1.0, input: {n: 1}}}}
        - ask: {call: approval, with: {title: Go on?, expires: P1D}}
        - decided: {call: echo, with: {approved: '${ .approved }'}}
        - tell: {emit: {event: {with: {source: 'test://flow', type: told}}}}
        - hear: {listen: {to: {one: {with: {type: item}}}}}
        - heard: {call: echo, with: {heard: '${ . }'}}
        - many:
            listen: {to: {any: [{with: {type: item}}], until: {one: {with: {type: stop}}}}}
            foreach:
              item: event
              do: [{take: {call: echo, with: {event: '${ $event }'}}}]
        - book: {call: once, with: {book: '${ . }'}, metadata: {compensate: [{cancel: {call: once, with: {cancel: '${ .book }'}}}]}}
        - again:
            try:
              - refuse: {call: echo, with: {refuse: true}}
            catch:
              retry: {delay: PT1S, limit: {attempt: {count: 1}}}
              do: [{fail: {raise: {error: {type: 'test://refused', status: 422}}}}]
        """,
        extra: """
            use:
              functions:
                greet: {call: echo, with: {hello: '${ .name }'}}
              extensions:
                - around:
                    extend: emit
                    before: [{before: {call: echo, with: {before: '${ $task.name }'}}}]
                    after: [{after: {call: once, with: {after: '${ $task.name }'}}}]
            """)

    /// Lets an effect be done that was cut off before it happened, approves, and sends what is listened for.
    private static func act(_ rows: inout SimulatedRows, now: Timestamp) throws -> Bool {
        if let parked = rows.tasks.values.filter({ $0.reason == .needsReconcile && $0.endedAt == nil }).map(\.number)
            .min()
        {
            rows.send(.reconciliation(.init(task: parked, outcome: .retry)))
            return true
        }
        if let question = rows.questions.filter(\.value.isOpen).keys.min() {
            rows.answer(question, choice: "approve", at: now)
            return true
        }
        guard !rows.listeners.isEmpty else { return false }
        let count = rows.letters.count
        let event: JSONValue = [
            "source": "test://somebody", "type": count < 2 ? "item" : "stop", "data": .integer(Int64(count)),
        ]
        rows.send(.event(try CloudEvent(event, id: "e\(count)", now: now), task: nil))
        return true
    }

    private static func outcome(crashAt crash: Int?) throws -> SimulatedExecution {
        var run = try SimulatedExecution(document)
        try run.run(
            crashAt: crash,
            answer: { effect, _ in
                effect.argument["refuse"] == nil
                    ? .success(effect.argument) : .failure(WorkflowFault(.communication, "no", status: 409))
            }, people: { try act(&$0, now: $1) })
        return run
    }

    @Test("Whatever commit the process ends after, the end and the ledger are the same, and what is once is done once")
    func sweep() throws {
        let whole = try Self.outcome(crashAt: nil)
        #expect(whole.state.status == .faulted && whole.state.reason == .compensated)
        #expect(whole.state.fault?.type == "test://refused")
        let names = Set(whole.rows.values.map(\.name))
        let expected: Set = [
            "numbers", "inner", "each", "sides", "race", "choose", "fetch", "operation", "tools", "defined", "program",
            "child", "ask", "tell", "hear", "many", "take", "book", "again", "fail", "cancel", "before", "after",
        ]
        #expect(expected.subtracting(names).isEmpty && !names.contains("never"))
        #expect(whole.ledger.count(where: { $0.contains("many/foreach") }) == 2)
        var parked: Set<String> = []
        for crash in 1..<whole.commits {
            let run = try Self.outcome(crashAt: crash)
            let note: Comment = "ended after commit \(crash)"
            #expect(run.state.status == .faulted && run.state.reason == .compensated, note)
            #expect(run.state.fault == whole.state.fault, note)
            #expect(Set(run.ledger) == Set(whole.ledger), note)
            let once = run.ledger.filter { line in
                ["right", "book", "cancel", "after\""].contains { line.contains($0) }
            }
            #expect(Set(once).count == once.count && once.count == 4, note)
            #expect(run.progressSeen == run.progressSeen.sorted(), note)
            #expect(run.rows.values.allSatisfy { $0.status.hasEnded }, note)
            #expect(run.table.letters.isEmpty && run.table.listeners.isEmpty, note)
            for event in run.events where event.data["reason"] == "needs_reconcile" {
                parked.insert(event.data["name"]?.stringValue ?? "")
            }
        }
        #expect(parked.isSuperset(of: ["right", "book", "cancel", "after"]))
    }
}
