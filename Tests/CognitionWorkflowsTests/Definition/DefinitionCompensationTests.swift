import CognitionCore
import CognitionWorkflows
import Testing

@Suite("Compensations in definitions") struct DefinitionCompensationTests {
    private static func task(_ kind: String, _ compensate: String = "[{b: {set: {x: 1}}}]") -> String {
        "do:\n  - a: {\(kind), metadata: {compensate: \(compensate)}}"
    }

    @Test("A compensation is a list of its own, with references into the document, and its tasks are counted")
    func list() throws {
        let definition = try read(
            Self.task("call: echo, with: {}", "[{b: {do: [{c: {call: echo, with: {}}}]}}, {d: {set: {x: 1}}}]"))
        #expect(definition.taskCount == 4)
        let compensation = try #require(definition.tasks.tasks[0].compensation)
        #expect(compensation.reference == "/do/0/a/metadata/compensate" && compensation.name == "compensate a")
        let references = definition.places.keys.sorted()
        #expect(
            references == [
                "/do/0/a", "/do/0/a/metadata/compensate", "/do/0/a/metadata/compensate/0/b",
                "/do/0/a/metadata/compensate/0/b/do/0/c", "/do/0/a/metadata/compensate/1/d",
            ])
    }

    @Test(
        "Whatever does something, or holds what does, takes one",
        arguments: [
            "call: echo, with: {}", "call: http, with: {method: get, endpoint: 'http://x'}",
            "run: {workflow: {namespace: test, name: other}}", "do: []", "for: {in: .}, do: []",
            "fork: {branches: []}", "try: [], catch: {}",
        ])
    func allowed(_ kind: String) throws {
        #expect(try faults(in: document(Self.task(kind))).isEmpty)
    }

    @Test("Functions of the document, and their calls, take one")
    func functions() throws {
        let body = """
            use: {functions: {f: {call: echo, with: {}, metadata: {compensate: [{b: {set: {x: 1}}}]}}}}
            do: [{a: {call: f, metadata: {compensate: [{b: {call: f}}]}}}]
            """
        let definition = try read(body)
        #expect(definition.places["/use/functions/f/metadata/compensate/0/b"] != nil)
    }

    @Test(
        "What makes no sense is refused where it stands",
        arguments: [
            ("set: {x: 1}", "[{b: {set: {x: 1}}}]", "/do/0/a/metadata/compensate", "a 'set' task does nothing there"),
            ("wait: PT1S", "[{b: {set: {x: 1}}}]", "/do/0/a/metadata/compensate", "a 'wait' task"),
            ("switch: [{c: {then: end}}]", "[{b: {set: {x: 1}}}]", "/do/0/a/metadata/compensate", "a 'switch' task"),
            (
                "raise: {error: {type: 'https://x.org/e', status: 400}}", "[{b: {set: {x: 1}}}]",
                "/do/0/a/metadata/compensate", "a 'raise' task"
            ),
            ("do: []", "[]", "/do/0/a/metadata/compensate", "at least one task"),
            ("do: []", "b", "/do/0/a/metadata/compensate", "must be a list"),
            (
                "do: []", "[{b: {do: [{c: {do: [], metadata: {compensate: [{d: {set: {x: 1}}}]}}}]}}]",
                "/do/0/a/metadata/compensate/0/b/do/0/c/metadata/compensate", "cannot be compensated itself"
            ),
            ("do: []", "[{b: {set: {x: 1}, then: z}}]", "/do/0/a/metadata/compensate/0/b/then", "no task 'z'"),
            (
                "for: {in: .}, do: []", "[{b: {set: {x: '${ $item }'}}}]", "/do/0/a/metadata/compensate/0/b/set/x",
                "$compensated"
            ),
        ])
    func refused(_ kind: String, _ compensate: String, _ pointer: String, _ says: String) throws {
        let faults = try faults(in: document(Self.task(kind, compensate)))
        #expect(faults.count == 1, "\(faults)")
        #expect(faults.first?.pointer == pointer && faults.first?.message.contains(says) == true, "\(faults)")
        #expect(faults.first?.line != nil)
    }

    @Test("Only a compensation knows what it undoes, and variables around the task are not known in it")
    func variables() throws {
        #expect(try faults(in: document("do: [{a: {set: {x: '${ $compensated }'}}}]")).count == 1)
        let inLoop = """
            do:
              - l:
                  for: {in: .}
                  do: [{a: {call: echo, with: {}, metadata: {compensate: [{b: {set: {x: '${ $item }'}}}]}}}]
            """
        #expect(try faults(in: document(inLoop)).count == 1)
        #expect(try faults(in: document(inLoop.replacing("$item", with: "$compensated.output"))).isEmpty)
    }
}
