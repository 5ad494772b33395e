package import CognitionCore
package import CognitionIdentity

struct RotationRequest: RequestBody {
    let dropsPrevious: Bool

    init(json: JSONValue) throws { dropsPrevious = json["drop_previous"]?.boolValue ?? false }

    static let schemaName = "RotationRequest"
    static let schema: JSONValue = .record(
        ["drop_previous": .flag("Refuses at once what earlier keys have signed.")], optional: ["drop_previous"],
        isClosed: true)
    static let sample: JSONValue = ["drop_previous": false]
}

/// The keys that sign and check access tokens, without what is secret, the one in use first.
package struct SigningKeysShape: AnswerBody {
    let ring: KeyRing

    package init(ring: KeyRing) { self.ring = ring }

    package var json: JSONValue {
        let items = ring.tokenKeys.map { key -> JSONValue in
            [
                "id": .string(key.id), "algorithm": .string(key.algorithm.rawValue),
                "state": .string(key.state.rawValue), "created_at": .string(key.createdAt.description),
                "retired_at": .init(key.retiredAt),
            ]
        }
        return ["items": .array(items)]
    }

    package static let schemaName = "SigningKeys"
    package static let schema: JSONValue = .record([
        "items": .list(
            of: .record([
                "id": .text("The `kid` of its tokens."),
                "algorithm": .choice(SigningAlgorithm.allCases.map(\.rawValue)),
                "state": .choice(["current", "previous"]), "created_at": .moment, "retired_at": .nullable(.moment),
            ]))
    ])
    package static let sample: JSONValue = [
        "items": [
            [
                "id": "jwt-0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "algorithm": "EdDSA", "state": "current",
                "created_at": "2026-11-21T08:00:00.000000Z", "retired_at": .null,
            ]
        ]
    ]
}

/// A JWK set (RFC 7517).
struct PublicKeySetShape: AnswerBody {
    let json: JSONValue

    static let schemaName = "PublicKeySet"
    static let schema: JSONValue = .record([
        "keys": .list(
            of: .record(
                [
                    "kty": .choice(["OKP", "EC"]), "crv": .choice(["Ed25519", "P-256"]), "x": .text(),
                    "y": .text("Of a key of P-256."), "kid": .text(), "use": .choice(["sig"]),
                    "alg": .choice(["EdDSA", "ES256"]),
                ], optional: ["y"]))
    ])
    static let sample: JSONValue = [
        "keys": [
            [
                "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": "jwt-0198f2c5-6b0e-7c3a-9c1e-2f4b5a6d7e8f", "use": "sig", "alg": "EdDSA",
            ]
        ]
    ]
}
