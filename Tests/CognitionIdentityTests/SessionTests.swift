import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct SessionTests {
    private static let firefox = ClientInfo(
        address: "198.51.100.7",
        userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")

    @Test("A user sees where they are logged in", arguments: TestDatabase.engines)
    func list(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("ada@b.c")
            try await world.register("eve@b.c")
            let start = world.clock.now
            let first = try await world.login("ada@b.c", from: Self.firefox)
            world.clock.advance(by: .seconds(100))
            let second = try await world.login("ada@b.c")
            _ = try await world.login("eve@b.c")
            let caller = try await world.identity.authenticate(second.accessToken.reveal())
            var sessions = try await world.identity.sessions(of: caller)
            #expect(sessions.map(\.device) == ["tests/1.0", "Firefox on Linux"])
            #expect(sessions.first?.id == caller.session)
            let older = try #require(sessions.last)
            #expect(older.client == Self.firefox && older.createdAt == start && older.lastSeenAt == start)
            #expect(older.expiresAt == start + .seconds(7 * 86_400))

            let moved = ClientInfo(address: "203.0.113.5", userAgent: Self.firefox.userAgent)
            _ = try await world.identity.refresh(first.refreshToken, from: moved)
            sessions = try await world.identity.sessions(of: caller)
            #expect(sessions.last?.client.address == "203.0.113.5" && sessions.last?.lastSeenAt == world.clock.now)
            #expect(try await world.identity.sessions(of: .email("eve@b.c")).count == 1)
            let machine = try await world.operatorCaller()
            #expect(await code { _ = try await world.identity.sessions(of: machine) } == "identity.user_not_found")
        }
    }

    @Test("Use of an access token is noted about every minute", arguments: TestDatabase.engines)
    func lastSeen(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            let tokens = try await world.login("a@b.c")
            _ = try await world.login("a@b.c")
            let clock = StepClock()
            let runner = Task { try await RevocationRunner(world.identity, clock: clock).run() }
            await clock.asleep()
            world.clock.advance(by: .seconds(600))
            let caller = try await world.identity.authenticate(tokens.accessToken.reveal())
            for _ in 0..<120 { await clock.step() }
            let sessions = try await world.identity.sessions(of: caller)
            #expect(sessions.map { world.clock.now - $0.lastSeenAt } == [.seconds(600), .zero])
            runner.cancel()
            try await runner.value
        }
    }

    @Test("One session is ended from another, at once here and soon on other nodes", arguments: TestDatabase.engines)
    func endOne(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let second = try world.node()
            let here = try await world.caller("a@b.c")
            let other = try await world.login("a@b.c")
            let ended = try await world.identity.authenticate(other.accessToken.reveal())
            _ = try await second.authenticate(other.accessToken.reveal())
            let id = try #require(ended.session)
            let eve = try await world.caller("eve@b.c")
            for caller in [eve, try await world.operatorCaller()] {
                #expect(
                    await code { try await world.identity.endSession(id, as: caller, from: World.client) }
                        == "identity.session_not_found")
            }
            try await world.identity.endSession(id, as: here, from: World.client)
            try await world.identity.endSession(id, as: here, from: World.client)
            #expect(
                await code { _ = try await world.identity.authenticate(other.accessToken.reveal()) }
                    == "identity.token_invalid")
            let clock = StepClock()
            let runner = Task { try await RevocationRunner(second, clock: clock).run() }
            await clock.asleep()
            #expect(
                await code { _ = try await second.authenticate(other.accessToken.reveal()) } == "identity.token_invalid"
            )
            #expect(
                await code { _ = try await second.refresh(other.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")
            runner.cancel()
            try await runner.value
            let entries = try await world.audit().filter { $0.action == .sessionRevoke }
            #expect(entries.map(\.target) == ["session:\(id)"], "the second time there was nothing to end")
            #expect(try await world.identity.sessions(of: here).map(\.id) == [here.session])
            let nobody = SessionID(UUIDv7(high: 1, low: 1))
            #expect(
                await code { try await world.identity.endSession(nobody, as: here, from: World.client) }
                    == "identity.session_not_found")
        }
    }

    @Test("All sessions but this one are ended, and an operator ends all", arguments: TestDatabase.engines)
    func endOthers(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let here = try await world.caller("a@b.c")
            let eve = try await world.login("eve@b.c", as: world)
            for _ in 0..<3 { _ = try await world.login("a@b.c") }
            #expect(try await world.identity.endOtherSessions(of: here, from: World.client) == 3)
            #expect(try await world.identity.endOtherSessions(of: here, from: World.client) == 0)
            #expect(try await world.identity.sessions(of: here).map(\.id) == [here.session])
            _ = try await world.identity.authenticate(eve.accessToken.reveal())
            #expect(try await world.audit().filter { $0.action == .sessionRevoke }.count == 3)

            let count = try await world.identity.endSessions(of: .email("A@b.c"), by: .localOperator, from: .local)
            #expect(count == 1)
            #expect(try await world.audit().last { $0.action == .sessionRevoke }?.actor == "operator")
            _ = try await world.login("a@b.c")
        }
    }

    @Test(
        "Devices as people recognise them",
        arguments: [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
                "Edge on Windows"
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari on macOS"
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone"
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
                "Chrome on Android"
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
                "Chrome on ChromeOS"
            ),
            ("curl/8.5.0", "curl/8.5.0"), ("python-requests/2.32 something", "python-requests/2.32"),
            ("Mozilla/5.0 (compatible)", "Mozilla/5.0"),
            (String(repeating: "x", count: 200), String(repeating: "x", count: 80)),
        ])
    func devices(userAgent: String, device: String) async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let tokens = try await world.login("a@b.c", from: ClientInfo(address: nil, userAgent: userAgent))
            let caller = try await world.identity.authenticate(tokens.accessToken.reveal())
            #expect(try await world.identity.sessions(of: caller).map(\.device) == [device])
        }
    }
}

extension World {
    /// Registers somebody and logs them in.
    fileprivate func login(_ email: String, as world: World) async throws -> Tokens {
        try await world.register(email)
        return try await world.login(email)
    }
}
