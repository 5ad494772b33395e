import CognitionCore
import CognitionWorkflows
import Testing

/// A document with one fault.
struct FaultCase: Sendable, CustomTestStringConvertible {
    /// Begins in line 2 of the document.
    let body: String
    let pointer: String
    let line: Int
    let column: Int
    /// What the message must have in it.
    let says: String

    var testDescription: String { "\(pointer): \(says)" }

    /// - Parameter marked: The body with `§` before the place of the fault, or without when that is the document's
    ///   start.
    init(_ marked: String, at pointer: String, _ says: String) {
        self.pointer = pointer
        self.says = says
        body = marked.replacing("§", with: "")
        guard let mark = marked.firstIndex(of: "§") else {
            (line, column) = (1, 1)
            return
        }
        let before = marked[..<mark]
        line = 2 + before.count { $0 == "\n" }
        column = 1 + before.unicodeScalars.reversed().prefix { $0 != "\n" }.count
    }

    /// One task, `a`, with these members in YAML's flow style; the pointer is relative to it.
    static func task(_ marked: String, at pointer: String, _ says: String) -> FaultCase {
        FaultCase("do:\n  - a: {\(marked)}", at: "/do/0/a" + pointer, says)
    }
}

private func expectOnly(_ expected: FaultCase) throws {
    let faults = try faults(in: document(expected.body))
    guard faults.count == 1, let fault = faults.first else {
        Issue.record("\(faults.count) faults instead of one: \(faults)")
        return
    }
    #expect(fault.message.contains(expected.says), "\(fault)")
    #expect(fault.pointer == expected.pointer, "\(fault)")
    #expect(fault.line == expected.line && fault.column == expected.column, "\(fault)")
}

@Suite struct DefinitionFaultTests {
    private static let top: [FaultCase] = [
        FaultCase("§dos: []\ndo: []", at: "/dos", "unknown member 'dos' of a definition; did you mean 'do'?"),
        FaultCase("input: {}", at: "", "a definition needs 'do'"),
        FaultCase("§do: {a: {set: {x: 1}}}", at: "/do", "'do' must be a list, not an object"),
        FaultCase(
            "do: []\ninput: {§from: 3}", at: "/input/from",
            "'from' must be an expression or an object, not the number 3"),
        FaultCase("do: []\noutput: {§as: [1]}", at: "/output/as", "must be an expression or an object, not an array"),
        FaultCase("do: []\ntimeout: {§after: {second: 1}}", at: "/timeout/after", "did you mean 'seconds'?"),
        FaultCase("do: []\n§timeout: long", at: "/timeout", "'long' is not in 'use.timeouts'; there are none"),
        FaultCase(
            "do: []\nuse: {timeouts: {long: {after: PT1M}}}\n§timeout: lon", at: "/timeout", "did you mean 'long'?"),
        FaultCase("do: []\nuse: {§retires: {}}", at: "/use/retires", "did you mean 'retries'?"),
        FaultCase(
            "do: []\nuse: {functions: {§http: {wait: PT1S}}}", at: "/use/functions/http", "cannot be named 'http'"),
        FaultCase(
            "do: []\ninput: {schema: {document: {§type: objekt}}}", at: "/input/schema/document/type",
            "invalid JSON Schema"),
        FaultCase(
            "do: []\ninput: {schema: {document: {§pattern: '('}}}", at: "/input/schema/document/pattern",
            "invalid JSON Schema"),
        FaultCase(
            "do: []\ninput: {schema: {§format: avro, document: {}}}", at: "/input/schema/format",
            "schemas of format 'avro' are not supported"),
    ]

