import CognitionCore
import CognitionIdentity
import CognitionTestSupport
import Testing

@Suite struct KeyRingTests {
    private func ring() throws -> KeyRing {
        var random = SplitMix64(seed: 1)
        return try KeyRing.generate(now: ManualClock().now, ids: UUIDGenerator(), using: &random)
    }

    @Test("A new ring has a key for each purpose and comes back as it was written")
    func roundTrip() throws {
        let ring = try ring()
        #expect(ring.keys.map(\.purpose) == [.jwt, .refresh, .secrets])
        #expect(ring.keys.allSatisfy { $0.state == .current && base64URLDecoded($0.secret.reveal()).count == 32 })
        #expect(ring.keys[0].secret != ring.keys[1].secret)
        #expect(try KeyRing(parsing: ring.encoded()) == ring)
        #expect(try ring.signingKeys().currentID == ring.keys[0].id)
        var random = SystemRandomNumberGenerator()
        let other = try KeyRing.generate(now: ManualClock().now, ids: UUIDGenerator(), using: &random)
        #expect(other.keys[0].secret != ring.keys[0].secret)
    }

    @Test("A ring never prints its secrets")
    func masked() throws {
        let ring = try ring()
        let keys = try ring.signingKeys()
        var dumped = ""
        dump(ring, to: &dumped)
        dump(keys, to: &dumped)
        dumped += "\(ring) \(keys)" + String(reflecting: ring) + String(reflecting: keys)
        for key in ring.keys { #expect(!dumped.contains(key.secret.reveal())) }
    }

    @Test("Purposes of a later release are kept")
    func unknownPurpose() throws {
        let text = String(decoding: try ring().encoded(), as: UTF8.self)
        let later = try KeyRing(parsing: Array(text.replacing("\"refresh\"", with: "\"vault\"").utf8))
        #expect(try KeyRing(parsing: later.encoded()).keys.map(\.purpose.rawValue) == ["jwt", "vault", "secrets"])
        #expect(throws: IdentityError.self) { try later.signingKeys() }
    }

    @Test("Damaged files are refused, without their secrets in the message")
    func damaged() throws {
        let ring = try ring()
        let text = String(decoding: ring.encoded(), as: UTF8.self)
        let secret = ring.keys[0].secret.reveal()
        let texts = [
            "", "{}", "[]", "not json", text.replacing("\"version\": 1", with: "\"version\": 2"),
            text.replacing(secret, with: String(secret.prefix(20))), text.replacing(secret, with: secret + "="),
            text.replacing(ring.keys[1].id, with: ring.keys[0].id), text.replacing("\"current\"", with: "\"next\""),
            text.replacing("\"refresh\"", with: "\"jwt\""), text.replacing(ring.keys[0].id, with: "A B"),
            text.replacing("created_at", with: "made_at"), String(text.prefix(text.count / 2)),
        ]
        for changed in texts {
            do {
                _ = try KeyRing(parsing: Array(changed.utf8))
                Issue.record("taken: \(changed)")
            } catch let error as IdentityError {
                #expect(error.code.name == "identity.keys_invalid")
                #expect(!error.message.contains(secret.prefix(20)))
            }
        }
    }

    @Test("A secret of the settings makes keys when it is long enough")
    func givenSecret() throws {
        let keys = try SigningKeys(secret: Secret(String(repeating: "s", count: 32)))
        #expect(keys.currentID == (try SigningKeys(secret: Secret(String(repeating: "s", count: 32)))).currentID)
        #expect(keys.currentID != (try SigningKeys(secret: Secret(String(repeating: "t", count: 32)))).currentID)
        #expect(throws: IdentityError.self) { try SigningKeys(secret: Secret(String(repeating: "s", count: 31))) }
    }

    @Test("A ring of an earlier release gets a key for secrets, and keeps the others")
    func completed() throws {
        let ring = try ring()
        var random = SplitMix64(seed: 2)
        #expect(try ring.completed(now: ManualClock().now, ids: UUIDGenerator(), using: &random) == nil)
        let file = try JSONValue(parsing: ring.encoded())
        let earlier: JSONValue = [
            "version": 1, "keys": .array(Array((file["keys"]?.arrayValue ?? []).prefix(2))),
        ]
        let old = try KeyRing(parsing: earlier.jsonBytes)
        #expect(throws: IdentityError.self) { try old.secretKeys() }
        let new = try #require(try old.completed(now: ManualClock().now, ids: UUIDGenerator(), using: &random))
        #expect(Array(new.keys.prefix(2)) == old.keys && new.keys.last?.purpose == .secrets)
        #expect(try new.secretKeys().currentID == new.keys.last?.id)
    }

    @Test("Secrets open with the key that has sealed them, in their context alone")
    func secrets() throws {
        let ring = try ring()
        let keys = try ring.secretKeys()
        let (plain, context) = (Array("a secret".utf8), Array("here".utf8))
        let sealed = try keys.seal(plain, in: context)
        #expect(sealed.count == 12 + plain.count + 16)
        #expect(try keys.seal(plain, in: context) != sealed, "a nonce is used once")
        #expect(keys.open(sealed, keyID: keys.currentID, in: context) == plain)
        #expect(keys.open(sealed, keyID: keys.currentID, in: Array("there".utf8)) == nil)
        #expect(keys.open(sealed, keyID: "other", in: context) == nil)
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            #expect(keys.open(changed, keyID: keys.currentID, in: context) == nil)
        }
        #expect(keys.open([], keyID: keys.currentID, in: context) == nil)
        let given = try ring.secretKeys(given: Secret(String(repeating: "g", count: 40)))
        #expect(given.currentID.hasPrefix("given-") && given.currentID != keys.currentID)
        #expect(given.open(sealed, keyID: keys.currentID, in: context) == plain)
        let later = try given.seal(plain, in: context)
        #expect(keys.open(later, keyID: given.currentID, in: context) == nil)
        #expect(given.open(later, keyID: given.currentID, in: context) == plain)
        var dumped = "\(given)" + String(reflecting: given)
        dump(given, to: &dumped)
        for key in ring.keys { #expect(!dumped.contains(key.secret.reveal())) }
    }

    @Test("Each role has at least what the one below has, and only the operator runs the server")
    func roles() {
        #expect(Role.viewer.permissions.isStrictSubset(of: Role.user.permissions))
        #expect(Role.user.permissions.isStrictSubset(of: Role.admin.permissions))
        #expect(Role.workspaceRoles.map(\.rawValue) == ["admin", "user", "viewer"])
        #expect(Role.allCases.filter { $0.permissions.contains(.operate) } == [.operator])
        #expect(Role.operator.permissions == Set(Permission.allCases))
    }
}
