import CognitionCore
import CognitionTestSupport
import CognitionWorkflows
import Foundation
import Testing

/// The mask, as it is seen from outside: `call: script` gives back what it was given, in the spelling of a test.
@Suite("Masking of secrets") struct SecretMaskTests {
    private func output(_ secret: JSONValue, _ expression: String) async throws -> JSONValue? {
        let document = workflow(
            "masks", "1.0.0",
            """
            - send:
                input: {from: '{s: $secrets.key}'}
                call: script
                with: {out: '${ \(expression) }'}
                output: {as: .out}
            """
        ).replacing("do:\n", with: "use: {secrets: [key]}\ndo:\n")
        var output: JSONValue?
        try await withSecrets(on: .sqliteMemory, ["key": secret]) { harness in
            output = try await harness.running { try await harness.end(of: harness.execute(document)).output }
        }
        return output
    }

    @Test(
        "A long secret is found inside of texts, however it is spelled",
        arguments: [
            (".s", "••••"), (#""key=" + .s + "!""#, "key=••••!"), (".s + .s", "••••••••"),
            (#".s + "\u0301""#, "••••\u{301}"),
            (".s | @uri", "••••"), (#""a=" + (.s | @uri) + "&b""#, "a=••••&b"), (".s | tojson", "\"••••\""),
        ])
    func spellings(_ expression: String, _ expected: String) async throws {
        #expect(try await output("p/a\"ss wörd", expression) == .string(expected))
    }

    @Test("In base 64 it is found at any place", arguments: 0..<6)
    func base64(_ offset: Int) async throws {
        let before = String(repeating: "x", count: offset)
        let text = try await output("correct horse battery", #"("\#(before)" + .s + "yz") | @base64"#)?.stringValue
        let plain = Data("\(before)correct horse batteryyz".utf8).base64EncodedString()
        let shown = try #require(text)
        #expect(shown.contains("••••") && shown != plain)
        // What is left tells at most the bits that it shares with its neighbours.
        #expect(shown.replacing("••••", with: "").utf8.count <= (offset + 2) * 4 / 3 + 8)
    }

    @Test("Names of members, elements and numbers are looked at; short texts only as whole values")
    func places() async throws {
        #expect(
            try await output("long secret", "{(.s): 1, a: [.s, {b: .s}]}") == [
                "••••": 1, "a": ["••••", ["b": "••••"]],
            ])
        #expect(try await output(4_711_4711, "[.s, 1, (.s | tostring)]") == ["••••", 1, "••••"])
        #expect(try await output("abc", #"[.s, "abcdef", 1]"#) == ["••••", "abcdef", 1])
        #expect(try await output(["u": "ab", "p": "longer one"], #"[.s.u, .s.p, "cab"]"#) == ["••••", "••••", "cab"])
        #expect(try await output("long secret", #"["nothing", true, null, 1.5]"#) == ["nothing", true, .null, 1.5])
    }
}
