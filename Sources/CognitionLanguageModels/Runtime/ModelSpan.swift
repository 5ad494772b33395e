import CognitionCore
import Tracing

/// The span of one attempt at a model, by OpenTelemetry's semantic conventions for generative AI; without what was asked and
/// answered. Only inside of another span that is recorded.
struct ModelSpan {
    private let span: any Span
    private let link: ModelChain.Link

    init?(_ link: ModelChain.Link) {
        guard let context = InstrumentationContext.current, context.trace?.isSampled == true else { return nil }
        self.link = link
        span = startSpan("chat \(link.model)", context: context, ofKind: .client)
    }

    func within<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        try await InstrumentationContext.withValue(span.context, operation: body)
    }

    func end(_ call: ModelCall, _ answer: Completion?) {
        var attributes: SpanAttributes = [
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": .string(link.provider.name),
            "gen_ai.request.model": .string(link.model), "gen_ai.response.model": .string(call.model),
            "llm.attempt": .int64(Int64(call.attempt)), "llm.cost.micros": .int64(call.quote.cost.micros),
        ]
        if let usage = call.usage {
            attributes["gen_ai.usage.input_tokens"] = usage.inputTokens
            attributes["gen_ai.usage.output_tokens"] = usage.outputTokens
        }
        if let answer { attributes["gen_ai.response.finish_reasons"] = [answer.finishReason.rawValue] }
        if call.outcome != .completed {
            attributes["error.type"] = call.errorCode ?? call.outcome.rawValue
            span.setStatus(SpanStatus(code: .error))
        }
        span.attributes = attributes
        span.end()
    }
}
