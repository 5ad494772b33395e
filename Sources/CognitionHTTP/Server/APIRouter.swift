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
    /// Of a route that needs no token.
    private static let openBodyBytesMax = 64 << 10

    func responder(for api: API) -> RouterResponder<APIContext> {
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        for route in api.routes { add(route, to: router) }
        for (path, methods) in Dictionary(grouping: api.routes, by: \.path).mapValues({ $0.map(\.method) }) {
            refuseOtherMethods(than: methods, of: path, in: router)
        }
        // Only what no route has comes here.
        router.add(middleware: UnknownPath(envelope: envelope))
        return router.buildResponder()
    }

    private func add(_ route: Route, to router: Router<APIContext>) {
        let metrics = RouteMetrics(method: route.method.rawValue, route: route.path)
        // A stranger's body is small, so that strangers cannot take the memory.
        let bodyBytesMax = route.access == .open ? min(bodyBytesMax, Self.openBodyBytesMax) : bodyBytesMax
        let responder = CallbackResponder<APIContext> { [self] request, context in
            try await envelope.answer(request, from: context.address?.ipAddress, metrics: metrics) { requestID in
                let caller = try await caller(of: request, for: route.access)
                let exchange = Exchange(
                    request: request, parameters: context.parameters, requestID: requestID, address: context.address,
                    caller: caller, bodyBytesMax: bodyBytesMax)
                return try await withLogger(mergingMetadata: Self.metadata(requestID, caller)) { _ in
                    try await route.handle(exchange)
                }
            }
        }
        router.on(RouterPath(route.path), method: route.method, responder: responder)
    }

    private static func metadata(_ requestID: String, _ caller: Caller?) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["request.id": .string(requestID)]
        if let caller { metadata["workspace.id"] = .string(caller.principal.workspace.name) }
        return metadata
    }

    private func refuseOtherMethods(
        than methods: [HTTPRequest.Method], of path: String, in router: Router<APIContext>
    ) {
        let allowed = methods.map(\.rawValue) + (methods.contains(.get) ? ["HEAD"] : [])
        let metrics = RouteMetrics(method: "other", route: path)
        for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options, .trace]
        where !allowed.contains(method.rawValue) {
            let responder = CallbackResponder<APIContext> { [envelope] request, context in
                var response = try await envelope.answer(
                    request, from: context.address?.ipAddress, metrics: metrics
                ) { _ in
                    throw RequestError(
                        .methodNotAllowed,
                        "\(method.rawValue) is not what this path takes; it takes \(allowed.joined(separator: ", "))")
                }
                response.headers[.allow] = allowed.joined(separator: ", ")
                return response
            }
            router.on(RouterPath(path), method: method, responder: responder)
        }
    }

    /// - Throws: `request.token_missing`, `request.permission_denied`, and what `Identity.authenticate` and
    ///   `Identity.caller(_:in:)` throw.
    private func caller(of request: Request, for access: Access) async throws -> Caller? {
        if access == .open { return nil }
        guard let token = request.bearerToken else {
            if access == .optional { return nil }
            throw RequestError(.tokenMissing, "this needs a token: Authorization: Bearer TOKEN")
        }
        var caller = try await identity.authenticate(token)
        if let workspace = request.headers[.workspaceID] {
            caller = try await identity.caller(caller, in: WorkspaceID(workspace))
        }
        if case .permission(let permission) = access, !caller.principal.may(permission) {
            throw RequestError(.permissionDenied, "your roles in this workspace do not include \(permission.rawValue)")
        }
        return caller
    }
}

/// Answers what no route answers.
private struct UnknownPath: RouterMiddleware {
    let envelope: Envelope
    private let metrics = RouteMetrics(method: "other", route: "unknown")

    init(envelope: Envelope) { self.envelope = envelope }

    func handle(
        _ input: Request, context: APIContext, next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        try await envelope.answer(input, from: context.address?.ipAddress, metrics: metrics) { _ in
            throw RequestError(.routeNotFound, "there is nothing at \(input.uri.path.prefix(200))")
        }
    }
}
