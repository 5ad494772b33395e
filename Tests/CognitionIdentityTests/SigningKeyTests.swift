import CognitionCore
import CognitionIdentity
import CognitionTestSupport
import Synchronization
import Testing

@Suite struct SigningKeyTests {
    private final class Drawer: KeyRingStore {
        struct Failure: Error {}

        let ring: Mutex<KeyRing>
        let isLocked = Mutex(false)

        init(_ ring: KeyRing) { self.ring = Mutex(ring) }

        func read() throws -> KeyRing { ring.withLock { $0 } }

        func write(_ ring: KeyRing) throws {
            if isLocked.withLock({ $0 }) { throw Failure() }
            self.ring.withLock { $0 = ring }
        }
    }

    private func newRing(_ algorithm: SigningAlgorithm, _ world: World) throws -> KeyRing {
        var random = SystemRandomNumberGenerator()
        return try KeyRing.generate(
            algorithm: algorithm, now: world.clock.now, ids: UUIDGenerator(clock: world.clock), using: &random)
    }

    private func identity(_ ring: KeyRing, _ world: World) throws -> Identity {
        try Identity(
            database: world.database, clock: world.clock, ids: UUIDGenerator(clock: world.clock),
            keys: ring.signingKeys(), settings: IdentitySettings(bcryptCost: 4))
    }

