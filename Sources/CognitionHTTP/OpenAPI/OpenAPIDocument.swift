package import CognitionCore
import HTTPTypes

/// The OpenAPI 3.1 document of the declared routes.
///
/// Source: OpenAPI Specification 3.1.1, whose schemas are JSON Schema 2020-12.
package struct OpenAPIDocument: Sendable {
    package let json: JSONValue

    package init(_ api: API) {
        json = [
            "openapi": "3.1.1",
            "info": [
                "title": "CognitionOS",
                "version": .string(Release.version),
                "summary": "Runs AI workflows durably.",
                "description": .string(Self.introduction),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/", "description": "This server"]],
            "tags": .array(Self.tags(of: api)),
            "paths": .object(Self.paths(of: api)),
            "components": [
                "schemas": .object(Self.schemas(of: api)),
                "parameters": [:],
                "securitySchemes": [
                    "bearer": [
                        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                        "description":
                            "The `access_token` of `POST /api/v3/auth/login`, or an API key of `POST /api/v3/auth/api-keys`.",
                    ]
                ],
            ],
        ]
    }

    private static let introduction = """
        Times are RFC 3339 in UTC with six fraction digits, ids are UUIDs of version 7, money is `{micros, currency}`. \
        Lists come in pages: `?limit=` and `?cursor=`, answered with `{items, next_cursor}`. Errors are \
        `application/problem+json` (RFC 9457); programs look at `code`. What has an `ETag` can be asked for again with \
        `If-None-Match`. Where requests are limited, `RateLimit` and `RateLimit-Policy` tell how one stands. A token acts in one workspace; the header \
        `X-Workspace-ID` picks another one that its user belongs to, with the user's role there, and 404 \
        `identity.workspace_not_found` answers every other.
        """

    private static func tags(of api: API) -> [JSONValue] {
        var seen: Set<String> = []
        return api.routes.compactMap { seen.insert($0.tag).inserted ? ["name": .string($0.tag)] : nil }
    }

    private static func paths(of api: API) -> JSONObject {
        var paths: JSONObject = [:]
        for route in api.routes {
            var operations = paths[route.path]?.objectValue ?? [:]
            operations[route.method.rawValue.lowercased()] = operation(route)
            paths[route.path] = .object(operations)
        }
        return paths
    }

    private static func operation(_ route: Route) -> JSONValue {
        var operation: JSONObject = [
            "operationId": .string(route.operationID), "tags": [.string(route.tag)], "summary": .string(route.summary),
        ]
        let permission =
            switch route.access {
            case .permission(let permission): "Needs the permission `\(permission.rawValue)`."
            case .token: "Not with an API key."
            case .open, .optional, .credential: ""
            }
        let description = [route.details ?? "", permission].filter { !$0.isEmpty }.joined(separator: "\n\n")
        if !description.isEmpty { operation["description"] = .string(description) }
        let parameters: [any AnyParameter] = route.parameters + (route.repetition.isKept ? [Route.idempotencyKey] : [])
        if !parameters.isEmpty { operation["parameters"] = .array(parameters.map(parameter)) }
        if let body = route.body { operation["requestBody"] = requestBody(body) }
        operation["responses"] = .object(responses(of: route))
        switch route.access {
        case .open: operation["security"] = []
        case .optional: operation["security"] = [[:], ["bearer": []]]
        case .token, .credential, .permission: operation["security"] = [["bearer": []]]
        }
        return .object(operation)
    }

    private static func parameter(_ parameter: any AnyParameter) -> JSONValue {
        [
            "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
            "required": .bool(parameter.place == .path), "description": .string(parameter.description),
            "schema": parameter.schema,
        ]
    }

    private static func requestBody(_ body: BodyShape) -> JSONValue {
        let content = JSONObject(
            body.mediaTypes.map { mediaType in
                mediaType == Answer.json
                    ? (mediaType, ["schema": body.type.reference, "example": body.type.sample])
                    : (mediaType, ["schema": body.type.reference])
            })
        return ["required": true, "content": .object(content)]
    }

    private static func responses(of route: Route) -> JSONObject {
        var responses: JSONObject = [:]
        for answer in route.answers {
            var response: JSONObject = ["description": .string(answer.description)]
            if !answer.contents.isEmpty {
                response["content"] = .object(
                    JSONObject(
                        answer.contents.map { content in
                            guard let type = content.type else {
                                let type = content.mediaType == Answer.json ? "object" : "string"
                                return (content.mediaType, ["schema": ["type": .string(type)]])
                            }
                            return (content.mediaType, ["schema": type.reference, "example": type.sample])
                        }))
            }
            responses[String(answer.status.code)] = .object(response)
        }
        for status in errorStatuses(of: route) where responses[status] == nil {
            responses[status] = [
                "description": .string(errorTitles[status] ?? "Failed."),
                "content": ["application/problem+json": ["schema": ProblemShape.reference]],
            ]
        }
        return responses
    }

    /// The errors that are declared, and those that every route of its kind can have.
    private static func errorStatuses(of route: Route) -> [String] {
        var statuses = Set(route.errors.map { Problem.status(of: $0).code })
        if route.body != nil { statuses.formUnion([400, 413, 415]) }
        if !route.parameters.isEmpty { statuses.formUnion([400, 414]) }
        if route.repetition.isKept { statuses.formUnion([400, 409, 422]) }
        if route.isLimited { statuses.insert(429) }
        // 404: a workspace of `X-Workspace-ID` that is not the caller's.
        if route.access != .open { statuses.formUnion([401, 404, 503]) }
        switch route.access {
        case .token, .permission: statuses.insert(403)
        case .open, .optional, .credential: break
        }
        return statuses.sorted().map(String.init)
    }

    private static let errorTitles = [
        "400": "The request is not valid.", "401": "There is no token, or it is not valid.",
        "403": "The token's roles do not permit this.", "404": "There is no such thing in this workspace.",
        "409": "The request conflicts with what is there.",
        "410": "It is in an archive that this node does not have.", "414": "The path and query are too long.",
        "413": "The body is too large.",
        "415": "The body has a media type that is not taken.", "422": "What is asked for is not supported.",
        "429": "A limit was reached.", "503": "Not available at the moment; the same request may succeed later.",
    ]

    private static func schemas(of api: API) -> JSONObject {
        var schemas: JSONObject = [ProblemShape.schemaName: ProblemShape.schema]
        var open: [any WireType.Type] = api.routes.flatMap { route -> [any WireType.Type] in
            let answers: [any WireType.Type] = route.answers.flatMap { $0.contents.compactMap { $0.type } }
            return answers + (route.body.map { [$0.type] } ?? [])
        }
        while let type = open.popLast() {
            if schemas[type.schemaName] == nil { open += type.parts }
            schemas[type.schemaName] = type.schema
        }
        return JSONObject(schemas.sortedByName().map { ($0.key, $0.value) })
    }
}

/// The shape of every error; see ``Problem``.
enum ProblemShape: WireType {
    static let schemaName = "Problem"
    static let schema: JSONValue = .record(
        [
            "type": .text("A URN that names the code."),
            "title": .text("The kind of error."),
            "status": .whole(400...599),
            "detail": .text("What was wrong, for people."),
            "code": .text("Stable across releases; what programs look at."),
            "request_id": .text("Under which the log has the request."),
            "faults": .list(
                of: .record(
                    [
                        "pointer": .text("Where, as a JSON pointer."), "message": .text(),
                        "line": .whole(1...(.max), "Of a definition."), "column": .whole(1...(.max)),
                        "reason": .text("Of `event.schema_incompatible`, e.g. `type_narrowed`."),
                    ], optional: ["line", "column", "reason"])),
            "actual_version": .whole(0...(.max), "Of `event.version_conflict`: the version that the stream has."),
        ], optional: ["faults", "actual_version"], description: "An error as RFC 9457 has it.")
    static let sample: JSONValue = [
        "type": "urn:cognitionos:error:workflow.not_found", "title": "Not found", "status": 404,
        "detail": "there is no workflow default.digest of version 1.0.0", "code": "workflow.not_found",
        "request_id": "0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f",
    ]
}
