import CognitionCore
import Foundation

/// The `http` call: one exchange through the port, and what the task makes of the answer.
struct HTTPCall: Sendable {
    /// Of an exchange whose task has no deadline.
    static let timeoutMax: Duration = .seconds(300)
    static let bodyBytesMax = 16 << 20

    let client: any OutboundHTTP
    let clock: any WallClock
    let authenticator: HTTPAuthenticator

    init(client: any OutboundHTTP, clock: any WallClock) {
        self.client = client
        self.clock = clock
        authenticator = HTTPAuthenticator(client: client, clock: clock)
    }

    /// - Throws: `WorkflowFault` of type communication for an answer that counts as an error, with the answer's status.
    func send(
        _ call: HTTPCallRequest, idempotencyKey: String?, deadline: Timestamp?, sensitive: SensitiveValues
    ) async throws -> JSONValue {
        let response = try await exchange(
            call, idempotencyKey: idempotencyKey, deadline: deadline, sensitive: sensitive)
        return try output(of: response, to: call)
    }

    /// - Throws: As ``send(_:idempotencyKey:deadline:sensitive:)``.
    func exchange(
        _ call: HTTPCallRequest, idempotencyKey: String?, deadline: Timestamp?, sensitive: SensitiveValues
    ) async throws -> OutboundResponse {
        let (body, contentType) = encodedBody(of: call)
        var headers = call.headers
        func add(_ name: String, _ value: String?) {
            guard let value, !headers.contains(where: { $0.name.lowercased() == name.lowercased() }) else { return }
            headers.append((name, value))
        }
        add("Content-Type", contentType)
        add("Accept", "application/json, */*;q=0.5")
        add("User-Agent", "cognitionos/\(Release.version)")
        add("Idempotency-Key", idempotencyKey)
        // A header that the document gives wins.
        let isAuthorized = headers.contains { $0.name.lowercased() == "authorization" }
        let end = [deadline, clock.now + Self.timeoutMax].compactMap(\.self).min() ?? clock.now
        let response = try await authenticator.send(
            OutboundRequest(
                method: call.method, url: call.url, headers: headers, body: body,
                bodyBytesMax: Self.bodyBytesMax, followRedirects: call.redirect),
            as: isAuthorized ? nil : call.credentials, until: end, sensitive)
        guard (200..<(call.redirect ? 400 : 300)).contains(response.status) else {
            throw WorkflowFault(
                .communication, detail(of: response, to: call), status: response.status,
                title: HTTPStatus.title(of: response.status))
        }
        return response
    }

    private func encodedBody(of call: HTTPCallRequest) -> (bytes: [UInt8]?, contentType: String?) {
        guard let body = call.body, !(body.isNull && ["GET", "HEAD"].contains(call.method)) else { return (nil, nil) }
        let declared = call.headers.first { $0.name.lowercased() == "content-type" }?.value.lowercased()
        if case .string(let text) = body, declared?.contains("json") != true {
            return (Array(text.utf8), "text/plain; charset=utf-8")
        }
        if case .object(let members) = body, declared?.hasPrefix("application/x-www-form-urlencoded") == true {
            let pairs = members.map { name, value in
                name.formEncoded + "=" + (value.stringValue ?? value.jsonText).formEncoded
            }
            return (Array(pairs.joined(separator: "&").utf8), nil)
        }
        var bytes: [UInt8] = []
        body.writeJSON(into: &bytes)
        return (bytes, "application/json")
    }

    private func output(of response: OutboundResponse, to call: HTTPCallRequest) throws -> JSONValue {
        switch call.output {
        case .raw:
            return .string(Data(response.body).base64EncodedString())
        case .content:
            return try content(of: response)
        case .response:
            var headers = JSONObject()
            for (name, value) in response.headers {
                let name = name.lowercased()
                headers[name] = headers[name]?.stringValue.map { .string($0 + ", " + value) } ?? .string(value)
            }
            return [
                "request": [
                    "method": .string(call.method.lowercased()), "uri": .string(call.url),
                    "headers": .object(JSONObject(call.headers.map { ($0.name, .string($0.value)) })),
                ],
                "statusCode": .integer(Int64(response.status)),
                "headers": .object(headers),
                "content": try content(of: response),
            ]
        }
    }

    /// JSON and text as what they say, anything else in base 64, nothing as null.
    private func content(of response: OutboundResponse) throws -> JSONValue {
        guard !response.body.isEmpty else { return .null }
        let type = response.header("Content-Type")?.lowercased().prefix { $0 != ";" }.trimmingCharacters(
            in: .whitespaces)
        switch type ?? "" {
        case "application/json", "text/json":
            return try json(response.body)
        case let type where type.hasSuffix("+json"):
            return try json(response.body)
        case let type where type.hasPrefix("text/") || type.hasSuffix("xml") || type == "application/yaml":
            return .string(String(decoding: response.body, as: UTF8.self))
        default:
            return .string(Data(response.body).base64EncodedString())
        }
    }

    private func json(_ body: [UInt8]) throws -> JSONValue {
        do {
            return try JSONValue(parsing: body)
        } catch {
            throw WorkflowFault(.communication, "the answer says it is JSON and is not: \(error)", status: 502)
        }
    }

    private func detail(of response: OutboundResponse, to call: HTTPCallRequest) -> String {
        let start = String(decoding: response.body.prefix(500), as: UTF8.self)
        return "\(call.method) \(call.url.prefix(200)) answered \(response.status)"
            + (start.isEmpty ? "" : ": \(start)")
    }
}

/// Reason phrases of RFC 9110 and RFC 6585.
enum HTTPStatus {
    static func title(of status: Int) -> String {
        switch status {
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 425: "Too Early"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "HTTP \(status)"
        }
    }
}
