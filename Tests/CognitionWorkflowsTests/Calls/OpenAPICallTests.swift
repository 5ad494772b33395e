import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// What an operation of a document makes of its arguments.
@Suite("call: openapi") struct OpenAPICallTests {
    /// Version 3.0, as YAML would have it.
    private static let pets: JSONValue = [
        "openapi": "3.0.3", "servers": [["url": "/v{n}", "variables": ["n": ["default": "2"]]]],
        "paths": [
            "/pets/{id}": [
                "parameters": [
                    ["$ref": "#/components/parameters/id"],
                    ["name": "lang", "in": "header", "schema": ["type": "string"]],
                ],
                "get": [
                    "operationId": "getPet",
                    "parameters": [
                        ["name": "tags", "in": "query"], ["name": "csv", "in": "query", "explode": false],
                        ["name": "pipe", "in": "query", "style": "pipeDelimited", "explode": false],
                        ["name": "filter", "in": "query", "style": "deepObject"],
                        ["name": "o", "in": "query"],
                        ["name": "j", "in": "query", "content": ["application/json": [:]]],
                        ["name": "sid", "in": "cookie"], ["name": "sort", "in": "query", "required": true],
                    ],
                ],
                "post": [
                    "operationId": "changePet", "servers": [["url": "http://other:81/base/"]],
                    "requestBody": ["$ref": "#/components/requestBodies/pet"],
                ],
                "put": [
                    "operationId": "formPet",
                    "requestBody": ["content": ["application/x-www-form-urlencoded": [:]]],
                ],
                "patch": [
                    "operationId": "uploadPet", "requestBody": ["content": ["multipart/form-data": [:]]],
                ],
                "delete": ["operationId": "dropPet", "parameters": [["$ref": "other.yaml#/x"]]],
            ]
        ],
        "components": [
            "parameters": ["id": ["name": "id", "in": "path", "required": true]],
            "requestBodies": ["pet": ["required": true, "content": ["application/json": [:]]]],
        ],
    ]

    private static let swagger: JSONValue = [
        "swagger": "2.0", "host": "api.example", "basePath": "/v2", "schemes": ["http"],
        "consumes": ["application/json"],
        "paths": [
            "/pet": [
                "post": ["operationId": "addPet", "parameters": [["name": "pet", "in": "body", "required": true]]]
            ],
            "/find": [
                "get": [
                    "operationId": "find",
                    "parameters": [
                        ["name": "status", "in": "query", "type": "array", "collectionFormat": "multi"],
                        ["name": "ids", "in": "query", "type": "array", "collectionFormat": "pipes"],
                        ["name": "plain", "in": "query", "type": "array"],
                    ],
                ],
                "post": [
                    "operationId": "form", "consumes": ["application/x-www-form-urlencoded"],
                    "parameters": [["name": "a", "in": "formData"], ["name": "b", "in": "formData"]],
                ],
            ],
        ],
    ]

    private func world(_ document: JSONValue) -> ScriptedHTTP {
        ScriptedHTTP { request in
            request.url.contains("/api.json") ? (200, [], document) : (200, [], request.echo)
        }
    }

    private func call(
        _ operation: String, _ parameters: JSONValue, more: String = "", over http: ScriptedHTTP, times: Int = 1
    ) async throws -> Execution {
        let task = """
            call: openapi, with: {document: {endpoint: 'http://docs/a/api.json'}, operationId: \(operation), \
            parameters: '${ .p }'\(more)}
            """
        let tasks = (1...times).map { "- a\($0): {input: {from: '$workflow.input'}, \(task)}" }
        var execution: Execution?
        try await withSecrets(on: .sqliteMemory, [:], http: http) { harness in
            execution = try await harness.running {
                try await harness.end(
                    of: harness.execute(
                        workflow("openapi", "1.0.0", tasks.joined(separator: "\n")), input: ["p": parameters]))
            }
        }
        return try #require(execution)
    }

