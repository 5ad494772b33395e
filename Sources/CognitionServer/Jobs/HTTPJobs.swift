import CognitionCore
import CognitionScheduler

/// Jobs that send an HTTP request: `{url, method?, headers?, body?, success_statuses?, follow_redirects?}`.
///
/// The request carries the job's key as `Idempotency-Key`, as it may be sent again after a crash.
struct HTTPJobs: JobHandler {
    let kind = "http"
    private let http: any OutboundHTTP
    private let clock: any WallClock
    /// Bytes of an answer that are kept with the job.
    private static let bodyKeptMax = 64 << 10

    init(_ http: any OutboundHTTP, clock: any WallClock) {
        self.http = http
        self.clock = clock
    }

    func run(_ job: RunningJob) async throws -> JobOutcome {
        let response = try await http.send(try request(of: job))
        let expected = job.input["success_statuses"]?.arrayValue?.compactMap(\.integerValue)
        if expected?.contains(Int64(response.status)) ?? (200..<300).contains(response.status) {
            return .completed(["status": .integer(Int64(response.status)), "body": body(of: response)])
        }
        // Another attempt may find another answer where the server says so, or has failed itself.
        let mayPass = response.status >= 500 || [408, 409, 423, 425, 429].contains(response.status)
        throw JobFailure(
            "http.status.\(response.status)", "\(response.url) answered with status \(response.status)",
            retryAfter: RetryAfter.read(now: clock.now, header: { response.header($0) }), isFinal: !mayPass)
    }

    private func request(of job: RunningJob) throws -> OutboundRequest {
        let input = job.input
        var headers: [(name: String, value: String)] = []
        for (name, value) in input["headers"]?.objectValue ?? [:] {
            guard let text = value.stringValue else {
                throw JobFailure("scheduler.job_invalid", "the header \(name) is no text", isFinal: true)
            }
            headers.append((name, text))
        }
        func has(_ name: String) -> Bool { headers.contains { $0.name.lowercased() == name } }
        if !has("idempotency-key") { headers.append(("Idempotency-Key", job.idempotencyKey)) }
        var body: [UInt8]?
        if let given = input["body"], !given.isNull {
            if let text = given.stringValue {
                body = Array(text.utf8)
            } else {
                body = given.with(job.parents).jsonBytes
                if !has("content-type") { headers.append(("Content-Type", "application/json")) }
            }
        }
        return OutboundRequest(
            method: (input["method"]?.stringValue ?? (body == nil ? "GET" : "POST")).uppercased(),
            url: input["url"]?.stringValue ?? "", headers: headers, body: body, timeout: job.timeout,
            followRedirects: input["follow_redirects"]?.boolValue ?? false)
    }

    private func body(of response: OutboundResponse) -> JSONValue {
        guard !response.body.isEmpty, response.body.count <= Self.bodyKeptMax else { return .null }
        let text = String(decoding: response.body, as: UTF8.self)
        return (try? JSONValue(parsing: text)) ?? .string(text)
    }
}
