import CognitionCore

/// Somebody with an account on a ``ServerProcess``, and what they ask of it.
struct ServerUser {
    let server: ServerProcess
    let token: String
    private let connection: HTTPConnection

    static let password = "correct horse battery"
    static let credentials: JSONValue = ["email": "ada@example.com", "password": .string(password)]

    /// Registers and logs in.
    init(on server: ServerProcess) throws {
        try Self.register(Self.credentials, on: server)
        try self.init(returningTo: server)
    }

    static func register(_ credentials: JSONValue, on server: ServerProcess) throws {
        let made = try HTTPConnection(port: server.port).post("/api/v3/auth/register", body: credentials.jsonBytes)
        guard made.status == 201 else { throw failure("registering", made) }
    }

    /// Logs in on a server whose data folder another has registered on.
    init(returningTo server: ServerProcess) throws {
        self.server = server
        connection = try HTTPConnection(port: server.port)
        token = try Self.login(connection).access
    }

    /// Begins another session.
    func login() throws -> (access: String, refresh: String) { try Self.login(connection) }

    private static func login(_ connection: HTTPConnection) throws -> (access: String, refresh: String) {
        let answer = try connection.post("/api/v3/auth/login", body: credentials.jsonBytes)
        guard answer.status == 200, let access = try answer.json["access_token"]?.stringValue,
            let refresh = try answer.json["refresh_token"]?.stringValue
        else { throw failure("logging in", answer) }
        return (access, refresh)
    }

    /// Stores a definition.
    func store(_ document: String) throws {
        let answer = try connection.post(
            "/api/v3/workflows", token: token, type: "application/yaml", body: Array(document.utf8))
        guard answer.status == 201 else { throw Self.failure("storing a workflow", answer) }
    }

    /// Starts an execution; with `waitSeconds`, and unless it is 0, returns once it has ended.
    /// - Returns: Its id.
    func start(_ workflow: String, waitSeconds: Int64 = 0) throws -> String {
        let answer = try connection.post(
            Self.executePath, token: token, body: Self.executeBody(workflow, waitSeconds: waitSeconds))
        guard answer.status == (waitSeconds > 0 ? 200 : 202), let id = try answer.json["execution_id"]?.stringValue
        else { throw Self.failure("starting \(workflow)", answer) }
        return id
    }

    /// The execution as it is answered.
    func execution(_ id: String) throws -> [UInt8] {
        let answer = try connection.get(Self.path(of: id), token: token)
        guard answer.status == 200 else { throw Self.failure("reading an execution", answer) }
        return answer.body
    }

    static let executePath = "/api/v3/workflows/execute"

    static func executeBody(_ workflow: String, waitSeconds: Int64 = 0) -> [UInt8] {
        var body: JSONObject = ["workflow_id": .string(workflow), "input": ["number": 1]]
        if waitSeconds > 0 { body["wait_seconds"] = .integer(waitSeconds) }
        return JSONValue.object(body).jsonBytes
    }

    static func path(of execution: String) -> String { "/api/v3/workflows/executions/" + execution }

    /// Three tasks with an effect that does nothing, through the same engine as ``EngineNode/threeTasks``.
    static let threeTasks = """
        document: {dsl: '1.0.0', namespace: default, name: three-tasks, version: '1.0.0'}
        do:
          - a: {call: rehearse, with: {}}
          - b: {call: rehearse, with: {}}
          - c: {call: rehearse, with: {}}
        """

    static func failure(_ act: String, _ answer: HTTPConnection.Answer) -> BenchmarkFailure {
        BenchmarkFailure(
            "\(act) was answered \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))")
    }
}
