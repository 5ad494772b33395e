import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct UserTests {
    @Test("An operator made from the command line runs the server and its workspace", arguments: TestDatabase.engines)
    func operators(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, { $0.registration = .closed }) { world in
            let identity = world.identity
            let (user, password) = try await identity.createUser(
                CreateUserCommand(email: "root@b.c", isOperator: true), by: .localOperator, from: .local)
            let generated = try #require(password)
            #expect(user.isOperator)
            let tokens = try await world.login("root@b.c", generated, workspace: .default)
            let caller = try await identity.authenticate(tokens.accessToken.reveal())
            #expect(caller.roles == [.admin, .operator])
            #expect(caller.principal.permissions == Set(Permission.allCases))
            let refreshed = try await identity.refresh(tokens.refreshToken, from: World.client)
            #expect(try await identity.authenticate(refreshed.accessToken.reveal()).roles == [.admin, .operator])

            let (plain, none) = try await identity.createUser(
                CreateUserCommand(email: "plain@b.c", password: World.password), by: caller.principal, from: .local)
            #expect(none == nil && !plain.isOperator)
            #expect(try await world.caller("plain@b.c").roles == [.admin])
            // An operator manages a workspace without being a member.
            #expect(try await identity.members(of: plain.homeWorkspace, as: caller).items.map(\.user) == [plain.id])
            let registered = try await world.audit().filter { $0.action == .register }
            #expect(registered.map(\.actor) == ["operator", user.actor])
            #expect(
                await code {
                    _ = try await identity.createUser(
                        CreateUserCommand(email: "x@b.c", password: Secret("short")), by: .localOperator, from: .local)
                } == "identity.password_refused")
        }
    }

    @Test("Only the command line makes operators, wherever the caller acts")
    func operatorsFromTheCommandLine() async throws {
        try await withWorld { world in
            let identity = world.identity
            let (_, password) = try await identity.createUser(
                CreateUserCommand(email: "root@b.c", isOperator: true), by: .localOperator, from: .local)
            let tokens = try await world.login("root@b.c", try #require(password))
            let root = try await identity.authenticate(tokens.accessToken.reveal())
            for caller in [root, try await identity.caller(root, in: .default)] {
                let refused = await code {
                    _ = try await identity.createUser(
                        CreateUserCommand(email: "more@b.c", isOperator: true), by: caller.principal, from: World.client
                    )
                }
                #expect(refused == "identity.forbidden")
            }
            #expect(try await world.count("SELECT count(*) FROM users") == 1)
            let elsewhere = try await identity.caller(world.operatorCaller(), in: root.principal.workspace)
            _ = try await identity.createUser(
                CreateUserCommand(email: "more@b.c", isOperator: true), by: elsewhere.principal, from: .local)
        }
    }

    @Test("Users are listed in pages, also those of one status", arguments: TestDatabase.engines)
    func list(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            var users: [User] = []
            for number in 0..<7 { users.append(try await world.register("u\(number)@b.c")) }
            for number in [1, 2, 5] {
                users[number] = try await identity.setStatus(
                    .suspended, of: users[number].id, by: .localOperator, from: .local)
            }
            func all(_ filter: UserFilter, limit: Int) async throws -> [User] {
                var seen: [User] = []
                var after: Int64?
                repeat {
                    let page = try await identity.users(filter, PageRequest(after: after, limit: limit))
                    #expect(page.items.count <= limit)
                    seen += page.items
                    after = page.next
                } while after != nil
                return seen
            }
            for limit in [1, 2, 3, 7, 50] {
                #expect(try await all(UserFilter(), limit: limit) == users)
                #expect(
                    try await all(UserFilter(status: .suspended), limit: limit) == [users[1], users[2], users[5]])
                #expect(try await all(UserFilter(status: .pending), limit: limit).isEmpty)
            }
        }
    }

    @Test("A user is found by id and by address")
    func find() async throws {
        try await withWorld { world in
            let identity = world.identity
            let user = try await world.register("ada@b.c")
            #expect(try await identity.user(user.id) == user)
            #expect(try await identity.user(email: " ADA@b.c") == user)
            #expect(UserReference(user.id.description) == .id(user.id))
            #expect(UserReference("ada@b.c") == .email("ada@b.c"))
            #expect(UserReference("ada") == nil && UserReference("") == nil)
            let unknown: UserID = UUIDGenerator().next()
            let change = UserChange(status: .inactive)
            for (reference, expected) in [
                (UserReference.id(unknown), "identity.user_not_found"), (.email("no@b.c"), "identity.user_not_found"),
                (.email("@"), "identity.email_invalid"),
            ] {
                #expect(
                    await code {
                        try await identity.change(reference, change, by: .localOperator, from: .local)
                    } == expected)
            }
            #expect(await code { _ = try await identity.user(unknown) } == "identity.user_not_found")
        }
    }

    @Test("Status and lock change together, and end sessions", arguments: TestDatabase.engines)
    func change(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let user = try await world.register("ada@b.c")
            let tokens = try await world.login("ada@b.c")
            func change(_ change: UserChange) async throws -> User {
                try await identity.change(.email("Ada@b.c"), change, by: .localOperator, from: .local)
            }
            #expect(try await change(UserChange()).id == user.id)
            let caller = try await identity.authenticate(tokens.accessToken.reveal())
            #expect(identity.isCurrent(caller))
            let stopped = try await change(UserChange(status: .inactive, isLocked: true))
            #expect(stopped.status == .inactive && stopped.lockedUntil == User.lockedForever)
            #expect(!identity.isCurrent(caller))
            #expect(
                await code { _ = try await identity.authenticate(tokens.accessToken.reveal()) }
                    == "identity.token_invalid")
            #expect(try await change(UserChange(isLocked: false)).lockedUntil == nil)
            #expect(await code { _ = try await world.login("ada@b.c") } == "identity.login_failed")
            #expect(try await change(UserChange(status: .active)).status == .active)
            try await identity.logout(world.caller("ada@b.c"), from: World.client)
            let actions = try await world.audit().filter { $0.actor == "operator" }.map(\.action)
            #expect(actions == [.lockout, .userStatusChange, .unlock, .userStatusChange])
            // Only the change of the status has an event, and it cannot be written: the lock does not hold either.
            try await world.database.write { try $0.execute("ALTER TABLE events RENAME TO events_gone") }
            #expect(await code { _ = try await change(UserChange(status: .pending, isLocked: true)) } != nil)
            #expect(try await identity.user(user.id).lockedUntil == nil)
        }
    }

    @Test("Users carry locale and time zone", arguments: TestDatabase.engines)
    func locale(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let user = try await identity.register(
                RegisterCommand(
                    email: "ada@b.c", password: World.password, locale: "DE-ch", timeZone: "Europe/Zurich"),
                from: World.client)
            #expect(user.locale == "de-CH" && user.timeZone == "Europe/Zurich")
            #expect(try await identity.me(world.caller("ada@b.c")).user.locale == "de-CH")
            let (made, _) = try await identity.createUser(
                CreateUserCommand(email: "eve@b.c", locale: "en", timeZone: "UTC"), by: .localOperator, from: .local)
            #expect(made.locale == "en" && made.timeZone == "UTC")
            let plain = try await world.register("plain@b.c")
            #expect(plain.locale == nil && plain.timeZone == nil)
        }
    }

    @Test(
        "A language tag is written as usual",
        arguments: [
            ("en", "en"), ("DE-ch", "de-CH"), ("zh-hANS-cn", "zh-Hans-CN"), ("es-419", "es-419"),
            ("sl-ROZAJ-biske-1994", "sl-rozaj-biske-1994"), ("en-ca-x-CA-Some", "en-CA-x-ca-some"),
            ("de-DE-u-co-PHONEBK", "de-DE-u-co-phonebk"), ("az-latn-x-LATN", "az-Latn-x-latn"),
        ])
    func goodLocale(_ written: String, _ kept: String) async throws {
        #expect(try await locale(written) == kept)
    }

    @Test(
        "What is no language tag is refused",
        arguments: [
            "", "d", "-", "de-", "-de", "de--ch", "de_CH", "de CH", "d1", "de-ch-x", "de-ü", "german-ninechars",
            "ninechars", "x-de", "de\u{0}", String(repeating: "de-", count: 12) + "de", "..", "de-\u{301}",
        ])
    func badLocale(_ text: String) async throws {
        #expect(await code { _ = try await locale(text) } == "identity.locale_invalid")
    }

    @Test(
        "Names of the time zone database are taken",
        arguments: ["UTC", "Etc/UTC", "GMT", "CET", "Asia/Kolkata", "Asia/Calcutta", "America/Argentina/Buenos_Aires"])
    func goodTimeZone(_ name: String) async throws {
        #expect(try await timeZone(name) == name)
    }

    @Test(
        "What is no name of a time zone is refused",
        arguments: [
            "", "/", "Europe", "Europe/", "Europe/Nowhere", "GMT+2", "+02:00", "IST", "PST", "../../etc/passwd",
            "/etc/localtime", "Europe/Berlin\u{0}", " Europe/Berlin", String(repeating: "a/", count: 10_000),
        ])
    func badTimeZone(_ name: String) async throws {
        #expect(await code { _ = try await timeZone(name) } == "identity.time_zone_invalid")
    }

    private func locale(_ text: String) async throws -> String? {
        try await registered(RegisterCommand(email: "a@b.c", password: World.password, locale: text)).locale
    }

    private func timeZone(_ name: String) async throws -> String? {
        try await registered(RegisterCommand(email: "a@b.c", password: World.password, timeZone: name)).timeZone
    }

    private func registered(_ command: RegisterCommand) async throws -> User {
        try await withWorld { try await $0.identity.register(command, from: World.client) }
    }
}
