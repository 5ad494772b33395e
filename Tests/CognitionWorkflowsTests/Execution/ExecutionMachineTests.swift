import CognitionCore
import CognitionWorkflows
import Testing

@Suite("Execution machine") struct ExecutionMachineTests {
    @Test("Data flows through input, output, export and context")
    func dataFlow() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - first:
                    input: {from: .a}
                    set: {x: '${ . + 1 }'}
                    output: {as: .x}
                    export: {as: '{seen: .}'}
                - second:
                    set: {sum: '${ . + $context.seen }', name: '${ $task.name }'}
                """), input: ["a": 1])
        try run.run()
        #expect(run.state.status == .completed)
        #expect(run.state.output == ["sum": 4, "name": "second"])
        #expect(run.state.progress == 100)
    }

    @Test("A sequential loop hands each iteration's output to the next")
    func sequentialLoop() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - loop:
                    for: {each: n, in: .ns, at: i}
                    while: $n < 4
                    do:
                      - add: {set: {ns: '${ .ns }', sum: '${ .sum + $n * 10 + $i }'}}
                """), input: ["ns": [1, 2, 3, 4, 5], "sum": 0])
        try run.run()
        #expect(run.state.output?["sum"] == 63)
    }

    @Test("A concurrent loop runs so many at once and gives all outputs in order")
    func concurrentLoop() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - loop:
                    for: {each: n, in: .}
                    metadata: {concurrency: 2}
                    do:
                      - call: {call: echo, with: {n: '${ $n }', i: '${ $index }'}}
                """), input: [5, 6, 7])
        #expect(run.state.status == .running)
        #expect(run.rows.values.count { $0.reference.hasSuffix("/call") } == 2)
        try run.run()
        #expect(run.state.output == [["n": 5, "i": 0], ["n": 6, "i": 1], ["n": 7, "i": 2]])
    }

    @Test("Branches that need others wait for them and see their outputs")
    func needs() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - all:
                    fork:
                      branches:
                        - left: {call: echo, with: {v: 1}}
                        - right: {call: echo, with: {v: 2}}
                        - both:
                            metadata: {needs: [left, right]}
                            set: {sum: '${ $branches.left.v + $branches.right.v }'}
                """))
        try run.run()
        #expect(run.state.output == [["v": 1], ["v": 2], ["sum": 3]])
    }

    @Test("The first of competing branches wins, and the others are stopped")
    func compete() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - race:
                    fork:
                      compete: true
                      branches:
                        - slow: {wait: PT1H}
                        - fast: {call: echo, with: {v: 1}}
                """))
        try run.run()
        #expect(run.state.output == ["v": 1])
        #expect(run.rows.values.first { $0.name == "slow" }?.status == .cancelled)
    }

    @Test("A retry waits longer each time and gives up at its limit", arguments: [2, 5])
    func retry(failures: Int) throws {
        var left = failures
        var moments: [Timestamp] = []
        var run = try SimulatedExecution(
            workflow(
                """
                - attempt:
                    try:
                      - flaky: {call: echo, with: {v: 1}}
                    catch:
                      errors: {with: {status: 503}}
                      retry: {delay: PT1S, backoff: {exponential: {}}, limit: {attempt: {count: 3}}}
                      do:
                        - handle: {set: {gave_up: '${ $error.status }'}}
                """))
        try run.run { effect, now in
            moments.append(now)
            left -= 1
            return left >= 0 ? .failure(WorkflowFault(.communication, "down", status: 503)) : .success(effect.argument)
        }
        #expect(run.state.status == .completed)
        if failures == 2 {
            #expect(run.state.output == ["v": 1])
            #expect(moments.map { ($0 - SimulatedExecution.start).seconds } == [0, 1, 3])
        } else {
            #expect(run.state.output == ["gave_up": 503])
            #expect(moments.map { ($0 - SimulatedExecution.start).seconds } == [0, 1, 3, 7])
        }
    }

    @Test(
        "Without a handler an error that outlives its retries faults; one that is caught without retries is swallowed")
    func noHandler() throws {
        func run(_ retry: String) throws -> SimulatedExecution {
            var run = try SimulatedExecution(
                workflow(
                    """
                    - attempt:
                        try:
                          - fail: {raise: {error: {type: https://example.com/odd, status: 418}}}
                        catch: {errors: {with: {status: 418}}\(retry)}
                    """), input: ["n": 1])
            try run.run()
            return run
        }
        #expect(try run("").state.output == ["n": 1])
        #expect(try run(", retry: {delay: PT1S, limit: {attempt: {count: 1}}}").state.fault?.status == 418)
    }

    @Test("A keyed effect has one key in all attempts, and iterations and jumps have keys of their own")
    func idempotencyKeys() throws {
        func keys(_ tasks: String, extra: String = "", input: JSONValue) throws -> [String] {
            var keys: [String] = []
            var failures = 2
            var run = try SimulatedExecution(workflow(tasks, extra: extra), input: input)
            try run.run { effect, _ in
                keys.append(effect.idempotencyKey)
                failures -= 1
                return failures >= 0 ? .failure(WorkflowFault(.communication, "down")) : .success(effect.argument)
            }
            #expect(run.state.status == .completed)
            return keys
        }
        let retried = try keys(
            "- a: {try: [{b: {call: echo, with: {}}}], catch: {retry: {limit: {attempt: {count: 2}}}}}", input: [:])
        #expect(retried.count == 3 && Set(retried).count == 1)
        let loop = try keys(
            """
            - a:
                try:
                  - each: {for: {each: n, in: .}, do: [{b: {call: echo, with: {n: '${ $n }'}, output: {as: '$input'}}}]}
                catch: {retry: {limit: {attempt: {count: 2}}}}
            """, input: [1, 2])
        #expect(loop.count == 4 && Set(loop).count == 2)
        let functions = try keys(
            "- a: {try: [{b: {call: f, with: {}}}, {c: {call: f, with: {}}}], catch: {retry: {limit: {attempt: {count: 2}}}}}",
            extra: "use: {functions: {f: {call: echo, with: {}}}}", input: [:])
        #expect(functions.count == 4 && Set(functions).count == 2)
        let jumps = try keys(
            """
            - a:
                try:
                  - b: {call: echo, with: {n: '${ .n + 1 }'}}
                  - again: {switch: [{more: {when: .n < 2, then: b}}, {done: {then: exit}}]}
                catch: {retry: {limit: {attempt: {count: 2}}}}
            """, input: ["n": 0])
        #expect(jumps.count == 4 && Set(jumps).count == 4)
    }

    @Test("An error that no filter takes faults the execution, with the place it came from")
    func uncaught() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - attempt:
                    try:
                      - fail: {raise: {error: {type: https://example.com/odd, status: 418, title: Odd}}}
                    catch:
                      errors: {with: {status: 503}}
                """))
        try run.run()
        #expect(run.state.status == .faulted)
        #expect(run.state.fault?.instance == "/do/0/attempt/try/0/fail")
        #expect(run.state.fault?.type == "https://example.com/odd")
    }

    @Test("Deadlines of tasks, of attempts and of the workflow end what takes too long")
    func timeouts() throws {
        var task = try SimulatedExecution(
            workflow(
                """
                - attempt:
                    try:
                      - slow: {wait: PT1H, timeout: {after: PT2S}}
                    catch:
                      as: problem
                      do:
                        - handle: {set: {type: '${ $problem.type }'}}
                """))
        try task.run()
        #expect(task.state.output?["type"] == .string(WorkflowFault.Standard.timeout.type))
        var whole = try SimulatedExecution(
            workflow("- slow: {wait: PT1H}", extra: "timeout: {after: PT5S}"))
        try whole.run()
        #expect(whole.state.status == .faulted)
        #expect(whole.state.fault?.status == 408)
    }

    @Test("Switch, jumps, exit and end")
    func flow() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - choose:
                    switch:
                      - small: {when: .n < 3, then: grow}
                      - rest: {then: finish}
                - grow: {set: {n: '${ .n + 1 }'}, then: choose}
                - never: {set: {n: -1}}
                - finish:
                    do:
                      - inner: {set: {n: '${ .n * 10 }'}, then: exit}
                      - skipped: {set: {n: 0}}
                - last: {set: {n: '${ .n + 1 }'}, then: end}
                - beyond: {set: {n: 0}}
                """), input: ["n": 0])
        try run.run()
        #expect(run.state.output == ["n": 31])
    }

    @Test("A task whose condition is false is skipped and gives its input")
    func skip() throws {
        var run = try SimulatedExecution(
            workflow("- a: {if: .go, set: {n: 1}}\n- b: {set: {n: '${ .n + 1 }'}}"), input: ["go": false, "n": 5])
        try run.run()
        #expect(run.state.output == ["n": 6])
    }

    @Test("A loop of jumps without effects is committed in parts, and does not hang")
    func longComputation() throws {
        var run = try SimulatedExecution(
            workflow(
                """
                - step: {set: {n: '${ .n + 1 }'}}
                - again:
                    switch:
                      - more: {when: .n < 5000, then: step}
                      - done: {then: end}
                """), input: ["n": 0])
        try run.run()
        #expect(run.state.output == ["n": 5000])
        #expect(run.commits > 9)
    }

    @Test("Schemas refuse input and output with their places")
    func schemas() throws {
        var run = try SimulatedExecution(
            workflow(
                "- a: {set: {n: 1}}",
                extra: "input: {schema: {document: {type: object, required: [name]}}}"))
        try run.run()
        #expect(run.state.status == .faulted)
        #expect(run.state.fault?.type == WorkflowFault.Standard.validation.type)
    }

    @Test("Cancelling ends every live task once")
    func cancel() throws {
        var run = try SimulatedExecution(
            workflow("- both: {fork: {branches: [{a: {wait: PT1H}}, {b: {call: echo, with: {}}}]}}"))
        run.cancel()
        #expect(run.state.status == .cancelled)
        #expect(run.rows.values.allSatisfy { $0.status == .cancelled })
        let ended = run.events.count
        run.cancel()
        #expect(run.events.count == ended)
    }

    @Test("An effect of class once whose outcome is unknown waits for a person")
    func once() throws {
        var run = try SimulatedExecution(workflow("- pay: {call: once, with: {amount: 1}}"))
        try run.restart()
        try run.run()
        #expect(run.state.status == .waiting)
        #expect(run.state.reason == .needsReconcile)
        #expect(run.ledger.isEmpty)
    }

    @Test("A function of the document sees its arguments and none of its caller's variables")
    func functions() throws {
        var run = try SimulatedExecution(
            workflow(
                "- a: {call: double, with: {n: '${ .x }'}, output: {as: .n}}",
                extra: "use: {functions: {double: {set: {n: '${ .n * 2 }'}}}}"), input: ["x": 21])
        try run.run()
        #expect(run.state.output == 42)
    }
}
