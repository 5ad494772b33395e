import CognitionCore
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// What `use.extensions` do to the tasks that they extend, on the machine alone.
@Suite("Extensions") struct ExtensionTests {
    private static let logging = """
        use:
          extensions:
            - logging:
                extend: call
                before:
                  - log: {call: echo, with: {before: '${ $task.reference }', with: '${ $task.definition.with }'}}
                after:
                  - log: {call: echo, with: {after: '${ $task.name }', gave: '${ . }', output: '${ $task.output }'}}
        """

    private func run(
        _ tasks: String, extra: String = Self.logging, input: JSONValue = [:],
        answer: SimulatedExecution.Answer = { effect, _ in .success(effect.argument) }
    ) throws -> SimulatedExecution {
        var run = try SimulatedExecution(workflow(tasks, extra: extra), input: input)
        try run.run(answer: answer)
        return run
    }

    private func references(_ run: SimulatedExecution) -> [String] {
        run.rows.values.sorted { $0.number < $1.number }.map(\.reference)
    }

    @Test("Tasks before and after run around the task, see it as $task, and change neither its input nor its output")
    func around() throws {
        let run = try run(
            "- work: {call: echo, with: {n: '${ .n }'}}\n- next: {set: {seen: '${ . }'}}", input: ["n": 1])
        #expect(run.state.status == .completed)
        #expect(run.state.output == ["seen": ["n": 1]])
        #expect(
            run.ledger == [
                #"/use/extensions/0/logging/before/0/log {"before":"/do/0/work","with":{"n":"${ .n }"}}"#,
                #"/do/0/work {"n":1}"#,
                #"/use/extensions/0/logging/after/0/log {"after":"work","gave":{"n":1},"output":{"n":1}}"#,
            ])
        #expect(
            references(run) == [
                "/do/0/work/extensions/logging", "/use/extensions/0/logging/before/0/log", "/do/0/work",
                "/use/extensions/0/logging/after", "/use/extensions/0/logging/after/0/log", "/do/1/next",
            ])
        #expect(run.rows.values.filter { $0.reference.hasSuffix("/extensions/logging") }.map(\.name) == ["work"])
    }

    @Test("'when' is looked at once, on the task's input, and decides about both lists")
    func when() throws {
        let extra = """
            use:
              extensions:
                - some:
                    extend: set
                    when: .n > 1 and $task.name == "b"
                    before: [{x: {call: echo, with: {in: '${ .n }'}}}]
                    after: [{y: {call: echo, with: {out: '${ .n }'}}}]
            """
        let run = try run("- a: {set: {n: 2}}\n- b: {set: {n: 0}}\n- c: {set: {n: 7}}", extra: extra, input: ["n": 5])
        #expect(run.ledger.map { $0.split(separator: " ").last } == [#"{"in":2}"#, #"{"out":0}"#])
        #expect(run.state.output == ["n": 7])
    }

    @Test("'then: exit' before a task ends it with what was given, and nothing after it runs")
    func exit() throws {
        let extra = """
            use:
              extensions:
                - mock:
                    extend: call
                    when: $task.definition.with.url == "mocked"
                    before: [{answer: {set: {mocked: true}, then: exit}}, {never: {raise: {error: {type: 'x://y', status: 500}}}}]
                    after: [{never: {raise: {error: {type: 'x://y', status: 500}}}}]
            """
        let mocked = try run(
            "- a: {call: echo, with: {url: mocked}, then: c}\n- b: {set: {b: 1}}\n- c: {set: {c: '${ . }'}}",
            extra: extra)
        #expect(mocked.state.output == ["c": ["mocked": true]])
        #expect(mocked.ledger.isEmpty)
        let real = try run("- a: {call: echo, with: {url: real}}", extra: extra)
        #expect(real.state.output == ["url": "real"])
    }

    @Test(
        "Directives, jumps, switches and the end of the workflow are those of the task, after its extension has ended")
    func directives() throws {
        let extra = """
            use:
              extensions:
                - tell: {extend: all, after: [{t: {call: echo, with: {t: '${ $task.name }'}}}]}
            """
        let run = try run(
            """
            - choose: {switch: [{big: {when: '.n > 1', then: last}}, {small: {then: first}}]}
            - first: {set: {n: 0}, then: end}
            - last: {set: {n: '${ .n - 1 }'}, then: choose}
            """, extra: extra, input: ["n": 2])
        #expect(run.state.output == ["n": 0])
        #expect(
            run.ledger.map { $0.split(separator: "\"").dropLast().last } == ["choose", "last", "choose", "first"])
        #expect(run.state.progress == 100)
    }

    @Test("A skipped task is skipped with its extension; one that fails runs nothing after it")
    func skippedAndFailed() throws {
        let skipped = try run("- a: {if: '.n == 1', call: echo, with: {}}\n- b: {set: {b: '${ . }'}}", input: ["n": 2])
        #expect(skipped.ledger.isEmpty)
        #expect(skipped.state.output == ["b": ["n": 2]])
        let failed = try run("- a: {call: echo, with: {x: 1}}") { effect, _ in
            effect.reference == "/do/0/a"
                ? .failure(WorkflowFault(.communication, "down", status: 503)) : .success(effect.argument)
        }
        #expect(failed.state.status == .faulted)
        #expect(failed.state.fault?.instance == "/do/0/a")
        #expect(failed.ledger.count == 2)
        let fault = try run("- a: {call: echo, with: {x: 1}}", extra: Self.logging.replacing("$task.name", with: "1/0"))
        #expect(fault.state.fault?.instance == "/use/extensions/0/logging/after/0/log")
    }

    @Test("Of several extensions the first is the outermost")
    func order() throws {
        let extra = """
            use:
              extensions:
                - one: {extend: call, before: [{b: {set: {}}}], after: [{a: {set: {}}}]}
                - two: {extend: all, before: [{b: {set: {}}}], after: [{a: {set: {}}}]}
            """.replacing("{set: {}}", with: "{set: {x: 1}}")
        let run = try run("- w: {call: echo, with: {}}", extra: extra)
        let inner = references(run).filter { $0.hasSuffix("/b") || $0.hasSuffix("/a") || $0 == "/do/0/w" }
        #expect(
            inner == [
                "/use/extensions/0/one/before/0/b", "/use/extensions/1/two/before/0/b", "/do/0/w",
                "/use/extensions/1/two/after/0/a", "/use/extensions/0/one/after/0/a",
            ])
    }

    @Test("Loops, branches, attempts and functions are extended inside; tasks of extensions never are")
    func inside() throws {
        let extra = """
            use:
              functions:
                audit: {do: [{send: {call: echo, with: {audit: '${ . }'}}}]}
                work: {do: [{step: {call: echo, with: {step: '${ .i }'}}}]}
              extensions:
                - audited: {extend: call, before: [{call: {call: audit, with: {of: '${ $task.reference }'}}}]}
            """
        let run = try run(
            """
            - each: {for: {in: '[1, 2]'}, metadata: {concurrency: 2}, do: [{f: {call: work, with: {i: '${ $item }'}}}]}
            - fan: {fork: {branches: [{left: {call: echo, with: {l: 1}}}, {right: {metadata: {needs: [left]}, call: echo, with: {r: '${ $branches.left.l }'}}}]}}
            """, extra: extra)
        #expect(run.state.output == [["l": 1], ["r": 1]])
        let audits = run.ledger.filter { $0.hasPrefix("/use/functions/audit/do/0/send ") }
        let audited = audits.map { $0.split(separator: "\"")[5] }
        #expect(
            audited.sorted() == [
                "/do/0/each/do/0/f", "/do/0/each/do/0/f", "/do/1/fan/fork/branches/0/left",
                "/do/1/fan/fork/branches/1/right", "/use/functions/work/do/0/step", "/use/functions/work/do/0/step",
            ])
    }

    @Test("Whatever commit the process ends after, the result is the same")
    func crashes() throws {
        let extra = """
            use:
              extensions:
                - logging:
                    extend: all
                    when: $task.name != "pause"
                    before: [{b: {call: echo, with: {b: '${ $task.reference }'}}}, {w: {wait: PT1S}}]
                    after: [{a: {call: echo, with: {a: '${ . }'}}}, {w: {wait: PT1S}}, {z: {call: echo, with: {z: '${ $task.output }'}}}]
                - second: {extend: call, after: [{s: {call: echo, with: {s: '${ . }'}}}]}
            """
        let tasks = """
            - choose: {switch: [{go: {when: '.n < 1', then: work}}, {over: {then: last}}]}
            - work: {call: echo, with: {n: '${ .n + 1 }'}}
            - again: {try: [{t: {call: echo, with: {n: '${ .n }'}}}], catch: {retry: {delay: PT1S}}, then: choose}
            - last: {do: [{pause: {wait: PT1S}}, {inner: {set: {n: '${ .n }', done: true}}}]}
            """
        func answer() -> SimulatedExecution.Answer {
            var failures = 1
            return { effect, _ in
                guard effect.reference == "/do/2/again/try/0/t", failures > 0 else { return .success(effect.argument) }
                failures -= 1
                return .failure(WorkflowFault(.communication, "down", status: 503))
            }
        }
        let whole = try run(tasks, extra: extra, input: ["n": 0], answer: answer())
        #expect(whole.state.status == .completed, "\(String(describing: whole.state.fault))")
        #expect(whole.state.output == ["n": 1, "done": true])
        for crash in 1..<whole.commits {
            var run = try SimulatedExecution(workflow(tasks, extra: extra), input: ["n": 0])
            try run.run(crashAt: crash, answer: answer())
            #expect(run.state.output == whole.state.output, "ended after commit \(crash)")
            #expect(Set(run.ledger) == Set(whole.ledger), "ended after commit \(crash)")
            #expect(run.rows.values.allSatisfy { $0.status.hasEnded }, "ended after commit \(crash)")
        }
    }
}

