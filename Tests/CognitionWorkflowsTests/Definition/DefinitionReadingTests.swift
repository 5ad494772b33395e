import CognitionCore
import CognitionWorkflows
import Testing

@Suite struct DefinitionReadingTests {
    @Test func head() throws {
        let definition = try WorkflowDefinition(
            reading: """
                document:
                  dsl: '1.0.3'
                  namespace: shop
                  name: order
                  version: 1.2.3-beta.1+build.5
                  title: Order
                  summary: Takes *orders*.
                  tags: {team: blue}
                  metadata: {anything: [goes]}
                timeout: {after: {minutes: 5}}
                input: {from: .order, schema: {document: {type: object}}}
                output: {as: {done: true}}
                do:
                  - a: {set: {x: 1}}
                """, context: .test)
        #expect(definition.id == WorkflowID(namespace: "shop", name: "order"))
        #expect(definition.version == "1.2.3-beta.1+build.5")
        #expect(definition.title == "Order" && definition.summary == "Takes *orders*.")
        #expect(definition.tags == ["team": "blue"])
        #expect(definition.timeout?.constant == .seconds(300))
        #expect(definition.output.as?.constant == ["done": true])
        #expect(definition.input.schema != nil && definition.input.from != nil)
        #expect(definition.taskCount == 1)
    }

