import CognitionCore
package import Logging
import Synchronization
package import Tracing

/// Makes spans, and hands those that have ended to the queue of the exporter.
///
/// A span that is not sampled carries its trace on and keeps nothing.
package final class OTLPTracer: Tracer {
    private let sampler: TraceSampler
    private let limit: TraceLimit?
    private let queue: SpanQueue
    private let random: Mutex<SplitMix64>

    /// - Parameters:
    ///   - limit: Of the traces that begin here or come in here, whatever their headers say.
    ///   - seed: Of the ids.
    package init(
        sampler: TraceSampler, limit: TraceLimit? = nil, queue: SpanQueue,
        seed: UInt64 = UInt64.random(in: .min ... .max)
    ) {
        self.sampler = sampler
        self.limit = limit
        self.queue = queue
        random = Mutex(SplitMix64(seed: seed))
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.trace
        let ids = random.withLock { random in
            (
                trace: parent?.traceID ?? Self.draw(&random) { TraceContext.TraceID(high: $0.next(), low: $0.next()) },
                span: context.nextSpanID ?? Self.draw(&random) { TraceContext.SpanID($0.next()) }
            )
        }
        // What was decided for the first span of a trace in this process holds for all the others.
        let isSampled =
            if let parent, !parent.isRemote {
                parent.isSampled
            } else {
                sampler.samples(ids.trace, parent: parent) && limit?.take() ?? true
            }
        let trace = TraceContext(traceID: ids.trace, spanID: ids.span, isSampled: isSampled, state: parent?.state)
        context.trace = trace
        if context.nextSpanID != nil { context.nextSpanID = nil }
        return OTLPSpan(
            operationName, kind, trace, parent: parent?.spanID, in: context,
            startedAt: trace.isSampled ? instant().nanosecondsSinceEpoch : 0, queue: trace.isSampled ? queue : nil)
    }

    /// Spans leave by themselves; whoever ends the process flushes the exporter.
    package func forceFlush() {}

    private static func draw<ID>(_ random: inout SplitMix64, _ make: (inout SplitMix64) -> ID?) -> ID {
        while true {
            if let id = make(&random) { return id }  // zero is no id
        }
    }

    // MARK: Into and out of headers

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let traceparent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let state = extractor.extract(key: "tracestate", from: carrier)
        guard var trace = TraceContext(traceparent: traceparent, tracestate: state) else { return }
        trace.isRemote = true
        context.trace = trace
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }

    // MARK: In log lines

    /// Puts `trace.id` and `span.id` into every line that is written for a span.
    package static let logMetadata = Logger.MetadataProvider {
        guard let trace = TraceContext.current else { return [:] }
        return ["trace.id": .string(trace.traceID.description), "span.id": .string(trace.spanID.description)]
    }
}