    @Test(
        "Each algorithm signs and checks, comes back from the file, and shows public keys only",
        arguments: SigningAlgorithm.allCases)
    func algorithms(_ algorithm: SigningAlgorithm) async throws {
        try await withWorld { world in
            let ring = try newRing(algorithm, world)
            #expect(ring.signingAlgorithm == algorithm)
            #expect(try KeyRing(parsing: ring.encoded()) == ring)
            let identity = try identity(try KeyRing(parsing: ring.encoded()), world)
            let token = try await identity.operatorToken(life: .seconds(60))
            #expect(try header(of: token)["alg"] == .string(algorithm.rawValue))
            _ = try await identity.authenticate(token.reveal())
            let keys = try #require(identity.publicKeySet["keys"]?.arrayValue)
            guard algorithm != .hs256 else { return #expect(keys.isEmpty) }
            #expect(keys.count == 1)
            #expect(keys[0]["kid"] == .string(ring.tokenKeys[0].id) && keys[0]["alg"] == .string(algorithm.rawValue))
            #expect(keys[0]["use"] == "sig" && keys[0]["d"] == nil)
            #expect(!identity.publicKeySet.jsonText.contains(ring.tokenKeys[0].secret.reveal()))

            // The public key as if it were a secret, the classic confusion.
            let public_ = base64URLDecoded(try #require(keys[0]["x"]?.stringValue))
            let claims = try claims(of: token)
            for alg in ["HS256", algorithm.rawValue, "none"] {
                let forged = forge(
                    header: try header(of: token).with("alg", .string(alg)), claims: claims, secret: public_)
                #expect(await code { _ = try await identity.authenticate(forged) } == "identity.token_invalid")
            }
        }
    }

    @Test(
        "Keys that are derived from one secret are the same everywhere, and differ by algorithm",
        arguments: SigningAlgorithm.allCases)
    func given(_ algorithm: SigningAlgorithm) async throws {
        try await withWorld { world in
            let secret = Secret(String(repeating: "s", count: 40))
            func node(_ algorithm: SigningAlgorithm) throws -> Identity {
                try Identity(
                    database: world.database, clock: world.clock, ids: UUIDGenerator(clock: world.clock),
                    keys: SigningKeys(secret: secret, algorithm: algorithm), settings: IdentitySettings(bcryptCost: 4))
            }
            let token = try await node(algorithm).operatorToken(life: .seconds(60)).reveal()
            _ = try await node(algorithm).authenticate(token)
            for other in SigningAlgorithm.allCases where other != algorithm {
                #expect(await code { _ = try await node(other).authenticate(token) } == "identity.token_invalid")
            }
        }
    }

    @Test(
        "After a rotation tokens of the earlier key are good until they expire, and it signs no more",
        arguments: SigningAlgorithm.allCases)
    func rotation(_ algorithm: SigningAlgorithm) async throws {
        try await withWorld { world in
            let drawer = Drawer(try newRing(.hs256, world))
            let identity = try identity(drawer.read(), world)
            let old = try drawer.read().tokenKeys[0]
            let before = try await identity.operatorToken(life: .seconds(3_600))
            world.clock.advance(by: .seconds(600))
            let ring = try await identity.rotateSigningKeys(
                to: algorithm, dropsPrevious: false, in: drawer, by: .localOperator, from: .local)
            #expect(try ring == drawer.read())
            #expect(ring.tokenKeys.map(\.state) == [.current, .previous])
            #expect(ring.tokenKeys[1].id == old.id && ring.tokenKeys[1].retiredAt == world.clock.now)
            let after = try await identity.operatorToken(life: .seconds(3_600))
            #expect(try header(of: after)["kid"] == .string(ring.tokenKeys[0].id))
            for identity in [identity, try self.identity(ring, world)] {
                for token in [before, after] { _ = try await identity.authenticate(token.reveal()) }
            }
            // Whoever has the old key cannot make tokens that look newer than it.
            world.clock.advance(by: .seconds(120))
            let now = world.clock.now.microseconds / 1_000_000
            let late = forge(
                header: try header(of: before), claims: try claims(of: before).with("iat", .integer(now)),
                secret: base64URLDecoded(old.secret.reveal()))
            #expect(await code { _ = try await identity.authenticate(late) } == "identity.token_invalid")
            let early = forge(
                header: try header(of: before), claims: try claims(of: before).with("iat", .integer(now - 400)),
                secret: base64URLDecoded(old.secret.reveal()))
            _ = try await identity.authenticate(early)

            let entry = try #require(try await world.audit().last { $0.action == .signingKeyRotate })
            #expect(entry.target == "key:\(ring.tokenKeys[0].id)" && entry.outcome == .success)
            #expect(entry.actor == "operator" && entry.details["algorithm"] == .string(algorithm.rawValue))
        }
    }

    @Test("Dropping earlier keys refuses their tokens at once, also those that were seen before")
    func dropping() async throws {
        try await withWorld { world in
            let drawer = Drawer(try newRing(.edDSA, world))
            let identity = try identity(drawer.read(), world)
            let before = try await identity.operatorToken(life: .seconds(3_600)).reveal()
            let caller = try await identity.authenticate(before)
            _ = try await identity.rotateSigningKeys(
                to: .edDSA, dropsPrevious: false, in: drawer, by: .localOperator, from: .local)
            #expect(identity.isCurrent(caller))
            let user = try await world.register("ada@b.c")
            let tokens = try await identity.login(
                LoginCommand(email: user.email, password: World.password), from: World.client)
            let ring = try await identity.rotateSigningKeys(
                to: .edDSA, dropsPrevious: true, in: drawer, by: .localOperator, from: .local)
            #expect(ring.tokenKeys.count == 1 && ring.keys.count == 3)
            #expect(!identity.isCurrent(caller), "a connection that it has opened ends")
            let operatorToken = try await identity.operatorToken(life: .seconds(60)).reveal()
            #expect(identity.isCurrent(try await identity.authenticate(operatorToken)))
            for token in [before, tokens.accessToken.reveal()] {
                #expect(await code { _ = try await identity.authenticate(token) } == "identity.token_invalid")
            }
            // A session goes on.
            let renewed = try await identity.refresh(tokens.refreshToken, from: World.client)
            _ = try await identity.authenticate(renewed.accessToken.reveal())
        }
    }

    @Test("Of two who exchange keys at once, neither undoes what the other does")
    func together() async throws {
        try await withWorld { world in
            let drawer = Drawer(try newRing(.edDSA, world))
            let identity = try identity(drawer.read(), world)
            let codes = try await race(8) { _ in
                await code {
                    _ = try await identity.rotateSigningKeys(
                        to: .es256, dropsPrevious: false, in: drawer, by: .localOperator, from: .local)
                }
            }
            let done = codes.count { $0 == nil }
            #expect(done >= 1 && codes.allSatisfy { $0 == nil || $0 == "identity.busy" }, "\(codes)")
            #expect(try drawer.read().tokenKeys.count == 1 + done)
            let token = try await identity.operatorToken(life: .seconds(60))
            #expect(try header(of: token)["kid"] == .string(drawer.read().tokenKeys[0].id))
        }
    }

    @Test("When the file cannot be written, the keys stay as they were, and the trail says so")
    func failure() async throws {
        try await withWorld { world in
            let drawer = Drawer(try newRing(.edDSA, world))
            let identity = try identity(drawer.read(), world)
            let kid = try header(of: try await identity.operatorToken(life: .seconds(60)))["kid"]
            drawer.isLocked.withLock { $0 = true }
            await #expect(throws: Drawer.Failure.self) {
                try await identity.rotateSigningKeys(
                    to: .es256, dropsPrevious: true, in: drawer, by: .localOperator, from: .local)
            }
            #expect(try header(of: try await identity.operatorToken(life: .seconds(60)))["kid"] == kid)
            let outcomes = try await world.audit().filter { $0.action == .signingKeyRotate }.map(\.outcome)
            #expect(outcomes == [.success, .failure])
        }
    }

    @Test("A ring keeps a bounded number of earlier keys, and none for longer than its tokens live")
    func bounded() async throws {
        try await withWorld { world in
            var ring = try newRing(.edDSA, world)
            var random = SystemRandomNumberGenerator()
            let ids = UUIDGenerator(clock: world.clock)
            for _ in 0..<(KeyRing.previousMax + 5) {
                world.clock.advance(by: .seconds(60))
                ring = try ring.rotated(to: .es256, now: world.clock.now, ids: ids, using: &random)
            }
            #expect(ring.tokenKeys.count == KeyRing.previousMax + 1)
            #expect(ring.keys.count { $0.purpose == .secrets } == 1 && ring.keys.count { $0.purpose == .refresh } == 1)
            world.clock.advance(by: KeyRing.keptAfterRetirement)
            ring = try ring.rotated(to: .hs256, now: world.clock.now, ids: ids, using: &random)
            #expect(ring.tokenKeys.map(\.algorithm) == [.hs256, .es256])
        }
    }
}
