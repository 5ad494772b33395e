import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct VerificationTests {
    private func verified(_ settings: inout IdentitySettings) {
        settings.emailVerification = true
        settings.publicURL = "https://cognition.example.com"
    }

    @Test("Who registers waits for the link of a mail, which is good once", arguments: TestDatabase.engines)
    func verifies(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            let user = try await world.register("ada@example.com")
            #expect(user.status == .pending)
            #expect(await code { _ = try await world.login("ada@example.com") } == "identity.login_failed")
            let mail = try await world.mail()
            #expect(mail.to.text == "ada@example.com")
            #expect(mail.text.contains("https://cognition.example.com/account/verify-email#"))
            let token = try world.token(in: mail)
            #expect(token.reveal().count == 43)
            #expect(try await world.count("SELECT count(*) FROM account_tokens") == 1)
            let stored = try await world.database.read { tx in
                try tx.first("SELECT sha256 FROM account_tokens") { try $0[0] as [UInt8] }
            }
            #expect(stored == SHA256Digest(of: Array(token.reveal().utf8)).bytes)

            try await world.identity.verifyEmail(token, from: World.client)
            _ = try await world.login("ada@example.com")
            #expect(
                await code { try await world.identity.verifyEmail(token, from: World.client) }
                    == "identity.mail_token_invalid")
            let entry = try #require(try await world.audit().first { $0.action == .emailVerify })
            #expect(entry.actor == user.actor && entry.target == "user:\(user.id)" && entry.client == World.client)
            #expect(try await world.eventTypes().contains("user.status_changed"))
        }
    }

    @Test("Of many who follow one link at once one gets in", arguments: TestDatabase.engines)
    func once(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            try await world.register("a@example.com")
            let token = try world.token(in: try await world.mail())
            let codes = try await race(16) { _ in
                await code { try await world.identity.verifyEmail(token, from: World.client) }
            }
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(Set(codes) == [nil, "identity.mail_token_invalid"])
            #expect(try await world.audit().filter { $0.action == .emailVerify }.count == 1)
        }
    }

    @Test("A link ends after a day; what is no token of this kind is none", arguments: TestDatabase.engines)
    func expiry(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            try await world.register("a@example.com")
            let token = try world.token(in: try await world.mail())
            for text in ["", "x", token.reveal() + "x", String(token.reveal().reversed()), "a\u{0}b"] {
                #expect(
                    await code { try await world.identity.verifyEmail(Secret(text), from: World.client) }
                        == "identity.mail_token_invalid", "\(text)")
            }
            #expect(
                await code {
                    try await world.identity.resetPassword(token, to: World.password, from: World.client)
                } == "identity.mail_token_invalid", "a link for one thing does nothing else")
            world.clock.advance(by: .seconds(86_400))
            #expect(
                await code { try await world.identity.verifyEmail(token, from: World.client) }
                    == "identity.mail_token_invalid")
            #expect(await code { _ = try await world.login("a@example.com") } == "identity.login_failed")
        }
    }

    @Test(
        "The answer for an address that is taken looks like any other; its owner is told",
        arguments: TestDatabase.engines)
    func taken(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            let owner = try await world.register("ada@example.com")
            try await world.identity.verifyEmail(world.token(in: try await world.mail()), from: World.client)
            let before = try world.hashes
            let events = try await world.eventTypes().count
            let second = try await world.identity.register(
                RegisterCommand(email: " ADA@example.com", password: Secret("another long password"), fullName: "Eve"),
                from: World.client)
            let new = try await world.register("new@example.com")
            #expect(try world.hashes == before + 2, "the same work for both")
            #expect(second.status == new.status && second.email == "ada@example.com" && second.fullName == "Eve")
            #expect(second.id != owner.id && second.homeWorkspace != owner.homeWorkspace)
            #expect(second.homeWorkspace.name.count == new.homeWorkspace.name.count)
            #expect(second.createdAt == new.createdAt && second.lastLoginAt == nil)
            #expect(try await world.count("SELECT count(*) FROM users") == 2)
            #expect(try await world.eventTypes().count == events + 3, "only those of the new one")

            let mails = try await world.mails()
            #expect(mails.map(\.to.text).sorted() == ["ada@example.com", "new@example.com"])
            let notice = try #require(mails.first { $0.to.text == "ada@example.com" })
            #expect(notice.subject == "You have an account already")
            _ = try await world.login("ada@example.com")
            let entry = try #require(try await world.audit().first { $0.action == .register && $0.outcome == .failure })
            #expect(entry.actor == "anonymous" && entry.target == "user:\(owner.id)")
            // Mails are not a way to annoy somebody.
            for _ in 0..<3 { try await world.register("ada@example.com") }
            #expect(try await world.mails().isEmpty)
            #expect(
                await code {
                    try await world.identity.register(
                        RegisterCommand(email: "a,b@c d", password: World.password), from: World.client)
                }
                    == "identity.email_invalid")
        }
    }

    @Test(
        "When two register with one address, neither password lets in; whoever reads its mails chooses one",
        arguments: TestDatabase.engines)
    func hijacking(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            func register(_ password: String) async throws {
                _ = try await world.identity.register(
                    RegisterCommand(email: "ada@example.com", password: Secret(password)), from: World.client)
            }
            func isRefused(_ password: String) async -> Bool {
                await code { _ = try await world.login("ada@example.com", Secret(password)) } == "identity.login_failed"
            }
            let passwords = ["the thief's password", "the owner's password", "the thief's other one"]
            try await register(passwords[0])
            let first = try world.token(in: try await world.mail())
            // Within the minute in which no second mail of the kind is sent.
            try await register(passwords[1])
            let notice = try await world.mail()
            #expect(notice.subject == "You have an account already")
            #expect(
                await code { try await world.identity.verifyEmail(first, from: World.client) }
                    == "identity.mail_token_invalid", "its reader would let the thief in")
            try await register(passwords[2])
            #expect(try await world.mails().isEmpty)

            // The mail that confirms the address again tells nobody a password.
            world.clock.advance(by: .seconds(61))
            try await world.identity.resendVerification(to: "ada@example.com", from: World.client)
            try await world.identity.verifyEmail(world.token(in: try await world.mail()), from: World.client)
            for password in passwords { #expect(await isRefused(password)) }

            world.clock.advance(by: .seconds(61))
            try await world.identity.forgotPassword("ada@example.com", from: World.client)
            let reset = try world.token(in: try await world.mail())
            try await world.identity.resetPassword(reset, to: Secret("the owner's own choice"), from: World.client)
            for password in passwords { #expect(await isRefused(password)) }
            _ = try await world.login("ada@example.com", Secret("the owner's own choice"))
            #expect(try await world.count("SELECT count(*) FROM account_tokens") == 0, "the other links are dead")
            #expect(try await world.count("SELECT count(*) FROM users") == 1)
        }
    }

    @Test("The link of the mail about a second registration lets its reader in", arguments: TestDatabase.engines)
    func chosen(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            for _ in 0..<2 { try await world.register("ada@example.com") }
            let notice = try #require(try await world.mails().first { $0.text.contains("/account/reset-password#") })
            let link = try #require(notice.text.split(separator: "#").last?.prefix(43))
            try await world.identity.resetPassword(
                Secret(String(link)), to: Secret("the owner's own choice"), from: World.client)
            _ = try await world.login("ada@example.com", Secret("the owner's own choice"))
        }
    }

    @Test("Registering many times at once makes one account", arguments: TestDatabase.engines)
    func parallel(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            let codes = try await race(12) { _ in await code { try await world.register("a@example.com") } }
            #expect(Set(codes) == [nil])
            #expect(try await world.count("SELECT count(*) FROM users") == 1)
            #expect(try await world.count("SELECT count(*) FROM workspaces") == 2)
            let mails = try await world.mails()
            #expect(mails.count == 2, "one to confirm the address, and one notice of the others")
        }
    }

    @Test(
        "The mail is sent again when asked for, not too often, and the answer never tells",
        arguments: TestDatabase.engines)
    func resend(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            try await world.register("a@example.com")
            let first = try world.token(in: try await world.mail())
            func again(_ email: String = "a@example.com") async throws {
                try await world.identity.resendVerification(to: email, from: World.client)
            }
            try await again()
            #expect(try await world.mails().isEmpty, "not within a minute")
            world.clock.advance(by: .seconds(60))
            try await again()
            let second = try world.token(in: try await world.mail())
            #expect(second != first)
            for address in ["nobody@example.com", "no address"] { try await again(address) }
            #expect(try await world.mails().isEmpty)
            for _ in 0..<6 {
                world.clock.advance(by: .seconds(60))
                try await again()
            }
            #expect(try await world.mails().count == 3, "five an hour")
            world.clock.advance(by: .seconds(3_600))
            try await again()
            #expect(try await world.mails().count == 1)
            try await world.identity.verifyEmail(second, from: World.client)
            _ = try await world.login("a@example.com")
            world.clock.advance(by: .seconds(61))
            try await again()
            #expect(try await world.mails().isEmpty, "nothing is left to be verified")
            let requests = try await world.audit().filter { $0.action == .emailVerifyRequest }
            #expect(requests.allSatisfy { $0.actor == "anonymous" && !$0.details.jsonText.contains("@") })
        }
    }

    @Test("Who was shut out does not come back by an old link", arguments: TestDatabase.engines)
    func suspended(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            let user = try await world.register("a@example.com")
            let token = try world.token(in: try await world.mail())
            try await world.identity.setStatus(.suspended, of: user.id, by: .localOperator, from: .local)
            #expect(
                await code { try await world.identity.verifyEmail(token, from: World.client) }
                    == "identity.mail_token_invalid")
            #expect(try await world.identity.user(user.id).status == .suspended)
        }
    }

    @Test("One address does not have mails sent to everybody")
    func throttle() async throws {
        try await withWorld(.sqliteMemory, { $0.authFailuresPerAddress = 3 }) { world in
            for number in 0..<3 {
                try await world.identity.forgotPassword("u\(number)@example.com", from: World.client)
            }
            do {
                try await world.identity.resendVerification(to: "x@example.com", from: World.client)
                Issue.record("the fourth was taken")
            } catch let error as IdentityError {
                #expect(error.code.name == "identity.too_many_mails" && error.retryAfter == .seconds(300))
            }
            try await world.identity.forgotPassword("x@example.com", from: ClientInfo(address: "192.0.2.9"))
            world.clock.advance(by: .seconds(300))
            try await world.identity.forgotPassword("x@example.com", from: World.client)
        }
    }

    @Test("When no more mails can wait, nobody learns by it who has an account", arguments: TestDatabase.engines)
    func backlog(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine, verified) { world in
            try await world.register("a@example.com")
            try await world.fillOutbox()
            for email in ["a@example.com", "new@example.com"] {
                #expect(await code { try await world.register(email) } == "identity.mail_backlog")
                #expect(
                    await code { try await world.identity.forgotPassword(email, from: World.client) }
                        == "identity.mail_backlog")
                #expect(
                    await code { try await world.identity.resendVerification(to: email, from: World.client) }
                        == "identity.mail_backlog")
            }
            #expect(try await world.count("SELECT count(*) FROM users") == 1)
        }
    }
}
