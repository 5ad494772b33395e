import CognitionWorkflows
import Testing

/// Where a document may name secrets.
@Suite("Secrets in definitions") struct SecretDefinitionTests {
    private static let call = "call: http, with: {method: get, endpoint: 'http://x'}"
    private static func authenticated(_ policy: String) -> String {
        "use: {secrets: [mine]}\ndo: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: "
            + policy + "}}}}]"
    }

    @Test(
        "Secrets may be named in 'input.from' of calls and processes, and in authentication policies",
        arguments: [
            "use: {secrets: [mine]}\ndo: [{a: {input: {from: '$secrets.mine'}, \(call)}}]",
            "use: {secrets: [mine]}\ndo: [{a: {input: {from: {k: '${ $secrets.mine }'}}, \(call)}}]",
            "use: {secrets: [my-one]}\ndo: [{a: {input: {from: '$secrets[\"my-one\"]'}, \(call)}}]",
            "use: {secrets: [my-one]}\ndo: [{a: {input: {from: '$secrets.\"my-one\"'}, \(call)}}]",
            "use: {secrets: [mine]}\ndo: [{a: {input: {from: '. + {n: ($secrets | keys)}'}, call: echo}}]",
            "use: {secrets: [mine], functions: {f: {input: {from: '$secrets.mine'}, \(call)}}}\ndo: [{a: {call: f}}]",
            "use: {secrets: [mine]}\ndo: []",
            authenticated("{basic: {use: mine}}"), authenticated("{bearer: {use: mine}}"),
            authenticated("{digest: {use: mine}}"), authenticated("{oauth2: {use: mine}}"),
            authenticated("{oidc: {use: mine}}"),
            "use: {secrets: [mine], authentications: {p: {basic: {use: mine}}}}\ndo: []",
        ])
    func allowed(_ body: String) throws { #expect(try faults(in: document(body)).isEmpty) }

    @Test(
        "Anywhere else they would come into the history, and are refused with that reason",
        arguments: [
            ("do: [{a: {set: {x: '${ $secrets.mine }'}}}]", "/do/0/a/set/x"),
            ("do: [{a: {if: '$secrets.mine', \(call)}}]", "/do/0/a/if"),
            ("do: [{a: {output: {as: '$secrets.mine'}, \(call)}}]", "/do/0/a/output/as"),
            ("do: [{a: {export: {as: '$secrets'}, \(call)}}]", "/do/0/a/export/as"),
            ("do: [{a: {input: {from: '$secrets.mine'}, set: {x: 1}}}]", "/do/0/a/input/from"),
            ("do: [{a: {input: {from: '$secrets.mine'}, do: [{b: {set: {x: 1}}}]}}]", "/do/0/a/input/from"),
            ("input: {from: '$secrets.mine'}\ndo: []", "/input/from"),
            ("output: {as: '$secrets.mine'}\ndo: []", "/output/as"),
            (
                "do: [{a: {call: http, with: {method: get, endpoint: 'http://x', headers: {k: '${ $secrets.mine }'}}}}]",
                "/do/0/a/with/headers/k"
            ),
            ("do: [{a: {raise: {error: {type: 'x://y', status: 500, detail: '${ $secrets.mine }'}}}}]", nil),
        ])
    func refused(_ body: String, _ pointer: String?) throws {
        let faults = try faults(in: document("use: {secrets: [mine]}\n" + body))
        #expect(faults.count == 1, "\(faults)")
        let fault = try #require(faults.first)
        #expect(fault.message.contains("$secrets is known only in 'input.from'"), "\(fault)")
        if let pointer { #expect(fault.pointer == pointer) }
    }

    @Test(
        "What is not declared, or would be stored as another task's input, is refused",
        arguments: [
            (
                "use: {secrets: [mine]}\ndo: [{a: {input: {from: '$secrets.mein'}, \(call)}}]", "/do/0/a/input/from",
                "the secret 'mein' is not declared in 'use.secrets'; known: 'mine'"
            ),
            (
                "do: [{a: {input: {from: '$secrets.mine'}, \(call)}}]", "/do/0/a/input/from",
                "'use.secrets' declares none"
            ),
            (
                "use: {secrets: [mine], functions: {f: {set: {x: 1}}}}\ndo: [{a: {input: {from: '$secrets'}, call: f}}]",
                "/do/0/a/input/from", "the input of a function's task is stored"
            ),
            (
                """
                use: {secrets: [mine]}
                do: [{a: {input: {from: '$secrets'}, run: {workflow: {namespace: n, name: b}}}}]
                """, "/do/0/a/input/from", "the input of another execution is stored"
            ),
            ("use: {secrets: [a, a]}\ndo: []", "/use/secrets/1", "twice"),
            ("use: {secrets: ['a b']}\ndo: []", "/use/secrets/0", "letters, digits"),
            ("use: {secrets: x}\ndo: []", "/use/secrets", "must be a list"),
            (
                authenticated("{basic: {use: yours}}"), "/do/0/a/with/endpoint/authentication/basic/use",
                "'yours' is not declared"
            ),
        ])
    func undeclared(_ body: String, _ pointer: String, _ says: String) throws {
        let faults = try faults(in: document(body))
        #expect(faults.count == 1, "\(faults)")
        #expect(faults.first?.pointer == pointer)
        #expect(faults.first?.message.contains(says) == true, "\(faults)")
    }
}