    private static let tasks: [FaultCase] = [
        FaultCase("do:\n  - §5", at: "/do/0", "an item of 'do' must be an object, not the number 5"),
        FaultCase(
            "do:\n  - §a: {set: {x: 1}}\n    b: {set: {x: 1}}", at: "/do/0",
            "exactly one member, the task's name; this one has 'a' and 'b'"),
        FaultCase("do:\n  - §{}", at: "/do/0", "this one has none"),
        FaultCase("do:\n  - §a: 1", at: "/do/0/a", "a task must be an object, not the number 1"),
        FaultCase("do:\n  - §a: {}", at: "/do/0/a", "a task needs one of 'call', 'do'"),
        .task("§sett: {x: 1}", at: "/sett", "unknown member 'sett' of a task; did you mean 'set'?"),
        FaultCase(
            "do:\n  - §a: {set: {x: 1}, wait: PT1S}", at: "/do/0/a",
            "a task does one thing; this one has 'set' and 'wait'"),
        .task("set: {x: 1}, §form: 1", at: "/form", "unknown member 'form' of a 'set' task; it takes"),
        .task("set: {x: 1}, §with: {}", at: "/with", "unknown member 'with' of a 'set' task"),
        FaultCase(
            "do:\n  - a: {set: {x: 1}}\n  - b: {set: {x: 1}}\n  - §a: {set: {x: 1}}", at: "/do/2/a",
            "two tasks named 'a'"),
        .task("§set: {}", at: "/set", "'set' must have at least one member"),
        .task("§set: [1]", at: "/set", "'set' must be an object or an expression, not an array"),
        .task("§if: true, set: {x: 1}", at: "/if", "'if' must be a string, not true; write it in quotes"),
        .task("set: {x: 1}, §then: b", at: "/then", "there is no task 'b' in this list"),
        FaultCase(
            "do:\n  - first: {set: {x: 1}, §then: thrid}\n  - second: {set: {x: 1}}\n  - third: {set: {x: 1}}",
            at: "/do/0/first/then", "did you mean 'third'? Known: 'first', 'second' and 'third'."),
        .task("do: [{b: {set: {x: 1}, §then: a}}]", at: "/do/0/b/then", "there is no task 'a' in this list"),
        .task("§wait: 30", at: "/wait", "a duration is an object such as"),
        .task("wait: {§seconds: -1}", at: "/wait/seconds", "whole number from 0 to 10 years"),
        .task("§wait: PT", at: "/wait", "'PT' is not a duration"),
        .task("set: {x: 1}, export: {as: §$foo}", at: "/export/as", "known here: $context, $input"),
        .task("set: {x: 1}, §metadata: 5", at: "/metadata", "'metadata' must be an object"),
        .task("set: {x: 1}, metadata: {§effect: pure}", at: "/metadata/effect", "a 'set' task has none"),
        .task("set: {x: 1}, metadata: {§concurrency: 2}", at: "/metadata/concurrency", "belongs to 'for' tasks"),
        .task("set: {x: 1}, metadata: {§needs: [b]}", at: "/metadata/needs", "belongs to the branches of a 'fork'"),
    ]

    private static let control: [FaultCase] = [
        FaultCase("do:\n  - §a: {for: {in: .x}}", at: "/do/0/a", "a 'for' task needs 'do'"),
        .task("§for: {each: y}, do: []", at: "/for", "'for' needs 'in'"),
        .task("for: {in: .x, §each: $y}, do: []", at: "/for/each", "name without '$': 'y'"),
        .task("for: {in: .x, §each: a-b}, do: []", at: "/for/each", "1 to 63 letters, digits and '_'"),
        .task("for: {in: .x, §at: input}, do: []", at: "/for/at", "'$input' has a meaning of its own"),
        .task("§for: {in: .x, each: i, at: i}, do: []", at: "/for", "'each' and 'at' must differ"),
        .task("for: {in: §$item}, do: []", at: "/for/in", "$item"),
        .task("for: {in: .x}, do: [], output: {as: §$item}", at: "/output/as", "$item"),
        .task(
            "for: {in: .x}, do: [], metadata: {§concurrency: 0}", at: "/metadata/concurrency",
            "whole number from 1 to 1000, not the number 0"),
        .task(
            "for: {in: .x}, while: ., do: [], metadata: {§concurrency: 1}", at: "/metadata/concurrency",
            "exclude each other"),
        .task("§switch: []", at: "/switch", "at least one case"),
        .task("switch: [{§b: {when: .}}]", at: "/switch/0/b", "a case needs 'then'"),
        .task("switch: [{b: {then: end}}, {§c: {then: end}}]", at: "/switch/1/c", "'b' does already"),
        .task("switch: [{b: {§then: c}}]", at: "/switch/0/b/then", "there is no task 'c'"),
        .task("switch: [{b: {when: ., then: end}}, {§b: {then: end}}]", at: "/switch/1/b", "two cases are named 'b'"),
        .task("switch: [§{b: {when: ., then: end}, c: {then: end}}]", at: "/switch/0", "exactly one member"),
        .task("§fork: {compete: true}", at: "/fork", "'fork' needs 'branches'"),
        .task("fork: {branches: [], §compete: 'yes'}", at: "/fork/compete", "'compete' must be true or false"),
        FaultCase(
            """
            do:
              - a:
                  fork:
                    compete: true
                    branches:
                      - b: {wait: PT1S}
                      - c: {wait: PT1S, metadata: {§needs: [b]}}
            """,
            at: "/do/0/a/fork/branches/1/c/metadata/needs", "'needs' and 'compete' exclude each other"),
        FaultCase(
            """
            do:
              - a:
                  fork:
                    branches:
                      - bread: {wait: PT1S}
                      - c: {wait: PT1S, metadata: {needs: [§braed]}}
            """,
            at: "/do/0/a/fork/branches/1/c/metadata/needs/0", "there is no branch 'braed'; did you mean 'bread'?"),
        FaultCase(
            "do:\n  - a:\n      fork:\n        branches:\n          - b: {wait: PT1S, metadata: {needs: [§b]}}",
            at: "/do/0/a/fork/branches/0/b/metadata/needs/0", "cannot need itself"),
        FaultCase(
            """
            do:
              - f:
                  fork:
                    branches:
                      - x: {wait: PT1S, metadata: {needs: [a]}}
                      - a: {wait: PT1S, metadata: {§needs: [b]}}
                      - b: {wait: PT1S, metadata: {needs: [c]}}
                      - c: {wait: PT1S, metadata: {needs: [a]}}
            """,
            at: "/do/0/f/fork/branches/1/a/metadata/needs", "a → b → c → a"),
        FaultCase(
            """
            do:
              - f:
                  fork:
                    branches:
                      - a: {wait: PT1S, §then: b}
                      - b: {wait: PT1S}
            """,
            at: "/do/0/f/fork/branches/0/a/then", "branches run at the same time"),
        FaultCase(
            "do:\n  - f: {fork: {branches: [{a: {set: {x: '${ §$branches.b }'}}}]}}",
            at: "/do/0/f/fork/branches/0/a/set/x", "$branches"),
    ]

