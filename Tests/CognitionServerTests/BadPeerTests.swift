import CognitionCore
import Testing

/// Servers that do what no server should: the task faults with the right error type, and in time.
@Suite("Bad HTTP peers", .timeLimit(.minutes(2))) struct BadPeerTests {
    enum Vice: String, Sendable, CaseIterable {
        case hangs, hangsInTheBody, resets, resetsInTheBody, closes, promisesTooMuch, promisesTooLittle, sendsGarbage
        case saysJSONAndIsNot, neverEndsItsHead, failsWith500, redirectsInCircles

        var errorType: String {
            switch self {
            case .hangs, .hangsInTheBody: "timeout"
            default: "communication"
            }
        }

        /// A surplus behind a whole answer is no fault of the answer.
        var isHarmless: Bool { self == .promisesTooLittle }

        fileprivate func serve(_ connection: inout PeerConnection) async throws {
            guard try await connection.request() != nil else { return }
            switch self {
            case .hangs: await connection.waitForEnd()
            case .hangsInTheBody:
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
                await connection.waitForEnd()
            case .resets: try await connection.reset()
            case .resetsInTheBody:
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
                try await connection.reset()
            case .closes: break
            case .promisesTooMuch: try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            case .promisesTooLittle:
                try await connection.write(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nabcdef")
            case .sendsGarbage: try await connection.write(String(repeating: "\u{0}garbage\u{7F} ", count: 100))
            case .saysJSONAndIsNot: try await connection.answer(json: "{\"a\": ")
            case .neverEndsItsHead:
                for _ in 0..<2_000 { try await connection.write("X-\(String(repeating: "x", count: 500)): y\r\n") }
            case .failsWith500: try await connection.answer("500 Internal Server Error", json: "{}")
            case .redirectsInCircles:
                let answer = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
                try await connection.write(answer)
                while try await connection.request() != nil { try await connection.write(answer) }
            }
        }
    }

    @Test("The task faults with the error type that fits", arguments: Vice.allCases)
    func faults(_ vice: Vice) async throws {
        try await withPeer { connection in
            try await vice.serve(&connection)
        } _: { peer in
            try await withSandbox { sandbox in
                _ = try sandbox.file(
                    "call.yaml",
                    """
                    document: {dsl: 1.0.3, namespace: tests, name: call, version: 0.1.0}
                    do:
                      - call:
                          call: http
                          with: {method: get, endpoint: '\(peer.base)/', redirect: true}
                          timeout: {after: {seconds: \(vice.errorType == "timeout" ? 1 : 20)}}
                    """)
                let ending = try await sandbox.run("workflow", "run", "call.yaml", "--json")
                let execution = try JSONValue(parsing: ending.output)
                #expect(ending.took < .seconds(15), "\(ending.took)")
                if vice.isHarmless {
                    #expect(ending.exitCode == 0 && execution["output"] == "ab", "\(execution)")
                    return
                }
                #expect(ending.exitCode == 1 && execution["status"] == "faulted", "\(execution)")
                let type = "https://serverlessworkflow.io/spec/1.0.0/errors/\(vice.errorType)"
                #expect(execution["error"]?["type"]?.stringValue == type, "\(execution)")
                #expect(execution["error"]?["instance"] == "/do/0/call")
                #expect(execution["tasks"]?[0]?["error"]?["type"]?.stringValue == type)
            }
        }
    }

    @Test("Nobody listens: communication")
    func nobody() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file(
                "call.yaml",
                """
                document: {dsl: 1.0.3, namespace: tests, name: call, version: 0.1.0}
                do:
                  - call: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/'}}
                """)
            let ending = try await sandbox.run("workflow", "run", "call.yaml", "--json")
            let error = try JSONValue(parsing: ending.output)["error"]
            #expect(
                ending.exitCode == 1 && error?["type"]?.stringValue?.hasSuffix("/errors/communication") == true,
                "\(ending)")
        }
    }

    @Test("Link-local addresses are refused: authorization")
    func egress() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file(
                "call.yaml",
                """
                document: {dsl: 1.0.3, namespace: tests, name: call, version: 0.1.0}
                do:
                  - call: {call: http, with: {method: get, endpoint: 'http://169.254.169.254/latest/meta-data'}}
                """)
            let ending = try await sandbox.run("workflow", "run", "call.yaml", "--json")
            let error = try JSONValue(parsing: ending.output)["error"]
            #expect(
                ending.exitCode == 1 && error?["type"]?.stringValue?.hasSuffix("/errors/authorization") == true,
                "\(ending)")
        }
    }
}
