import CognitionCore
import Testing

/// Somebody with an account and a token, and a workspace of their own unless told otherwise.
struct APIUser: Sendable {
    static let password = "correct horse battery"

    let server: LiveServer
    let email: String
    let id: String
    /// The one that came with the account.
    let home: String
    var token: String
    var refreshToken: String
}

extension LiveServer {
    /// An address that nobody has.
    static func newEmail() -> String { "user-\(UInt64.random(in: .min ... .max))@example.com" }

    /// Registers somebody and logs them in.
    func newUser() async throws -> APIUser {
        let email = Self.newEmail()
        let made = try await post(
            "/api/v3/auth/register", ["email": .string(email), "password": .string(APIUser.password)])
        try #require(made.status == 201, "\(made)")
        let tokens = try await login(email)
        return APIUser(
            server: self, email: email, id: try made.json.text("id"), home: try made.json.text("workspace_id"),
            token: try tokens.json.text("access_token"), refreshToken: try tokens.json.text("refresh_token"))
    }

    func login(_ email: String, _ password: String = APIUser.password, workspace: String? = nil) async throws
        -> HTTPAnswer
    {
        var body: JSONObject = ["email": .string(email), "password": .string(password)]
        if let workspace { body["workspace_id"] = .string(workspace) }
        return try await post("/api/v3/auth/login", .object(body))
    }

    func post(_ path: String, _ json: JSONValue, token: String? = nil) async throws -> HTTPAnswer {
        try await send("POST", path, token: token, type: "application/json", body: json.jsonBytes)
    }
}

extension APIUser {
    /// - Parameter path: Below `/api/v3/`.
    func get(_ path: String, headers: [(String, String)] = [], sourceLocation: SourceLocation = #_sourceLocation)
        async throws
        -> HTTPAnswer
    {
        try await server.send("GET", "/api/v3/" + path, token: token, headers: headers, sourceLocation: sourceLocation)
    }

    func delete(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> HTTPAnswer {
        try await server.send("DELETE", "/api/v3/" + path, token: token, sourceLocation: sourceLocation)
    }

    func post(
        _ path: String, _ json: JSONValue? = nil, headers: [(String, String)] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> HTTPAnswer {
        try await server.send(
            "POST", "/api/v3/" + path, token: token, headers: headers, type: json == nil ? nil : "application/json",
            body: json?.jsonBytes, sourceLocation: sourceLocation)
    }

    func put(_ path: String, _ json: JSONValue) async throws -> HTTPAnswer {
        try await server.send(
            "PUT", "/api/v3/" + path, token: token, type: "application/json", body: json.jsonBytes)
    }

    func patch(_ path: String, _ json: JSONValue) async throws -> HTTPAnswer {
        try await server.send(
            "PATCH", "/api/v3/" + path, token: token, type: "application/json", body: json.jsonBytes)
    }

    func post(_ path: String, yaml: String) async throws -> HTTPAnswer {
        try await server.send(
            "POST", "/api/v3/" + path, token: token, type: "application/yaml", body: Array(yaml.utf8))
    }

    /// Stores a definition.
    /// - Parameter tasks: The list below `do`, in the flow style of YAML.
    func store(_ name: String, version: String = "1.0.0", do tasks: String) async throws {
        let answer = try await post("workflows", yaml: Self.document(name, version, tasks))
        try #require(answer.status == 201, "\(answer)")
    }

    static func document(_ name: String, _ version: String, _ tasks: String) -> String {
        "document: {dsl: 1.0.0, namespace: default, name: \(name), version: \(version)}\ndo: \(tasks)\n"
    }

    /// Starts an execution.
    /// - Returns: Its id.
    func start(_ name: String, input: JSONValue = [:]) async throws -> String {
        let answer = try await post("workflows/execute", ["workflow_id": .string(name), "input": input])
        try #require(answer.status == 202, "\(answer)")
        return try answer.json.text("execution_id")
    }

    /// Starts an execution and waits for its end.
    func run(_ name: String, input: JSONValue = [:]) async throws -> JSONValue {
        let body: JSONValue = ["workflow_id": .string(name), "input": input, "wait_seconds": 30]
        let answer = try await post("workflows/execute", body)
        try #require(answer.status == 200, "\(answer)")
        return answer.json
    }

    /// Every item of a list, page by page.
    func all(_ path: String, limit: Int) async throws -> [JSONValue] {
        var items: [JSONValue] = []
        var cursor = ""
        for _ in 0..<1_000 {
            let page = try await get("\(path)\(path.contains("?") ? "&" : "?")limit=\(limit)\(cursor)")
            try #require(page.status == 200, "\(page)")
            let new = try #require(page.json["items"]?.arrayValue)
            #expect(new.count <= limit)
            items += new
            guard let next = page.json["next_cursor"]?.stringValue else { return items }
            #expect(new.count == limit, "a page that is not the last is full")
            cursor = "&cursor=\(next)"
        }
        throw TestFailure("\(path) has no last page")
    }
}

extension JSONValue {
    /// A member that has to be a text.
    func text(_ member: String) throws -> String {
        guard let text = self[member]?.stringValue else {
            throw TestFailure("no text '\(member)' in \(jsonText.prefix(500))")
        }
        return text
    }
}
