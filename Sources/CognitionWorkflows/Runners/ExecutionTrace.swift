import CognitionCore
import Tracing

/// The trace of an execution, the same before and after a restart: its row keeps where the trace came from, and the
/// execution's own span is told of when it has ended, under an id that follows from the execution's.
struct ExecutionTrace: Sendable {
    /// The span that asked for the execution.
    private let parent: TraceContext
    /// The execution's own, which its tasks and commits belong to.
    let own: TraceContext
    private let id: ExecutionID
    private let workflow: WorkflowID

    /// - Parameter traceparent: Where the trace came from.
    /// - Returns: `nil` where nothing is traced.
    init?(_ traceparent: String?, of id: ExecutionID, _ workflow: WorkflowID) {
        guard let traceparent, !(InstrumentationSystem.instrument is NoOpInstrument),
            let parent = TraceContext(traceparent: traceparent), let span = TraceContext.SpanID(id.uuid.low)
        else { return nil }
        self.parent = parent
        own = parent.at(span)
        self.id = id
        self.workflow = workflow
    }

    /// Tells of the execution's span, from its start to its end.
    func recordEnd(_ state: ExecutionState) {
        var context = InstrumentationContext(parent)
        context.nextSpanID = own.spanID
        let span = startSpan("execution \(workflow)", context: context, at: Moment(state.startedAt))
        guard span.isRecording else { return }
        var attributes: SpanAttributes = [
            "execution.id": .string(id.description), "workflow.id": .string(workflow.description),
            "execution.status": .string(state.status.name),
        ]
        if let fault = state.fault {
            attributes["error.type"] = fault.type
            span.setStatus(SpanStatus(code: .error, message: fault.title))
        }
        span.attributes = attributes
        span.end(at: Moment(state.endedAt ?? state.startedAt))
    }

    private struct Moment: TracerInstant {
        let nanosecondsSinceEpoch: UInt64

        init(_ time: Timestamp) { nanosecondsSinceEpoch = UInt64(max(0, time.microseconds)) * 1_000 }

        static func < (left: Moment, right: Moment) -> Bool {
            left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
        }
    }
}

extension LiveExecution {
    /// Does what belongs to the execution as a part of its trace.
    func traced(_ body: () async -> Void) async {
        // Without a trace there is none either: whoever caused this is another one's.
        await InstrumentationContext.withValue(trace.map { InstrumentationContext($0.own) }, operation: body)
    }

    /// Runs one attempt of a task as a span.
    func traced(_ effect: EffectRequest, _ body: () async -> EffectResult) async -> EffectResult {
        guard let trace else { return await InstrumentationContext.withValue(nil, operation: body) }
        let span = startSpan("task \(effect.name)", context: InstrumentationContext(trace.own))
        let result = await InstrumentationContext.withValue(span.context, operation: body)
        if span.isRecording {
            var attributes: SpanAttributes = [
                "execution.id": .string(id.description), "workspace.id": .string(workspace.name),
                "task.name": .string(effect.name), "task.reference": .string(effect.reference),
                "task.kind": .string(effect.kind), "task.attempt": .int64(Int64(effect.attempt)),
            ]
            if case .failure(let fault) = result.output {
                attributes["error.type"] = fault.type
                span.setStatus(SpanStatus(code: .error, message: fault.detail ?? fault.title))
            }
            span.attributes = attributes
        }
        span.end()
        return result
    }
}
