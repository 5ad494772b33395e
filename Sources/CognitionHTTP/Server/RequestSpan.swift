import CognitionCore
import Hummingbird
import Tracing

/// The span of one request, from its head until its answer begins, by OpenTelemetry's semantic conventions for HTTP servers.
///
/// The query is left out: links and WebSockets have tokens there.
struct RequestSpan {
    private let span: any Span

    /// - Returns: `nil` for what probes and scrapers ask every few seconds.
    init?(_ tracer: any Tracer, _ request: Request, _ metrics: RouteMetrics, client: String?) {
        guard !metrics.isProbe else { return nil }
        var context = InstrumentationContext.topLevel
        if let given = request.headers[.traceparent] {
            context.trace = TraceContext(traceparent: given, tracestate: request.headers[.tracestate])
            context.trace?.isRemote = true
        }
        let name = metrics.isKnown ? metrics.spanName : request.method.rawValue
        span = tracer.startAnySpan(name, context: context, ofKind: .server)
        guard span.isRecording else { return }
        var attributes: SpanAttributes = [
            "http.request.method": .string(request.method.rawValue),
            "url.path": .string(Self.bounded(request.uri.path)),
            "url.scheme": .string(request.head.scheme ?? "http"), "network.protocol.version": "1.1",
        ]
        if metrics.isKnown { attributes["http.route"] = metrics.route }
        if let client { attributes["client.address"] = client }
        if let agent = request.headers[.userAgent] { attributes["user_agent.original"] = Self.bounded(agent) }
        span.attributes = attributes
    }

    /// Clients write texts of any length, and spans wait in memory.
    private static func bounded(_ text: String) -> String {
        text.utf8.count <= 1_024 ? text : String(decoding: text.utf8.prefix(1_024), as: UTF8.self)
    }

    /// What whatever is done for the request belongs to.
    var context: InstrumentationContext { span.context }

    func end(_ response: Response, requestID: String) {
        if span.isRecording {
            span.updateAttributes { attributes in
                attributes["http.response.status_code"] = response.status.code
                attributes["request.id"] = requestID
                if response.status.code >= 500 { attributes["error.type"] = "\(response.status.code)" }
            }
            // A client's mistake is no error of the server.
            if response.status.code >= 500 { span.setStatus(SpanStatus(code: .error)) }
        }
        span.end()
    }

    /// The client has gone before there was an answer.
    func abandon() {
        span.attributes["error.type"] = "cancelled"
        span.setStatus(SpanStatus(code: .error))
        span.end()
    }
}
