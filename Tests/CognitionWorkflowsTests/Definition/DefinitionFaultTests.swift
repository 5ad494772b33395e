import CognitionCore
import CognitionWorkflows
import Testing

/// A document with one fault; `body` begins in line 2.
struct FaultCase: Sendable, CustomTestStringConvertible {
    let body: String
    let pointer: String
    let line: Int
    let column: Int
    /// What the message must have in it.
    let says: String

    var testDescription: String { "\(pointer): \(says)" }

    init(_ body: String, at pointer: String, _ line: Int, _ column: Int, _ says: String) {
        self.body = body
        self.pointer = pointer
        self.line = line
        self.column = column
        self.says = says
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
        FaultCase("dos: []\ndo: []", at: "/dos", 2, 1, "unknown member 'dos' of a definition; did you mean 'do'?"),
        FaultCase("input: {}", at: "", 1, 1, "a definition needs 'do'"),
        FaultCase("do: {a: {set: {x: 1}}}", at: "/do", 2, 1, "'do' must be a list, not an object"),
        FaultCase("do: []\ninput: {from: 3}", at: "/input/from", 3, 9, "'from' must be an expression or an object, not the number 3"),
        FaultCase("do: []\noutput: {as: [1]}", at: "/output/as", 3, 10, "must be an expression or an object, not an array"),
        FaultCase("do: []\ntimeout: {after: {second: 1}}", at: "/timeout/after", 3, 11, "did you mean 'seconds'?"),
        FaultCase("do: []\ntimeout: long", at: "/timeout", 3, 1, "'long' is not in 'use.timeouts'; there are none"),
        FaultCase("do: []\nuse: {timeouts: {long: {after: PT1M}}}\ntimeout: lon", at: "/timeout", 4, 1, "did you mean 'long'?"),
        FaultCase("do: []\nuse: {retry: {}}", at: "/use/retry", 3, 7, "did you mean 'retries'?"),
        FaultCase("do: []\nuse: {functions: {http: {wait: PT1S}}}", at: "/use/functions/http", 3, 19, "cannot be named 'http'"),
        FaultCase(
            "do: []\ninput: {schema: {document: {type: objekt}}}", at: "/input/schema/document/type", 3, 29,
            "invalid JSON Schema"),
        FaultCase(
            "do: []\ninput: {schema: {document: {pattern: '('}}}", at: "/input/schema/document/pattern", 3, 29,
            "invalid JSON Schema"),
        FaultCase(
            "do: []\ninput: {schema: {format: avro, document: {}}}", at: "/input/schema/format", 3, 18,
            "schemas of format 'avro' are not supported"),
    ]

