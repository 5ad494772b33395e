import CognitionCore
import HTTPTypes
import Hummingbird
import Logging

/// What every answer of the server has, whatever it is: the request's id, the shape of errors, a place in the metrics.
struct Envelope: Sendable {
    /// What pages may do with an answer that says nothing of its own: nothing, as it is none of them.
    private static let contentPolicy = "default-src 'none'; frame-ancestors 'none'"

    private let ids: UUIDGenerator
    private let writer: AnswerWriter

    init(ids: UUIDGenerator, writer: AnswerWriter) {
        self.ids = ids
        self.writer = writer
    }

    /// - Parameter body: Gets the request's id. What it throws becomes a problem document.
    func answer(
        _ request: Request, metrics: RouteMetrics, _ body: (String) async throws -> Answer
    ) async throws -> Response {
        let start = ContinuousClock.now
        let requestID = requestID(of: request)
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
        if let given = request.headers[.traceparent], Self.isTraceparent(given) {
            response.headers[.traceparent] = given
        }
        response.headers.append(HTTPField(name: .xContentTypeOptions, value: "nosniff"))
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers.append(HTTPField(name: .contentSecurityPolicy, value: Self.contentPolicy))
            response.headers.append(HTTPField(name: .referrerPolicy, value: "no-referrer"))
        }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        metrics.record(response.status, took: ContinuousClock.now - start)
        return response
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

    /// `version-trace-parent-flags` in lower-case hexadecimal digits: W3C Trace Context, section 3.2.
    private static func isTraceparent(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return parts.map(\.count) == [2, 32, 16, 2]
            && parts.joined().allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
}
