import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct LoginTests {
    @Test("A login answers tokens that say who, where and as what", arguments: TestDatabase.engines)
    func logsIn(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.register("ada@example.com")
            let tokens = try await world.login(" ADA@example.com")
            #expect(tokens.expiresIn == .seconds(1_800))
            #expect(base64URLDecoded(tokens.refreshToken.reveal()).count == 32)
            let caller = try await world.identity.authenticate(tokens.accessToken.reveal())
            #expect(caller.user == user.id)
            #expect(caller.session != nil)
            #expect(caller.principal.actor == "user:\(user.id)")
            #expect(caller.principal.permissions == Role.admin.permissions)
            #expect(caller.expiresAt == world.clock.now + .seconds(1_800))
            let me = try await world.identity.me(caller)
            #expect(me.user.lastLoginAt == world.clock.now)
            #expect(me.workspace == user.homeWorkspace)
            #expect(try await world.eventTypes().last == "session.started")
            let entry = try #require(try await world.audit().last)
            #expect(entry.action == .loginSuccess)
            #expect(entry.target == caller.session.map { "session:\($0)" })
            #expect(world.logins("ok") == 1)
        }
    }

    @Test("Unknown, wrong, locked and stopped users get one answer, for one hash each", arguments: TestDatabase.engines)
    func oneAnswer(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            for name in ["wrong", "locked", "suspended", "inactive", "pending"] {
                try await world.register("\(name)@b.c")
            }
            let principal = Principal.localOperator
            let identity = world.identity
            try await identity.lock(identity.user(email: "locked@b.c").id, by: principal, from: .local)
            for status in [UserStatus.suspended, .inactive, .pending] {
                let user = try await identity.user(email: "\(status.rawValue)@b.c")
                try await identity.setStatus(status, of: user.id, by: principal, from: .local)
            }
            let attempts = [
                ("unknown@b.c", World.password), ("no address", World.password), ("wrong@b.c", Secret("not this one")),
                ("wrong@b.c", Secret(String(repeating: "x", count: 100))), ("wrong@b.c", Secret("a\u{0}b")),
                ("locked@b.c", World.password), ("suspended@b.c", World.password), ("inactive@b.c", World.password),
                ("pending@b.c", World.password),
            ]
            var answers: Set<String> = []
            for (email, password) in attempts {
                let before = try world.hashes
                do {
                    _ = try await world.login(email, password)
                    Issue.record("\(email) got in")
                } catch let error as IdentityError {
                    answers.insert("\(error)")
                }
                #expect(try world.hashes == before + 1, "\(email)")
            }
            #expect(answers == ["identity.login_failed: the e-mail address or the password is wrong"])
            let failures = try await world.audit().filter { $0.action == .loginFailure }
            #expect(failures.count == attempts.count)
            #expect(failures.allSatisfy { $0.actor == "anonymous" && $0.outcome == .failure })
            #expect(failures.allSatisfy { !$0.details.jsonText.contains("@") })
            #expect(failures.first?.workspace == nil)
            #expect(try await world.count("SELECT count(*) FROM sessions") == 0)
        }
    }

    @Test(
        "Five failures lock a user for half an hour; attempts meanwhile change nothing", arguments: TestDatabase.engines
    )
    func lockout(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.register("a@b.c")
            for _ in 0..<4 { _ = await code { _ = try await world.login("a@b.c", Secret("wrong one")) } }
            _ = try await world.login("a@b.c")
            // The success has started a new count.
            for _ in 0..<5 { _ = await code { _ = try await world.login("a@b.c", Secret("wrong one")) } }
            let start = world.clock.now
            let locked = try await world.identity.user(email: "a@b.c")
            #expect(locked.lockedUntil == start + .seconds(1_800))
            #expect(try await world.audit().filter { $0.action == .lockout }.map(\.target) == ["user:\(user.id)"])

            world.clock.advance(by: .seconds(1_799))
            #expect(await code { _ = try await world.login("a@b.c") } == "identity.login_failed")
            #expect(await code { _ = try await world.login("a@b.c", Secret("wrong one")) } == "identity.login_failed")
            #expect(try await world.identity.user(email: "a@b.c").lockedUntil == start + .seconds(1_800))
            #expect(world.logins("locked") == 3)

            // A lock that has run out starts a new count.
            world.clock.advance(by: .seconds(1))
            for _ in 0..<4 { _ = await code { _ = try await world.login("a@b.c", Secret("wrong one")) } }
            _ = try await world.login("a@b.c")
            #expect(try await world.identity.user(email: "a@b.c").lockedUntil == nil)
        }
    }

    @Test("Many wrong passwords at once lock once", arguments: TestDatabase.engines)
    func parallelFailures(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            let codes = try await race(20) { _ in
                await code { _ = try await world.login("a@b.c", Secret("wrong one")) }
            }
            #expect(Set(codes) == ["identity.login_failed"])
            #expect(try await world.count("SELECT failed_logins FROM users") == 5)
            #expect(try await world.audit().filter { $0.action == .lockout }.count == 1)
            #expect(await code { _ = try await world.login("a@b.c") } == "identity.login_failed")
        }
    }

    @Test("An operator locks and unlocks; a lock ends the sessions", arguments: TestDatabase.engines)
    func lockByOperator(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.register("a@b.c")
            let tokens = try await world.login("a@b.c")
            _ = try await world.identity.authenticate(tokens.accessToken.reveal())
            try await world.identity.lock(user.id, by: .localOperator, from: .local)
            #expect(
                await code { _ = try await world.identity.authenticate(tokens.accessToken.reveal()) }
                    == "identity.token_invalid")
            world.clock.advance(by: .seconds(365 * 86_400))
            #expect(await code { _ = try await world.login("a@b.c") } == "identity.login_failed")
            try await world.identity.unlock(user.id, by: .localOperator, from: .local)
            _ = try await world.login("a@b.c")
            let actions = try await world.audit().filter { $0.actor == "operator" }.map(\.action)
            #expect(actions == [.lockout, .unlock])
            let nobody = UserID(UUIDv7(high: 1, low: 1))
            #expect(
                await code { try await world.identity.unlock(nobody, by: .localOperator, from: .local) }
                    == "identity.user_not_found")
        }
    }

    @Test("An address that fails too often is refused unseen, others are not")
    func throttle() async throws {
        try await withWorld(.sqliteMemory, { $0.authFailuresPerAddress = 3 }) { world in
            try await world.register("a@b.c")
            for _ in 0..<5 { _ = try await world.login("a@b.c") }
            for number in 0..<3 {
                #expect(await code { _ = try await world.login("\(number)@b.c") } == "identity.login_failed")
                world.clock.advance(by: .seconds(10))
            }
            let hashes = try world.hashes
            do {
                _ = try await world.login("a@b.c")
                Issue.record("the address was let in")
            } catch let error as IdentityError {
                #expect(error.code.name == "identity.too_many_failures")
                #expect(error.category == .limited)
                #expect(error.retryAfter == .seconds(270))
            }
            #expect(try world.hashes == hashes)
            #expect(world.logins("throttled") == 1)
            _ = try await world.login("a@b.c", from: ClientInfo(address: "192.0.2.2"))
            world.clock.advance(by: .seconds(270))
            _ = try await world.login("a@b.c")
        }
    }

    @Test("A login hashes the password anew when the cost has changed", arguments: TestDatabase.engines)
    func rehash(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            let dearer = try world.node { $0.bcryptCost = 5 }
            let command = LoginCommand(email: "a@b.c", password: World.password)
            _ = try await dearer.login(command, from: World.client)
            let cost: SQL = "SELECT count(*) FROM users WHERE password_hash LIKE '$2b$05$%'"
            #expect(try await world.count(cost) == 1)
            _ = try await dearer.login(command, from: World.client)
            #expect(
                await code {
                    _ = try await dearer.login(
                        LoginCommand(email: "a@b.c", password: Secret("wrong one")), from: World.client)
                } == "identity.login_failed")
        }
    }

    @Test("A login goes to a workspace of the user's, and to no other", arguments: TestDatabase.engines)
    func destination(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.caller("eve@b.c")
            _ = try await world.identity.createWorkspace("lab", as: ada, from: World.client)
            _ = try await world.identity.addMember(
                email: "eve@b.c", role: .viewer, to: WorkspaceID("lab"), as: ada, from: World.client)
            let guest = try await world.caller("eve@b.c", workspace: WorkspaceID("lab"))
            #expect(guest.roles == [.viewer])
            #expect(guest.principal.workspace.name == "lab")
            for name in [ada.principal.workspace.name, "nowhere", "default"] {
                let refused = await code { _ = try await world.login("eve@b.c", workspace: WorkspaceID(name)) }
                #expect(refused == "identity.workspace_not_found")
                let wrong = await code {
                    _ = try await world.login("eve@b.c", Secret("wrong one"), workspace: WorkspaceID(name))
                }
                #expect(wrong == "identity.login_failed", "only who knows the password learns more")
            }
            #expect(try await world.caller("eve@b.c").principal.workspace == eve.principal.workspace)
        }
    }

    @Test("The oldest session gives way to the hundred-and-first")
    func sessionsMax() async throws {
        try await withWorld { world in
            try await world.register("a@b.c")
            let first = try await world.login("a@b.c")
            for _ in 1..<Identity.sessionsPerUserMax { _ = try await world.login("a@b.c") }
            _ = try await world.identity.authenticate(first.accessToken.reveal())
            let last = try await world.login("a@b.c")
            #expect(
                await code { _ = try await world.identity.authenticate(first.accessToken.reveal()) }
                    == "identity.token_invalid")
            _ = try await world.identity.authenticate(last.accessToken.reveal())
            #expect(
                try await world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
                    == Identity.sessionsPerUserMax)
        }
    }

    @Test("Nothing happens without its entry in the audit trail", arguments: TestDatabase.engines)
    func auditIsNeeded(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            try await world.database.write { try $0.execute("ALTER TABLE audit_entries RENAME TO audit_gone") }
            #expect(await code { _ = try await world.login("a@b.c") } == "storage.statement")
            #expect(await code { try await world.register("b@b.c") } == "storage.statement")
            #expect(try await world.count("SELECT count(*) FROM sessions") == 0)
            #expect(try await world.count("SELECT count(*) FROM users") == 1)
            #expect(try await world.eventTypes().count == 3)
        }
    }
}