    private static let errors: [FaultCase] = [
        FaultCase("do:\n  - §a: {try: []}", at: "/do/0/a", "a 'try' task needs 'catch'"),
        .task("try: [], catch: {errors: {§with: {}}}", at: "/catch/errors/with", "at least one member"),
        .task(
            "try: [], catch: {errors: {with: {§kind: x}}}", at: "/catch/errors/with/kind",
            "unknown member 'kind' of an error filter"),
        .task(
            "try: [], catch: {errors: {with: {§type: '${ .t }'}}}", at: "/catch/errors/with/type",
            "use 'when' for expressions"),
        .task(
            "try: [], catch: {errors: {with: {§status: '404'}}}", at: "/catch/errors/with/status",
            "whole number from 100 to 999"),
        .task("try: [], catch: {§as: task}", at: "/catch/as", "'$task' has a meaning of its own"),
        .task("try: [], catch: {as: e, when: §$error}", at: "/catch/when", "$error"),
        .task("try: [{b: {set: {x: '${ §$error }'}}}], catch: {}", at: "/try/0/b/set/x", "$error"),
        .task("try: [], catch: {§retry: default}", at: "/catch/retry", "'default' is not in 'use.retries'"),
        .task(
            "try: [], catch: {retry: {§backoff: {}}}", at: "/catch/retry/backoff",
            "exactly one of 'constant', 'linear' or 'exponential'"),
        .task(
            "try: [], catch: {retry: {backoff: {linear: {§step: 1}}}}", at: "/catch/retry/backoff/linear/step",
            "unknown member 'step' of 'linear'; it takes none"),
        .task(
            "try: [], catch: {retry: {limit: {attempt: {§count: -1}}}}", at: "/catch/retry/limit/attempt/count",
            "whole number from 0"),
        .task(
            "try: [], catch: {retry: {§jitter: {from: PT2S, to: PT1S}}}", at: "/catch/retry/jitter",
            "must not be longer than its 'to'"),
        .task("raise: {§error: oops}", at: "/raise/error", "'oops' is not in 'use.errors'"),
        .task("§raise: {}", at: "/raise", "'raise' needs 'error'"),
        .task("raise: {§error: {status: 400}}", at: "/raise/error", "an error needs 'type'"),
        .task("raise: {error: {§type: oops, status: 400}}", at: "/raise/error/type", "must be an absolute URI"),
        .task(
            "raise: {error: {§type: 'https://x.org/{a', status: 400}}", at: "/raise/error/type",
            "'{' has no matching '}'"),
        .task(
            "raise: {error: {type: 'https://x.org/', §status: bad}}", at: "/raise/error/status",
            "'status' of an error must be a whole number"),
        FaultCase(
            "do: []\nuse: {errors: {§e: {type: 'https://x.org/'}}}", at: "/use/errors/e", "an error needs 'status'"),
        FaultCase("do: []\nuse: {retries: {r: {when: §$err}}}", at: "/use/retries/r/when", "$err"),
    ]

