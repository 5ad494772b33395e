import CognitionCore
import CognitionWorkflows
import Testing

/// What the machine undoes when an execution fails or is cancelled.
@Suite("Compensation", .timeLimit(.minutes(2))) struct CompensationTests {
    /// `book` and `pay` have compensations, `ship` too.
    static let trip = workflow(
        """
        - book:
            call: echo
            with: {id: 17}
            metadata:
              compensate:
                - cancel: {call: echo, with: {cancel: '${ .id }', of: '${ $compensated.name }'}}
        - pay:
            call: echo
            with: {amount: '${ .id * 10 }'}
            metadata:
              compensate:
                - refund: {call: echo, with: {refund: '${ .amount }', before: '${ $compensated.input.id }'}}
        - ship:
            call: echo
            with: {ship: true}
            metadata:
              compensate:
                - recall:
                    call: echo
                    with: {recall: '${ $compensated | {outcome, output, reference} }', input: '${ . }'}
        """)

    static func answers(
        _ member: String, _ fault: WorkflowFault
    ) -> SimulatedExecution.Answer {
        { effect, _ in effect.argument[member] == nil ? .success(effect.argument) : .failure(fault) }
    }

    static let refused = WorkflowFault(.communication, "no", status: 422)

    static func lines(_ run: SimulatedExecution, below part: String = "compensate") -> [String] {
        run.ledger.filter { $0.contains("/\(part)/") }.map { line in
            String(line.split(separator: " ", maxSplits: 1)[1])
        }
    }

    private static func types(_ run: SimulatedExecution, after type: String) -> [String] {
        Array(run.events.map(\.type).drop { $0 != type })
    }

    // MARK: Order and data

    @Test("What has completed is undone in reverse order, with its output; what was refused is not")
    func reverseOrder() throws {
        var run = try SimulatedExecution(Self.trip)
        try run.run(answer: Self.answers("ship", Self.refused))
        #expect(Self.lines(run) == [#"{"refund":170,"before":17}"#, #"{"cancel":17,"of":"book"}"#])
        #expect(run.state.status == .faulted && run.state.reason == .compensated)
        #expect(run.state.fault?.status == 422 && run.state.fault?.instance == "/do/2/ship")
        #expect(run.state.progress < 100 && run.state.ending == nil)
        #expect(
            Self.types(run, after: "execution.compensating") == [
                "execution.compensating", "task.started", "task.completed", "task.compensated", "task.started",
                "task.completed", "task.compensated", "execution.faulted",
            ])
        let begun = try #require(run.events.first { $0.type == "execution.compensating" })
        #expect(begun.data["tasks"] == 2 && begun.data["ending"] == "faulted" && begun.data["error"]?["status"] == 422)
        let undone = run.events.filter { $0.type == "task.compensated" }
        #expect(undone.map { $0.data["name"] } == ["pay", "book"])
        #expect(
            undone.map { $0.data["task"] } == [2, 1] && undone.map { $0.data["outcome"] } == ["completed", "completed"])
        #expect(run.events.last?.data["reason"] == "compensated")
        #expect(run.rows.values.allSatisfy { $0.status.hasEnded })
    }

    @Test("While it undoes, it says so; progress stands still")
    func whileItUndoes() throws {
        var run = try SimulatedExecution(Self.trip)
        run.cancel()
        #expect(run.state.status == .running && run.state.reason == .compensating)
        try run.run(answer: Self.answers("ship", Self.refused))
        #expect(run.progressSeen.allSatisfy { $0 == 0 } && run.state.status == .cancelled)
        run = try SimulatedExecution(Self.trip)
        try run.run(answer: Self.answers("ship", Self.refused))
        #expect(run.progressSeen == run.progressSeen.sorted() && run.state.progress == 66)
    }

    @Test(
        "An effect of which nobody knows whether it happened is undone first, without an output",
        arguments: [
            (WorkflowFault(.timeout, "late"), true), (WorkflowFault(.communication, "broken", status: 503), true),
            (WorkflowFault(.runtime, "x"), true), (WorkflowFault(.communication, "no", status: 409), false),
            (WorkflowFault(.validation, "no"), false),
            (WorkflowFault(OutboundHTTPError(OutboundHTTPError.reset, "cut")), true),
            (WorkflowFault(OutboundHTTPError(OutboundHTTPError.bodyTooLarge, "long")), true),
            (WorkflowFault(OutboundHTTPError(OutboundHTTPError.unreachable, "nobody there")), false),
            (WorkflowFault(OutboundHTTPError(OutboundHTTPError.circuitOpen, "rests")), false),
        ])
    func unknown(_ fault: WorkflowFault, _ isUnknown: Bool) throws {
        var run = try SimulatedExecution(Self.trip)
        try run.run(answer: Self.answers("ship", fault))
        let recall =
            #"{"recall":{"outcome":"unknown","output":null,"reference":"/do/2/ship"},"input":null}"#
        #expect(Self.lines(run).first == (isUnknown ? recall : #"{"refund":170,"before":17}"#))
        #expect(Self.lines(run).count == (isUnknown ? 3 : 2))
    }

    @Test("What has happened is undone also when the task fails over its output")
    func refusedOutput() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - book:
                    call: echo
                    with: {id: 17}
                    output: {schema: {document: {type: string}}}
                    metadata: {compensate: [{cancel: {call: echo, with: {cancel: '${ .id }'}}}]}
                """))
        try run.restart()
        try run.run()
        #expect(run.state.fault?.type == WorkflowFault.Standard.validation.type)
        #expect(Self.lines(run) == [#"{"cancel":17}"#])
        #expect(run.rows[1]?.status == .faulted && run.rows[1]?.output == ["id": 17])
    }

    @Test("Each iteration of a loop is undone; a task of others is undone behind what lies in it")
    func loops() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - all:
                    for: {each: n, in: .}
                    metadata:
                      concurrency: 2
                      compensate: [{whole: {call: echo, with: {whole: '${ [.[].n] }'}}}]
                    do:
                      - one:
                          input: {from: '{n: $n}'}
                          call: echo
                          with: {n: '${ .n }'}
                          metadata: {compensate: [{undo: {call: echo, with: {undo: '${ .n }', in: '${ $compensated.input.n }'}}}]}
                - stop: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                """), input: [1, 2, 3])
        try run.run()
        #expect(
            Self.lines(run) == [
                #"{"undo":3,"in":3}"#, #"{"undo":2,"in":2}"#, #"{"undo":1,"in":1}"#, #"{"whole":[1,2,3]}"#,
            ])
    }

    // MARK: When

    @Test("Nothing is undone when an execution completes, by whatever way, or when an error was dealt with")
    func completes() throws {
        for (tasks, error) in [("- last: {set: {done: true}}", false), ("- last: {wait: PT1S}", true)] {
            var run = try SimulatedExecution(
                workflow(
                    """
                    - outer:
                        try:
                          - book: {call: echo, with: {id: 1}, metadata: {compensate: [{undo: {call: echo, with: {}}}]}}
                          - fail: {if: '\(error)', raise: {error: {type: 'https://example.com/no', status: 400}}}
                        catch: {do: [{handled: {set: {handled: true}}}]}
                    - early: {set: {early: true}, then: end}
                    \(tasks)
                    """))
            try run.run()
            #expect(run.state.status == .completed && run.state.reason == nil && run.ledger.count == 1)
        }
    }

    @Test("What was done before an error that was caught is undone when the execution fails later")
    func caughtThenFailed() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - outer:
                    try:
                      - book: {call: echo, with: {id: 1}, metadata: {compensate: [{undo: {call: echo, with: {undo: '${ .id }'}}}]}}
                      - fail: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                    catch: {do: [{handled: {set: {handled: true}}}]}
                - fail: {raise: {error: {type: 'https://example.com/late', status: 400}}}
                """))
        try run.run()
        #expect(run.state.fault?.type == "https://example.com/late" && Self.lines(run) == [#"{"undo":1}"#])
    }

    @Test(
        "Attempts at one effect that gave the same are undone once; others, and effects of class once, each time",
        arguments: [("echo", [1, 1], [1]), ("echo", [1, 2], [2, 1]), ("once", [1, 1], [1, 1])], [nil, 4, 5, 6])
    func attempts(_ given: (function: String, outputs: [Int64], undone: [Int]), crash: Int?) throws {
        var outputs = given.outputs[...]
        var run = try SimulatedExecution(
            workflow(
                """
                - again:
                    try:
                      - book:
                          call: \(given.function)
                          with: {book: true}
                          metadata: {compensate: [{undo: {call: echo, with: {undo: '${ .n }'}}}]}
                      - pay: {call: echo, with: {pay: true}}
                    catch: {retry: {limit: {attempt: {count: 1}}}}
                """))
        try run.run(crashAt: given.function == "once" && crash == 4 ? nil : crash) { effect, _ in
            if effect.argument["pay"] != nil { return .failure(Self.refused) }
            guard effect.argument["book"] != nil else { return .success(effect.argument) }
            return .success(["n": .integer(outputs.popFirst() ?? -1)])
        }
        #expect(run.state.status == .faulted && run.state.reason == .compensated)
        #expect(Self.lines(run) == given.undone.map { #"{"undo":\#($0)}"# })
    }

    @Test("Of attempts of which nobody knows what became one is undone, unless another has completed")
    func unknownAttempts() throws {
        for (answers, undone) in [(["late", "late"], ["null"]), (["late", "7"], ["7"]), (["7", "late"], ["7"])] {
            var answers = answers[...]
            var run = try SimulatedExecution(
                workflow(
                    """
                    - again:
                        try:
                          - book:
                              call: echo
                              with: {book: true}
                              metadata: {compensate: [{undo: {call: echo, with: {undo: '${ .n }'}}}]}
                          - fail: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                        catch: {retry: {limit: {attempt: {count: 1}}}}
                    """))
            try run.run { effect, _ in
                guard effect.argument["book"] != nil else { return .success(effect.argument) }
                let answer = answers.popFirst() ?? ""
                guard let number = Int64(answer) else { return .failure(WorkflowFault(.timeout, answer)) }
                return .success(["n": .integer(number)])
            }
            #expect(Self.lines(run) == undone.map { #"{"undo":\#($0)}"# })
        }
    }

    @Test("An execution that fails over its own output has to be undone as well")
    func refusedEnd() throws {
        var run = try SimulatedExecution(
            workflow(
                "- book: {call: echo, with: {id: 1}, metadata: {compensate: [{undo: {call: echo, with: {undo: '${ .id }'}}}]}}",
                extra: "output: {schema: {document: {type: string}}}"))
        try run.run()
        #expect(run.state.status == .faulted && run.state.reason == .compensated && Self.lines(run) == [#"{"undo":1}"#])
    }

    // MARK: Compensations that fail

    @Test("A compensation repeats what fails; one that fails for good does not stop the others, and shows")
    func failing() throws {
        var refusals = 2
        var run = try SimulatedExecution(
            workflow(
                """
                - first: {call: echo, with: {n: 1}, metadata: {compensate: [{undo: {call: echo, with: {undo: 1}}}]}}
                - second: {call: echo, with: {n: 2}, metadata: {compensate: [{undo: {call: echo, with: {undo: 2}}}]}}
                - third:
                    call: echo
                    with: {n: 3}
                    metadata:
                      compensate:
                        - again:
                            try: [{undo: {call: echo, with: {undo: 3}}}]
                            catch: {retry: {delay: PT1M, limit: {attempt: {count: 2}}}}
                - fail: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                """))
        try run.run { effect, _ in
            if effect.argument["undo"] == 2 { return .failure(Self.refused) }
            if effect.argument["undo"] == 3, refusals > 0 {
                refusals -= 1
                return .failure(Self.refused)
            }
            return .success(effect.argument)
        }
        #expect(Self.lines(run) == [3, 3, 3, 2, 1].map { #"{"undo":\#($0)}"# })
        #expect(run.state.status == .faulted && run.state.reason == .compensationFailed)
        #expect(run.state.fault?.type == "https://example.com/no")
        let failed = try #require(run.events.first { $0.type == "task.compensation_failed" })
        #expect(failed.data["name"] == "second" && failed.data["error"]?["status"] == 422)
        #expect(run.events.count { $0.type == "task.compensated" } == 2)
        #expect(run.events.last?.data["reason"] == "compensation_failed")
    }

    @Test("`then: end` ends a compensation, and a function of the document in it as well")
    func endInCompensation() throws {
        let undo = "[{a: {call: leave, with: {n: 1}}}, {b: {call: echo, with: {never: true}}}]"
        var run = try SimulatedExecution(
            workflow(
                """
                - first: {call: echo, with: {}, metadata: {compensate: [{undo: {call: echo, with: {undo: 1}, then: end}}, {b: {call: echo, with: {never: true}}}]}}
                - second: {call: echo, with: {}, metadata: {compensate: \(undo)}}
                - fail: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                """, extra: "use: {functions: {leave: {do: [{x: {call: echo, with: {leave: true}, then: end}}]}}}"))
        try run.run()
        #expect(run.ledger.suffix(2).map { $0.contains("leave") } == [true, false] && run.ledger.count == 4)
        #expect(run.state.reason == .compensated)
    }

    // MARK: Cancellation and time

    @Test("A cancelled execution undoes what it has done and what ran; another cancellation changes nothing")
    func cancel() throws {
        var run = try SimulatedExecution(Self.trip)
        run.answerNext()
        run.cancel()
        #expect(
            run.state.status == .running && run.state.reason == .compensating && run.state.ending?.status == .cancelled)
        run.cancel()
        try run.run()
        #expect(run.state.status == .cancelled && run.state.reason == .compensated && run.state.fault == nil)
        #expect(Self.lines(run) == [#"{"refund":null,"before":17}"#, #"{"cancel":17,"of":"book"}"#])
        #expect(run.events.last?.type == "execution.cancelled")
        let ended = run.events.count
        run.cancel()
        #expect(run.events.count == ended)
    }

    @Test("An effect that was asked for and not begun has not happened")
    func unsent() throws {
        // The race is over in the transition in which the call is asked for.
        var run = try SimulatedExecution(
            workflow(
                """
                - race:
                    fork:
                      compete: true
                      branches:
                        - call: {call: echo, with: {}, metadata: {compensate: [{undo: {call: echo, with: {}}}]}}
                        - quick: {set: {won: true}}
                - fail: {raise: {error: {type: 'https://example.com/no', status: 400}}}
                """))
        try run.run()
        #expect(run.state.status == .faulted && run.state.reason == nil && run.ledger.isEmpty)
    }

    @Test("The timeout of the document ends everything but compensations, which have their own")
    func timeouts() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - book:
                    call: echo
                    with: {id: 1}
                    metadata:
                      compensate:
                        - pause: {wait: PT1H}
                        - slow: {wait: PT1H, timeout: {after: PT1M}}
                - rest: {wait: PT1H}
                """, extra: "timeout: {after: PT10S}"))
        try run.run()
        #expect(run.state.status == .faulted && run.state.fault?.type == WorkflowFault.Standard.timeout.type)
        #expect(run.state.reason == .compensationFailed)
        let failed = try #require(run.events.first { $0.type == "task.compensation_failed" })
        #expect(failed.data["error"]?["instance"] == "/do/0/book/metadata/compensate/1/slow")
        #expect(try #require(run.state.endedAt) - SimulatedExecution.start == .seconds(10 + 3_600 + 60))
    }
}
