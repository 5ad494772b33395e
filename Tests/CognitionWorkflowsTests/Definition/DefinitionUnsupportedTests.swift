import CognitionWorkflows
import Testing

@Suite struct DefinitionUnsupportedTests {
    private static let http =
        "do:\n  - a: {call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: "

    @Test(
        "What is not supported is refused by name",
        arguments: [
            ("do: [{a: {emit: {event: {with: {source: 'x://y', type: t}}}}}]", "/do/0/a/emit", "'emit' tasks", true),
            ("do: [{a: {listen: {to: {any: []}}}}]", "/do/0/a/listen", "'listen' tasks", true),
            ("do: [{a: {call: grpc, with: {}}}]", "/do/0/a/call", "'grpc'", false),
            ("do: [{a: {call: openapi, with: {}}}]", "/do/0/a/call", "'openapi'", true),
            ("do: [{a: {call: asyncapi, with: {}}}]", "/do/0/a/call", "'asyncapi'", false),
            ("do: [{a: {call: a2a, with: {}}}]", "/do/0/a/call", "'a2a'", false),
            ("do: [{a: {call: mcp, with: {}}}]", "/do/0/a/call", "'mcp'", true),
            ("do: [{a: {run: {container: {image: x}}}}]", "/do/0/a/run/container", "container", false),
            ("do: [{a: {run: {script: {language: js}}}}]", "/do/0/a/run/script", "script", true),
            ("do: [{a: {run: {shell: {command: ls}}}}]", "/do/0/a/run/shell", "shell", true),
            ("do: []\nschedule: {cron: '0 0 * * *'}", "/schedule", "'schedule'", true),
            ("do: []\nevaluate: {mode: loose}", "/evaluate/mode", "'loose'", false),
            ("do: []\nevaluate: {language: js}", "/evaluate/language", "'js'", false),
            ("do: []\nuse: {secrets: [a]}", "/use/secrets", "secrets", true),
            ("do: [{a: {set: {x: '${ $secrets.a }'}}}]", "/do/0/a/set/x", "$secrets", true),
            (
                "do: [{a: {set: {x: 1}, metadata: {compensate: b}}}]", "/do/0/a/metadata/compensate", "'compensate'",
                true
            ),
            (
                http + "{digest: {username: u, password: p}}}}}", "/do/0/a/with/endpoint/authentication/digest",
                "'digest'", true
            ),
            (http + "{oauth2: {}}}}}", "/do/0/a/with/endpoint/authentication/oauth2", "'oauth2'", true),
            (http + "{oidc: {}}}}}", "/do/0/a/with/endpoint/authentication/oidc", "'oidc'", true),
            (http + "{certificate: {}}}}}", "/do/0/a/with/endpoint/authentication/certificate", "'certificate'", false),
            (http + "{bearer: {use: s}}}}}", "/do/0/a/with/endpoint/authentication/bearer/use", "secrets", true),
        ])
    func refused(_ body: String, _ pointer: String, _ says: String, _ comesLater: Bool) throws {
        let faults = try faults(in: document(body))
        #expect(faults.count == 1, "\(faults)")
        let fault = try #require(faults.first)
        #expect(fault.pointer == pointer)
        #expect(fault.message.contains(says) && fault.message.contains("not supported"), "\(fault)")
        #expect(fault.message.contains("later release") == comesLater, "\(fault)")
        #expect(fault.line != nil)
    }

    @Test("Strict jq may be asked for")
    func strict() throws {
        #expect(try faults(in: document("do: []\nevaluate: {language: jq, mode: strict}")).isEmpty)
    }
}
