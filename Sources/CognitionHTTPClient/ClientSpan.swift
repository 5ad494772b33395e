import CognitionCore
import Tracing

/// The span of one exchange, redirects included, by OpenTelemetry's semantic conventions for HTTP clients; its trace goes out
/// in the request's headers. Only inside of another span.
///
/// Path and query are left out: they may hold what is secret, of webhooks above all.
enum ClientSpan {
    /// - Parameters:
    ///   - status: Of the answer, once there is one.
    ///   - body: Sends the request, which has the trace in its headers.
    static func around<Result>(
        _ request: OutboundRequest, status: () -> Int?, _ body: (OutboundRequest) async throws -> Result
    ) async throws -> Result {
        guard let context = InstrumentationContext.current, context.trace != nil else { return try await body(request) }
        let span = startSpan(request.method, context: context, ofKind: .client)
        defer { span.end() }
        var traced = request
        if let trace = span.context.trace { traced.headers.carry(trace) }
        do {
            let result = try await body(traced)
            describe(span, request, status: status(), failure: nil)
            return result
        } catch {
            describe(span, request, status: status(), failure: error)
            throw error
        }
    }

    private static func describe(
        _ span: any Span, _ request: OutboundRequest, status: Int?, failure: (any Error)?
    ) {
        guard span.isRecording else { return }
        var attributes: SpanAttributes = ["http.request.method": .string(request.method)]
        if let origin = try? OutboundURL(request.url).origin {
            attributes["server.address"] = origin.host
            attributes["server.port"] = origin.port
            attributes["url.scheme"] = origin.isSecure ? "https" : "http"
        }
        if let status { attributes["http.response.status_code"] = status }
        if let failure {
            attributes["error.type"] = (failure as? any CodedError)?.code.name ?? "\(type(of: failure))"
            span.setStatus(SpanStatus(code: .error, message: (failure as? any CodedError)?.message))
        } else if let status, status >= 400 {
            attributes["error.type"] = "\(status)"
            span.setStatus(SpanStatus(code: .error))
        }
        span.attributes = attributes
    }
}

extension [(name: String, value: String)] {
    /// Whoever has written a header of that name has a reason to.
    fileprivate mutating func carry(_ trace: TraceContext) {
        guard !contains(where: { $0.name.lowercased() == "traceparent" }) else { return }
        append(("traceparent", trace.traceparent))
        if let state = trace.state { append(("tracestate", state)) }
    }
}