    private static let calls: [FaultCase] = [
        .task(
            "§call: lllm", at: "/call",
            "there is no function 'lllm'; did you mean 'llm'? (known: 'http', 'openapi', 'mcp', 'approval', 'echo' and 'llm')"
        ),
        FaultCase("do:\n  - §a: {call: llm}", at: "/do/0/a", "needs 'with', and in it 'prompt'"),
        .task("call: llm, §with: {model: m}", at: "/with", "'with' of 'llm' needs 'prompt'"),
        .task("call: llm, with: {prompt: x, §promt: y}", at: "/with/promt", "did you mean 'prompt'?"),
        .task("call: llm, with: {prompt: x, §max_tokens: 0}", at: "/with/max_tokens", "'max_tokens'"),
        .task("call: llm, §with: [1]", at: "/with", "must be an object, not an array"),
        .task(
            "call: llm, with: {prompt: x}, metadata: {§effect: twice}", at: "/metadata/effect",
            "'pure', 'idempotent', 'keyed' or 'once', not 'twice'"),
        FaultCase("do:\n  - §a: {call: http}", at: "/do/0/a", "a call of 'http' needs 'with'"),
        .task("call: http, §with: {method: get}", at: "/with", "needs 'endpoint'"),
        .task(
            "call: http, with: {method: get, §endpoint: 'ftp://x'}", at: "/with/endpoint",
            "begins with http:// or https://"),
        .task("call: http, with: {method: get, §endpoint: 'http://x/{+a}'}", at: "/with/endpoint", "operator '+'"),
        .task("call: http, with: {§method: 'a b', endpoint: 'http://x'}", at: "/with/method", "must be an HTTP method"),
        .task(
            "call: http, with: {method: get, endpoint: 'http://x', §url: x}", at: "/with/url", "unknown member 'url'"),
        .task(
            "call: http, with: {method: get, endpoint: 'http://x', §output: all}", at: "/with/output",
            "'raw', 'content' or 'response'"),
        .task(
            "call: http, with: {method: get, endpoint: 'http://x', query: {§n: 5}}", at: "/with/query/n",
            "must be a string, not the number 5; write it in quotes"),
        .task(
            "call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: {§use: me}}}",
            at: "/with/endpoint/authentication/use", "'me' is not in 'use.authentications'"),
        .task(
            "call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: {§basic: {username: u}}}}",
            at: "/with/endpoint/authentication/basic", "'basic' needs 'password'"),
        .task("run: {workflow: {namespace: n, §name: b_c}}", at: "/run/workflow/name", "letters, digits and hyphens"),
        .task(
            "run: {workflow: {namespace: n, name: b, §version: 1}}", at: "/run/workflow/version", "write it in quotes"),
        .task("§run: {await: true}", at: "/run", "exactly one of 'workflow'"),
        .task("run: {workflow: {namespace: n, name: b}, §return: code}", at: "/run/return", "a workflow has no 'code'"),
        FaultCase(
            "use:\n  functions:\n    f: {do: [{x: {call: g}}]}\n    g: {§call: f}\ndo: []", at: "/use/functions/g/call",
            "functions call each other in a circle: f → g → f"),
        FaultCase("use: {functions: {f: {§call: f}}}\ndo: []", at: "/use/functions/f/call", "f → f"),
        FaultCase(
            "use: {functions: {f: {wait: PT1S, §then: g}, g: {wait: PT1S}}}\ndo: []", at: "/use/functions/f/then",
            "it is alone"),
        FaultCase(
            "use: {functions: {f: {wait: PT1S}}}\ndo: [{a: {call: f, metadata: {§effect: once}}}]",
            at: "/do/0/a/metadata/effect", "belongs to the tasks of the function"),
        FaultCase(
            "use: {functions: {f: {set: {x: '${ §$item }'}}}}\ndo: [{a: {for: {in: .}, do: [{b: {call: f}}]}}]",
            at: "/use/functions/f/set/x", "$item"),
    ]

    @Test("Every fault is told where it is", arguments: top + tasks + control + errors + calls)
    func placed(_ expected: FaultCase) throws {
        try expectOnly(expected)
    }

