import CognitionCore
import CognitionTestSupport
import Foundation
import Synchronization
import Testing

/// Spans as a receiver sees them that reads OTLP by the protocol's own definition.
@Suite("Tracing", .timeLimit(.minutes(2))) struct TracingTests {
    /// `otlp_receiver.py` in a process of its own.
    private struct Receiver {
        let program: Program
        let port: Int

        /// - Parameter script: What it answers the first requests with.
        static func start(in sandbox: Sandbox, _ script: String = "") async throws -> Receiver {
            let python =
                ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"]
                ?? Binary.repository() + "/.build/peers/bin/python"
            let path = Binary.repository() + "/Tests/CognitionServerTests/Peer/otlp_receiver.py"
            let program = try sandbox.start([path, script], executable: python)
            let line = try await program.output.line { !$0.isEmpty }
            return Receiver(program: program, port: try #require(Int(line), "\(line)"))
        }

        /// The settings that a server needs to send its spans there.
        func environment(_ more: [String: String] = [:]) -> [String: String] {
            [
                "OBSERVABILITY_ENABLE_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)/",
                "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=a%20b", "OTEL_BSP_SCHEDULE_DELAY": "50ms",
                "OTEL_RESOURCE_ATTRIBUTES": "team=search",
            ].merging(more) { $1 }
        }

        /// Ends it.
        /// - Returns: The spans that it took, and the statuses of what it did not.
        func end() async throws -> (spans: [JSONValue], refused: [String]) {
            program.kill()
            let lines = await program.ending().output.split(separator: "\n").dropFirst()
            return (
                try lines.filter { $0.hasPrefix("{") }.map { try JSONValue(parsing: String($0)) },
                lines.filter { $0.hasPrefix("refused") }.map(String.init)
            )
        }
    }

    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let traceparent = "00-\(trace)-00f067aa0ba902b7-01"

    private static func execute(_ name: String, wait: Int = 30) -> JSONValue {
        ["workflow_id": .string(name), "wait_seconds": .integer(Int64(wait))]
    }

    @Test("A request, its statements, its execution, the tasks, calls and models of that are one trace")
    func oneTrace() async throws {
        try await withSandbox { sandbox in
            let receiver = try await Receiver.start(in: sandbox, "429:0,503")
            let server = try await LiveServer.start(in: sandbox, receiver.environment())
            let user = try await server.newUser()
            let sent = Mutex<[String?]>([])
            try await withPeer { connection in
                while let request = try await connection.request() {
                    sent.withLock { $0.append(request.headers["traceparent"]) }
                    try await connection.answer(json: "{}")
                }
            } _: { peer in
                try await user.store(
                    "traced",
                    do: """
                        [{fetch: {call: http, with: {method: get, endpoint: '\(peer.base)/secret-path?token=abcdefgh'}}}, \
                        {ask: {call: llm, with: {prompt: One two three.}}}]
                        """)
                let answer = try await user.post(
                    "workflows/execute", Self.execute("traced"),
                    headers: [("traceparent", Self.traceparent), ("tracestate", "a=b")])
                #expect(answer.status == 200 && answer["traceparent"] == Self.traceparent, "\(answer)")
                let plain = try await user.get("auth/me")
                #expect(plain["traceparent"]?.count == 55 && plain["traceparent"] != Self.traceparent, "\(plain)")
                _ = try await server.send("GET", "/api/v3/health/live")
            }
            _ = await server.stop()
            let (spans, refused) = try await receiver.end()
            #expect(refused == ["refused 429", "refused 503"])
            #expect(spans.allSatisfy { $0["resource"]?["service.name"] == "cognitionos" && $0["header"] == "a b" })
            #expect(spans.allSatisfy { $0["resource"]?["team"] == "search" })
            #expect(!spans.contains { $0["name"]?.stringValue?.contains("health") == true })
            #expect(Set(spans.compactMap { $0["span"]?.stringValue }).count == spans.count, "no span came twice")

            let own = spans.filter { $0["trace"]?.stringValue == Self.trace }
            func span(_ name: String) throws -> JSONValue {
                try #require(
                    own.first { $0["name"]?.stringValue == name }, "\(name) is not among \(own.map { $0["name"] })")
            }
            let request = try span("POST /api/v3/workflows/execute")
            #expect(request["parent"] == "00f067aa0ba902b7" && request["kind"] == 2 && request["state"] == "a=b")
            #expect(request["attributes"]?["http.response.status_code"] == 200)
            #expect(request["attributes"]?["http.route"] == "/api/v3/workflows/execute")
            let execution = try span("execution default.traced")
            #expect(execution["parent"] == request["span"])
            #expect(execution["attributes"]?["execution.status"] == "completed")
            let fetch = try span("task fetch")
            #expect(fetch["parent"] == execution["span"] && fetch["attributes"]?["task.kind"] == "http")
            let call = try span("GET")
            #expect(call["parent"] == fetch["span"] && call["kind"] == 3)
            #expect(call["attributes"]?["http.response.status_code"] == 200)
            let carried = sent.withLock { $0 }
            #expect(carried == ["00-\(Self.trace)-\(call["span"]?.stringValue ?? "")-01"])
            let model = try #require(own.first { $0["name"]?.stringValue?.hasPrefix("chat ") == true })
            #expect(try model["parent"] == span("task ask")["span"])
            #expect(model["attributes"]?["gen_ai.provider.name"] == "local")
            let writes = own.filter { $0["name"] == "database write" }
            #expect(
                writes.contains { $0["parent"] == request["span"] }
                    && writes.contains { $0["parent"] == execution["span"] })
            let system = Sandbox.isEmbedded ? "sqlite" : "postgresql"
            #expect(writes.allSatisfy { $0["attributes"]?["db.system.name"]?.stringValue == system })
            let reads = own.filter { $0["name"] == "database read" }
            #expect(reads.contains { $0["attributes"]?["db.query.text"]?.stringValue?.contains("SELECT") == true })
            for secret in ["abcdefgh", "secret-path", APIUser.password, user.token] {
                #expect(!spans.contains { $0.jsonText.contains(secret) }, "\(secret) is in a span")
            }
        }
    }

    @Test("The trace of an execution goes on after the server was killed and started again")
    func restart() async throws {
        try await withSandbox { sandbox in
            let receiver = try await Receiver.start(in: sandbox)
            let first = try await LiveServer.start(in: sandbox, receiver.environment())
            let user = try await first.newUser()
            try await user.store(
                "slow",
                do:
                    "[{before: {call: rehearse, with: {}}}, {pause: {wait: {seconds: 2}}}, {after: {call: rehearse, with: {}}}]"
            )
            let answer = try await user.post(
                "workflows/execute", Self.execute("slow", wait: 0), headers: [("traceparent", Self.traceparent)])
            let id = try answer.json.text("execution_id")
            while try await user.get("workflows/executions/\(id)").json["status"] != "waiting" {
                try await Task.sleep(for: .milliseconds(20))
            }
            // What has ended is with the receiver before.
            try await Task.sleep(for: .milliseconds(300))
            first.program.kill()
            _ = await first.program.ending()
            let second = try await LiveServer.start(in: sandbox, receiver.environment())
            var again = user
            again = APIUser(
                server: second, email: user.email, id: user.id, home: user.home, token: user.token,
                refreshToken: user.refreshToken)
            while try await again.get("workflows/executions/\(id)").json["status"] != "completed" {
                try await Task.sleep(for: .milliseconds(20))
            }
            _ = await second.stop()
            let (spans, _) = try await receiver.end()
            let own = spans.filter { $0["trace"]?.stringValue == Self.trace }
            func span(_ name: String) throws -> JSONValue {
                try #require(
                    own.first { $0["name"]?.stringValue == name }, "\(name) is not among \(own.map { $0["name"] })")
            }
            let execution = try span("execution default.slow")
            let (before, after) = (try span("task before"), try span("task after"))
            #expect(before["parent"] == execution["span"] && after["parent"] == execution["span"])
            #expect(before["resource"]?["service.instance.id"] != after["resource"]?["service.instance.id"])
            #expect(execution["parent"] == (try span("POST /api/v3/workflows/execute"))["span"])
            let times = try ["start", "end"].map { try #require(execution[$0]?.integerValue) }
            #expect(times[1] - times[0] >= 2_000_000_000)
        }
    }

    @Test("A receiver that is away costs spans and nothing else", arguments: ["down", "slow"])
    func away(_ how: String) async throws {
        try await withSandbox { sandbox in
            let receiver = try await Receiver.start(in: sandbox, how == "slow" ? "slow:600" : "")
            if how == "down" { _ = try await receiver.end() }
            let server = try await LiveServer.start(
                in: sandbox,
                receiver.environment(["OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"]))
            let user = try await server.newUser()
            for _ in 0..<40 { #expect(try await user.get("auth/me").status == 200) }
            let metrics = try await server.send("GET", "/metrics").text
            let dropped = metrics.split(separator: "\n").first {
                $0.hasPrefix("tracing_spans_total{outcome=\"queue_full\"}")
            }
            #expect(
                dropped.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) } ?? 0 > 20, "\(dropped ?? "")")
            let ending = await server.stop()
            #expect(ending.errors.contains("Spans were not exported"))
            if how == "down" { #expect(ending.errors.contains("Spans do not arrive")) }
        }
    }

    @Test("Traces that are not sampled leave no span, and are passed on all the same")
    func unsampled() async throws {
        try await withSandbox { sandbox in
            let receiver = try await Receiver.start(in: sandbox)
            let server = try await LiveServer.start(
                in: sandbox,
                receiver.environment([
                    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0",
                ]))
            let user = try await server.newUser()
            let answer = try await user.get("auth/me")
            #expect(answer["traceparent"]?.hasSuffix("-00") == true, "\(answer)")
            let sampled = try await user.get("auth/me", headers: [("traceparent", Self.traceparent)])
            #expect(sampled.status == 200)
            _ = await server.stop()
            let (spans, _) = try await receiver.end()
            #expect(!spans.isEmpty && spans.allSatisfy { $0["trace"]?.stringValue == Self.trace })
        }
    }

    @Test("Lines of the log have the ids of what they belong to")
    func logLines() async throws {
        try await withSandbox { sandbox in
            let receiver = try await Receiver.start(in: sandbox)
            let server = try await LiveServer.start(
                in: sandbox, receiver.environment(["OBSERVABILITY_ACCESS_LOG": "true"]))
            let user = try await server.newUser()
            let headers = [("traceparent", Self.traceparent), ("X-Request-ID", "r-1")]
            _ = try await user.get("workflows?cursor=\(user.token)", headers: headers)
            let ending = await server.stop()
            let line = try #require(ending.errors.split(separator: "\n").first { $0.contains("\"r-1\"") })
            let json = try JSONValue(parsing: String(line))
            #expect(json["trace.id"]?.stringValue == Self.trace && json["span.id"]?.stringValue?.count == 16)
            #expect(json["message"] == "Request answered" && json["http.path"] == "/api/v3/workflows")
            #expect(json["http.method"] == "GET" && json["client.address"] == "127.0.0.1")
            #expect(!ending.errors.contains(user.token))
        }
    }

    @Test("Settings of tracing that cannot be are named")
    func settings() async throws {
        try await withSandbox { sandbox in
            for (name, value) in [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x"), ("OTEL_EXPORTER_OTLP_HEADERS", "novalue"),
                ("OTEL_TRACES_SAMPLER_ARG", "2"), ("OTEL_TRACES_SAMPLER", "sometimes"),
                ("OTEL_RESOURCE_ATTRIBUTES", "=x"),
            ] {
                let check = try await sandbox.run(
                    "check", environment: ["OBSERVABILITY_ENABLE_TRACING": "true", name: value])
                #expect(
                    check.exitCode == 1
                        && check.errors.contains(name == "OTEL_EXPORTER_OTLP_ENDPOINT" ? "OTEL_" : name),
                    "\(name): \(check)")
            }
        }
    }
}
