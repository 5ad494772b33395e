import CognitionCore
import CognitionIdentity
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Makes Hummingbird's router of the declared routes.
struct APIRouter {
    let envelope: Envelope
    let identity: Identity
    let bodyBytesMax: Int
    let edge: HTTPServer.Edge
    let repetitions: RepetitionDesk
    let isEncrypted: Bool
    /// Of a route that needs no token.
    private static let openBodyBytesMax = 64 << 10

    func responder(for api: API) -> EdgeResponder {
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        let limiter = RateLimiter(edge.rateLimits)
        for route in api.routes { add(route, limiter, to: router) }
        // Only what no route has comes here.
        router.add(middleware: UnknownPath(router: self, paths: DeclaredPaths(api)))
        return EdgeResponder(
            routes: router.buildResponder(), cors: CORSPolicy(edge.origins), proxies: edge.proxies,
            isEncrypted: isEncrypted)
    }

    private func add(_ route: Route, _ limiter: RateLimiter?, to router: Router<APIContext>) {
        let metrics = RouteMetrics(method: route.method.rawValue, route: route.path)
        // A stranger's body is small, so that strangers cannot take the memory.
        let bodyBytesMax = route.access == .open ? min(bodyBytesMax, Self.openBodyBytesMax) : bodyBytesMax
        let limiter = route.isLimited ? limiter : nil
        let responder = CallbackResponder<APIContext> { [self] request, context in
            var standings: [RateLimiter.Standing] = []
            var response = try await envelope.answer(
                request, from: client(of: request, context), metrics: metrics
            ) { requestID in
                var exchange = Exchange(
                    request: request, parameters: context.parameters, requestID: requestID, peer: context.address,
                    proxies: edge.proxies, isEncrypted: isEncrypted, bodyBytesMax: bodyBytesMax)
                try limiter?.admit(exchange, of: route, &standings)
                exchange.caller = try await caller(of: exchange, for: route.access)
                try limiter?.admit(exchange.caller, &standings)
                return try await answer(exchange, of: route)
            }
            if !standings.isEmpty { standings.write(to: &response.headers) }
            return response
        }
        router.on(RouterPath(route.path), method: route.method, responder: responder)
    }

    /// The address of the client, for the log and traces.
    fileprivate func client(of request: Request, _ context: APIContext) -> String? {
        guard !edge.proxies.isEmpty else { return context.address?.ipAddress }
        return edge.proxies.origin(of: request.headers, from: context.address, isEncrypted: isEncrypted).address?
            .description
    }

    private func answer(_ exchange: Exchange, of route: Route) async throws -> Answer {
        try await withLogger(mergingMetadata: Self.metadata(exchange.requestID, exchange.caller)) { _ in
            var answer =
                if exchange.request.headers[.idempotencyKey] == nil || !route.repetition.isKept {
                    try await route.handle(exchange)
                } else {
                    try await repetitions.answer(exchange, of: route)
                }
            answer.holdsSecrets = route.holdsSecrets
            return answer
        }
    }

    private static func metadata(_ requestID: String, _ caller: Caller?) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["request.id": .string(requestID)]
        if let caller { metadata["workspace.id"] = .string(caller.principal.workspace.name) }
        return metadata
    }

    /// - Throws: `request.token_missing`, `request.permission_denied`, `identity.session_required`, and what
    ///   `Identity.authenticate` and `Identity.caller(_:in:)` throw.
    private func caller(of exchange: Exchange, for access: Access) async throws -> Caller? {
        let request = exchange.request
        if access == .open { return nil }
        guard let token = request.bearerToken else {
            if access == .optional { return nil }
            throw RequestError(.tokenMissing, "this needs a token: Authorization: Bearer TOKEN")
        }
        var caller = try await identity.authenticate(token, from: exchange.client)
        if access == .token, caller.apiKey != nil { throw IdentityError.sessionRequired }
        if let workspace = request.headers[.workspaceID] {
            caller = try await identity.caller(caller, in: WorkspaceID(workspace))
        }
        if case .permission(let permission) = access, !caller.principal.may(permission) {
            try await identity.noteDenied(permission, of: caller, from: exchange.client)
            throw RequestError(.permissionDenied, "your roles in this workspace do not include \(permission.rawValue)")
        }
        return caller
    }
}

extension RateLimiter {
    /// Counts a request before its token is looked at.
    /// - Throws: `request.rate_limited`.
    fileprivate func admit(_ exchange: Exchange, of route: Route, _ standings: inout [Standing]) throws {
        guard let standing = count(exchange.origin.address, isAnonymous: route.access == .open) else { return }
        standings.append(standing)
        try check(standings)
    }

    /// - Throws: `request.rate_limited`.
    fileprivate func admit(_ caller: Caller?, _ standings: inout [Standing]) throws {
        guard let caller else { return }
        standings += count(caller.principal)
        try check(standings)
    }
}

/// Answers what no route answers.
private struct UnknownPath: RouterMiddleware {
    let router: APIRouter
    let paths: DeclaredPaths
    private let metrics = RouteMetrics(method: "other", route: "unknown")

    init(router: APIRouter, paths: DeclaredPaths) {
        self.router = router
        self.paths = paths
    }

    func handle(
        _ input: Request, context: APIContext, next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard let known = paths[input.uri.path] else {
            return try await router.envelope.answer(
                input, from: router.client(of: input, context), metrics: metrics
            ) { _ in
                throw RequestError(.routeNotFound, "there is nothing at \(input.uri.path.prefix(200))")
            }
        }
        let allowed = known.methods.joined(separator: ", ")
        var response = try await router.envelope.answer(
            input, from: router.client(of: input, context), metrics: known.metrics
        ) { _ in
            throw RequestError(
                .methodNotAllowed,
                "\(input.method.rawValue.prefix(32)) is not what this path takes; it takes \(allowed)")
        }
        response.headers[.allow] = allowed
        return response
    }
}

/// Which methods each declared path takes.
private struct DeclaredPaths: Sendable {
    struct Entry: Sendable {
        let words: [Substring]
        let methods: [String]
        let metrics: RouteMetrics
    }

    private let entries: [Entry]

    init(_ api: API) {
        entries = Dictionary(grouping: api.routes, by: \.path).map { path, routes in
            let methods = routes.map(\.method.rawValue)
            return Entry(
                words: path.split(separator: "/"), methods: methods + (methods.contains("GET") ? ["HEAD"] : []),
                metrics: RouteMetrics(method: "other", route: path))
        }
    }

    /// The entry that fits with the most words in place of parameters, as the router goes.
    subscript(path: String) -> Entry? {
        let words = path.split(separator: "/")
        let fitting = entries.filter { entry in
            entry.words.count == words.count && zip(entry.words, words).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        return fitting.min { left, right in
            for (one, other) in zip(left.words, right.words) where one.hasPrefix("{") != other.hasPrefix("{") {
                return other.hasPrefix("{")
            }
            return false
        }
    }
}