    private static let tasks: [FaultCase] = [
        FaultCase("do:\n  - 5", at: "/do/0", 3, 5, "an item of 'do' must be an object, not the number 5"),
        FaultCase("do:\n  - a: {set: {x: 1}}\n    b: {set: {x: 1}}", at: "/do/0", 3, 5, "exactly one member, the task's name; this one has 'a' and 'b'"),
        FaultCase("do:\n  - {}", at: "/do/0", 3, 5, "this one has none"),
        FaultCase("do:\n  - a: 1", at: "/do/0/a", 3, 5, "a task must be an object, not the number 1"),
        FaultCase("do:\n  - a: {}", at: "/do/0/a", 3, 5, "a task needs one of 'call', 'do'"),
        FaultCase("do:\n  - a: {sett: {x: 1}}", at: "/do/0/a/sett", 3, 9, "unknown member 'sett' of a task; did you mean 'set'?"),
        FaultCase("do:\n  - a: {set: {x: 1}, wait: PT1S}", at: "/do/0/a", 3, 5, "a task does one thing; this one has 'set' and 'wait'"),
        FaultCase("do:\n  - a: {set: {x: 1}, form: 1}", at: "/do/0/a/form", 3, 22, "unknown member 'form' of a 'set' task; it takes"),
        FaultCase("do:\n  - a: {set: {x: 1}, with: {}}", at: "/do/0/a/with", 3, 22, "unknown member 'with' of a 'set' task"),
        FaultCase("do:\n  - a: {set: {x: 1}}\n  - b: {set: {x: 1}}\n  - a: {set: {x: 1}}", at: "/do/2/a", 5, 5, "two tasks named 'a'"),
        FaultCase("do:\n  - a: {set: {}}", at: "/do/0/a/set", 3, 9, "'set' must have at least one member"),
        FaultCase("do:\n  - a: {set: [1]}", at: "/do/0/a/set", 3, 9, "'set' must be an object or an expression, not an array"),
        FaultCase("do:\n  - a: {if: true, set: {x: 1}}", at: "/do/0/a/if", 3, 9, "'if' must be a string, not true; write it in quotes"),
        FaultCase("do:\n  - a: {set: {x: 1}, then: b}", at: "/do/0/a/then", 3, 22, "there is no task 'b' in this list"),
        FaultCase(
            "do:\n  - first: {set: {x: 1}, then: thrid}\n  - second: {set: {x: 1}}\n  - third: {set: {x: 1}}", at: "/do/0/first/then", 3, 26,
            "did you mean 'third'? Known: 'first', 'second' and 'third'."),
        FaultCase("do:\n  - a: {do: [{b: {set: {x: 1}, then: a}}]}", at: "/do/0/a/do/0/b/then", 3, 32, "there is no task 'a' in this list"),
        FaultCase("do:\n  - a: {wait: 30}", at: "/do/0/a/wait", 3, 9, "a duration is an object such as"),
        FaultCase("do:\n  - a: {wait: {seconds: -1}}", at: "/do/0/a/wait/seconds", 3, 16, "whole number from 0 to 10 years"),
        FaultCase("do:\n  - a: {wait: PT}", at: "/do/0/a/wait", 3, 9, "'PT' is not a duration"),
        FaultCase("do:\n  - a: {set: {x: 1}, export: {as: $foo}}", at: "/do/0/a/export/as", 3, 35, "known here: $context, $input"),
        FaultCase("do:\n  - a: {set: {x: 1}, metadata: 5}", at: "/do/0/a/metadata", 3, 22, "'metadata' must be an object"),
        FaultCase("do:\n  - a: {set: {x: 1}, metadata: {effect: pure}}", at: "/do/0/a/metadata/effect", 3, 33, "a 'set' task has none"),
        FaultCase("do:\n  - a: {set: {x: 1}, metadata: {concurrency: 2}}", at: "/do/0/a/metadata/concurrency", 3, 33, "belongs to 'for' tasks"),
        FaultCase("do:\n  - a: {set: {x: 1}, metadata: {needs: [b]}}", at: "/do/0/a/metadata/needs", 3, 33, "belongs to the branches of a 'fork'"),
    ]

