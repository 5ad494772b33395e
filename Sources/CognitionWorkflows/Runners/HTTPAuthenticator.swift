import CognitionCore

/// Sends requests with credentials: those that are known go along, others are got from the peer or an authority first.
struct HTTPAuthenticator: Sendable {
    private let client: any OutboundHTTP
    private let clock: any WallClock
    private let tokens: OAuth2Tokens

    init(client: any OutboundHTTP, clock: any WallClock) {
        self.client = client
        self.clock = clock
        tokens = OAuth2Tokens(client: client, clock: clock)
    }

    /// Sends a request; one whose token or nonce is refused (401) once more with a fresh one.
    ///
    /// - Parameters:
    ///   - end: When nobody waits for an answer any more.
    ///   - sensitive: Gets the tokens that are sent.
    /// - Throws: What the client throws; a `WorkflowFault` of type authentication, authorization or communication when there
    ///   is no token.
    func send(
        _ request: OutboundRequest, as credentials: HTTPCredentials?, until end: Timestamp,
        _ sensitive: SensitiveValues
    ) async throws -> OutboundResponse {
        switch credentials {
        case .digest(let username, let password)?:
            let first = try await send(request, nil, until: end)
            guard first.status == 401, let challenge = DigestChallenge(of: first) else { return first }
            let answer = challenge.answer(
                to: request, username: username, password: password,
                clientNonce: String(UInt64.random(in: .min ... .max), radix: 16))
            return try await send(request, answer, until: end)
        case .oauth2(let settings)?:
            let token = try await tokens.token(for: settings)
            sensitive.add(token.value)
            let first = try await send(request, token.header, until: end)
            guard first.status == 401 else { return first }
            let fresh = try await tokens.token(for: settings, insteadOf: token)
            sensitive.add(fresh.value)
            return try await send(request, fresh.header, until: end)
        default:
            return try await send(
                request, credentials?.authorization.map { "\($0.scheme) \($0.parameter)" }, until: end)
        }
    }

    /// The `Authorization` header of a conversation of many requests; `nil` where nobody has to be authenticated.
    /// - Throws: As ``send(_:as:until:_:)``; type configuration for credentials that each request needs anew.
    func header(for credentials: HTTPCredentials?, _ sensitive: SensitiveValues) async throws -> String? {
        switch credentials {
        case nil: return nil
        case .digest?:
            throw WorkflowFault(.configuration, "digest authenticates single requests, and this call makes several")
        case .oauth2(let settings)?:
            let token = try await tokens.token(for: settings)
            sensitive.add(token.value)
            return token.header
        case .basic?, .bearer?:
            return credentials?.authorization.map { "\($0.scheme) \($0.parameter)" }
        }
    }

    private func send(
        _ request: OutboundRequest, _ authorization: String?, until end: Timestamp
    ) async throws -> OutboundResponse {
        var request = request
        if let authorization { request.headers.append(("Authorization", authorization)) }
        request.timeout = max(.milliseconds(1), end - clock.now)
        return try await client.send(request)
    }
}
