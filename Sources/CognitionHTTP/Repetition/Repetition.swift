import HTTPTypes

/// What a route does with an `Idempotency-Key`.
enum Repetition: Sendable, Hashable {
    /// It has none: repeating it does no harm, or nobody is known whose key it would be.
    case none
    /// It looks after its keys itself.
    case own
    /// The first answer is kept and given again.
    case kept
    /// It is done once; its answer holds a secret and is not kept.
    case once

    var isKept: Bool { self == .kept || self == .once }
}

extension Route {
    /// By what is declared: whatever a principal posts, unless the route declares the key as a parameter of its own.
    var repetition: Repetition {
        if parameters.contains(where: { $0.name == Self.idempotencyKeyName }) { return .own }
        guard method == .post, access != .open, access != .optional else { return .none }
        return holdsSecrets ? .once : .kept
    }

    /// One of its answers says what nobody else may know.
    var holdsSecrets: Bool { answers.contains { $0.contents.contains { $0.type?.holdsSecrets ?? false } } }

    private static let idempotencyKeyName = "Idempotency-Key"

    /// As the OpenAPI document shows it.
    static let idempotencyKey = Parameter<String>(
        idempotencyKeyName, in: .header, .text(length: 1...255, pattern: "^[!-~]+$"),
        "The same key again, within a day, is the same request: it is not done again, and the first answer is given.",
        read: { $0 })
}
