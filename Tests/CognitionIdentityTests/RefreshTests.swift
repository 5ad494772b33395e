import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct RefreshTests {
    @Test("Sixty-four refreshes of one token at once give one successor to all", arguments: TestDatabase.engines)
    func parallel(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            let tokens = try await world.login("a@b.c")
            let second = try world.node()
            let answers = try await race(64) { number in
                try await (number % 2 == 0 ? world.identity : second)
                    .refresh(tokens.refreshToken, from: World.client)
            }
            #expect(answers.count == 64)
            #expect(Set(answers.map(\.refreshToken)).count == 1)
            #expect(try await world.count("SELECT count(*) FROM refresh_tokens") == 2)
            #expect(try await world.audit().filter { $0.action == .refresh }.count == 1)
            for answer in answers { _ = try await world.identity.authenticate(answer.accessToken.reveal()) }
            _ = try await world.identity.refresh(answers[0].refreshToken, from: World.client)
        }
    }

    @Test(
        "A token is good again for a while after its use, as long as its successor is new",
        arguments: TestDatabase.engines)
    func grace(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            let first = try await world.login("a@b.c").refreshToken
            let second = try await world.identity.refresh(first, from: World.client).refreshToken
            #expect(second != first)
            world.clock.advance(by: .seconds(20))
            #expect(try await world.identity.refresh(first, from: World.client).refreshToken == second)
            #expect(world.refreshes("repeated") == 1)
            let third = try await world.identity.refresh(second, from: World.client).refreshToken
            // `first` is a grandparent now, whatever the time.
            #expect(
                await code { _ = try await world.identity.refresh(first, from: World.client) }
                    == "identity.refresh_invalid")
            #expect(
                await code { _ = try await world.identity.refresh(third, from: World.client) }
                    == "identity.refresh_invalid")
        }
    }

    @Test("A second use after the grace ends this session and no other", arguments: TestDatabase.engines)
    func reuse(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            let stolen = try await world.login("a@b.c")
            let other = try await world.login("a@b.c")
            let next = try await world.identity.refresh(stolen.refreshToken, from: World.client)
            let caller = try await world.identity.authenticate(next.accessToken.reveal())
            world.clock.advance(by: .seconds(21))
            #expect(
                await code { _ = try await world.identity.refresh(stolen.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")
            #expect(
                await code { _ = try await world.identity.authenticate(next.accessToken.reveal()) }
                    == "identity.token_invalid")
            #expect(
                await code { _ = try await world.identity.refresh(next.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")
            _ = try await world.identity.authenticate(other.accessToken.reveal())
            _ = try await world.identity.refresh(other.refreshToken, from: World.client)

            let entries = try await world.audit().filter { $0.action == .refreshReuseDetected }
            #expect(entries.map(\.target) == [caller.session.map { "session:\($0)" }])
            #expect(entries.first?.outcome == .failure)
            let ended = try await EventLog(world.database).readAll(filter: EventFilter(types: ["session.ended"])).events
            #expect(ended.map { $0.data["reason"]?.stringValue } == ["reuse"])
            #expect(world.refreshes("reused") == 1)
        }
    }

    @Test("A session lives as long as it is refreshed, and a week longer", arguments: TestDatabase.engines)
    func expiry(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            var token = try await world.login("a@b.c").refreshToken
            for _ in 0..<3 {
                world.clock.advance(by: .seconds(6 * 86_400))
                token = try await world.identity.refresh(token, from: World.client).refreshToken
            }
            world.clock.advance(by: .seconds(7 * 86_400))
            #expect(
                await code { _ = try await world.identity.refresh(token, from: World.client) }
                    == "identity.refresh_invalid")
            #expect(try await world.audit().allSatisfy { $0.action != .refreshReuseDetected })
        }
    }

    @Test("Only what was given is stored, and only as a hash; anything else is refused")
    func unknown() async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let token = try await world.login("a@b.c").refreshToken
            let stored = try await world.database.read { tx in
                try tx.query("SELECT sha256 FROM refresh_tokens") { try $0[0] as [UInt8] }
            }
            #expect(stored == [SHA256Digest(of: Array(token.reveal().utf8)).bytes])
            for text in [
                "", "x", token.reveal() + "x", String(token.reveal().reversed()), String(repeating: "ü", count: 99),
            ] {
                #expect(
                    await code { _ = try await world.identity.refresh(Secret(text), from: World.client) }
                        == "identity.refresh_invalid")
            }
            _ = try await world.identity.refresh(token, from: World.client)
        }
    }

    @Test("A stopped user, a logout and a lost membership end the refreshing", arguments: TestDatabase.engines)
    func ends(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let user = try await world.register("a@b.c")
            let first = try await world.login("a@b.c")
            try await identity.setStatus(.suspended, of: user.id, by: .localOperator, from: .local)
            try await identity.setStatus(.active, of: user.id, by: .localOperator, from: .local)
            #expect(
                await code { _ = try await identity.refresh(first.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")

            let second = try await world.login("a@b.c")
            let caller = try await identity.authenticate(second.accessToken.reveal())
            try await identity.logout(caller, from: World.client)
            try await identity.logout(caller, from: World.client)
            #expect(
                await code { _ = try await identity.authenticate(second.accessToken.reveal()) }
                    == "identity.token_invalid")
            #expect(
                await code { _ = try await identity.refresh(second.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")
            // The second logout ends nothing.
            #expect(
                try await world.eventTypes().suffix(5) == [
                    "user.status_changed", "session.ended", "user.status_changed", "session.started", "session.ended",
                ])
        }
    }

    @Test("What has expired is removed, in parts", arguments: TestDatabase.engines)
    func pruning(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            var token = try await world.login("a@b.c").refreshToken
            _ = try await world.login("a@b.c")
            world.clock.advance(by: .seconds(4 * 86_400))
            token = try await world.identity.refresh(token, from: World.client).refreshToken
            world.clock.advance(by: .seconds(7 * 43_200))
            let clock = StepClock()
            let runner = Task { try await RevocationRunner(world.identity, clock: clock).run() }
            await clock.asleep()
            // Expired: both first tokens; the sessions stay a day longer.
            #expect(try await world.count("SELECT count(*) FROM refresh_tokens") == 1)
            #expect(try await world.count("SELECT count(*) FROM sessions") == 2)
            world.clock.advance(by: .seconds(86_400))
            for _ in 0..<120 { await clock.step() }
            #expect(try await world.count("SELECT count(*) FROM sessions") == 1)
            _ = try await world.identity.refresh(token, from: World.client)
            runner.cancel()
            try await runner.value
        }
    }
}
