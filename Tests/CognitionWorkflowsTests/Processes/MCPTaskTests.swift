import CognitionCore
import CognitionWorkflows
import Foundation
import Testing

/// `call: mcp` against the official server over HTTP, and against a small one on standard input and output.
@Suite struct MCPTaskTests {
    private static let server = ProcessPeers.folder.appending(path: "mcp_http_server.py").path

    private static func http(
        _ peer: PythonPeer, _ method: String, _ parameters: String = "{}", _ more: String = ""
    ) -> String {
        "- a: {call: mcp, with: {method: \(method), parameters: \(parameters)\(more), "
            + "transport: {http: {endpoint: 'http://127.0.0.1:\(peer.port)/mcp'}}}}"
    }

    @Test(
        "Every method works with the official server, whichever way it answers, in every revision",
        arguments: [[], ["json"], ["stateless"], ["json", "stateless"]])
    func official(_ mode: [String]) async throws {
        try await PythonPeer.run([Self.server] + mode) { peer in
            try await ProcessHarness.run { harness in
                let tools = try await harness.output(Self.http(peer, "tools/list"))
                #expect(tools["tools"]?.arrayValue?.compactMap { $0["name"] } == ["add", "fail", "work", "headers"])
                for version in MCPCallDefinition.versions {
                    let sum = try await harness.output(
                        Self.http(
                            peer, "tools/call", "{name: add, arguments: {a: 2, b: '${ .n }'}}",
                            ", protocolVersion: '\(version)'"), input: ["n": 3])
                    #expect(sum["content"]?[0]?["text"] == "5", "\(version): \(sum)")
                }
                let work = try await harness.output(
                    Self.http(peer, "tools/call", "{name: work, arguments: {steps: 3}}"))
                #expect(work["content"]?[0]?["text"] == "done")
                let prompts = try await harness.output(Self.http(peer, "prompts/list"))
                #expect(prompts["prompts"]?[0]?["name"] == "greet")
                let prompt = try await harness.output(
                    Self.http(peer, "prompts/get", "{name: greet, arguments: {name: Ada}}"))
                #expect(prompt["messages"]?[0]?["content"]?["text"] == "Hello, Ada")
                let resources = try await harness.output(Self.http(peer, "resources/list"))
                #expect(resources["resources"]?[0]?["uri"] == "notes://today")
                let templates = try await harness.output(Self.http(peer, "resources/templates/list"))
                #expect(templates["resourceTemplates"]?[0]?["uriTemplate"] == "notes://day/{day}")
                let note = try await harness.output(Self.http(peer, "resources/read", "{uri: 'notes://day/monday'}"))
                #expect(note["contents"]?[0]?["text"] == "of monday")
            }
        }
    }

    @Test("Failures of tools and of the server are faults of type runtime")
    func failures() async throws {
        try await PythonPeer.run([Self.server]) { peer in
            try await ProcessHarness.run { harness in
                let tool = try await harness.fault(
                    Self.http(peer, "tools/call", "{name: fail, arguments: {reason: no paper}}"))
                #expect(tool.type == WorkflowFault.Standard.runtime.type)
                #expect(tool.detail?.contains("the tool fail failed: ") == true, "\(tool)")
                let resource = try await harness.fault(Self.http(peer, "resources/read", "{uri: 'notes://never/x/y'}"))
                #expect(resource.type == WorkflowFault.Standard.runtime.type)
                #expect(resource.detail?.contains("was answered with error") == true, "\(resource)")
                let path = try await harness.fault(
                    "- a: {call: mcp, with: {method: tools/list, transport: {http: {endpoint: 'http://127.0.0.1:\(peer.port)/x'}}}}"
                )
                #expect(path.type == WorkflowFault.Standard.communication.type && path.status == 404)
            }
        }
    }

