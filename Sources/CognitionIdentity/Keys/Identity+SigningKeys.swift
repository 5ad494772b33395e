package import CognitionCore
import CognitionStorage
import Synchronization

/// Where the ring of keys is kept; the server's part.
package protocol KeyRingStore: Sendable {
    /// - Throws: `identity.keys_given` when the key that signs comes from the settings.
    func read() throws -> KeyRing

    /// Replaces the ring as a whole, durably.
    func write(_ ring: KeyRing) throws
}

extension Identity {
    /// The public keys by which others can check access tokens, as a JWK set (RFC 7517). Empty with HS256, which has none.
    package var publicKeySet: JSONValue { accessTokens.keys.publicKeySet }

    /// Has access tokens signed with a new key from now on.
    ///
    /// - Parameters:
    ///   - algorithm: Of the new key.
    ///   - dropsPrevious: Refuses what earlier keys have signed, at once. Sessions go on with a refresh.
    /// - Returns: The new ring.
    /// - Throws: `identity.keys_given`; `identity.busy` while another exchange is under way; and what the store throws. The
    ///   keys then stay as they were.
    package func rotateSigningKeys(
        to algorithm: SigningAlgorithm, dropsPrevious: Bool, in store: any KeyRingStore, by principal: Principal,
        from client: ClientInfo
    ) async throws -> KeyRing {
        let isFirst = isRotatingKeys.withLock { isRotating in
            defer { isRotating = true }
            return !isRotating
        }
        guard isFirst else {
            throw IdentityError(.identityBusy, "the signing keys are being exchanged at this moment; try again shortly")
        }
        defer { isRotatingKeys.withLock { $0 = false } }
        let act = Act(actor: principal.actor, client: client, time: clock.now, ids: ids)
        var random = SystemRandomNumberGenerator()
        let old = try store.read()
        let new = try old.rotated(
            to: algorithm, dropsPrevious: dropsPrevious, now: act.time, ids: ids, using: &random)
        let keys = try new.signingKeys()
        let dropped = Set(old.keys.map(\.id)).subtracting(new.keys.map(\.id)).sorted()
        // Noted first: what cannot be noted is not done.
        try await audit(keys.currentID, algorithm, dropped, .success, by: act)
        do {
            try store.write(new)
        } catch {
            try await audit(keys.currentID, algorithm, dropped, .failure, by: act)
            throw error
        }
        accessTokens.exchange(keys, endsUnbound: !dropped.isEmpty)
        // What was checked with a key that is gone is checked again.
        cache.removeAll()
        return new
    }

    private func audit(
        _ id: String, _ algorithm: SigningAlgorithm, _ dropped: [String], _ outcome: AuditOutcome, by act: Act
    ) async throws {
        try await database.write { tx in
            try act.audit(
                .signingKeyRotate, outcome, target: .signingKey(id), in: nil,
                details: [
                    "algorithm": .string(algorithm.rawValue), "dropped": .array(dropped.map(JSONValue.string)),
                ], tx)
        }
    }
}

extension ErrorCode {
    /// The key that signs tokens comes from the settings, and is changed there.
    package static let keysGiven = ErrorCode("identity.keys_given", category: .conflict)
}
