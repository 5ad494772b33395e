package import CognitionCore

extension KeyRing {
    /// Longer than any token lives: `cognitionos token` makes some that are good for a year.
    package static let keptAfterRetirement: Duration = .seconds(366 * 86_400)
    /// Previous keys that are kept; of more the oldest goes.
    package static let previousMax = 16

    /// The ring with a new key that signs access tokens. The one that did so before, and earlier ones, still check them until
    /// the last token that they can have signed is over.
    ///
    /// - Parameters:
    ///   - dropsPrevious: Drops the others at once: every token that they have signed is refused from then on.
    /// - Throws: `identity.keys_invalid` when the ring would be too large.
    package func rotated(
        to algorithm: SigningAlgorithm, dropsPrevious: Bool = false, now: Timestamp, ids: UUIDGenerator,
        using random: inout some RandomNumberGenerator
    ) throws -> KeyRing {
        let retired = keys.filter { $0.purpose == .jwt }.map { key in
            guard key.state == .current else { return key }
            return Key(
                id: key.id, purpose: .jwt, secret: key.secret, createdAt: key.createdAt, state: .previous,
                algorithm: key.algorithm, retiredAt: now)
        }
        let kept = retired.filter { !dropsPrevious && ($0.retiredAt ?? now) + Self.keptAfterRetirement > now }
            .sorted { $0.createdAt > $1.createdAt }.prefix(Self.previousMax)
        let new = Self.newKey(for: .jwt, algorithm: algorithm, now: now, ids: ids, using: &random)
        return try KeyRing(checking: [new] + kept + keys.filter { $0.purpose != .jwt })
    }

    /// How the key signs that is in use; `nil` when there is none.
    package var signingAlgorithm: SigningAlgorithm? {
        keys.first { $0.purpose == .jwt && $0.state == .current }?.algorithm
    }

    /// The keys that sign and check access tokens, the one in use first.
    package var tokenKeys: [Key] {
        let all = keys.filter { $0.purpose == .jwt }
        return all.filter { $0.state == .current } + all.filter { $0.state == .previous }
    }
}
