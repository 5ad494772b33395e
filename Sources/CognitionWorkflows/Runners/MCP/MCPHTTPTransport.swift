import CognitionCore

/// Streamable HTTP: each message is a POST, whose answer is JSON or a stream of events.
struct MCPHTTPTransport: MCPTransport {
    private static let bodyBytesMax = HTTPCall.bodyBytesMax
    private static let endTimeout: Duration = .seconds(5)

    let client: any OutboundHTTP
    let endpoint: HTTPCallRequest
    let authorization: String?
    /// Sent with the call itself, not with the messages before it.
    let idempotencyKey: String?
    private let deadline: ContinuousClock.Instant
    private var session: String?
    private var version: String?

    init(
        client: any OutboundHTTP, endpoint: HTTPCallRequest, authorization: String?, idempotencyKey: String?,
        timeout: Duration
    ) {
        self.authorization = authorization
        self.client = client
        self.endpoint = endpoint
        self.idempotencyKey = idempotencyKey
        deadline = ContinuousClock.now + timeout
    }

    mutating func agree(on version: String) { self.version = version }

    mutating func notify(_ notification: JSONValue) async throws {
        let response = try await client.send(request("POST", body: notification))
        guard (200..<300).contains(response.status) else {
            throw Self.fault(response.status, response.body, "POST", endpoint.url)
        }
    }

    mutating func exchange(_ message: JSONValue, id: Int64) async throws -> JSONObject {
        let timeLeft = timeLeft
        let transport = self
        let (answer, session) = try await client.stream(
            request("POST", body: message, key: version == nil ? nil : idempotencyKey), firstByteTimeout: timeLeft,
            idleTimeout: timeLeft
        ) { stream in
            guard (200..<300).contains(stream.status) else {
                throw Self.fault(stream.status, try await Self.all(of: stream), "POST", transport.endpoint.url)
            }
            let type = stream.header("Content-Type")?.lowercased() ?? ""
            let answer =
                type.hasPrefix("text/event-stream")
                ? try await transport.answer(in: stream, to: id)
                : try Self.answer(in: try await Self.all(of: stream), to: id)
            return (answer, stream.header("Mcp-Session-Id"))
        }
        if self.session == nil { self.session = session }
        return answer
    }

    /// Ends the session, if the server has begun one; whether it takes that is its own affair.
    func end() async {
        guard session != nil, !Task.isCancelled else { return }
        var request = request("DELETE", body: nil)
        request.timeout = Self.endTimeout
        _ = try? await client.send(request)
    }

    // MARK: Answers

    private static func all(of stream: OutboundStream) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in stream.chunks { bytes += chunk }
        return bytes
    }

    private static func answer(in body: [UInt8], to id: Int64) throws -> JSONObject {
        guard let value = try? JSONValue(parsing: body),
            let answer = MCPMessage.messages(in: value).first(where: { MCPMessage.isAnswer($0, to: id) })
        else {
            let start = String(decoding: body.prefix(500), as: UTF8.self)
            throw WorkflowFault(.communication, "the MCP server's answer is none: \(start)", status: 502)
        }
        return answer
    }

    private func answer(in stream: OutboundStream, to id: Int64) async throws -> JSONObject {
        var events = ServerSentEvents(eventBytesMax: Self.bodyBytesMax, totalBytesMax: Self.bodyBytesMax)
        for try await chunk in stream.chunks {
            for event in try events.feed(chunk) where event.name == "message" {
                guard let value = try? JSONValue(parsing: event.data) else { continue }
                for message in MCPMessage.messages(in: value) {
                    if MCPMessage.isAnswer(message, to: id) { return message }
                    if let reply = MCPMessage.reply(to: message) {
                        _ = try await client.send(request("POST", body: reply))
                    }
                }
            }
        }
        throw WorkflowFault(.communication, "the MCP server's stream ended before its answer", status: 502)
    }

    private static func fault(_ status: Int, _ body: [UInt8], _ method: String, _ url: String) -> WorkflowFault {
        let start = String(decoding: body.prefix(500), as: UTF8.self)
        return WorkflowFault(
            .communication, "\(method) \(url.prefix(200)) answered \(status)" + (start.isEmpty ? "" : ": \(start)"),
            status: status, title: HTTPStatus.title(of: status))
    }

    // MARK: Requests

    private var timeLeft: Duration { max(.milliseconds(1), deadline - ContinuousClock.now) }

    private func request(_ method: String, body: JSONValue?, key: String? = nil) -> OutboundRequest {
        let ours = ["accept", "content-type", "mcp-session-id", "mcp-protocol-version"]
        var headers = endpoint.headers.filter { !ours.contains($0.name.lowercased()) }
        headers.append(("Accept", "application/json, text/event-stream"))
        if body != nil { headers.append(("Content-Type", "application/json")) }
        if let session { headers.append(("Mcp-Session-Id", session)) }
        if let version { headers.append(("MCP-Protocol-Version", version)) }
        func add(_ name: String, _ value: String?) {
            guard let value, !headers.contains(where: { $0.name.lowercased() == name.lowercased() }) else { return }
            headers.append((name, value))
        }
        add("User-Agent", "cognitionos/\(Release.version)")
        add("Idempotency-Key", key)
        add("Authorization", authorization)
        var bytes: [UInt8]?
        if let body {
            var json: [UInt8] = []
            body.writeJSON(into: &json)
            bytes = json
        }
        return OutboundRequest(
            method: method, url: endpoint.url, headers: headers, body: bytes, timeout: timeLeft,
            bodyBytesMax: Self.bodyBytesMax, followRedirects: endpoint.redirect)
    }
}