    @Test(
        "The head is checked",
        arguments: [
            ("dsl: 2.0.0", "/document/dsl", "must be a version 1.0.x"), ("dsl: 1.0.0-alpha5", "/document/dsl", "1.0.x"),
            ("dsl: 1.0", "/document/dsl", "must be a string, not the number 1.0; write it in quotes"),
            ("namespace: a_b", "/document/namespace", "letters, digits and hyphens"),
            ("name: -a", "/document/name", "hyphen"),
            ("name: \(String(repeating: "a", count: 64))", "/document/name", "1 to 63"),
            ("version: 1.0", "/document/version", "quotes"),
            ("version: '1.0'", "/document/version", "semantic version"),
            ("version: 01.0.0", "/document/version", "semantic version"),
            ("title: 1", "/document/title", "must be a string"), ("tags: [a]", "/document/tags", "must be an object"),
            ("nmae: x", "/document/nmae", "did you mean 'name'?"),
        ])
    func head(_ line: String, _ pointer: String, _ says: String) throws {
        let name = line.prefix { $0 != ":" }
        let lines = ["dsl: 1.0.0", "namespace: n", "name: n", "version: 1.0.0"].filter { !$0.hasPrefix("\(name):") }
        let text = "document:\n" + (lines + [line]).map { "  \($0)\n" }.joined() + "do: []\n"
        let faults = try faults(in: text)
        #expect(faults.count == 1, "\(faults)")
        #expect(faults.first?.pointer == pointer)
        #expect(faults.first?.message.contains(says) == true, "\(faults)")
        #expect(faults.first?.line == lines.count + 2 && faults.first?.column == 3)
    }

    @Test("All faults are told at once, in the order of their lines")
    func all() throws {
        let faults = try faults(
            in: document("do:\n  - a: {set: {x: 1}, then: b}\n  - c: {wait: 5}\nuse: {x: 1}\ninput: 5"))
        #expect(faults.map(\.line) == [3, 4, 5, 6])
        #expect(faults.map(\.pointer) == ["/do/0/a/then", "/do/1/c/wait", "/use/x", "/input"])
    }

    @Test("At most 100 faults are listed, and the rest counted")
    func bounded() throws {
        let body = "do:\n" + (0..<150).map { "  - t\($0): {wait: 5}\n" }.joined()
        let error = #expect(throws: DefinitionError.self) { try read(body) }
        #expect(error?.faults.count == 100)
        #expect(error?.faultsLeftOut == 50)
        #expect(error?.code.name == "workflow.definition_invalid")
        #expect(error?.message.contains("150 faults") == true)
    }

    @Test("A reusable part that many use tells its fault once")
    func sharedFault() throws {
        let body =
            "use: {errors: {e: {type: x, status: 400}}}\ndo:\n  - a: {raise: {error: e}}\n  - b: {raise: {error: e}}"
        #expect(try faults(in: document(body)).map(\.pointer) == ["/use/errors/e/type"])
    }
}

@Suite struct ExpressionFaultPlaceTests {
    @Test(
        "Faults of expressions are told where they stand in the document",
        arguments: [
            .task("set: {x: '${ .a + §$nope }'}", at: "/set/x", "$nope"),
            FaultCase("do:\n  - a:\n      if: .a == §$nope\n      set: {x: 1}", at: "/do/0/a/if", "$nope"),
            FaultCase(
                """
                do:
                  - a:
                      set:
                        x: >-
                          text ${ §$nope } text
                """, at: "/do/0/a/set/x", "$nope"),
            FaultCase(
                """
                do:
                  - a:
                      set:
                        x: |
                          ${
                            .a |
                              §$nope
                          }
                """,
                at: "/do/0/a/set/x", "$nope"),
            FaultCase(
                "do:\n  - a:\n      set:\n        x: [1, {y: \"ü ${ .a }${ §$nope }\"}]", at: "/do/0/a/set/x/1/y",
                "$nope"),
        ])
    func placed(_ expected: FaultCase) throws {
        try expectOnly(expected)
    }

    @Test("Where escapes hide an expression, its part of the document is the place")
    func escaped() throws {
        let fault = try #require(try faults(in: document("do:\n  - a: {set: {x: \"${ \\\"é\\\" + $nope }\"}}")).first)
        #expect(fault.line == 3 && fault.column == 15)
        #expect(fault.message.contains("of the expression"))
    }

    @Test("Without text there are no lines")
    func withoutText() throws {
        let document = try WorkflowDefinition(reading: document("do: []"), context: .test).document
        guard case .object(var members) = document else { return }
        members["do"] = [["a": ["wait": 5]]]
        let error = #expect(throws: DefinitionError.self) {
            try WorkflowDefinition(document: .object(members), context: .test)
        }
        #expect(error?.faults.first?.pointer == "/do/0/a/wait")
        #expect(error?.faults.first?.line == nil)
    }
}
