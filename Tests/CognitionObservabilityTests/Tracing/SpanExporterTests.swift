import CognitionCore
import CognitionObservability
import Logging
import Metrics
import Synchronization
import Testing
import Tracing

@Suite("The exporter of spans") struct SpanExporterTests {
    /// Answers by a script, and keeps what it was sent.
    private final class Receiver: OutboundHTTP {
        private struct State {
            var script: [Answer]
            var bodies: [JSONValue] = []
            var headers: [[String: String]] = []
        }

        enum Answer: Sendable {
            case status(Int, headers: [(name: String, value: String)] = [], body: String = "{}")
            case unreachable
            case hangs
            /// Answers once it is told to.
            case held
        }

        private let state: Mutex<State>
        private let (gate, opening) = AsyncStream.makeStream(of: Void.self)

        init(_ script: [Answer] = []) { state = Mutex(State(script: script)) }

        func open() { opening.finish() }

        var bodies: [JSONValue] { state.withLock { $0.bodies } }
        var headers: [[String: String]] { state.withLock { $0.headers } }
        /// Names of spans, request by request.
        var names: [[String]] { bodies.map { Self.spans($0).compactMap { $0["name"]?.stringValue } } }

        static func spans(_ body: JSONValue) -> [JSONValue] {
            body["resourceSpans"]?.arrayValue?.first?["scopeSpans"]?.arrayValue?.first?["spans"]?.arrayValue ?? []
        }

        func send(_ request: OutboundRequest) async throws -> OutboundResponse {
            let body = try JSONValue(parsing: request.body ?? [])
            let answer = state.withLock { state -> Answer in
                state.bodies.append(body)
                state.headers.append(
                    Dictionary(request.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
                return state.script.isEmpty ? .status(200) : state.script.removeFirst()
            }
            switch answer {
            case .status(let status, let headers, let body):
                return OutboundResponse(status: status, headers: headers, body: Array(body.utf8), url: request.url)
            case .unreachable: throw OutboundHTTPError(OutboundHTTPError.unreachable, "nobody is there")
            case .hangs:
                try await Task.sleep(for: .seconds(600))
                throw OutboundHTTPError(OutboundHTTPError.timeout, "too late")
            case .held:
                for await _ in gate {}
                try Task.checkCancellation()
                return OutboundResponse(status: 200, headers: [], body: Array("{}".utf8), url: request.url)
            }
        }
    }

    /// Notes how long is slept, and does not sleep.
    private final class HastyClock: Clock {
        typealias Duration = Swift.Duration
        typealias Instant = ContinuousClock.Instant
        private let start = ContinuousClock.now
        private let slept = Mutex<[Duration]>([])
        /// Sleeps at least so long never end; `nil`: all end at once.
        private let endless: Duration?

        init(endless: Duration? = nil) { self.endless = endless }

        var now: Instant { start }
        var minimumResolution: Duration { .zero }
        var sleeps: [Duration] { slept.withLock { $0 } }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            let duration = deadline - start
            slept.withLock { $0.append(duration) }
            if let endless, duration >= endless { try await Task.sleep(for: .seconds(600)) }
            try Task.checkCancellation()
        }
    }

    private struct Setup {
        let metrics = PrometheusMetrics()
        let queue: SpanQueue
        let tracer: OTLPTracer
        let exporter: SpanExporter

