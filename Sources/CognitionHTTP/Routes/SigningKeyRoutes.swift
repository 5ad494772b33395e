import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// The keys that sign access tokens, for who runs the server.
package struct SigningKeyRoutes: RouteGroup {
    package static let tag = "Signing keys"
    private let identity: Identity
    private let store: any KeyRingStore
    private let algorithm: SigningAlgorithm
    private let onRotation: @Sendable () async throws -> Void

    /// - Parameters:
    ///   - algorithm: Of new keys.
    ///   - onRotation: Called before a rotation is answered, for who keeps a token of the server.
    package init(
        identity: Identity, store: any KeyRingStore, algorithm: SigningAlgorithm,
        onRotation: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.identity = identity
        self.store = store
        self.algorithm = algorithm
        self.onRotation = onRotation
    }

    package func routes(_ api: inout API) {
        api.route(
            .get, "auth/signing-keys", answers: [.ok(SigningKeysShape.self)], errors: [.conflict],
            access: .permission(.operate), summary: "Lists the keys that sign and check access tokens.",
            details: "Nothing that is secret is shown. 409 answers where the key comes from the settings.", use: list)
        api.route(
            .post, "auth/signing-keys/rotate", body: RotationRequest.self, answers: [.ok(SigningKeysShape.self)],
            errors: [.conflict], access: .permission(.operate), summary: "Has access tokens signed with a new key.",
            details: """
                Tokens of earlier keys are good until they expire. With `drop_previous` they are refused at once: sessions \
                go on with a refresh, and tokens of `cognitionos token` have to be made again.
                """, use: rotate)
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        .ok(SigningKeysShape(ring: try store.read()))
    }

    @Sendable private func rotate(_ call: Call<RotationRequest>) async throws -> Answer {
        let ring = try await identity.rotateSigningKeys(
            to: algorithm, dropsPrevious: call.body.dropsPrevious, in: store, by: call.principal, from: call.client)
        try await onRotation()
        return .ok(SigningKeysShape(ring: ring))
    }
}

/// `GET /.well-known/jwks.json`: how others check access tokens (RFC 7517).
package struct PublicKeyRoutes: RouteGroup {
    package static let tag = SigningKeyRoutes.tag
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, ".well-known/jwks.json", answers: [.ok(PublicKeySetShape.self)], access: .open,
            summary: "Shows the public keys by which others can check access tokens.",
            details:
                "Empty with HS256, which has no public keys. Look again when a token names a key that is not there.",
            use: show)
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        var answer = Answer.ok(PublicKeySetShape(json: identity.publicKeySet))
        answer.headers[.cacheControl] = "public, max-age=300"
        return answer
    }
}
