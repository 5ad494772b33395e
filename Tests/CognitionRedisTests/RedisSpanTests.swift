import CognitionCore
import CognitionRedis
import CognitionTestSupport
import Synchronization
import Testing
import Tracing

@Suite("Spans of Redis", .timeLimit(.minutes(1))) struct RedisSpanTests {
    private static let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"

    @Test("Commands inside of a recorded span have one of their own, without what they carry; others have none")
    func commands() async throws {
        let tracer = RecordingTracer()
        try await RedisServer.with { server in
            try await withClient(options(of: server.port), tracer: tracer) { client in
                try await client.connected()
                try await client.set("key", to: Array("word".utf8), for: .seconds(9))
                for flag in ["00", "01"] {
                    var context = InstrumentationContext.topLevel
                    context.trace = TraceContext(traceparent: Self.traceparent + flag, tracestate: nil)
                    try await InstrumentationContext.withValue(context) {
                        _ = try await client.value(of: "key")
                        await #expect(throws: RedisError.self) { try await client.command("LPOP", Array("key".utf8)) }
                    }
                }
            }
            let spans = tracer.ended
            #expect(spans.map(\.operationName) == ["redis GET", "redis LPOP"])
            #expect(spans[0].attributes["db.system.name"]?.toSpanAttribute() == .string("redis"))
            #expect(spans[0].attributes["db.operation.name"]?.toSpanAttribute() == .string("GET"))
            #expect(spans[0].status == nil)
            #expect(spans[0].attributes["server.port"]?.toSpanAttribute() == .int64(Int64(server.port)))
            #expect(spans[1].attributes["error.type"]?.toSpanAttribute() == .string("redis.command_failed"))
            #expect(spans[1].status?.code == .error)
            #expect(!"\(spans.map(\.attributes))".contains("word"))
        }
    }
}

/// Keeps the spans that have ended.
private final class RecordingTracer: Tracer {
    private let spans = Mutex<[RecordingSpan]>([])

    var ended: [RecordingSpan] { spans.withLock { $0.filter(\.hasEnded) } }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> RecordingSpan {
        let span = RecordingSpan(operationName, context())
        spans.withLock { $0.append(span) }
        return span
    }

    func forceFlush() {}
    func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {}
    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {}
}

private final class RecordingSpan: Span {
    private struct State {
        var name: String
        var attributes = SpanAttributes()
        var status: SpanStatus?
        var hasEnded = false
    }

    let context: InstrumentationContext
    private let state: Mutex<State>

    init(_ name: String, _ context: InstrumentationContext) {
        self.context = context
        state = Mutex(State(name: name))
    }

    var isRecording: Bool { true }
    var hasEnded: Bool { state.withLock { $0.hasEnded } }
    var status: SpanStatus? { state.withLock { $0.status } }
    var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }
    var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    func setStatus(_ status: SpanStatus) { state.withLock { $0.status = status } }
    func addEvent(_ event: SpanEvent) {}
    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {}
    func addLink(_ link: SpanLink) {}
    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) { state.withLock { $0.hasEnded = true } }
}