    private static let control: [FaultCase] = [
        FaultCase("do:\n  - a: {for: {in: .x}}", at: "/do/0/a", 3, 5, "a 'for' task needs 'do'"),
        FaultCase("do:\n  - a: {for: {each: y}, do: []}", at: "/do/0/a/for", 3, 9, "'for' needs 'in'"),
        FaultCase("do:\n  - a: {for: {in: .x, each: $y}, do: []}", at: "/do/0/a/for/each", 3, 23, "name without '$': 'y'"),
        FaultCase("do:\n  - a: {for: {in: .x, each: a-b}, do: []}", at: "/do/0/a/for/each", 3, 23, "1 to 63 letters, digits and '_'"),
        FaultCase("do:\n  - a: {for: {in: .x, at: input}, do: []}", at: "/do/0/a/for/at", 3, 23, "'$input' has a meaning of its own"),
        FaultCase("do:\n  - a: {for: {in: .x, each: i, at: i}, do: []}", at: "/do/0/a/for", 3, 9, "'each' and 'at' must differ"),
        FaultCase("do:\n  - a: {for: {in: $item}, do: []}", at: "/do/0/a/for/in", 3, 19, "$item"),
        FaultCase("do:\n  - a: {for: {in: .x}, do: [], output: {as: $item}}", at: "/do/0/a/output/as", 3, 45, "$item"),
        FaultCase("do:\n  - a: {for: {in: .x}, do: [], metadata: {concurrency: 0}}", at: "/do/0/a/metadata/concurrency", 3, 43, "whole number from 1 to 1000, not the number 0"),
        FaultCase("do:\n  - a: {for: {in: .x}, while: ., do: [], metadata: {concurrency: 1}}", at: "/do/0/a/metadata/concurrency", 3, 53, "exclude each other"),
        FaultCase("do:\n  - a: {switch: []}", at: "/do/0/a/switch", 3, 9, "at least one case"),
        FaultCase("do:\n  - a: {switch: [{b: {when: .}}]}", at: "/do/0/a/switch/0/b", 3, 19, "a case needs 'then'"),
        FaultCase("do:\n  - a: {switch: [{b: {then: end}}, {c: {then: end}}]}", at: "/do/0/a/switch/1/c", 3, 36, "'b' does already"),
        FaultCase("do:\n  - a: {switch: [{b: {then: c}}]}", at: "/do/0/a/switch/0/b/then", 3, 23, "there is no task 'c'"),
        FaultCase("do:\n  - a: {switch: [{b: {when: ., then: end}}, {b: {then: end}}]}", at: "/do/0/a/switch/1/b", 3, 45, "two cases are named 'b'"),
        FaultCase("do:\n  - a: {switch: [{b: {when: ., then: end}, c: {then: end}}]}", at: "/do/0/a/switch/0", 3, 18, "exactly one member"),
        FaultCase("do:\n  - a: {fork: {compete: true}}", at: "/do/0/a/fork", 3, 9, "'fork' needs 'branches'"),
        FaultCase("do:\n  - a: {fork: {branches: [], compete: 'yes'}}", at: "/do/0/a/fork/compete", 3, 30, "'compete' must be true or false"),
        FaultCase(
            "do:\n  - a:\n      fork:\n        compete: true\n        branches:\n          - b: {wait: PT1S}\n          - c: {wait: PT1S, metadata: {needs: [b]}}",
            at: "/do/0/a/fork/branches/1/c/metadata/needs", 8, 40, "'needs' and 'compete' exclude each other"),
        FaultCase(
            "do:\n  - a:\n      fork:\n        branches:\n          - bread: {wait: PT1S}\n          - c: {wait: PT1S, metadata: {needs: [braed]}}",
            at: "/do/0/a/fork/branches/1/c/metadata/needs/0", 7, 48, "there is no branch 'braed'; did you mean 'bread'?"),
        FaultCase(
            "do:\n  - a:\n      fork:\n        branches:\n          - b: {wait: PT1S, metadata: {needs: [b]}}",
            at: "/do/0/a/fork/branches/0/b/metadata/needs/0", 6, 48, "cannot need itself"),
        FaultCase(
            "do:\n  - f:\n      fork:\n        branches:\n          - x: {wait: PT1S, metadata: {needs: [a]}}\n          - a: {wait: PT1S, metadata: {needs: [b]}}\n          - b: {wait: PT1S, metadata: {needs: [c]}}\n          - c: {wait: PT1S, metadata: {needs: [a]}}",
            at: "/do/0/f/fork/branches/1/a/metadata/needs", 7, 40, "a → b → c → a"),
        FaultCase(
            "do:\n  - f:\n      fork:\n        branches:\n          - a: {wait: PT1S, then: b}\n          - b: {wait: PT1S}",
            at: "/do/0/f/fork/branches/0/a/then", 6, 29, "branches run at the same time"),
        FaultCase(
            "do:\n  - f: {fork: {branches: [{a: {set: {x: '${ $branches.b }'}}}]}}",
            at: "/do/0/f/fork/branches/0/a/set/x", 3, 45, "$branches"),
    ]

