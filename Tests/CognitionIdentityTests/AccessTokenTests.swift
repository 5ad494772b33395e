import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct AccessTokenTests {
    @Test("A token has the header and the claims that others rely on")
    func form() async throws {
        try await withWorld { world in
            let user = try await world.register("a@b.c")
            let token = try await world.login("a@b.c").accessToken
            let header = try header(of: token)
            #expect(header == ["alg": "HS256", "typ": "at+jwt", "kid": "k1"])
            let claims = try claims(of: token)
            #expect(claims["iss"] == "cognitionos")
            #expect(claims["aud"] == "cognitionos")
            #expect(claims["sub"] == .string(user.id.description))
            #expect(claims["ws"] == .string(user.homeWorkspace.name))
            #expect(claims["roles"] == ["admin"])
            let now = world.clock.now.microseconds / 1_000_000
            #expect(claims["iat"] == .integer(now))
            #expect(claims["exp"] == .integer(now + 1_800))
            #expect(claims["jti"]?.stringValue != nil)
            #expect(!claims.jsonText.contains("a@b.c"))
        }
    }

    @Test("Forged tokens are refused")
    func forged() async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let token = try await world.login("a@b.c").accessToken
            let header = try header(of: token)
            let claims = try claims(of: token)
            let parts = token.reveal().split(separator: ".").map(String.init)
            _ = try await world.identity.authenticate(forge(header: header, claims: claims))

            let now = world.clock.now.microseconds / 1_000_000
            let forgeries: [(String, String)] = [
                ("no signature", parts[0] + "." + parts[1] + "."),
                (
                    "alg none",
                    base64URL(header.with("alg", "none").jsonBytes) + "." + parts[1] + "."
                ),
                ("alg none, signed", forge(header: header.with("alg", "none"), claims: claims)),
                ("alg None", forge(header: header.with("alg", "None"), claims: claims)),
                ("another algorithm", forge(header: header.with("alg", "RS256"), claims: claims)),
                ("HS512 header", forge(header: header.with("alg", "HS512"), claims: claims)),
                ("no algorithm", forge(header: header.with("alg", nil), claims: claims)),
                ("another key", forge(header: header, claims: claims, secret: [UInt8](repeating: 1, count: 32))),
                ("an earlier key's id", forge(header: header.with("kid", "k0"), claims: claims)),
                ("unknown key", forge(header: header.with("kid", "k9"), claims: claims)),
                ("no key id", forge(header: header.with("kid", nil), claims: claims)),
                ("a key id of another type", forge(header: header.with("kid", 1), claims: claims)),
                ("another type", forge(header: header.with("typ", "JWT"), claims: claims)),
                ("no type", forge(header: header.with("typ", nil), claims: claims)),
                ("critical extension", forge(header: header.with("crit", ["b64"]), claims: claims)),
                ("another issuer", forge(header: header, claims: claims.with("iss", "else"))),
                ("another audience", forge(header: header, claims: claims.with("aud", "else"))),
                ("no audience", forge(header: header, claims: claims.with("aud", nil))),
                ("from the future", forge(header: header, claims: claims.with("iat", .integer(now + 61)))),
                ("for ever", forge(header: header, claims: claims.with("exp", .integer(.max)))),
                ("before time", forge(header: header, claims: claims.with("iat", .integer(.min)))),
                ("no subject", forge(header: header, claims: claims.with("sub", nil))),
                ("no user", forge(header: header, claims: claims.with("sub", "operator"))),
                ("a session of nobody", forge(header: header, claims: claims.with("sid", "x"))),
                ("no session", forge(header: header, claims: claims.with("sid", nil))),
                ("no expiry", forge(header: header, claims: claims.with("exp", nil))),
                (
                    "changed claims",
                    parts[0] + "." + base64URL(claims.with("roles", ["operator"]).jsonBytes) + "." + parts[2]
                ),
                ("truncated", String(token.reveal().dropLast(5))),
                ("half", String(token.reveal().prefix(token.reveal().count / 2))),
                ("four parts", token.reveal() + ".x"),
                ("spaces", " " + token.reveal()),
                ("empty", ""), ("dots", ".."), ("garbage", "not.a.token"),
                (
                    "long",
                    forge(header: header, claims: claims.with("x", .string(String(repeating: "x", count: 5_000))))
                ),
                (
                    "repeated header",
                    base64URL(#"{"alg":"HS256","alg":"none","typ":"at+jwt","kid":"k1"}"#.utf8) + "." + parts[1] + "."
                        + parts[2]
                ),
            ]
            for (what, forgery) in forgeries {
                let refused = await code { _ = try await world.identity.authenticate(forgery) }
                #expect(refused == "identity.token_invalid", "\(what)")
            }
            // Each change of one byte of the signed part or the signature, now and then.
            let bytes = Array(token.reveal().utf8)
            for place in stride(from: 0, to: bytes.count - 1, by: 7) where bytes[place] != UInt8(ascii: ".") {
                var changed = bytes
                changed[place] = bytes[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
                let refused = await code {
                    _ = try await world.identity.authenticate(String(decoding: changed, as: UTF8.self))
                }
                #expect(refused == "identity.token_invalid", "byte \(place)")
            }
            _ = try await world.identity.authenticate(token.reveal())
        }
    }

    @Test("A token dies at its end, seen before or not; the clocks of two machines may differ by a minute")
    func times() async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let token = try await world.login("a@b.c").accessToken
            let other = try world.node()
            world.clock.advance(by: .seconds(-60))
            _ = try await other.authenticate(token.reveal())
            world.clock.advance(by: .seconds(60 + 1_799))
            _ = try await world.identity.authenticate(token.reveal())
            world.clock.advance(by: .seconds(1))
            for identity in [world.identity, other, try world.node()] {
                #expect(await code { _ = try await identity.authenticate(token.reveal()) } == "identity.token_expired")
            }
        }
    }

    @Test("Tokens of an earlier key of the ring are good")
    func earlierKey() async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let token = try await world.login("a@b.c").accessToken
            let rotated = try Identity(
                database: world.database, clock: world.clock, ids: UUIDGenerator(), keys: World.keys(current: "k0"),
                settings: IdentitySettings(bcryptCost: 4))
            _ = try await rotated.authenticate(token.reveal())
            let new = try await rotated.login(
                LoginCommand(email: "a@b.c", password: World.password), from: World.client)
            #expect(try header(of: new.accessToken)["kid"] == "k0")
            _ = try await world.identity.authenticate(new.accessToken.reveal())
        }
    }

    @Test("A token lives no longer than tokens do today")
    func shorterLives() async throws {
        try await withWorld(.sqliteMemory, { $0.accessTokenLife = .seconds(86_400) }) { world in
            try await world.register("a@b.c")
            let token = try await world.login("a@b.c").accessToken
            let today = try world.node()
            _ = try await today.authenticate(token.reveal())
            world.clock.advance(by: .seconds(1_800))
            #expect(await code { _ = try await today.authenticate(token.reveal()) } == "identity.token_expired")
            _ = try await world.identity.authenticate(token.reveal())
        }
    }

    @Test("The command line's token runs the server, until it expires")
    func operatorToken() async throws {
        try await withWorld { world in
            let token = try await world.identity.operatorToken(life: .seconds(3_600))
            let caller = try await world.identity.authenticate(token.reveal())
            #expect(caller.principal == .localOperator)
            #expect(caller.roles == [.operator])
            #expect(caller.user == nil && caller.session == nil)
            #expect(await code { _ = try await world.identity.me(caller) } == "identity.user_not_found")
            try await world.identity.logout(caller, from: .local)
            _ = try await world.identity.authenticate(token.reveal())
            world.clock.advance(by: .seconds(3_600))
            #expect(
                await code { _ = try await world.identity.authenticate(token.reveal()) } == "identity.token_expired")
        }
    }

    @Test(
        "What one process ends, another refuses from its next look on, also after a start",
        arguments: TestDatabase.engines)
    func revocation(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.register("a@b.c")
            let (one, two) = (try await world.login("a@b.c"), try await world.login("a@b.c"))
            let other = try world.node()
            _ = try await other.authenticate(one.accessToken.reveal())
            _ = try await other.authenticate(two.accessToken.reveal())
            let clock = StepClock()
            let runner = Task { try await RevocationRunner(other, clock: clock).run() }
            await clock.asleep()

            let caller = try await world.identity.authenticate(one.accessToken.reveal())
            try await world.identity.logout(caller, from: World.client)
            #expect(
                await code { _ = try await world.identity.authenticate(one.accessToken.reveal()) }
                    == "identity.token_invalid")
            await clock.step()
            #expect(
                await code { _ = try await other.authenticate(one.accessToken.reveal()) } == "identity.token_invalid")
            _ = try await other.authenticate(two.accessToken.reveal())

            world.clock.advance(by: .seconds(600))
            try await world.identity.setStatus(.inactive, of: user.id, by: .localOperator, from: .local)
            await clock.step()
            #expect(
                await code { _ = try await other.authenticate(two.accessToken.reveal()) } == "identity.token_invalid")
            let restarted = try world.node()
            for token in [one, two] {
                #expect(
                    await code { _ = try await restarted.authenticate(token.accessToken.reveal()) }
                        == "identity.token_invalid")
            }
            runner.cancel()
            try await runner.value
        }
    }

    @Test("Many ended sessions are read page by page")
    func manyRevocations() async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let token = try await world.login("a@b.c").accessToken
            let caller = try await world.identity.authenticate(token.reveal())
            let user = try #require(caller.user)
            let ids = UUIDGenerator(clock: world.clock)
            let now = world.clock.now
            try await world.database.write { tx in
                for number in 0..<2_500 {
                    try tx.execute(
                        """
                        INSERT INTO sessions (id, user_id, workspace_id, generation, valid_from, created_at, last_seen_at,
                            expires_at, revoked_at, refused_at)
                        VALUES (\(ids.next()), \(user), 'x', 1, 1, \(now), \(now), \(now), \(now),
                            \(now + .microseconds(number / 100)))
                        """)
                }
            }
            try await world.identity.logout(caller, from: World.client)
            let restarted = try world.node()
            #expect(await code { _ = try await restarted.authenticate(token.reveal()) } == "identity.token_invalid")
        }
    }

    @Test("The cache keeps what is used and never more than its bound")
    func cache() {
        let cache = TokenCache<Int>(entriesMax: 10)
        cache.insert(0, for: "hot")
        for number in 1...1_000 {
            cache.insert(number, for: "\(number)")
            #expect(cache.find("hot") == 0)
            #expect(cache.count <= 10)
        }
        #expect(cache.find("1000") == 1_000)
        #expect(cache.find("1") == nil)
        cache.remove("hot")
        #expect(cache.find("hot") == nil)
    }
}
