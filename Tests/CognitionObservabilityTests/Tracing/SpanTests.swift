import CognitionCore
import CognitionObservability
import Logging
import Metrics
import MetricsTestKit
import Synchronization
import Testing
import Tracing

@Suite("Spans") struct SpanTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func tracer(_ sampler: TraceSampler = TraceSampler(.parentAlwaysOn)) -> OTLPTracer {
        OTLPTracer(sampler: sampler, queue: SpanQueue(countMax: 8, batchMax: 8, factory: NOOPMetricsHandler.instance))
    }

    @Test("A span is a child of the one around it, in the same trace and with its state")
    func children() throws {
        let tracer = tracer()
        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(traceparent: Self.parent, tracestate: "a=b")
        let outer = tracer.startSpan("outer", context: context)
        let inner = tracer.startSpan("inner", context: outer.context)
        let (first, second) = (try #require(outer.context.trace), try #require(inner.context.trace))
        #expect(first.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736" && second.traceID == first.traceID)
        #expect(first.spanID != second.spanID && first.spanID.description != "00f067aa0ba902b7")
        #expect(second.state == "a=b" && second.isSampled)
        #expect(tracer.startSpan("root", context: .topLevel).context.trace?.traceID != first.traceID)
    }

    @Test("Of the traces that begin or come in here so many a second are recorded, and each as a whole")
    func limit() throws {
        let now = Atomic<Int64>(5)
        let metrics = TestMetrics()
        let limit = TraceLimit(perSecond: 3, factory: metrics) { now.load(ordering: .relaxed) }
        let tracer = OTLPTracer(
            sampler: TraceSampler(.alwaysOn), limit: limit,
            queue: SpanQueue(countMax: 8, batchMax: 8, factory: NOOPMetricsHandler.instance))
        let begin = { try #require(tracer.startSpan("root", context: .topLevel).context.trace) }
        let first = try (0..<5).map { _ in try begin() }
        #expect(first.map(\.isSampled) == [true, true, true, false, false])
        let refused = try #require(first.last)
        var context = InstrumentationContext.topLevel
        context.trace = refused
        #expect(tracer.startSpan("child", context: context).context.trace?.isSampled == false)
        context.trace = first[0]
        #expect(tracer.startSpan("child", context: context).context.trace?.isSampled == true)
        var remote = try #require(TraceContext(traceparent: Self.parent))
        remote.isRemote = true
        context.trace = remote
        #expect(tracer.startSpan("server", context: context).context.trace?.isSampled == false)
        now.add(333_333_334, ordering: .relaxed)
        #expect(try (0..<2).map { _ in try begin().isSampled } == [true, false])
        #expect(try metrics.expectCounter("tracing.traces.limited").totalValue == 4)
    }

    @Test("An id that was asked for is that of the next span alone")
    func chosenID() throws {
        var context = InstrumentationContext.topLevel
        context.nextSpanID = TraceContext.SpanID(0x1234)
        let span = tracer().startSpan("chosen", context: context)
        #expect(span.context.trace?.spanID.description == "0000000000001234")
        #expect(span.context.nextSpanID == nil)
    }

    @Test("The context goes into headers and comes out of them")
    func headers() throws {
        struct Headers: Injector, Extractor {
            func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
                carrier[key] = value
            }
            func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
        }
        let tracer = tracer()
        let given = ["traceparent": Self.parent, "tracestate": "a=b"]
        var context = InstrumentationContext.topLevel
        tracer.extract(given, into: &context, using: Headers())
        var sent: [String: String] = [:]
        tracer.inject(context, into: &sent, using: Headers())
        #expect(sent == given)
    }

    @Test(
        "Samplers follow the span before where they are named so, else their own rule",
        arguments: [
            (TraceSampler.Rule.alwaysOn, true, true, true), (.alwaysOff, false, false, false),
            (.parentAlwaysOn, true, true, false), (.parentAlwaysOff, false, true, false),
            (.ratio, false, false, false), (.parentRatio, false, true, false),
        ] as [(TraceSampler.Rule, Bool, Bool, Bool)])
    func sampling(_ rule: TraceSampler.Rule, root: Bool, sampled: Bool, unsampled: Bool) throws {
        let tracer = tracer(TraceSampler(rule, ratio: 0))
        func isRecorded(after traceparent: String?) -> Bool {
            var context = InstrumentationContext.topLevel
            if let traceparent { context.trace = TraceContext(traceparent: traceparent) }
            context.trace?.isRemote = true
            let span = tracer.startSpan("x", context: context)
            #expect(span.context.trace?.isSampled == span.isRecording)
            return span.isRecording
        }
        #expect(isRecorded(after: nil) == root)
        #expect(isRecorded(after: Self.parent) == sampled)
        #expect(isRecorded(after: Self.parent.dropLast() + "0") == unsampled)
    }

    @Test("About the share of traces that was asked for is recorded", arguments: [0.1, 0.5, 0.9, 1.0])
    func ratio(_ ratio: Double) {
        let tracer = OTLPTracer(
            sampler: TraceSampler(.ratio, ratio: ratio),
            queue: SpanQueue(countMax: 1, batchMax: 1, factory: NOOPMetricsHandler.instance), seed: 7)
        let count = (0..<2_000).count { _ in tracer.startSpan("x", context: .topLevel).isRecording }
        #expect(abs(Double(count) / 2_000 - ratio) < 0.04)
    }

    @Test("Log lines of a span have its ids, others have none")
    func logMetadata() throws {
        #expect(OTLPTracer.logMetadata.get().isEmpty)
        let span = tracer().startSpan("x", context: .topLevel)
        let trace = try #require(span.context.trace)
        InstrumentationContext.withValue(span.context) {
            #expect(
                OTLPTracer.logMetadata.get()
                    == ["trace.id": "\(trace.traceID)", "span.id": "\(trace.spanID)"])
        }
    }
}