    private static let errors: [FaultCase] = [
        FaultCase("do:\n  - a: {try: []}", at: "/do/0/a", 3, 5, "a 'try' task needs 'catch'"),
        FaultCase("do:\n  - a: {try: [], catch: {errors: {with: {}}}}", at: "/do/0/a/catch/errors/with", 3, 36, "at least one member"),
        FaultCase("do:\n  - a: {try: [], catch: {errors: {with: {kind: x}}}}", at: "/do/0/a/catch/errors/with/kind", 3, 43, "unknown member 'kind' of an error filter"),
        FaultCase("do:\n  - a: {try: [], catch: {errors: {with: {type: '${ .t }'}}}}", at: "/do/0/a/catch/errors/with/type", 3, 43, "use 'when' for expressions"),
        FaultCase("do:\n  - a: {try: [], catch: {errors: {with: {status: '404'}}}}", at: "/do/0/a/catch/errors/with/status", 3, 43, "whole number from 100 to 999"),
        FaultCase("do:\n  - a: {try: [], catch: {as: task}}", at: "/do/0/a/catch/as", 3, 27, "'$task' has a meaning of its own"),
        FaultCase("do:\n  - a: {try: [], catch: {as: e, when: $error}}", at: "/do/0/a/catch/when", 3, 40, "$error"),
        FaultCase("do:\n  - a: {try: [{b: {set: {x: '${ $error }'}}}], catch: {}}", at: "/do/0/a/try/0/b/set/x", 3, 35, "$error"),
        FaultCase("do:\n  - a: {try: [], catch: {retry: default}}", at: "/do/0/a/catch/retry", 3, 27, "'default' is not in 'use.retries'"),
        FaultCase("do:\n  - a: {try: [], catch: {retry: {backoff: {}}}}", at: "/do/0/a/catch/retry/backoff", 3, 35, "exactly one of 'constant', 'linear' or 'exponential'"),
        FaultCase("do:\n  - a: {try: [], catch: {retry: {backoff: {linear: {step: 1}}}}}", at: "/do/0/a/catch/retry/backoff/linear/step", 3, 54, "has no settings"),
        FaultCase("do:\n  - a: {try: [], catch: {retry: {limit: {attempt: {count: -1}}}}}", at: "/do/0/a/catch/retry/limit/attempt/count", 3, 53, "whole number from 0"),
        FaultCase("do:\n  - a: {try: [], catch: {retry: {jitter: {from: PT2S, to: PT1S}}}}", at: "/do/0/a/catch/retry/jitter", 3, 35, "must not be longer than its 'to'"),
        FaultCase("do:\n  - a: {raise: {error: oops}}", at: "/do/0/a/raise/error", 3, 17, "'oops' is not in 'use.errors'"),
        FaultCase("do:\n  - a: {raise: {}}", at: "/do/0/a/raise", 3, 9, "'raise' needs 'error'"),
        FaultCase("do:\n  - a: {raise: {error: {status: 400}}}", at: "/do/0/a/raise/error", 3, 17, "an error needs 'type'"),
        FaultCase("do:\n  - a: {raise: {error: {type: oops, status: 400}}}", at: "/do/0/a/raise/error/type", 3, 25, "must be an absolute URI"),
        FaultCase("do:\n  - a: {raise: {error: {type: 'https://x.org/{a', status: 400}}}", at: "/do/0/a/raise/error/type", 3, 25, "'{' has no matching '}'"),
        FaultCase("do:\n  - a: {raise: {error: {type: 'https://x.org/', status: bad}}}", at: "/do/0/a/raise/error/status", 3, 49, "'status' of an error must be a whole number"),
        FaultCase("do: []\nuse: {errors: {e: {type: 'https://x.org/'}}}", at: "/use/errors/e", 3, 16, "an error needs 'status'"),
        FaultCase("do: []\nuse: {retries: {r: {when: $err}}}", at: "/use/retries/r/when", 3, 27, "$err"),
    ]