/// The same on the engine, with rows in a database.
@Suite struct ExtensionEngineTests {
    @Test("An execution leaves the memory before, in and after a task, and comes back", arguments: TestDatabase.engines)
    func restored(on engine: TestDatabase.Engine) async throws {
        let text = workflow(
            """
            - work: {do: [{pause: {wait: PT1M}}, {give: {set: {n: '${ .n + 1 }'}}}], then: last}
            - never: {raise: {error: {type: 'x://y', status: 500}}}
            - last: {set: {last: '${ . }'}}
            """,
            extra: """
                use:
                  extensions:
                    - slow:
                        extend: composite
                        before: [{b: {wait: PT1M}}, {told: {call: script, with: {in: '${ $task.input }'}}}]
                        after: [{a: {wait: PT1M}}, {told: {call: script, with: {out: '${ $task.output }'}}}]
                """)
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let clock = HurriedClock()
            let harness = EngineHarness(database, clock: clock, engineClock: clock)
            let execution = try await harness.running {
                try await harness.end(of: harness.execute(text, input: ["n": 1]))
            }
            #expect(execution.output == ["last": ["n": 2]], "\(String(describing: execution.fault))")
            #expect(
                harness.script.ledger.map { $0.split(separator: " ", maxSplits: 1)[1] } == [
                    #"{"in":{"n":1}}"#, #"{"out":{"n":2}}"#,
                ])
            #expect(execution.tasks.allSatisfy { $0.status == .completed && $0.attempt == 1 })
        }
    }
}

/// Faults of `use.extensions`, each at its place.
@Suite struct ExtensionFaultTests {
    @Test(
        "Faults of extensions are named",
        arguments: [
            ("[{a: {extend: call}, b: {extend: call}}]", "/use/extensions/0", "exactly one member"),
            ("[{a: {before: []}}]", "/use/extensions/0/a", "needs 'extend'"),
            ("[{a: {extend: calls}}]", "/use/extensions/0/a/extend", "'composite'"),
            ("[{a: {extend: all}}, {a: {extend: all}}]", "/use/extensions/1/a", "no two the same"),
            ("[{a: {extend: all, when: '1 +'}}]", "/use/extensions/0/a/when", "invalid expression"),
            ("[{a: {extend: all, after: [{x: {sett: {}}}]}}]", "/use/extensions/0/a/after/0/x", "sett"),
            ("{}", "/use/extensions", "must be a list"),
        ])
    func named(_ extensions: String, _ pointer: String, _ says: String) throws {
        let faults = try faults(in: document("use: {extensions: \(extensions)}\ndo: [{a: {set: {x: 1}}}]"))
        #expect(faults.contains { $0.pointer.hasPrefix(pointer) && $0.message.contains(says) }, "\(faults)")
    }
}
