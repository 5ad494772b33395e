import CognitionCore
import Foundation

/// What the public hosts answer that the conformance kit and the standard's examples call.
enum PublicHosts {
    @Sendable static func answer(_ request: StandInServer.Request) -> StandInServer.Reply {
        switch request.host {
        case "petstore.swagger.io": petStore(request)
        case "httpbin.org": basicAuthentication(request)
        case "swapi.dev": starWars(request)
        case "raw.githubusercontent.com": catalog(request)
        case "keycloak": identityProvider(request)
        case "fake.com" where request.path == "/sample": .json(["sample": true])
        case "superbet-casinos.com", "fake-hospital.com", "hospital.example.com", "example.com",
            "virtual-wf-powered-race.com", "fake-chat-api.com":
            .json(["accepted": request.json])
        default: .nothing
        }
    }

    // MARK: Pet store

    private static func petStore(_ request: StandInServer.Request) -> StandInServer.Reply {
        let path = request.path.split(separator: "/").map(String.init)
        switch (request.method, path.dropFirst().first, path.count) {
        case ("GET", "swagger.json", 2): return .json(petStoreDocument)
        case ("GET", "pet", 3) where path[2] == "findByStatus":
            return .json([pet(1, status: String(request.query.dropFirst("status=".count)))])
        case ("GET", "pet", 3):
            return Int64(path[2]).map { .json(pet($0)) } ?? .nothing
        case ("PUT", "pet", _):
            return .json(request.json)
        default:
            return .nothing
        }
    }

    private static func pet(_ id: Int64, status: String = "available") -> JSONValue {
        ["id": .integer(id), "name": "Milou", "status": .string(status)]
    }

    /// The operations that are called, as the store's own document (Swagger 2.0) has them.
    private static let petStoreDocument: JSONValue = [
        "swagger": "2.0",
        "info": ["title": "Swagger Petstore", "version": "1.0.7"],
        "host": "petstore.swagger.io", "basePath": "/v2", "schemes": ["https", "http"],
        "paths": [
            "/pet/findByStatus": [
                "get": [
                    "operationId": "findPetsByStatus", "produces": ["application/json"],
                    "parameters": [
                        [
                            "name": "status", "in": "query", "required": true, "type": "array",
                            "items": ["type": "string", "enum": ["available", "pending", "sold"]],
                            "collectionFormat": "multi",
                        ]
                    ],
                    "responses": ["200": ["description": "successful operation"]],
                ]
            ],
            "/pet/{petId}": [
                "get": [
                    "operationId": "getPetById", "produces": ["application/json"],
                    "parameters": [
                        ["name": "petId", "in": "path", "required": true, "type": "integer", "format": "int64"]
                    ],
                    "responses": ["200": ["description": "successful operation"]],
                ]
            ],
        ],
    ]

    // MARK: Others

    /// `/basic-auth/USER/PASSWORD` asks for just these.
    private static func basicAuthentication(_ request: StandInServer.Request) -> StandInServer.Reply {
        let path = request.path.split(separator: "/").map(String.init)
        guard path.count == 3, path[0] == "basic-auth" else { return .nothing }
        let expected = "Basic " + Data("\(path[1]):\(path[2])".utf8).base64EncodedString()
        guard request.header("Authorization") == expected else {
            return .json(["authenticated": false], status: 401)
        }
        return .json(["authenticated": true, "user": .string(path[1])])
    }

    private static func starWars(_ request: StandInServer.Request) -> StandInServer.Reply {
        let luke: JSONValue = ["name": "Luke Skywalker", "homeworld": "https://swapi.dev/api/planets/1/"]
        return switch request.path {
        case "/api/people/" where request.query == "search=r2": .json(["count": 1, "results": [["name": "R2-D2"]]])
        // A hop that only `redirect: true` follows.
        case "/api/people/" where request.query == "search=moved":
            StandInServer.Reply(status: 302, headers: [("Location", "/api/people/?search=r2")])
        case "/api/people/1": .json(luke)
        case "/api/planets/1/": .json(["name": "Tatooine"])
        default: .nothing
        }
    }

    /// A function of the standard's catalog; it writes its message in the asked form.
    private static func catalog(_ request: StandInServer.Request) -> StandInServer.Reply {
        guard request.path == "/serverlessworkflow/catalog/main/functions/log/1.0.0/function.yaml" else {
            return .nothing
        }
        return StandInServer.Reply(
            headers: [("Content-Type", "text/plain; charset=utf-8")],
            body: """
                input:
                  schema:
                    document: {type: object, properties: {message: {type: string}}, required: [message]}
                output:
                  schema:
                    document: {type: string}
                set: ${ "[\\(.level)] \\(.message)" }
                """)
    }

    /// Gives a token to one client, and says where.
    private static func identityProvider(_ request: StandInServer.Request) -> StandInServer.Reply {
        let realm = "/realms/fake-authority"
        switch request.path {
        case realm + "/.well-known/openid-configuration":
            return .json([
                "issuer": .string("http://keycloak" + realm),
                "token_endpoint": .string("http://keycloak" + realm + "/auth/token"),
            ])
        case realm + "/auth/token", "/auth/token":
            let isKnown =
                request.body.contains("workflow-runtime-secret") || request.header("Authorization") != nil
            return isKnown
                ? .json(["access_token": "token-of-keycloak", "token_type": "Bearer", "expires_in": 300])
                : .json(["error": "invalid_client"], status: 401)
        default:
            return .nothing
        }
    }
}