    @Test("References are JSON pointers with the task's name last, as the conformance kit expects them")
    func references() throws {
        let definition = try read(
            """
            use: {functions: {f: {do: [{inner: {wait: PT1S}}]}}}
            do:
              - x: {try: [{getPet: {call: f}}], catch: {do: [{y: {set: {e: '${ $error }'}}}]}}
              - loop: {for: {in: .l}, do: [{a: {set: {i: '${ $item }'}}}]}
              - fan: {fork: {branches: [{b: {set: {x: 1}}}]}}
              - box: {do: [{c/d~e: {set: {x: 1}}}]}
            """)
        var references: [String] = []
        func walk(_ list: TaskList) { list.tasks.forEach(walk) }
        func walk(_ task: TaskDefinition) {
            references.append(task.reference)
            switch task.kind {
            case .do(let list): walk(list)
            case .for(let loop): walk(loop.body)
            case .fork(let fork): fork.branches.forEach { walk($0.task) }
            case .try(let attempt):
                walk(attempt.body)
                if let handler = attempt.handler { walk(handler) }
            case .call(let call): if case .defined(let task, _) = call.target { walk(task) }
            default: break
            }
        }
        walk(definition.tasks)
        #expect(
            references == [
                "/do/0/x", "/do/0/x/try/0/getPet", "/use/functions/f", "/use/functions/f/do/0/inner",
                "/do/0/x/catch/do/0/y",
                "/do/1/loop", "/do/1/loop/do/0/a", "/do/2/fan", "/do/2/fan/fork/branches/0/b", "/do/3/box",
                "/do/3/box/do/0/c~1d~0e",
            ])
        #expect(definition.taskCount == 11)
        #expect(definition.tasks.reference == "/do")
    }

    @Test("Directives lead to places of their list")
    func flow() throws {
        let definition = try read(
            """
            do:
              - a: {set: {x: 1}, then: c}
              - b: {switch: [{one: {when: .x, then: a}}, {other: {then: exit}}], then: end}
              - c: {set: {x: 2}}
            """)
        #expect(definition.tasks.tasks.map(\.then) == [.task(2), .end, .continue])
        guard case .switch(let cases) = definition.tasks.tasks[1].kind else { throw NotAsWritten(what: "no switch") }
        #expect(cases.map(\.then) == [.task(0), .exit])
        #expect(cases[0].when != nil && cases[1].when == nil)
    }

    @Test("Variables of loops, catches and needs are known where they belong, also nested")
    func variables() throws {
        let definition = try read(
            """
            do:
              - outer:
                  for: {each: row, in: .rows}
                  while: $row != null and $index < 9
                  do:
                    - inner:
                        for: {each: cell, at: column, in: $row.cells}
                        do:
                          - both: {set: {v: '${ [$row, $index, $cell, $column] }'}}
                    - risky:
                        try: [{t: {set: {v: $row}}}]
                        catch:
                          as: problem
                          when: $problem.status == 500 and $row.ok
                          retry: {when: $problem.status == 503, exceptWhen: $index > 3, delay: '${ "PT\\($index)S" }'}
                          do: [{h: {set: {v: '${ [$problem, $row] }'}}}]
              - fan:
                  fork:
                    branches:
                      - a: {set: {x: 1}}
                      - b: {do: [{c: {set: {x: '${ $branches.a }'}}}], metadata: {needs: [a]}}
            """)
        guard case .for(let outer) = definition.tasks.tasks[0].kind, case .for(let inner) = outer.body.tasks[0].kind,
            case .set(let both) = inner.body.tasks[0].kind, case .try(let risky) = outer.body.tasks[1].kind
        else { throw NotAsWritten(what: "not the tasks that were written") }
        #expect((outer.each, outer.at, inner.each, inner.at) == ("row", "index", "cell", "column"))
        #expect(both.usedVariables == ["row", "index", "cell", "column"])
        #expect(risky.variable == "problem")
        #expect(risky.retry?.delay?.usedVariables == ["index"])
        let scope = TestScope(values: ["row": 1, "index": 2, "cell": 3, "column": 4])
        #expect(try both.evaluate(.null, scope: scope) == ["v": [1, 2, 3, 4]])
        guard case .fork(let fork) = definition.tasks.tasks[1].kind else { throw NotAsWritten(what: "no fork") }
        #expect(fork.branches.map(\.needs) == [[], [0]])
    }

    @Test("A reusable retry policy sees the variable of the catch that uses it")
    func sharedRetry() throws {
        let body = """
            use: {retries: {r: {when: $e.status == 503, limit: {attempt: {count: 5, duration: PT9S}, duration: PT1M},
              backoff: {exponential: {}}, jitter: {from: PT0S, to: PT1S}}}}
            do:
              - a: {try: [], catch: {as: e, retry: r}}
            """
        guard case .try(let task) = try read(body).tasks.tasks[0].kind, let retry = task.retry else {
            throw NotAsWritten(what: "no retry")
        }
        #expect(retry.attemptsMax == 5)
        #expect(retry.attemptDuration?.constant == .seconds(9) && retry.totalDuration?.constant == .seconds(60))
        #expect(retry.backoff == .exponential)
        #expect(retry.jitter?.to.constant == .seconds(1))
        #expect(
            try faults(in: document(body.replacing("as: e", with: "as: x"))).map(\.pointer) == ["/use/retries/r/when"])
    }

    @Test(
        "Effects: declared, else by method, function or kind",
        arguments: [
            ("call: http, with: {method: get, endpoint: 'http://x'}", EffectClass.idempotent),
            ("call: http, with: {method: Delete, endpoint: 'http://x'}", .idempotent),
            ("call: http, with: {method: POST, endpoint: 'http://x'}", .keyed),
            ("call: http, with: {method: '${ .m }', endpoint: 'http://x'}", .keyed),
            ("call: http, with: {method: post, endpoint: 'http://x'}, metadata: {effect: once}", .once),
            ("call: llm, with: {prompt: x}", .idempotent), ("call: echo", .pure), ("set: {x: 1}", .pure),
            ("run: {workflow: {namespace: n, name: m}}", .keyed),
            ("run: {workflow: {namespace: n, name: m}}, metadata: {effect: idempotent}", .idempotent),
        ])
    func effects(_ task: String, _ expected: EffectClass) throws {
        #expect(try read("do: [{a: {\(task)}}]").tasks.tasks[0].kind.effect == expected)
    }

    @Test func http() throws {
        let definition = try read(
            """
            use: {authentications: {me: {basic: {username: u, password: '${ .p }'}}}}
            do:
              - a:
                  call: http
                  with:
                    method: post
                    endpoint: {uri: 'https://x.org/{id}', authentication: {use: me}}
                    headers: {accept: text/plain}
                    query: ${ .q }
                    body: [1, '${ .b }']
                    output: response
                    redirect: true
              - b: {call: http, with: {method: get, endpoint: 'https://${ .host }/x'}}
            """)
        guard case .call(let call) = definition.tasks.tasks[0].kind, case .http(let http) = call.target,
            case .uriTemplate(let uri) = http.endpoint.address,
            let authentication = http.endpoint.authentication,
            case .members(let members, let uris) = authentication.source
        else { throw NotAsWritten(what: "not the call that was written") }
        #expect(http.method.constant == "POST")
        #expect(try uri.expand(["id": "a b"]) == "https://x.org/a%20b")
        #expect(authentication.scheme == .basic && uris.isEmpty)
        #expect(try members.evaluate(["p": "x"], scope: TestScope()) == ["username": "u", "password": "x"])
        #expect(http.headers?.constant == ["accept": "text/plain"])
        #expect(try http.body?.evaluate(["b": 2], scope: TestScope()) == [1, 2])
        #expect(http.output == .response && http.redirect)
        guard case .call(let second) = definition.tasks.tasks[1].kind, case .http(let other) = second.target,
            case .expression(let address) = other.endpoint.address
        else { throw NotAsWritten(what: "no expression") }
        #expect(try address.evaluate(["host": "h"], scope: TestScope()) == "https://h/x")
        #expect(other.output == .content && !other.redirect)
    }

    @Test func functionsOfTheDocument() throws {
        let definition = try read(
            """
            use:
              functions: {llm: {call: http, with: {method: get, endpoint: 'http://x'}}, g: {call: llm, with: {id: 1}}}
            do: [{a: {call: g}}, {b: {call: g, with: {id: '${ .i }'}}}]
            """)
        guard case .call(let first) = definition.tasks.tasks[0].kind, case .defined(let g, nil) = first.target,
            case .call(let second) = definition.tasks.tasks[1].kind,
            case .defined(let same, let arguments?) = second.target,
            case .call(let inner) = g.kind, case .defined(let own, _) = inner.target
        else { throw NotAsWritten(what: "not the calls that were written") }
        #expect(g === same)
        #expect(own.reference == "/use/functions/llm", "the document's functions come before the server's")
        #expect(try arguments.evaluate(["i": 4], scope: TestScope()) == ["id": 4])
        #expect(first.effect == .idempotent)
        #expect(definition.taskCount == 4)
    }

    @Test func raisedErrors() throws {
        let definition = try read(
            """
            use: {errors: {e: {type: 'https://x.org/{kind}', status: '${ .s }', title: 'No ${ .t }', instance: /a}}}
            do: [{a: {raise: {error: e}}}]
            """)
        guard case .raise(let error) = definition.tasks.tasks[0].kind else { throw NotAsWritten(what: "no raise") }
        let input: JSONValue = ["kind": "k", "s": 418, "t": "tea"]
        #expect(try error.type.evaluate(input, scope: TestScope()) == "https://x.org/k")
        #expect(try error.status.evaluate(input, scope: TestScope()) == 418)
        #expect(try error.title?.evaluate(input, scope: TestScope()) == "No tea")
        #expect(error.instance?.constant == "/a" && error.detail == nil)
    }

    @Test("Filters compare all members they give, and know older names of the standard types")
    func filters() throws {
        let older = "https://serverlessworkflow.io/dsl/errors/types/communication"
        let body =
            """
            do: [{a: {try: [], catch: {errors: {with: {type: '\(older)', status: 404, details: d}}}}}]
            """
        guard case .try(let task) = try read(body).tasks.tasks[0].kind else { throw NotAsWritten(what: "no try") }
        var fault = WorkflowFault(.communication, "d", status: 404)
        #expect(task.errors.matches(fault))
        fault.type = older
        #expect(task.errors.matches(fault))
        fault.status = 500
        #expect(!task.errors.matches(fault))
        #expect(!task.errors.matches(WorkflowFault(.timeout, "d", status: 404)))
        #expect(
            ErrorFilter.standardType("https://serverlessworkflow.io/dsl/errors/types/own")
                == "https://serverlessworkflow.io/dsl/errors/types/own")
    }

    @Test func runWorkflow() throws {
        let body =
            """
            do:
              - a:
                  run:
                    workflow: {namespace: n, name: m, version: 1.0.0, input: {x: '${ .y }'}}
                    await: false
                    return: none
              - b: {run: {workflow: {namespace: n, name: m}}}
            """
        let tasks = try read(body).tasks.tasks
        guard case .runWorkflow(let first) = tasks[0].kind, case .runWorkflow(let second) = tasks[1].kind else {
            throw NotAsWritten(what: "no run")
        }
        #expect(first.id == WorkflowID(namespace: "n", name: "m") && first.version == "1.0.0")
        #expect(!first.await && first.returnsNothing && first.input != nil)
        #expect(second.version == "latest" && second.await && !second.returnsNothing && second.input == nil)
    }

    @Test("An export with only a schema keeps the context and checks it")
    func exportSchema() throws {
        let task = try read("do: [{a: {set: {x: 1}, export: {schema: {document: {type: object}}}}}]").tasks.tasks[0]
        #expect(task.export?.schema != nil)
        #expect(try task.export?.as.evaluate(.null, scope: TestScope(values: ["context": ["k": 1]])) == ["k": 1])
    }

    @Test func concurrency() throws {
        let task = try read("do: [{a: {for: {in: .x}, do: [], metadata: {concurrency: 8, mine: yes}}}]").tasks.tasks[0]
        guard case .for(let loop) = task.kind else { throw NotAsWritten(what: "no loop") }
        #expect(loop.concurrency == 8 && loop.each == "item")
        #expect(task.metadata == ["concurrency": 8, "mine": "yes"])
    }
}
