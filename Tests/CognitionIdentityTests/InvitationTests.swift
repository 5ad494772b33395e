import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct InvitationTests {
    private let lab = WorkspaceID("lab")

    /// Invites somebody, and reads the token in the mail.
    private func invite(
        _ world: World, _ email: String, _ role: Role = .user, as caller: Caller
    ) async throws -> (invitation: Invitation, token: Secret) {
        let invitation = try await world.identity.invite(
            email: email, role: role, to: lab, as: caller, from: World.client)
        let mail = try await world.mail()
        #expect(mail.to.text == invitation.email)
        #expect(mail.text.contains("/account/invitation#"))
        return (invitation, try world.token(in: mail))
    }

    private func withLab<Value>(
        _ engine: TestDatabase.Engine = .sqliteMemory, _ change: (inout IdentitySettings) -> Void = { _ in },
        _ body: (World, Caller) async throws -> Value
    ) async throws -> Value {
        try await withWorld(engine, change) { world in
            let (admin, password) = try await world.identity.createUser(
                CreateUserCommand(email: "ada@b.c"), by: .localOperator, from: .local)
            let tokens = try await world.login(admin.email, try #require(password))
            let ada = try await world.identity.authenticate(tokens.accessToken.reveal())
            _ = try await world.identity.createWorkspace("lab", title: "The lab", as: ada, from: World.client)
            return try await body(world, ada)
        }
    }

    @Test("Somebody with an account accepts once, and is a member with that role", arguments: TestDatabase.engines)
    func accept(on engine: TestDatabase.Engine) async throws {
        try await withLab(engine) { world, ada in
            let identity = world.identity
            let eve = try await world.caller("eve@b.c")
            let (invitation, token) = try await invite(world, " EVE@b.c ", .viewer, as: ada)
            #expect(invitation.expiresAt == world.clock.now + .seconds(7 * 86_400))
            #expect(try await identity.invitations(of: lab, as: ada).items == [invitation])
            let stored = try await world.database.read { tx in
                try tx.first("SELECT sha256 FROM workspace_invitations") { try $0[0] as [UInt8] }
            }
            #expect(stored == SHA256Digest(of: Array(token.reveal().utf8)).bytes)

            let outcomes = try await race(8) { _ in
                await code { _ = try await identity.acceptInvitation(token, as: eve, from: World.client) }
            }
            #expect(outcomes.count { $0 == nil } == 1, "\(outcomes)")
            #expect(outcomes.count { $0 == "identity.invitation_invalid" } == 7, "\(outcomes)")
            #expect(try await identity.workspace(lab, as: eve).role == .viewer)
            #expect(try await identity.invitations(of: lab, as: ada).items.isEmpty)
            let actions = try await world.audit().filter { $0.workspace == lab }.map(\.action)
            #expect(actions.suffix(3) == [.invitationCreate, .invitationAccept, .roleAssign])
            let types = try await world.eventTypes()
            #expect(types.contains("invitation.created") && types.contains("invitation.accepted"))
            #expect(
                await code { _ = try await self.invite(world, "eve@b.c", as: ada) } == "identity.member_exists")
        }
    }

    @Test("Nobody else can use it, and nobody after its end; all are answered alike", arguments: TestDatabase.engines)
    func refusals(on engine: TestDatabase.Engine) async throws {
        try await withLab(engine) { world, ada in
            let identity = world.identity
            let (eve, mallory) = (try await world.caller("eve@b.c"), try await world.caller("mallory@b.c"))
            let (_, token) = try await invite(world, "eve@b.c", as: ada)
            func outcome(_ token: Secret, _ caller: Caller) async -> String? {
                await code { _ = try await identity.acceptInvitation(token, as: caller, from: World.client) }
            }
            #expect(await outcome(token, mallory) == "identity.invitation_invalid")
            for text in ["", "x", String(repeating: "A", count: 43)] {
                #expect(await outcome(Secret(text), eve) == "identity.invitation_invalid")
            }
            // Another one takes its place, though not at once.
            #expect(
                await code { _ = try await self.invite(world, "eve@b.c", as: ada) } == "identity.invitations_max")
            world.clock.advance(by: Invitation.interval)
            let (second, newer) = try await invite(world, "eve@b.c", .admin, as: ada)
            #expect(await outcome(token, eve) == "identity.invitation_invalid")
            try await identity.withdraw(second.id, of: lab, as: ada, from: World.client)
            #expect(await outcome(newer, eve) == "identity.invitation_invalid")
            #expect(
                await code { try await identity.withdraw(second.id, of: self.lab, as: ada, from: World.client) }
                    == "identity.invitation_not_found")
            // Taking it back is no way to send the next one sooner.
            while try await identity.pruneInvitations() {}
            #expect(
                await code { _ = try await self.invite(world, "eve@b.c", as: ada) } == "identity.invitations_max")
            world.clock.advance(by: Invitation.interval)
            while try await identity.pruneInvitations() {}
            #expect(try await world.count("SELECT count(*) FROM workspace_invitations") == 0)

            let (_, last) = try await invite(world, "eve@b.c", as: ada)
            world.clock.advance(by: Invitation.life - .seconds(1))
            #expect(try await identity.invitations(of: lab, as: ada).items.count == 1)
            world.clock.advance(by: .seconds(1))
            let again = try await world.caller("eve@b.c")
            #expect(await outcome(last, again) == "identity.invitation_invalid")
            #expect(try await identity.invitations(of: lab, as: ada).items.isEmpty)
        }
    }

    @Test("Only who manages the workspace invites, lists and withdraws")
    func permissions() async throws {
        try await withLab { world, ada in
            let identity = world.identity
            let (invitation, _) = try await invite(world, "new@b.c", as: ada)
            let (eve, stranger) = (try await world.register("eve@b.c"), try await world.caller("stranger@b.c"))
            _ = try await identity.addMember(email: eve.email, role: .user, to: lab, as: ada, from: World.client)
            let member = try await world.caller("eve@b.c")
            for (caller, expected) in [
                (member, "identity.forbidden"), (stranger, "identity.workspace_not_found"),
            ] {
                #expect(
                    await code {
                        _ = try await identity.invite(
                            email: "x@b.c", role: .user, to: self.lab, as: caller, from: World.client)
                    } == expected)
                #expect(await code { _ = try await identity.invitations(of: self.lab, as: caller) } == expected)
                #expect(
                    await code {
                        try await identity.withdraw(invitation.id, of: self.lab, as: caller, from: World.client)
                    } == expected)
            }
            #expect(
                await code {
                    _ = try await identity.invite(
                        email: "x@b.c", role: .operator, to: self.lab, as: ada, from: World.client)
                } == "identity.role_invalid")
        }
    }

    @Test(
        "Where registration is by invitation, it lets its address in, as a member and with an address that is proved",
        arguments: TestDatabase.engines)
    func registration(on engine: TestDatabase.Engine) async throws {
        try await withLab(engine, { $0.registration = .invite }) { world, ada in
            let identity = world.identity
            let (_, token) = try await invite(world, "eve@b.c", .user, as: ada)
            @Sendable func register(_ email: String, _ token: Secret?) async -> String? {
                await code {
                    _ = try await identity.register(
                        RegisterCommand(email: email, password: World.password, invitation: token), from: World.client)
                }
            }
            #expect(await register("eve@b.c", nil) == "identity.registration_closed")
            #expect(await register("mallory@b.c", token) == "identity.invitation_invalid")
            #expect(await register("eve@b.c", Secret("x")) == "identity.invitation_invalid")
            let outcomes = try await race(4) { _ in await register("eve@b.c", token) }
            #expect(outcomes.count { $0 == nil } == 1, "\(outcomes)")
            let eve = try await world.caller("eve@b.c", workspace: lab)
            #expect(eve.roles == [.user])
            #expect(try await identity.workspaces(of: eve).items.map(\.role) == [.admin, .user])
            #expect(await register("other@b.c", token) == "identity.invitation_invalid")
        }
    }

    @Test("Where nobody may register, an invitation does not change that; where everybody may, it is accepted with it")
    func otherSettings() async throws {
        try await withLab(.sqliteMemory, { $0.registration = .closed }) { world, ada in
            let (_, token) = try await invite(world, "eve@b.c", as: ada)
            #expect(
                await code {
                    _ = try await world.identity.register(
                        RegisterCommand(email: "eve@b.c", password: World.password, invitation: token),
                        from: World.client)
                } == "identity.registration_closed")
        }
        try await withLab(.sqliteMemory, { $0.emailVerification = true }) { world, ada in
            let (_, token) = try await invite(world, "eve@b.c", as: ada)
            let eve = try await world.identity.register(
                RegisterCommand(email: "eve@b.c", password: World.password, invitation: token), from: World.client)
            #expect(eve.status == .active)
            #expect(try await world.caller("eve@b.c", workspace: lab).roles == [.user])
        }
    }

    @Test("One address does not have mails sent to everybody by inviting them")
    func throttle() async throws {
        try await withLab(.sqliteMemory, { $0.authFailuresPerAddress = 3 }) { world, ada in
            for number in 0..<3 {
                let (invitation, _) = try await invite(world, "user-\(number)@b.c", as: ada)
                try await world.identity.withdraw(invitation.id, of: lab, as: ada, from: World.client)
            }
            #expect(await code { _ = try await self.invite(world, "x@b.c", as: ada) } == "identity.too_many_mails")
        }
    }

    @Test("A workspace has a bounded number of invitations that wait")
    func bound() async throws {
        try await withLab { world, ada in
            for number in 0..<Invitation.perWorkspaceMax {
                _ = try await world.identity.invite(
                    email: "user-\(number)@b.c", role: .viewer, to: lab, as: ada,
                    from: ClientInfo(address: "192.0.2.\(number)"))
            }
            #expect(
                await code {
                    _ = try await world.identity.invite(
                        email: "more@b.c", role: .viewer, to: self.lab, as: ada, from: World.client)
                } == "identity.invitations_max")
            let first = try await world.identity.invitations(of: lab, PageRequest(limit: 150), as: ada)
            let rest = try await world.identity.invitations(
                of: lab, PageRequest(after: first.next, limit: 150), as: ada)
            #expect(Set((first.items + rest.items).map(\.id)).count == Invitation.perWorkspaceMax && rest.next == nil)
        }
    }
}
