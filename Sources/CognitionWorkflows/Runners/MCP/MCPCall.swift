import CognitionCore

/// `call: mcp`: one session with a server of the Model Context Protocol, in which one method is called.
///
/// Source: Model Context Protocol, revisions 2024-11-05 to 2025-11-25, modelcontextprotocol.io/specification.
struct MCPCall: Sendable {
    /// Of a call whose task has no deadline.
    static let timeoutMax = HTTPCall.timeoutMax

    let http: any OutboundHTTP
    let authenticator: HTTPAuthenticator
    let processes: ProcessCall
    let clock: any WallClock

    /// - Returns: The result of the method; of a list, that of all its pages together.
    /// - Throws: `WorkflowFault` of type runtime for an error of the server, a tool's own included; of type communication
    ///   when it could not be talked with, or not in the protocol.
    func send(
        _ request: MCPRequest, idempotencyKey: String?, deadline: Timestamp?, sensitive: SensitiveValues
    ) async throws -> JSONValue {
        var timeout = min(request.timeout ?? Self.timeoutMax, Self.timeoutMax)
        if let deadline { timeout = min(timeout, deadline - clock.now) }
        timeout = max(timeout, .milliseconds(1))
        switch request.transport {
        case .http(let endpoint):
            var transport = MCPHTTPTransport(
                client: http, endpoint: endpoint,
                authorization: try await authenticator.header(for: endpoint.credentials, sensitive),
                idempotencyKey: idempotencyKey, timeout: timeout)
            do {
                let result = try await MCPSession(request).call(over: &transport, idempotencyKey: idempotencyKey)
                await transport.end()
                return result
            } catch {
                await transport.end()
                throw error
            }
        case .stdio(let command, let arguments, let environment, let usesNetwork):
            let sandbox = try processes.sandbox(usesNetwork: usesNetwork, isCommand: true)
            let program = SandboxProgram(
                .command(command), arguments: arguments, environment: environment, usesNetwork: usesNetwork,
                timeout: timeout)
            do {
                return try await sandbox.converse(with: program) { dialogue in
                    var transport = MCPStdioTransport(dialogue, command: command)
                    return try await MCPSession(request).call(over: &transport, idempotencyKey: idempotencyKey)
                }
            } catch let error as SandboxError {
                throw WorkflowFault(ofSandbox: error)
            }
        }
    }
}

/// How messages go to a server and come back.
protocol MCPTransport {
    /// Sends a request and waits for the answer with its id. What the server asks meanwhile is answered.
    mutating func exchange(_ request: JSONValue, id: Int64) async throws -> JSONObject

    /// Sends a notification, which has no answer.
    mutating func notify(_ notification: JSONValue) async throws

    /// The revision that both sides have agreed on.
    mutating func agree(on version: String)
}

/// The order of a session: `initialize`, `notifications/initialized`, then the call, page by page.
struct MCPSession {
    private static let pagesMax = 100
    private static let itemsMax = 10_000

    private let request: MCPRequest
    private var lastID: Int64 = 0

    init(_ request: MCPRequest) { self.request = request }

    func call(over transport: inout some MCPTransport, idempotencyKey: String?) async throws -> JSONValue {
        var session = self
        try await session.initialize(over: &transport)
        var parameters = request.parameters
        if let idempotencyKey {
            var meta = parameters["_meta"]?.objectValue ?? [:]
            if meta["idempotencyKey"] == nil { meta["idempotencyKey"] = .string(idempotencyKey) }
            parameters["_meta"] = .object(meta)
        }
        guard let listed = request.method.listed, parameters["cursor"] == nil else {
            let result = try await session.result(request.method.rawValue, parameters, over: &transport)
            try checkTool(result)
            return .object(result)
        }
        return .object(try await session.pages(of: listed, parameters, over: &transport))
    }

