import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct PasswordLifeTests {
    private static let other = Secret("another long password")

    // MARK: Changed

    @Test(
        "A changed password ends the other sessions and links, and the owner is told", arguments: TestDatabase.engines)
    func change(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.register("ada@example.com")
            let here = try await world.login("ada@example.com")
            let elsewhere = try await world.login("ada@example.com")
            let caller = try await world.identity.authenticate(here.accessToken.reveal())
            try await world.identity.forgotPassword("ada@example.com", from: World.client)
            let link = try world.token(in: try await world.mail())

            try await world.identity.changePassword(
                from: World.password, to: Self.other, as: caller, from: World.client)
            _ = try await world.identity.authenticate(here.accessToken.reveal())
            _ = try await world.identity.refresh(here.refreshToken, from: World.client)
            #expect(
                await code { _ = try await world.identity.authenticate(elsewhere.accessToken.reveal()) }
                    == "identity.token_invalid")
            #expect(
                await code { _ = try await world.identity.refresh(elsewhere.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")
            #expect(await code { _ = try await world.login("ada@example.com") } == "identity.login_failed")
            _ = try await world.login("ada@example.com", Self.other)
            #expect(
                await code { try await world.identity.resetPassword(link, to: World.password, from: World.client) }
                    == "identity.mail_token_invalid")
            #expect(try await world.mail().subject == "Your password was changed")
            let entry = try #require(try await world.audit().first { $0.action == .passwordChange })
            #expect(entry.outcome == .success && entry.actor == user.actor)
            #expect(try await world.eventTypes().filter { $0 == "user.password_changed" }.count == 1)
            #expect(world.counted("auth.password.changes", ("way", "changed")) == 1)
            #expect(world.counted("auth.sessions.ended", ("reason", "password_changed")) == 1)
        }
    }

    @Test("Who has a token does not guess the password by changing it", arguments: TestDatabase.engines)
    func wrongCurrent(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let caller = try await world.caller("a@b.c")
            func change(_ current: String, _ new: Secret = Self.other) async -> String? {
                await code {
                    try await world.identity.changePassword(
                        from: Secret(current), to: new, as: caller, from: World.client)
                }
            }
            #expect(await change("wrong one", Secret("short")) == "identity.password_refused")
            #expect(await change("wrong one", Secret("a@b.c")) == "identity.password_refused")
            for _ in 0..<5 { #expect(await change("wrong one") == "identity.password_wrong") }
            #expect(await change(World.password.reveal()) == "identity.password_wrong", "locked")
            #expect(await code { _ = try await world.login("a@b.c") } == "identity.login_failed")
            let entries = try await world.audit()
            #expect(entries.filter { $0.action == .passwordChange && $0.outcome == .failure }.count == 6)
            #expect(entries.filter { $0.action == .lockout }.count == 1)
            world.clock.advance(by: .seconds(1_800))
            _ = try await world.login("a@b.c")
            let operatorCaller = try await world.operatorCaller()
            #expect(
                await code {
                    try await world.identity.changePassword(
                        from: World.password, to: Self.other, as: operatorCaller, from: .local)
                } == "identity.forbidden")
        }
    }

    @Test("Of two changes at once the second finds another password", arguments: TestDatabase.engines)
    func twoChanges(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let caller = try await world.caller("a@b.c")
            let codes = try await race(4) { number in
                await code {
                    try await world.identity.changePassword(
                        from: World.password, to: Secret("new password \(number)"), as: caller, from: World.client)
                }
            }
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(Set(codes) == [nil, "identity.password_wrong"])
        }
    }

    // MARK: Forgotten

    @Test("A link gives a new password once, ends all sessions and lifts the lock", arguments: TestDatabase.engines)
    func reset(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.register("ada@example.com")
            let tokens = try await world.login("ada@example.com")
            for _ in 0..<5 { _ = await code { _ = try await world.login("ada@example.com", Secret("wrong one")) } }
            try await world.identity.forgotPassword(" Ada@Example.com ", from: World.client)
            let mail = try await world.mail()
            #expect(mail.to.text == "ada@example.com" && mail.text.contains("/account/reset-password#"))
            let token = try world.token(in: mail)
            for refused in ["short", "password123", "ada@example.com"] {
                #expect(
                    await code {
                        try await world.identity.resetPassword(token, to: Secret(refused), from: World.client)
                    } == "identity.password_refused")
            }
            _ = try await world.identity.authenticate(tokens.accessToken.reveal())
            let codes = try await race(8) { _ in
                await code { try await world.identity.resetPassword(token, to: Self.other, from: World.client) }
            }
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(
                await code { _ = try await world.identity.authenticate(tokens.accessToken.reveal()) }
                    == "identity.token_invalid")
            #expect(await code { _ = try await world.login("ada@example.com") } == "identity.login_failed")
            _ = try await world.login("ada@example.com", Self.other)
            #expect(try await world.mail().subject == "Your password was changed")
            let actions = try await world.audit().filter { $0.target == "user:\(user.id)" }.map(\.action)
            #expect(actions.contains(.passwordResetRequest) && actions.contains(.passwordResetComplete))
            #expect(!actions.contains(.emailVerify), "it was active all the time")
        }
    }

    @Test("A link ends after an hour", arguments: TestDatabase.engines)
    func expiry(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.register("a@b.c")
            try await world.identity.forgotPassword("a@b.c", from: World.client)
            let token = try world.token(in: try await world.mail())
            world.clock.advance(by: .seconds(3_600))
            #expect(
                await code { try await world.identity.resetPassword(token, to: Self.other, from: World.client) }
                    == "identity.mail_token_invalid")
            _ = try await world.login("a@b.c")
        }
    }

    @Test("The answer is one for all, and only who may have one gets a mail", arguments: TestDatabase.engines)
    func oneAnswer(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            for name in ["active", "locked", "suspended", "inactive", "pending"] {
                let user = try await world.register("\(name)@b.c")
                if let status = UserStatus(rawValue: name) {
                    try await world.identity.setStatus(status, of: user.id, by: .localOperator, from: .local)
                } else {
                    try await world.identity.lock(user.id, by: .localOperator, from: .local)
                }
            }
            let names = ["active", "locked", "suspended", "inactive", "pending", "unknown", "no address"]
            for name in names {
                try await world.identity.forgotPassword(name.contains(" ") ? name : "\(name)@b.c", from: World.client)
            }
            #expect(try await world.mails().map(\.to.text).sorted() == ["active@b.c", "locked@b.c", "pending@b.c"])
            let requests = try await world.audit().filter { $0.action == .passwordResetRequest }
            #expect(requests.count == names.count && requests.filter { $0.outcome == .success }.count == 3)
            #expect(requests.allSatisfy { $0.actor == "anonymous" && !$0.details.jsonText.contains("@") })
            for _ in 0..<3 { try await world.identity.forgotPassword("active@b.c", from: World.client) }
            #expect(try await world.mails().isEmpty, "not more than one a minute")
        }
    }

    @Test("A reset confirms the address; it does not undo what an operator did", arguments: TestDatabase.engines)
    func limits(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, { $0.emailVerification = true }) { world in
            let pending = try await world.register("pending@b.c")
            try await world.identity.forgotPassword("pending@b.c", from: World.client)
            let token = try world.token(in: try #require(try await world.mails().last))
            try await world.identity.resetPassword(token, to: Self.other, from: World.client)
            _ = try await world.login("pending@b.c", Self.other)
            #expect(try await world.audit().filter { $0.action == .emailVerify }.map(\.actor) == [pending.actor])

            world.clock.advance(by: .seconds(61))
            try await world.identity.lock(pending.id, by: .localOperator, from: .local)
            try await world.identity.forgotPassword("pending@b.c", from: World.client)
            let second = try world.token(in: try #require(try await world.mails().last))
            try await world.identity.resetPassword(second, to: World.password, from: World.client)
            #expect(await code { _ = try await world.login("pending@b.c") } == "identity.login_failed", "still locked")

            world.clock.advance(by: .seconds(61))
            try await world.identity.forgotPassword("pending@b.c", from: World.client)
            let third = try world.token(in: try #require(try await world.mails().last))
            try await world.identity.setStatus(.suspended, of: pending.id, by: .localOperator, from: .local)
            #expect(
                await code { try await world.identity.resetPassword(third, to: Self.other, from: World.client) }
                    == "identity.mail_token_invalid")
            #expect(try await world.identity.user(pending.id).status == .suspended)
        }
    }

    @Test("An operator hands over a link", arguments: TestDatabase.engines)
    func link(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, { $0.publicURL = "https://c.example.com" }) { world in
            let user = try await world.register("a@b.c")
            let link = try await world.identity.passwordResetLink(
                for: .email("A@b.c"), by: .localOperator, from: .local)
            #expect(link.url.reveal() == "https://c.example.com/account/reset-password#\(link.token.reveal())")
            #expect(link.user.id == user.id && link.expiresAt == world.clock.now + .seconds(3_600))
            #expect(!"\(link)".contains(link.token.reveal()))
            #expect(try await world.mails().isEmpty)
            try await world.identity.resetPassword(link.token, to: Self.other, from: World.client)
            _ = try await world.login("a@b.c", Self.other)
            #expect(try await world.audit().first { $0.action == .passwordResetRequest }?.actor == "operator")
            try await world.identity.setStatus(.inactive, of: user.id, by: .localOperator, from: .local)
            #expect(
                await code {
                    _ = try await world.identity.passwordResetLink(for: .id(user.id), by: .localOperator, from: .local)
                } == "identity.forbidden")
        }
    }

    @Test("Nothing of this happens without its entry in the audit trail", arguments: TestDatabase.engines)
    func auditIsNeeded(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let caller = try await world.caller("a@b.c")
            try await world.identity.forgotPassword("a@b.c", from: World.client)
            let token = try world.token(in: try await world.mail())
            try await world.database.write { try $0.execute("ALTER TABLE audit_entries RENAME TO audit_gone") }
            world.clock.advance(by: .seconds(61))
            #expect(
                await code {
                    try await world.identity.changePassword(
                        from: World.password, to: Self.other, as: caller, from: World.client)
                } == "storage.statement")
            #expect(
                await code { try await world.identity.resetPassword(token, to: Self.other, from: World.client) }
                    == "storage.statement")
            #expect(
                await code { try await world.identity.forgotPassword("a@b.c", from: World.client) }
                    == "storage.statement")
            #expect(await code { _ = try await world.identity.endOtherSessions(of: caller, from: World.client) } == nil)
            #expect(try await world.mails().isEmpty)
            try await world.database.write { try $0.execute("ALTER TABLE audit_gone RENAME TO audit_entries") }
            _ = try await world.login("a@b.c")
            try await world.identity.resetPassword(token, to: Self.other, from: World.client)
        }
    }
}