    private static let calls: [FaultCase] = [
        FaultCase("do:\n  - a: {call: lllm}", at: "/do/0/a/call", 3, 9, "there is no function 'lllm'; did you mean 'llm'? (known: 'http', 'echo' and 'llm')"),
        FaultCase("do:\n  - a: {call: llm}", at: "/do/0/a", 3, 5, "needs 'with' and in it 'prompt'"),
        FaultCase("do:\n  - a: {call: llm, with: {model: m}}", at: "/do/0/a/with", 3, 20, "the arguments of 'llm' needs 'prompt'"),
        FaultCase("do:\n  - a: {call: llm, with: {prompt: x, promt: y}}", at: "/do/0/a/with/promt", 3, 38, "did you mean 'prompt'?"),
        FaultCase("do:\n  - a: {call: llm, with: {prompt: x, max_tokens: 0}}", at: "/do/0/a/with/max_tokens", 3, 38, "'max_tokens'"),
        FaultCase("do:\n  - a: {call: llm, with: [1]}", at: "/do/0/a/with", 3, 20, "must be an object, not an array"),
        FaultCase("do:\n  - a: {call: llm, with: {prompt: x}, metadata: {effect: twice}}", at: "/do/0/a/metadata/effect", 3, 50, "'pure', 'idempotent', 'keyed' or 'once', not 'twice'"),
        FaultCase("do:\n  - a: {call: http}", at: "/do/0/a", 3, 5, "a call of 'http' needs 'with'"),
        FaultCase("do:\n  - a: {call: http, with: {method: get}}", at: "/do/0/a/with", 3, 21, "needs 'endpoint'"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: 'ftp://x'}}", at: "/do/0/a/with/endpoint", 3, 41, "begins with http:// or https://"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: 'http://x/{+a}'}}", at: "/do/0/a/with/endpoint", 3, 41, "operator '+'"),
        FaultCase("do:\n  - a: {call: http, with: {method: 'a b', endpoint: 'http://x'}}", at: "/do/0/a/with/method", 3, 28, "must be an HTTP method"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: 'http://x', url: x}}", at: "/do/0/a/with/url", 3, 63, "unknown member 'url'"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: 'http://x', output: all}}", at: "/do/0/a/with/output", 3, 63, "'raw', 'content' or 'response'"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: 'http://x', query: {n: 5}}}", at: "/do/0/a/with/query/n", 3, 71, "must be a string, not the number 5; write it in quotes"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: {use: me}}}}", at: "/do/0/a/with/endpoint/authentication/use", 3, 87, "'me' is not in 'use.authentications'"),
        FaultCase("do:\n  - a: {call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: {basic: {username: u}}}}}", at: "/do/0/a/with/endpoint/authentication/basic", 3, 87, "'basic' needs 'password'"),
        FaultCase("do:\n  - a: {run: {workflow: {namespace: n, name: b_c}}}", at: "/do/0/a/run/workflow/name", 3, 39, "letters, digits and hyphens"),
        FaultCase("do:\n  - a: {run: {workflow: {namespace: n, name: b, version: 1}}}", at: "/do/0/a/run/workflow/version", 3, 48, "write it in quotes"),
        FaultCase("do:\n  - a: {run: {await: true}}", at: "/do/0/a/run", 3, 9, "exactly one of 'workflow'"),
        FaultCase("do:\n  - a: {run: {workflow: {namespace: n, name: b}, return: code}}", at: "/do/0/a/run/return", 3, 50, "a workflow has no 'code'"),
        FaultCase(
            "use:\n  functions:\n    f: {do: [{x: {call: g}}]}\n    g: {call: f}\ndo: []", at: "/use/functions/g/call", 5, 9,
            "functions call each other in a circle: f → g → f"),
        FaultCase("use: {functions: {f: {call: f}}}\ndo: []", at: "/use/functions/f/call", 2, 23, "f → f"),
        FaultCase("use: {functions: {f: {wait: PT1S, then: g}, g: {wait: PT1S}}}\ndo: []", at: "/use/functions/f/then", 2, 35, "it is alone"),
        FaultCase("use: {functions: {f: {wait: PT1S}}}\ndo: [{a: {call: f, metadata: {effect: once}}}]", at: "/do/0/a/metadata/effect", 3, 31, "belongs to the tasks of the function"),
        FaultCase(
            "use: {functions: {f: {set: {x: '${ $item }'}}}}\ndo: [{a: {for: {in: .}, do: [{b: {call: f}}]}}]", at: "/use/functions/f/set/x", 2, 36,
            "$item"),
    ]

    @Test("Every fault is told where it is", arguments: top + tasks + control + errors + calls)
    func placed(_ expected: FaultCase) throws {
        try expectOnly(expected)
    }

    @Test("The head is checked", arguments: [
        ("dsl: 2.0.0", "/document/dsl", "must be a version 1.0.x"), ("dsl: 1.0.0-alpha5", "/document/dsl", "1.0.x"),
        ("dsl: 1.0", "/document/dsl", "must be a string, not the number 1.0; write it in quotes"),
        ("namespace: a_b", "/document/namespace", "letters, digits and hyphens"), ("name: -a", "/document/name", "hyphen"),
        ("name: \(String(repeating: "a", count: 64))", "/document/name", "1 to 63"), ("version: 1.0", "/document/version", "quotes"),
        ("version: '1.0'", "/document/version", "semantic version"), ("version: 01.0.0", "/document/version", "semantic version"),
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
        let faults = try faults(in: document("do:\n  - a: {set: {x: 1}, then: b}\n  - c: {wait: 5}\nuse: {x: 1}\ninput: 5"))
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
        let body = "use: {errors: {e: {type: x, status: 400}}}\ndo:\n  - a: {raise: {error: e}}\n  - b: {raise: {error: e}}"
        #expect(try faults(in: document(body)).map(\.pointer) == ["/use/errors/e/type"])
    }
}

@Suite struct ExpressionFaultPlaceTests {
    @Test("Faults of expressions are told where they stand in the document", arguments: [
        FaultCase("do:\n  - a: {set: {x: '${ .a + $nope }'}}", at: "/do/0/a/set/x", 3, 28, "$nope"),
        FaultCase("do:\n  - a:\n      if: .a == $nope\n      set: {x: 1}", at: "/do/0/a/if", 4, 17, "$nope"),
        FaultCase("do:\n  - a:\n      set:\n        x: >-\n          text ${ $nope } text", at: "/do/0/a/set/x", 6, 19, "$nope"),
        FaultCase(
            "do:\n  - a:\n      set:\n        x: |\n          ${\n            .a |\n              $nope\n          }", at: "/do/0/a/set/x", 8, 15,
            "$nope"),
        FaultCase(
            "do:\n  - a:\n      set:\n        x: [1, {y: \"ü ${ .a }${ $nope }\"}]", at: "/do/0/a/set/x/1/y", 5, 34, "$nope"),
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
