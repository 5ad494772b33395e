import HTTPTypes
import Hummingbird

/// What concerns every request and every answer, whichever route they belong to, if any.
struct EdgeResponder: HTTPResponder {
    typealias Context = APIContext

    /// A year: browsers come back with TLS only.
    private static let strictTransport = "max-age=31536000"

    let routes: RouterResponder<APIContext>
    let cors: CORSPolicy?
    let proxies: TrustedProxies
    let isEncrypted: Bool

    @concurrent func respond(to request: Request, context: APIContext) async throws -> Response {
        if let answer = cors?.preflight(request) { return answer }
        var response = try await routes.respond(to: request, context: context)
        cors?.mark(&response, to: request)
        if isEncrypted || !proxies.isEmpty && cameEncrypted(request, context) {
            response.headers[.strictTransportSecurity] = Self.strictTransport
        }
        return response
    }

    private func cameEncrypted(_ request: Request, _ context: APIContext) -> Bool {
        proxies.origin(of: request.headers, from: context.address, isEncrypted: false).isEncrypted
    }
}
