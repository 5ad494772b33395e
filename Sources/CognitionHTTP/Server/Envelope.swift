import CognitionCore
import HTTPTypes
import Hummingbird
import Logging
import Tracing

/// What every answer of the server has, whatever it is: the request's id, the shape of errors, a place in the metrics.
struct Envelope: Sendable {
    /// What pages may do with an answer that says nothing of its own: nothing, as it is none of them.
    private static let contentPolicy = "default-src 'none'; frame-ancestors 'none'"

    private let ids: UUIDGenerator
    private let writer: AnswerWriter
    /// `nil` where nothing is traced.
    private let tracer: (any Tracer)?
    /// Whether each answer has a line in the log.
    private let logsAccess: Bool

    init(ids: UUIDGenerator, writer: AnswerWriter, tracer: (any Tracer)? = nil, logsAccess: Bool = false) {
        self.ids = ids
        self.writer = writer
        self.tracer = tracer
        self.logsAccess = logsAccess
    }

    /// - Parameters:
    ///   - client: The address that the request comes from.
    ///   - body: Gets the request's id. What it throws becomes a problem document.
    func answer(
        _ request: Request, from client: @autoclosure () -> String?, metrics: RouteMetrics,
        _ body: (String) async throws -> Answer
    ) async throws -> Response {
        let requestID = requestID(of: request)
        guard let tracer, let span = RequestSpan(tracer, request, metrics, client: client()) else {
            return try await answer(request, requestID, from: client(), metrics, body)
        }
        return try await InstrumentationContext.withValue(span.context) {
            do {
                let response = try await answer(request, requestID, from: client(), metrics, body)
                span.end(response, requestID: requestID)
                return response
            } catch {
                span.abandon()
                throw error
            }
        }
    }

    private func answer(
        _ request: Request, _ requestID: String, from client: @autoclosure () -> String?, _ metrics: RouteMetrics,
        _ body: (String) async throws -> Answer
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            response = writer.response(try await body(requestID), to: request)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            response = writer.response(problem(error, requestID: requestID), to: request)
        }
        // A body would be taken for the next answer.
        if request.method == .head { response = response.createHeadResponse() }
        response.headers[.requestID] = requestID
        if let given = request.headers[.traceparent], TraceContext(traceparent: given) != nil {
            response.headers[.traceparent] = given
        } else if let trace = TraceContext.current {
            response.headers[.traceparent] = trace.traceparent
        }
        response.headers.append(HTTPField(name: .xContentTypeOptions, value: "nosniff"))
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers.append(HTTPField(name: .contentSecurityPolicy, value: Self.contentPolicy))
            response.headers.append(HTTPField(name: .referrerPolicy, value: "no-referrer"))
        }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        let duration = ContinuousClock.now - start
        metrics.record(response.status, took: duration)
        if logsAccess { log(request, response, requestID, from: client(), metrics, duration) }
        return response
    }

    private func log(
        _ request: Request, _ response: Response, _ requestID: String, from client: String?, _ metrics: RouteMetrics,
        _ duration: Duration
    ) {
        Logger.current.info(
            "Request answered",
            metadata: [
                "request.id": "\(requestID)", "http.method": "\(request.method.rawValue)",
                "http.path": "\(request.uri.path)", "http.route": "\(metrics.route)",
                "http.status": "\(response.status.code)", "duration_ms": "\(Double(duration.microseconds) / 1_000)",
                "client.address": "\(client ?? "")", "user_agent": "\(request.headers[.userAgent]?.prefix(200) ?? "")",
            ])
    }

    private func problem(_ error: any Error, requestID: String) -> Answer {
        let problem = Problem(error)
        if problem.status.code >= 500 {
            let cause = (error as? any CodedError)?.cause.map { "\($0)" } ?? ""
            let level: Logger.Level = problem.code.category == .unavailable ? .warning : .error
            Logger.current.log(
                level: level, "Request failed",
                metadata: ["request.id": "\(requestID)", "error": "\(error)", "error.cause": "\(cause)"])
        }
        let body = problem.json(requestID: requestID).jsonBytes
        return Answer(problem.status, .bytes(body, mediaType: Problem.mediaType), headers: problem.headers)
    }

    /// The client's own id if it is one, else a new one.
    private func requestID(of request: Request) -> String {
        if let given = request.headers[.requestID], (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy(Self.isIDByte)
        {
            return given
        }
        let id: UUIDv7 = ids.next()
        return id.description
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
}