    @Test("Parameters stand where the document says, in its styles")
    func parameters() async throws {
        let http = world(Self.pets)
        let ended = try await call(
            "getPet",
            [
                "id": "a/b", "lang": "de", "tags": ["x", "y z"], "csv": [1, 2], "pipe": ["p", "q"],
                "filter": ["size": 3, "color": "red"], "o": ["k": "v"], "j": ["a": [1]], "sid": "s1", "sort": true,
            ], over: http)
        #expect(ended.status == .completed, "\(String(describing: ended.fault))")
        let sent = try #require(http.requests.last)
        #expect(
            sent.url
                == "http://docs/v2/pets/a%2Fb?tags=x&tags=y%20z&csv=1%2C2&pipe=p%7Cq&filter%5Bsize%5D=3"
                + "&filter%5Bcolor%5D=red&k=v&j=%7B%22a%22%3A%5B1%5D%7D&sort=true")
        #expect(sent.method == "GET" && sent.header("lang") == "de" && sent.header("Cookie") == "sid=s1")
        #expect(sent.body == nil && sent.header("Idempotency-Key") == nil)
    }

    @Test("Bodies: of 'body', or of what is no parameter; JSON and forms")
    func bodies() async throws {
        let http = world(Self.pets)
        _ = try await call("changePet", ["id": 1, "body": ["name": "Rex"]], over: http)
        let whole = try #require(http.requests.last)
        #expect(whole.url == "http://other:81/base/pets/1" && whole.text == #"{"name":"Rex"}"#)
        #expect(whole.header("Content-Type") == "application/json" && whole.header("Idempotency-Key") != nil)
        _ = try await call("changePet", ["id": 1, "name": "Rex", "age": 3], over: http)
        #expect(http.requests.last?.text == #"{"name":"Rex","age":3}"#)
        _ = try await call("formPet", ["id": 1, "name": "R x"], over: http)
        let form = try #require(http.requests.last)
        #expect(form.text == "name=R+x" && form.header("Content-Type") == "application/x-www-form-urlencoded")
        #expect(form.method == "PUT" && form.header("Idempotency-Key") == nil)
    }

    @Test("Version 2.0: host and base path, collection formats, bodies and forms by name")
    func version2() async throws {
        let http = world(Self.swagger)
        _ = try await call("find", ["status": ["a", "b"], "ids": [1, 2], "plain": [3, 4]], over: http)
        #expect(http.requests.last?.url == "http://api.example/v2/find?status=a&status=b&ids=1%7C2&plain=3%2C4")
        _ = try await call("addPet", ["pet": ["n": 1]], over: http)
        #expect(http.requests.last?.url == "http://api.example/v2/pet" && http.requests.last?.text == #"{"n":1}"#)
        _ = try await call("addPet", ["body": [1]], over: http)
        #expect(http.requests.last?.text == "[1]")
        _ = try await call("form", ["a": "1&2", "b": 3], over: http)
        #expect(http.requests.last?.text == "a=1%262&b=3")
    }

    @Test("Documents in YAML and of version 3.1 are read; the cache keeps them")
    func yaml() async throws {
        let text = """
            openapi: 3.1.0
            servers: [{url: './v9/'}, {url: 'http://never'}]
            paths:
              /x: {get: {operationId: x}}
            """
        let http = ScriptedHTTP { request in
            request.url.contains("/api.json")
                ? (200, [("Content-Type", "application/yaml")], .string(text)) : (200, [], request.echo)
        }
        #expect(try await call("x", [:], over: http).status == .completed)
        #expect(http.requests.last?.url == "http://docs/a/v9/x")
        let plain = world(Self.swagger)
        #expect(try await call("find", [:], over: plain, times: 3).status == .completed)
        #expect(plain.requests(to: "http://docs").count == 1 && plain.requests(to: "http://api").count == 3)
    }

    @Test(
        "What is missing or cannot be done is said",
        arguments: [
            ("getPet", ["sort": 1], "validation", "needs the path parameter 'id'"),
            ("getPet", ["id": 1], "validation", "needs the query parameter 'sort'"),
            ("getPet", ["id": 1, "sort": 1, "nix": 2], "validation", "has no parameter 'nix'"),
            ("changePet", ["id": 1], "validation", "needs 'body'"),
            ("nowhere", [:], "configuration", "no operation 'nowhere'"),
            ("uploadPet", ["id": 1, "a": 1], "configuration", "'multipart/form-data'"),
            ("dropPet", ["id": 1], "configuration", "'$ref' other.yaml#/x"),
        ] as [(String, JSONValue, String, String)])
    func refusals(_ operation: String, _ parameters: JSONValue, _ type: String, _ says: String) async throws {
        let http = world(Self.pets)
        let ended = try await call(operation, parameters, over: http)
        #expect(ended.fault?.type.hasSuffix("/errors/\(type)") == true && ended.fault?.status == 400)
        #expect(ended.fault?.detail?.contains(says) == true, "\(String(describing: ended.fault))")
        #expect(http.requests.count == 1)
    }

    @Test(
        "A document that is none is said",
        arguments: [
            (["openapi": "4.0.0"], "of version 2.0, 3.0 or 3.1"), (["swagger": "1.2"], "of version 2.0, 3.0 or 3.1"),
            (
                ["openapi": "3.0.0", "paths": ["/x": ["$ref": "#/paths/~1y"], "/y": ["$ref": "#/paths/~1x"]]],
                "circle"
            ),
            (
                ["openapi": "3.0.0", "servers": [["url": "ftp://x"]], "paths": ["/x": ["get": ["operationId": "x"]]]],
                "ftp"
            ),
        ] as [(JSONValue, String)])
    func documents(_ document: JSONValue, _ says: String) async throws {
        let ended = try await call("x", [:], over: world(document))
        #expect(ended.fault?.type == WorkflowFault.Standard.configuration.type)
        #expect(ended.fault?.detail?.contains(says) == true, "\(String(describing: ended.fault))")
    }

    @Test("Output, redirects, authentication and answers are those of 'http'")
    func asHTTP() async throws {
        let http = world(Self.swagger)
        let ended = try await call(
            "find", [:], more: ", output: response, redirect: true, authentication: {bearer: {token: t1}}", over: http)
        #expect(ended.output?["statusCode"] == 200 && ended.output?["request"]?["method"] == "get")
        #expect(http.requests.last?.followRedirects == true)
        #expect(http.requests.last?.header("Authorization") == "Bearer t1")
        #expect(http.requests.first?.header("Authorization") == nil)
        let gone = ScriptedHTTP { request in
            request.url.contains("/api.json") ? (200, [], Self.swagger) : (410, [], [:])
        }
        let faulted = try await call("find", [:], over: gone)
        #expect(faulted.fault?.type == WorkflowFault.Standard.communication.type && faulted.fault?.status == 410)
        let missing = ScriptedHTTP { _ in (404, [], [:]) }
        #expect(try await call("find", [:], over: missing).fault?.status == 404)
    }

    @Test("What is written wrong is refused at creation")
    func definitions() throws {
        for (with, says) in [
            ("{operationId: a}", "needs 'document'"), ("{document: {endpoint: 'http://x'}}", "needs 'operationId'"),
            ("{document: {uri: x}, operationId: a}", "unknown member 'uri'"),
            ("{document: {endpoint: 'file:///x'}, operationId: a}", "http:// or https://"),
            ("{document: {endpoint: 'http://x'}, operationId: a, parameters: [1]}", "must be an object"),
        ] {
            let faults = try faults(in: document("do: [{a: {call: openapi, with: \(with)}}]"))
            #expect(faults.contains { $0.message.contains(says) }, "\(with): \(faults)")
        }
    }
}
