import CognitionCore
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `cognitionos serve` in a process of its own.
struct LiveServer: Sendable {
    /// That of the suite with the trait ``Trait/liveServer``.
    @TaskLocal private static var shared: LiveServer?

    static var current: LiveServer {
        get throws { try #require(shared, "this test needs the trait .liveServer") }
    }

    let port: Int
    let program: Program
    let sandbox: Sandbox
    let contract: APIContract

    /// Starts a server on a free port and waits until it is ready.
    static func start(in sandbox: Sandbox, _ environment: [String: String] = [:]) async throws -> LiveServer {
        let running = try await sandbox.serve(
            environment: ["SECURITY_AUTH_FAILURES_PER_ADDRESS": "10000"].merging(environment) { $1 })
        guard let port = running.url.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw TestFailure("no port in \(running.url)")
        }
        let document = try await withSocket(to: port) { socket in
            try await socket.write("GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n")
            return try await socket.answer().json
        }
        return LiveServer(port: port, program: running.program, sandbox: sandbox, contract: try APIContract(document))
    }

    /// Ends it in good order.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) async -> Program.Ending {
        program.send(SIGTERM)
        let ending = await program.ending()
        #expect(ending.exitCode == 0, "\(ending)", sourceLocation: sourceLocation)
        return ending
    }

    static func with(_ server: LiveServer, _ body: () async throws -> Void) async throws {
        try await $shared.withValue(server) { try await body() }
    }

    /// One request on a connection of its own; the answer has to be one that the API document declares.
    ///
    /// - Parameters:
    ///   - path: As it is sent, from the root.
    ///   - body: Sent with `Content-Length`.
    func send(
        _ method: String, _ path: String, token: String? = nil, headers: [(String, String)] = [],
        type: String? = nil, body: [UInt8]? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> HTTPAnswer {
        let request = Self.request(method, path, token: token, headers: headers, type: type, body: body)
        let answer = try await withSocket(to: port) { socket in
            try await socket.write(request)
            return try await socket.answer(to: method)
        }
        contract.check(answer, to: method, path, sourceLocation: sourceLocation)
        return answer
    }

    /// The bytes of a request that closes its connection.
    static func request(
        _ method: String, _ path: String, token: String? = nil, headers: [(String, String)] = [],
        type: String? = nil, body: [UInt8]? = nil
    ) -> [UInt8] {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: test", "Connection: close"]
        if let token { lines.append("Authorization: Bearer \(token)") }
        lines += headers.map { "\($0.0): \($0.1)" }
        if let type { lines.append("Content-Type: \(type)") }
        if let body { lines.append("Content-Length: \(body.count)") }
        return Array((lines + ["", ""]).joined(separator: "\r\n").utf8) + (body ?? [])
    }
}

/// One server for all tests of a suite, started before the first; it has to end in good order and without a word of errors.
struct LiveServerTrait: SuiteTrait, TestScoping {
    let environment: [String: String]

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, environment)
            try await LiveServer.with(server) { try await function() }
            let ending = await server.stop()
            let errors = ending.errors.split(separator: "\n").filter {
                $0.contains("\"level\":\"error\"") || $0.contains("\"level\":\"critical\"") || !$0.hasPrefix("{")
            }
            #expect(errors.isEmpty, "the log has errors")
        }
    }
}

extension Trait where Self == LiveServerTrait {
    static func liveServer(_ environment: [String: String] = [:]) -> LiveServerTrait {
        LiveServerTrait(environment: environment)
    }
}