        init(
            _ receiver: Receiver, queueMax: Int = 100, batchMax: Int = 10,
            linger: Duration = .seconds(3), clock: any Clock<Duration> = HastyClock(endless: .seconds(4))
        ) {
            queue = SpanQueue(countMax: queueMax, batchMax: batchMax, factory: metrics)
            tracer = OTLPTracer(sampler: TraceSampler(.alwaysOn), queue: queue)
            var settings = SpanExporter.Settings(url: "http://collector:4318/v1/traces")
            settings.headers = [("x-key", "k")]
            settings.linger = linger
            exporter = SpanExporter(
                queue, settings: settings, resource: [("service.name", "cognitionos")], http: receiver, clock: clock,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func end(_ names: String...) { for name in names { tracer.startSpan(name, context: .topLevel).end() } }

        func count(_ outcome: String) throws -> Double? {
            try Exposition(metrics.render()).value("tracing_spans_total", ["outcome": outcome])
        }
    }

    @Test("A span is sent with all that it has, and once")
    func everything() async throws {
        let receiver = Receiver()
        let setup = Setup(receiver)
        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=b")
        let span = setup.tracer.startSpan("GET /x", context: context, ofKind: .server)
        span.attributes = [
            "http.route": "/x", "n": 7, "ratio": 0.5, "ok": true, "list": .stringArray(["a", "b"]),
            "password": "hunter2", "url": "http://h/?token=abcdef",
        ]
        struct Broken: Error, CustomStringConvertible { let description = "it \"broke\"\n" }
        span.recordError(Broken())
        span.setStatus(SpanStatus(code: .error, message: "bad"))
        span.end()
        span.end()
        span.attributes["late"] = "x"
        await setup.exporter.flush()

        let body = try #require(receiver.bodies.first)
        #expect(receiver.bodies.count == 1 && receiver.headers[0]["x-key"] == "k")
        let resource = body["resourceSpans"]?.arrayValue?.first?["resource"]?["attributes"]?.arrayValue?.first
        #expect(resource == ["key": "service.name", "value": ["stringValue": "cognitionos"]])
        let sent = try #require(Receiver.spans(body).first)
        #expect(sent["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736" && sent["parentSpanId"] == "00f067aa0ba902b7")
        #expect(sent["spanId"]?.stringValue?.count == 16 && sent["traceState"] == "a=b" && sent["kind"] == 2)
        #expect(sent["name"] == "GET /x" && sent["status"] == ["code": 2, "message": "bad"])
        let attributes = Dictionary(
            uniqueKeysWithValues: (sent["attributes"]?.arrayValue ?? []).map {
                ($0["key"]?.stringValue ?? "", $0["value"] ?? .null)
            })
        #expect(attributes["n"] == ["intValue": "7"] && attributes["ratio"] == ["doubleValue": 0.5])
        #expect(attributes["ok"] == ["boolValue": true] && attributes["http.route"] == ["stringValue": "/x"])
        #expect(attributes["list"]?["arrayValue"]?["values"]?.arrayValue?.count == 2)
        #expect(attributes["password"] == ["stringValue": "••••"] && attributes["late"] == nil)
        #expect(attributes["url"] == ["stringValue": "http://h/?token=••••"])
        let event = try #require(sent["events"]?.arrayValue?.first)
        #expect(event["name"] == "exception" && event.jsonText.contains(#"it \"broke\"\n"#))
        let start = try #require(sent["startTimeUnixNano"]?.stringValue.flatMap(UInt64.init))
        let end = try #require(sent["endTimeUnixNano"]?.stringValue.flatMap(UInt64.init))
        #expect(start > 1_700_000_000_000_000_000 && end >= start)
        #expect(try setup.count("exported") == 1)
    }

    @Test("Batches are as large as they may be, and nothing is sent for nothing")
    func batches() async throws {
        let receiver = Receiver()
        let setup = Setup(receiver, batchMax: 2)
        setup.end("a", "b", "c", "d", "e")
        await setup.exporter.flush()
        #expect(receiver.names == [["a", "b"], ["c", "d"], ["e"]])
        await setup.exporter.flush()
        #expect(receiver.names.count == 3)
    }

    @Test("A full batch leaves at once, without waiting for the time to pass")
    func fullBatch() async throws {
        let receiver = Receiver()
        let setup = Setup(receiver, batchMax: 2)
        let run = Task { await setup.exporter.run() }
        setup.end("a", "b")
        while receiver.names.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        #expect(receiver.names == [["a", "b"]])
        run.cancel()
        await run.value
    }

    @Test("After a wait without spans the exporter waits again")
    func idle() async throws {
        /// The first sleep ends at once, later ones never.
        final class OnceClock: Clock {
            typealias Duration = Swift.Duration
            typealias Instant = ContinuousClock.Instant
            let count = Atomic(0)
            var now: Instant { .now }
            var minimumResolution: Duration { .zero }

            func sleep(until deadline: Instant, tolerance: Duration?) async throws {
                guard count.add(1, ordering: .relaxed).newValue > 1 else { return }
                try await Task.sleep(for: .seconds(600))
            }
        }
        let receiver = Receiver()
        let clock = OnceClock()
        let setup = Setup(receiver, batchMax: 2, clock: clock)
        let run = Task { await setup.exporter.run() }
        while clock.count.load(ordering: .relaxed) < 2 { try await Task.sleep(for: .milliseconds(1)) }
        try await Task.sleep(for: .milliseconds(50))
        #expect(clock.count.load(ordering: .relaxed) == 2)
        setup.end("a", "b")
        while receiver.names.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        run.cancel()
        await run.value
    }

    @Test("What there is no room for is dropped and counted; nothing grows")
    func bound() async throws {
        let receiver = Receiver()
        let setup = Setup(receiver, queueMax: 3, batchMax: 2)
        setup.end("a", "b", "c", "d", "e")
        await setup.exporter.flush()
        #expect(receiver.names == [["a", "b"], ["c"]])
        #expect(try setup.count("queue_full") == 2 && setup.count("exported") == 3)
    }

    @Test(
        "What may pass is tried again with the same spans, after the time that the receiver names",
        arguments: [
            Receiver.Answer.status(429, headers: [("Retry-After", "3")]), .status(502), .status(503), .status(504),
            .unreachable,
        ])
    private func retries(_ answer: Receiver.Answer) async throws {
        let receiver = Receiver([answer])
        let clock = HastyClock(endless: .seconds(4))
        let setup = Setup(receiver, clock: clock)
        setup.end("a")
        await setup.exporter.flush()
        #expect(receiver.names == [["a"], ["a"]])
        #expect(try setup.count("exported") == 1 && setup.count("failed") == 0)
        if case .status(429, _, _) = answer { #expect(clock.sleeps.contains(.seconds(3))) }
    }

    @Test("What a receiver does not want is not sent again", arguments: [400, 401, 404, 413, 500])
    func refusals(_ status: Int) async throws {
        let receiver = Receiver([.status(status)])
        let setup = Setup(receiver)
        setup.end("a")
        await setup.exporter.flush()
        #expect(receiver.names == [["a"]])
        #expect(try setup.count("failed") == 1)
    }

    @Test("Spans that a receiver has rejected are counted apart")
    func partial() async throws {
        let receiver = Receiver([.status(200, body: #"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}}"#)])
        let setup = Setup(receiver)
        setup.end("a", "b", "c")
        await setup.exporter.flush()
        #expect(try setup.count("rejected") == 2 && setup.count("exported") == 1)
    }

    @Test("At the end a receiver that does not answer is waited for no longer than that, and what is lost is counted")
    func hanging() async throws {
        let receiver = Receiver([.hangs])
        let setup = Setup(receiver, batchMax: 2, clock: HastyClock())
        setup.end("a", "b", "c")
        await setup.exporter.flush()
        #expect(try setup.count("failed") == 3)
    }

    @Test("What is under way when the exporter is stopped is waited for, and not sent again")
    func underWay() async throws {
        let receiver = Receiver([.held])
        let setup = Setup(receiver, batchMax: 1, linger: .seconds(4))
        let run = Task { await setup.exporter.run() }
        setup.end("a")
        while receiver.names.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        run.cancel()
        receiver.open()
        await run.value
        await setup.exporter.flush()
        #expect(receiver.names == [["a"]])
        #expect(try setup.count("exported") == 1)
    }

    @Test("A batch that is not answered when the exporter was stopped is sent again by the flush")
    func handover() async throws {
        let receiver = Receiver([.hangs])
        let setup = Setup(receiver, batchMax: 1)
        let run = Task { await setup.exporter.run() }
        setup.end("a")
        while receiver.names.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        run.cancel()
        await run.value
        await setup.exporter.flush()
        #expect(receiver.names == [["a"], ["a"]])
        #expect(try setup.count("exported") == 1)
    }
}
