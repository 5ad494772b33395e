import CognitionCore
import CognitionWorkflows
import Testing

@Suite struct DefinitionRobustnessTests {
    @Test("YAML 1.2: only true and false are booleans")
    func booleans() throws {
        let definition = try read("do: [{a: {set: {no: no, on: on, yes: Yes, t: true, time: 1:30, date: 2026-11-21}}}]")
        guard case .set(let set) = definition.tasks.tasks[0].kind else { throw NotAsWritten(what: "no set") }
        #expect(
            set.constant
                == ["no": "no", "on": "on", "yes": "Yes", "t": true, "time": "1:30", "date": "2026-11-21"])
    }

    @Test(
        "Texts that are no document tell their line",
        arguments: [
            ("do: []\ndo: []", 2), ("do:\n  - a: {set: {x: 1, x: 2}}", 3),
            ("input: &x {from: .}\ndo: [{a: {set: {<<: *x}}}]", 3),
            ("do:\n\t- a: {}", 3), ("do: [", 2), ("do: !!binary aGk=", 2), ("do: []\n---\ndo: []", 3),
        ])
    func malformed(_ body: String, _ line: Int) throws {
        let faults = try faults(in: document(body))
        #expect(faults.count == 1, "\(faults)")
        #expect((faults.first?.line ?? 0) >= line, "\(faults)")
        #expect(faults.first?.pointer == "")
    }

    @Test("The same document has the same hash in YAML and JSON, whatever the order of members")
    func hashes() throws {
        let yaml = """
            # a comment
            document: {dsl: 1.0.3, namespace: n, name: m, version: 1.0.0}
            do:
              - a:
                  set:
                    x: 1
                    y: |
                      two
                      lines
            """
        let json = """
            {"do": [{"a": {"set": {"y": "two\\nlines", "x": 1.0}}}],
             "document": {"version": "1.0.0", "name": "m", "namespace": "n", "dsl": "1.0.3"}}
            """
        let first = try WorkflowDefinition(reading: yaml, format: .yaml, context: .test)
        let second = try WorkflowDefinition(reading: json, format: .json, context: .test)
        #expect(first.hash == second.hash)
        #expect(try WorkflowDefinition(reading: json, context: .test).hash == first.hash)
        #expect(try WorkflowDefinition(document: second.document, context: .test).hash == first.hash)
        #expect(first.hash == first.document.canonicalDigest)
        let other = try WorkflowDefinition(reading: json.replacing("1.0}", with: "1.5}"), context: .test)
        #expect(other.hash != first.hash)
    }

    @Test("JSON's faults have lines too")
    func json() throws {
        let text = """
            {"document": {"dsl": "1.0.3", "namespace": "n", "name": "m", "version": "1.0.0"},
             "do": [{"a": {"set": {"x": 1},
               "then": "b"}}]}
            """
        let fault = try #require(try faults(in: text, format: .json).first)
        #expect(fault.pointer == "/do/0/a/then" && fault.line == 3 && fault.column == 4)
    }

    @Test("Deep documents are refused, as text and as value", arguments: ["[", "{a: ", "{\"a\":"])
    func deep(_ opening: String) throws {
        let text = String(repeating: opening, count: 10_000)
        for format in DefinitionFormat.allCases {
            #expect(throws: DefinitionError.self) {
                try WorkflowDefinition(reading: document("do: " + text), format: format, context: .test)
            }
            #expect(throws: DefinitionError.self) {
                try WorkflowDefinition(reading: text, format: format, context: .test)
            }
        }
        var value: JSONValue = []
        for _ in 0..<1_000 { value = [value] }
        let error = #expect(throws: DefinitionError.self) {
            try WorkflowDefinition(document: ["do": value], context: .test)
        }
        #expect(error?.message.contains("deep") == true)
    }

    @Test("Tasks lie at most 64 deep, functions included")
    func nesting() throws {
        func nested(_ count: Int, _ inner: String) -> String {
            String(repeating: "[{t: {do: ", count: count) + inner + String(repeating: "}}]", count: count)
        }
        #expect(try faults(in: document("do: " + nested(63, "[{t: {wait: PT1S}}]"))).isEmpty)
        #expect(
            try faults(in: document("do: " + nested(64, "[{t: {wait: PT1S}}]"))).map(\.message) == [
                "tasks lie at most 64 deep inside one another"
            ])
        let function = "use: {functions: {f: {do: \(nested(30, "[]"))}}}\n"
        #expect(try faults(in: document(function + "do: " + nested(30, "[{t: {call: f}}]"))).isEmpty)
        let tooDeep = try faults(in: document(function + "do: " + nested(40, "[{t: {call: f}}]")))
        #expect(tooDeep.count == 1 && tooDeep[0].message.contains("functions included"), "\(tooDeep)")
    }

    @Test("Large documents are refused")
    func large() throws {
        let tasks = (0..<20_001).map { "{\"t\($0)\":{\"wait\":\"PT1S\"}}" }.joined(separator: ",")
        let faults = try faults(in: document("do: [\(tasks)]"))
        #expect(faults.map(\.message) == ["a definition has at most 20000 tasks"])
        let long = document("do: []\nuse: {} # " + String(repeating: "x", count: 1 << 20))
        #expect(throws: DefinitionError.self) { try WorkflowDefinition(reading: long, context: .test) }
        let value: JSONValue = ["do": .string(String(repeating: "x", count: 1 << 20))]
        #expect(throws: DefinitionError.self) { try WorkflowDefinition(document: value, context: .test) }
    }

    /// A generator whose seed is told when a test fails.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            // SplitMix64, Steele, Lea and Flood 2014.
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let seed = document(
        """
        use:
          functions: {f: {call: http, with: {method: get, endpoint: 'http://x/{id}'}}}
          retries: {r: {delay: PT1S, backoff: {linear: {}}, limit: {attempt: {count: 3}}}}
          errors: {e: {type: 'https://x.org/e', status: 400}}
        input: {schema: {document: {type: object, properties: {a: {pattern: '^a'}}}}, from: .a}
        do:
          - a: {for: {in: .l, each: x}, do: [{b: {call: f, with: {id: '${ $x }'}}}], metadata: {concurrency: 3}}
          - c:
              try: [{d: {raise: {error: e}}}]
              catch: {errors: {with: {status: 400}}, retry: r, do: [{h: {set: '${ $error }'}}]}
          - e: {fork: {branches: [{p: {wait: PT1S}}, {q: {wait: {seconds: 1}, metadata: {needs: [p]}}}]}, then: g}
          - f: {switch: [{one: {when: .x, then: a}}, {two: {then: end}}]}
          - g: {call: llm, with: {prompt: 'Say ${ .w } twice: ${ "}" }'}, timeout: {after: PT5S}}
          - i: {run: {workflow: {namespace: n, name: m, input: {k: '${ . }'}}}}
        """)

    @Test("Changed texts are read or refused, never more", arguments: 0..<8)
    func mutatedTexts(_ number: UInt64) throws {
        #expect(try faults(in: Self.seed).isEmpty)
        var random = Seeded(state: number)
        let original = Array(Self.seed.utf8)
        let snippets = [
            "${", "}", "{", "[", "]", ": ", "- ", "\n", "&a ", "*a", "<<", "'", "\"", "null", "$", "\t", "9", "\u{0}",
        ]
        for _ in 0..<60 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.remove(at: place)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 2:
                    bytes.insert(
                        contentsOf: snippets[Int.random(in: 0..<snippets.count, using: &random)].utf8, at: place)
                default:
                    let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
                    bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0..<bytes.count, using: &random))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            for fault in try faults(in: text, format: .auto) { #expect(!fault.message.isEmpty) }
        }
    }

    @Test("Changed values are read or refused, never more", arguments: 100..<106)
    func mutatedValues(_ number: UInt64) throws {
        var random = Seeded(state: number)
        let document = try WorkflowDefinition(reading: Self.seed, context: .test).document
        let odd: [JSONValue] = [
            .null, true, -1, 1.5, "", "${", "${ . }", [], [[]], [:], ["a": .null], .literal("1e999"), "then",
        ]
        var refused = 0
        for _ in 0..<200 {
            let changed = mutate(document, with: odd, using: &random)
            do {
                _ = try WorkflowDefinition(document: changed, context: .test)
            } catch let error as DefinitionError {
                refused += 1
                #expect(!error.faults.isEmpty)
                for fault in error.faults { #expect(JSONPointer(fault.pointer) != nil) }
            }
        }
        #expect(refused > 100)
    }

    /// The value with one of its parts replaced, removed or renamed.
    private func mutate(_ value: JSONValue, with odd: [JSONValue], using random: inout Seeded) -> JSONValue {
        let stop = Int.random(in: 0..<6, using: &random) == 0
        switch value {
        case .object(let object) where !stop && !object.isEmpty:
            let name = Array(object.keys)[Int.random(in: 0..<object.count, using: &random)]
            var changed = object
            switch Int.random(in: 0..<12, using: &random) {
            case 0: changed.removeValue(forKey: name)
            case 1: changed[name + "x"] = object[name]
            default: changed[name] = mutate(object[name] ?? .null, with: odd, using: &random)
            }
            return .object(changed)
        case .array(let elements) where !stop && !elements.isEmpty:
            let index = Int.random(in: 0..<elements.count, using: &random)
            var changed = elements
            changed[index] = mutate(elements[index], with: odd, using: &random)
            return .array(changed)
        default:
            return odd[Int.random(in: 0..<odd.count, using: &random)]
        }
    }
}