    private mutating func initialize(over transport: inout some MCPTransport) async throws {
        let answer = try await result(
            "initialize",
            [
                "protocolVersion": .string(request.version), "capabilities": [:],
                "clientInfo": ["name": .string(request.client.name), "version": .string(request.client.version)],
            ], over: &transport)
        let version = answer["protocolVersion"]?.stringValue ?? "none"
        guard MCPCallDefinition.versions.contains(version) else {
            throw WorkflowFault(
                .communication,
                "the MCP server speaks revision \(version.prefix(64)), not "
                    + MCPCallDefinition.versions.list(lastWord: "or"), status: 502)
        }
        transport.agree(on: version)
        try await transport.notify(["jsonrpc": "2.0", "method": "notifications/initialized"])
    }

    private mutating func pages(
        of listed: String, _ parameters: JSONObject, over transport: inout some MCPTransport
    ) async throws -> JSONObject {
        var parameters = parameters
        var whole: JSONObject?
        var items: [JSONValue] = []
        var cursors: Set<String> = []
        while true {
            var page = try await result(request.method.rawValue, parameters, over: &transport)
            items += page[listed]?.arrayValue ?? []
            let cursor = page["nextCursor"]?.stringValue
            page["nextCursor"] = nil
            if whole == nil { whole = page }
            guard let cursor else { break }
            guard cursors.insert(cursor).inserted, cursors.count < Self.pagesMax, items.count <= Self.itemsMax else {
                throw WorkflowFault(
                    .communication,
                    "\(request.method.rawValue) has more than \(Self.pagesMax) pages or \(Self.itemsMax) items, or goes in "
                        + "a circle; ask for one page with 'cursor'", status: 502)
            }
            parameters["cursor"] = .string(cursor)
        }
        whole?[listed] = .array(items)
        return whole ?? [:]
    }

    private mutating func result(
        _ method: String, _ parameters: JSONObject, over transport: inout some MCPTransport
    ) async throws -> JSONObject {
        lastID += 1
        var message: JSONObject = ["jsonrpc": "2.0", "id": .integer(lastID), "method": .string(method)]
        if !parameters.isEmpty { message["params"] = .object(parameters) }
        let answer = try await transport.exchange(.object(message), id: lastID)
        if let error = answer["error"] {
            let code = error["code"]?.integerValue.map { " \($0)" } ?? ""
            let text = error["message"]?.stringValue ?? error.jsonText
            throw WorkflowFault(.runtime, "\(method) was answered with error\(code): \(text.prefix(2_000))")
        }
        guard let result = answer["result"]?.objectValue else {
            throw WorkflowFault(.communication, "the answer to \(method) has neither result nor error", status: 502)
        }
        return result
    }

    /// A tool that has failed says so in its result.
    private func checkTool(_ result: JSONObject) throws {
        guard request.method == .callTool, result["isError"]?.boolValue == true else { return }
        let texts = result["content"]?.arrayValue?.compactMap { $0["text"]?.stringValue } ?? []
        let name = request.parameters["name"]?.stringValue ?? ""
        throw WorkflowFault(.runtime, "the tool \(name) failed: \(texts.joined(separator: "\n").prefix(2_000))")
    }
}

enum MCPMessage {
    /// A message, or several of them as revision 2025-03-26 allows.
    static func messages(in value: JSONValue) -> [JSONObject] {
        (value.arrayValue ?? [value]).compactMap(\.objectValue)
    }

    /// Whether a message is the answer to the request with this id; one with the id `null` says that the server could not
    /// read the request.
    static func isAnswer(_ message: JSONObject, to id: Int64) -> Bool {
        guard message["method"] == nil else { return false }
        return message["id"]?.integerValue == id || message["id"]?.isNull == true && message["error"] != nil
    }

    /// What a request of the server is answered with: this client offers nothing but to say that it is there.
    static func reply(to message: JSONObject) -> JSONValue? {
        guard let method = message["method"]?.stringValue, let id = message["id"] else { return nil }
        if method == "ping" { return ["jsonrpc": "2.0", "id": id, "result": [:]] }
        return [
            "jsonrpc": "2.0", "id": id,
            "error": ["code": -32601, "message": .string("this client does not offer \(method.prefix(100))")],
        ]
    }
}
