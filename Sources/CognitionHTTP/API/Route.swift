package import CognitionCore
package import HTTPTypes

/// Who may call a route.
package enum Access: Sendable, Hashable {
    /// Anybody; a token is not looked at.
    case open
    /// Anybody; who has a token sees more.
    case optional
    /// Whoever has a token. An API key will not do: this concerns a person, or lets one get more rights than a key has.
    case token
    /// Whoever has a token or an API key; what it may do here, the handler's façade says.
    case credential
    /// Whoever has a token or an API key that permits this.
    case permission(Permission)
}

/// One declaration that feeds the router, the check of permissions and the OpenAPI document, so that they cannot drift.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// From the root, with parameters in braces: `/api/v3/workflows/{id}/{version}`.
    package let path: String
    /// The heading under which the documentation has it.
    let tag: String
    let access: Access
    let summary: String
    /// Further sentences for the documentation, in Markdown.
    let details: String?
    let parameters: [any AnyParameter]
    let body: BodyShape?
    let answers: [AnswerShape]
    /// Besides those that every route of its kind has.
    let errors: [ErrorCategory]
    /// Whether its requests count against the limits of who asks.
    let isLimited: Bool
    let handle: @Sendable (consuming Exchange) async throws -> Answer

    /// A name for generated clients: the method and the words of the path.
    var operationID: String {
        let words = path.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "api" && $0 != "v3" }
        return ([Substring(method.rawValue.lowercased())] + words).joined(separator: "_")
    }
}

/// What a route's body may be.
package struct BodyShape: Sendable {
    let type: any RequestBody.Type
    let mediaTypes: [String]
}

/// A few routes that belong together.
package protocol RouteGroup: Sendable {
    /// The heading under which the documentation has them.
    static var tag: String { get }
    /// Whether requests count against the limits of who asks. Not so where somebody has to get through at any time.
    static var isLimited: Bool { get }
    func routes(_ api: inout API)
}

extension RouteGroup {
    package static var isLimited: Bool { true }
}

/// All routes, in the order of their declaration.
package struct API: Sendable {
    package private(set) var routes: [Route] = []
    private let base: String
    private let tag: String
    private let isLimited: Bool

    private init(base: String, tag: String, isLimited: Bool = true) {
        self.base = base
        self.tag = tag
        self.isLimited = isLimited
    }

    /// - Parameters:
    ///   - groups: Their paths begin at `/api/v3`.
    ///   - rootGroups: Their paths begin at `/`.
    package init(_ groups: [any RouteGroup], root rootGroups: [any RouteGroup] = []) {
        self.init(base: "", tag: "")
        for (group, base) in groups.map({ ($0, "/api/v3/") }) + rootGroups.map({ ($0, "/") }) {
            var own = API(base: base, tag: type(of: group).tag, isLimited: type(of: group).isLimited)
            group.routes(&own)
            routes += own.routes
        }
        let names = routes.map { "\($0.method) \($0.path)" }
        precondition(Set(names).count == names.count, "a route is declared twice")
    }

    /// Declares a route without a body.
    package mutating func route(
        _ method: HTTPRequest.Method, _ path: String, parameters: [any AnyParameter] = [], answers: [AnswerShape],
        errors: [ErrorCategory] = [], access: Access, summary: String, details: String? = nil,
        use handler: @escaping @Sendable (Call<Void>) async throws -> Answer
    ) {
        add(method, path, parameters, nil, answers, errors, access, summary, details) { exchange in
            try await handler(Call(exchange, body: ()))
        }
    }

    /// Declares a route that takes a body of JSON.
    package mutating func route<Body: RequestBody>(
        _ method: HTTPRequest.Method, _ path: String, body: Body.Type, parameters: [any AnyParameter] = [],
        answers: [AnswerShape], errors: [ErrorCategory] = [], access: Access, summary: String, details: String? = nil,
        use handler: @escaping @Sendable (Call<Body>) async throws -> Answer
    ) {
        let reader = BodyReader<Body>()
        let shape = BodyShape(type: body, mediaTypes: [Answer.json])
        add(method, path, parameters, shape, answers, errors + [.invalid], access, summary, details) { exchange in
            let body = try reader.body(try await exchange.json())
            return try await handler(Call(exchange, body: body))
        }
    }

    /// Declares a route that takes a document as text: JSON or YAML.
    package mutating func route<Body: RequestBody>(
        _ method: HTTPRequest.Method, _ path: String, document: Body.Type, parameters: [any AnyParameter] = [],
        answers: [AnswerShape], errors: [ErrorCategory] = [], access: Access, summary: String, details: String? = nil,
        use handler: @escaping @Sendable (Call<String>) async throws -> Answer
    ) {
        let shape = BodyShape(type: document, mediaTypes: [Answer.json, "application/yaml"])
        add(method, path, parameters, shape, answers, errors + [.invalid], access, summary, details) { exchange in
            let text = try await exchange.text(of: MediaType.documents)
            return try await handler(Call(exchange, body: text))
        }
    }

    private mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ parameters: [any AnyParameter], _ body: BodyShape?,
        _ answers: [AnswerShape], _ errors: [ErrorCategory], _ access: Access, _ summary: String, _ details: String?,
        _ handle: @escaping @Sendable (consuming Exchange) async throws -> Answer
    ) {
        let placeholders = Set(
            path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() })
        let declared = Set(parameters.filter { $0.place == .path }.map { $0.name[...] })
        precondition(placeholders == declared, "\(path): its path parameters and their declarations differ")
        precondition(!answers.isEmpty, "\(path): no answer is declared")
        routes.append(
            Route(
                method: method, path: base + path, tag: tag, access: access, summary: summary, details: details,
                parameters: parameters, body: body, answers: answers, errors: errors, isLimited: isLimited,
                handle: handle))
    }
}
