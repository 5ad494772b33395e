import CognitionWorkflows
import Testing

@Suite struct DefinitionUnsupportedTests {
    private static let http =
        "do:\n  - a: {call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: "

    @Test(
        "What is not supported is refused by name",
        arguments: [
            ("do: [{a: {call: grpc, with: {}}}]", "/do/0/a/call", "'grpc'", false),
            ("do: [{a: {call: asyncapi, with: {}}}]", "/do/0/a/call", "'asyncapi'", false),
            ("do: [{a: {call: a2a, with: {}}}]", "/do/0/a/call", "'a2a'", false),
            ("do: [{a: {run: {container: {image: x}}}}]", "/do/0/a/run/container", "container", false),
            ("do: []\nevaluate: {mode: loose}", "/evaluate/mode", "'loose'", false),
            ("do: []\nevaluate: {language: js}", "/evaluate/language", "'js'", false),
            (
                http + "{certificate: {}}}}}", "/do/0/a/with/endpoint/authentication/certificate", "'certificate'",
                false
            ),
            (
                http + "{oauth2: {authority: 'http://a', grant: authorization_code}}}}}",
                "/do/0/a/with/endpoint/authentication/oauth2/grant", "'authorization_code'", false
            ),
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
