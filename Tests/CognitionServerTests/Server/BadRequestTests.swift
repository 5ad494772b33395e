import CognitionCore
import Foundation
import Testing

extension ServerTests {
    @Suite("Bad requests") struct BadRequestTests {
        struct Body: CustomTestStringConvertible {
            let name: String
            let bytes: [UInt8]
            var type: String? = "application/json"
            var status = 400
            var code = "request.body_invalid"
            var testDescription: String { name }

            init(_ name: String, _ text: String) { (self.name, bytes) = (name, Array(text.utf8)) }
            init(_ name: String, _ bytes: [UInt8]) { (self.name, self.bytes) = (name, bytes) }
            init(_ text: String, as type: String) {
                (name, bytes, self.type) = (type, Array(text.utf8), type)
                (status, code) = (415, "request.media_type_unsupported")
            }
        }

        private static let samples = [
            Body("nothing", ""), Body("a space", " "), Body("an open object", "{"), Body("words", "hello"),
            Body("two values", "{} {}"), Body("a number", "1"), Body("null", "null"), Body("an array", "[]"),
            Body("no members", "{}"), Body("a wrong type", #"{"workflow_id": 1}"#),
            Body("an unknown member", #"{"workflow_id": "a", "inputs": {}}"#),
            Body("a member twice", #"{"workflow_id": "a", "workflow_id": "b"}"#),
            Body("a comment", #"{"workflow_id": "a" /* b */}"#), Body("single quotes", "{'workflow_id': 'a'}"),
            Body("a half pair", #"{"workflow_id": "\ud800"}"#),
            Body("a byte order mark", [0xEF, 0xBB, 0xBF, 0x7B, 0x7D]),
            Body("no UTF-8", Array(#"{"workflow_id": ""#.utf8) + [0xFF, 0xC0, 0x22, 0x7D]),
            Body("UTF-16", [0xFF, 0xFE, 0x7B, 0, 0x7D, 0]),
            Body("a NUL", [0x7B, 0x00, 0x7D]), Body("a name with NUL", #"{"workflow_id": "a\u0000b"}"#),
            Body("deep arrays", String(repeating: "[", count: 200_000)),
            Body(
                "deep input",
                #"{"workflow_id": "a", "input": "# + String(repeating: "[", count: 600)
                    + String(repeating: "]", count: 600) + "}"),
            Body("too much patience", #"{"workflow_id": "a", "wait_seconds": 61}"#),
            Body("no patience", #"{"workflow_id": "a", "wait_seconds": -1}"#),
            Body("endless patience", #"{"workflow_id": "a", "wait_seconds": 1e999}"#),
            Body("a path", #"{"workflow_id": "../../etc/passwd"}"#), Body("no name", #"{"workflow_id": ""}"#),
            Body("a long name", #"{"workflow_id": "\#(String(repeating: "a", count: 200))"}"#),
            Body("{}", as: "text/plain"), Body("{}", as: "application/yaml"), Body("{}", as: "application/xml"),
            Body("a=b", as: "application/x-www-form-urlencoded"), Body("{}", as: ";;;"), Body("{}", as: "json"),
        ]

        @Test("A body that is not understood is refused with a sentence", arguments: samples)
        func bodies(_ body: Body) async throws {
            let user = try await LiveServer.current.newUser()
            let answer = try await user.server.send(
                "POST", "/api/v3/workflows/execute", token: user.token, type: body.type, body: body.bytes)
            answer.expectProblem(body.status, body.code, "\(body.name)")
        }

        @Test("Every route with a body refuses one that is missing, malformed, strange or of another type")
        func everyBody() async throws {
            let user = try await LiveServer.current.newUser()
            let server = user.server
            for operation in server.contract.operations.sorted() {
                let words = operation.split(separator: " ").map(String.init)
                let declared = server.contract.document["paths"]?[words[1]]?[words[0].lowercased()]
                guard let body = declared?["requestBody"]?["content"]?["application/json"] else { continue }
                if words[1].hasPrefix("/api/v3/users") { continue }  // for operators, see WorkspaceTests
                if words[1].contains("/signing-keys") { continue }  // the same, see SigningKeyRouteTests
                if words[1].hasSuffix("/log-level") { continue }  // the same, see OperationTests
                let path = words[1].replacing("/workspaces/{id}", with: "/workspaces/\(user.home)")
                    .replacing("/executions/{id}", with: "/executions/\(user.id)")
                    .replacing("/events/types/{type}", with: "/events/types/order.placed")
                    .replacing("{type}", with: "order").replacing("{id}", with: "a").replacing("{user}", with: user.id)
                    .replacing("{name}", with: "a").replacing("{version}", with: "1").replacing("{index}", with: "a")
                    .replacing("{approval}", with: "1-1").replacing("{number}", with: "1")
                func send(_ text: String?, _ type: String? = "application/json") async throws -> HTTPAnswer {
                    try await server.send(
                        words[0], path, token: user.token, type: type, body: text.map { Array($0.utf8) })
                }
                (try await send("{}", "image/png")).expectProblem(415, "request.media_type_unsupported", "\(operation)")
                if path.hasSuffix("/validate") { continue }  // says what is wrong in its answer
                if path.hasSuffix("/signals/a") { continue }  // takes any JSON
                for text in [nil, "", "[", "[]", "1", "{\"no such member\": 1}"] {
                    let answer = try await send(text, text == nil ? nil : "application/json")
                    answer.expectProblem(400, nil, "\(operation) \(text ?? "no body")")
                }
                // What the documentation shows is understood, whatever comes of it.
                let sample = try #require(body["example"])
                let answer = try await send(sample.jsonText)
                // A token that no mail has brought is understood, and good for nothing.
                if answer.status == 400, answer.json["code"] == "identity.mail_token_invalid" { continue }
                #expect(![400, 415, 500].contains(answer.status), "\(operation): \(answer)")
            }
        }

        @Test("A path or a parameter that cannot be is refused or found nowhere")
        func paths() async throws {
            let user = try await LiveServer.current.newUser()
            let long = String(repeating: "a", count: 200)
            for id in [
                long, "%00", "..", "%2e%2e", "a%2fb", "%ff", "%zz", "%", "A%20b", "-1", "🧮".addingPercents, "a;b", "*",
            ] {
                for path in ["workflows/executions/\(id)", "workflows/executions/\(id)/events"] {
                    (try await user.get(path)).expectProblem(400, "request.parameter_invalid", "\(path)")
                }
                for path in ["workflows/\(id)/latest", "workflows/\(id)/versions", "workflows/a/\(id)"] {
                    let answer = try await user.get(path)
                    #expect(answer.status == 400 || answer.status == 404, "\(path): \(answer)")
                    answer.expectProblem(answer.status, nil, "\(path)")
                }
                let workspace = try await user.get("workspaces/\(id)")
                workspace.expectProblem(workspace.status == 400 ? 400 : 404, nil, "\(id)")
            }
            for path in [
                "/nix", "/api", "/api/v3", "/api/v2/workflows", "/api/v3/workflows/a/b/c/d", "/../../etc/passwd",
                "/docs/../../etc/passwd", "/docs/%2e%2e/secret", "/docs/openapi.js/..", "/%00",
                "/" + String(repeating: "a/", count: 3_000),
            ] {
                let answer = try await user.server.send("GET", path, token: user.token)
                answer.expectProblem(404, "request.not_found", "\(path.prefix(100))")
            }
            (try await user.get("workflows?tag=" + String(repeating: "a", count: 8_000)))
                .expectProblem(400, "request.parameter_invalid")
        }

        @Test("Each path takes its methods only, and says which")
        func methods() async throws {
            let user = try await LiveServer.current.newUser()
            let server = user.server
            let paths = try #require(server.contract.document["paths"]?.objectValue)
            for (path, operations) in paths {
                var allowed = Set((operations.objectValue ?? [:]).keys.map { $0.uppercased() })
                if allowed.contains("GET") { allowed.insert("HEAD") }
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
                where !allowed.contains(method) {
                    let answer = try await server.send(method, path, token: user.token)
                    #expect(answer.status == 405, "\(method) \(path): \(answer)")
                    let told = answer["allow"]?.split(separator: ",").map { String($0.drop { $0 == " " }) } ?? []
                    #expect(Set(told) == allowed, "\(method) \(path): \(answer)")
                    if method != "HEAD" { answer.expectProblem(405, "request.method_not_allowed") }
                }
            }
        }

        @Test("HEAD answers the head of GET and no body, also for errors")
        func head() async throws {
            let user = try await LiveServer.current.newUser()
            for path in [
                "/api/v3/health/live", "/docs", "/nix", "/api/v3/workflows", "/api/v3/auth/login",
                "/api/v3/workflows/nix/1.0.0",
            ] {
                for token in [user.token, nil] {
                    let request = LiveServer.request("HEAD", path, token: token)
                    let (head, rest) = try await withSocket(to: user.server.port) { socket in
                        try await socket.write(request)
                        return (try await socket.answer(to: "HEAD"), await socket.rest())
                    }
                    #expect(rest.isEmpty, "\(path): \(String(decoding: rest, as: UTF8.self))")
                    let get = try await user.server.send("GET", path, token: token)
                    #expect(head.status == get.status, "\(path)")
                    #expect(head["content-type"] == get["content-type"], "\(path)")
                }
            }
        }
    }
}

extension String {
    /// Every byte as %XX.
    fileprivate var addingPercents: String { utf8.map { "%" + String($0, radix: 16) }.joined() }
}