    @Test("A session is begun, kept and ended, and says who calls")
    func headers() async throws {
        try await PythonPeer.run([Self.server], environment: ["TOKEN": "sesame"]) { peer in
            try await ProcessHarness.run { harness in
                let endpoint =
                    "endpoint: {uri: 'http://127.0.0.1:\(peer.port)/mcp', authentication: {bearer: {token: sesame}}}"
                let call =
                    "- a: {call: mcp, with: {method: tools/call, parameters: {name: headers}, "
                    + "transport: {http: {\(endpoint), headers: {X-Source: test}}}}}"
                _ = try await harness.output(call)
                let answer = try await harness.output(call)
                let seen = try #require(answer["structuredContent"]?["result"]?.arrayValue)
                // The first session, and as much of the second as there was when its tool looked.
                #expect(
                    seen.compactMap { $0["method"]?.stringValue } == [
                        "POST", "POST", "POST", "DELETE", "POST", "POST", "POST",
                    ])
                let first = seen.prefix(4)
                #expect(first.allSatisfy { $0["x-source"] == "test" && $0["authorization"] == "Bearer sesame" })
                #expect(first[0]["mcp-session-id"] == nil && first[0]["idempotency-key"] == nil)
                let session = try #require(first[1]["mcp-session-id"])
                #expect(first.dropFirst().allSatisfy { $0["mcp-session-id"] == session })
                #expect(first.dropFirst().allSatisfy { $0["mcp-protocol-version"] == "2025-06-18" })
                #expect(first[2]["idempotency-key"]?.stringValue?.isEmpty == false)
                #expect(seen[5]["mcp-session-id"] != session)
                let stranger = try await harness.fault(Self.http(peer, "tools/list"))
                #expect(stranger.type == WorkflowFault.Standard.communication.type && stranger.status == 401)
            }
        }
    }

    // MARK: Standard input and output

    private static func stdio(
        _ method: String, _ parameters: String = "{}", environment: String = "{}", more: String = ""
    ) throws -> String {
        let code = try JSONValue.string(ProcessPeers.text("mcp_stdio_server.py")).jsonText
        return "- a: {call: mcp, with: {method: \(method), parameters: \(parameters)\(more), transport: {stdio: "
            + "{command: python3, arguments: [-c, \(code), word], environment: \(environment)}}}}"
    }

    @Test("A program in the sandbox is talked with by lines; its pages are put together, its requests answered")
    func program() async throws {
        try await ProcessHarness.run { harness in
            let tools = try await harness.output(Self.stdio("tools/list"))
            #expect(tools == ["tools": .array((0..<5).map { ["name": .string("tool\($0)")] })])
            let page = try await harness.output(Self.stdio("tools/list", "{cursor: '2'}"))
            #expect(page == ["tools": [["name": "tool2"], ["name": "tool3"]], "nextCursor": "4"])
            let log = try await harness.output(Self.stdio("tools/call", "{name: log}"))
            let seen = try #require(log["structuredContent"])
            #expect(
                seen["log"] == ["initialize", "notifications/initialized", "tools/call", "a", "b"], "\(seen)")
            #expect(seen["arguments"] == ["word"])
            #expect(seen["meta"]?["idempotencyKey"]?.stringValue?.isEmpty == false)
        }
    }

    @Test("What a program does wrong is a fault that says so")
    func programFailures() async throws {
        try await ProcessHarness.run { harness in
            let tool = try await harness.fault(Self.stdio("tools/call", "{name: fail}"))
            #expect(tool.type == WorkflowFault.Standard.runtime.type)
            #expect(tool.detail == "the tool fail failed: no\nnever")
            let error = try await harness.fault(Self.stdio("tools/call", "{name: other}"))
            #expect(error.type == WorkflowFault.Standard.runtime.type)
            #expect(error.detail == "tools/call was answered with error -32602: no such tool")
            let end = try await harness.fault(Self.stdio("tools/call", "{name: die}"))
            #expect(end.type == WorkflowFault.Standard.communication.type)
            #expect(end.detail?.contains("out of paper") == true, "\(end)")
            let time = try await harness.fault(Self.stdio("tools/call", "{name: hang}", more: ", timeout: PT1S"))
            #expect(time.type == WorkflowFault.Standard.timeout.type, "\(time)")
            let version = try await harness.fault(Self.stdio("tools/list", environment: "{VERSION: '1999'}"))
            #expect(version.detail?.contains("revision 1999") == true, "\(version)")
            let circle = try await harness.fault(Self.stdio("tools/list", environment: "{CIRCLE: '1'}"))
            #expect(circle.detail?.contains("circle") == true, "\(circle)")
            let missing = try await harness.fault(
                "- a: {call: mcp, with: {method: tools/list, transport: {stdio: {command: no-such-server}}}}")
            #expect(missing.detail?.contains("no-such-server") == true, "\(missing)")
        }
    }

    @Test(
        "Faults of a document are named where they are",
        arguments: [
            ("{transport: {stdio: {command: x}}}", "/do/0/a/with", "needs 'method'"),
            ("{method: tools/list}", "/do/0/a/with", "needs 'transport'"),
            ("{method: tools/run, transport: {stdio: {command: x}}}", "/do/0/a/with/method", "tools/list"),
            ("{method: tools/list, transport: {}}", "/do/0/a/with/transport", "exactly one of 'http' and 'stdio'"),
            (
                "{method: tools/call, parameters: {}, transport: {stdio: {command: x}}}", "/do/0/a/with/parameters",
                "needs 'name'"
            ),
            (
                "{method: tools/list, protocolVersion: '2020-01-01', transport: {stdio: {command: x}}}",
                "/do/0/a/with/protocolVersion", "2025-06-18"
            ),
            (
                "{method: tools/list, transport: {http: {endpoint: 'ftp://x'}}}",
                "/do/0/a/with/transport/http/endpoint", "http://"
            ),
            (
                "{method: tools/list, transport: {stdio: {command: x}, options: {a: b}}}",
                "/do/0/a/with/transport/options/a", "options"
            ),
            (
                "{method: tools/list, client: {name: x}, transport: {stdio: {command: x}}}", "/do/0/a/with/client",
                "needs 'version'"
            ),
        ])
    func definitionFaults(_ with: String, _ pointer: String, _ says: String) throws {
        let context = DefinitionContext(processes: ProcessRules(allowsShell: true))
        do throws(DefinitionError) {
            _ = try WorkflowDefinition(
                reading: document("do: [{a: {call: mcp, with: \(with)}}]"), format: .yaml, context: context)
            Issue.record("accepted: \(with)")
        } catch {
            #expect(error.faults.count == 1 && error.faults[0].pointer == pointer, "\(error.faults)")
            #expect(error.faults[0].message.contains(says), "\(error.faults)")
        }
    }
}
