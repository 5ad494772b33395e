import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct WorkspaceTests {
    private let lab = WorkspaceID("lab")

    @Test("Members come, change and go, with events and audit", arguments: TestDatabase.engines)
    func members(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.register("eve@b.c")
            let made = try await identity.createWorkspace("lab", title: " The lab ", as: ada, from: World.client)
            #expect(made.title == "The lab")
            let member = try await identity.addMember(
                email: " EVE@b.c", role: .user, to: lab, as: ada, from: World.client)
            #expect(member.user == eve.id)
            #expect(
                try await identity.members(of: lab, as: ada).items.map(\.role) == [.admin, .user])
            try await identity.changeRole(of: eve.id, to: .viewer, in: lab, as: ada, from: World.client)
            try await identity.removeMember(eve.id, from: lab, as: ada, from: World.client)
            #expect(try await identity.members(of: lab, as: ada).items.map(\.email) == ["ada@b.c"])
            #expect(
                try await world.eventTypes().filter { !$0.hasPrefix("session") }.suffix(5) == [
                    "workspace.created", "member.added", "member.added", "member.role_changed", "member.removed",
                ])
            let entries = try await world.audit().filter { $0.workspace == lab }
            #expect(entries.map(\.action) == [.workspaceCreate, .roleAssign, .roleAssign, .roleAssign, .roleRemove])
            #expect(entries.last?.details == ["role": "viewer"])
            #expect(entries.allSatisfy { $0.actor == ada.principal.actor })
        }
    }

    @Test("For strangers a workspace is not there", arguments: TestDatabase.engines)
    func tenancy(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.caller("eve@b.c")
            let adaID = try #require(ada.user)
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            for id in [lab, ada.principal.workspace, .default, WorkspaceID("nowhere")] {
                let attempts: [() async throws -> Void] = [
                    { _ = try await identity.workspace(id, as: eve) },
                    { _ = try await identity.members(of: id, as: eve) },
                    {
                        _ = try await identity.addMember(
                            email: "eve@b.c", role: .admin, to: id, as: eve, from: World.client)
                    },
                    { try await identity.changeRole(of: adaID, to: .viewer, in: id, as: eve, from: World.client) },
                    { try await identity.removeMember(adaID, from: id, as: eve, from: World.client) },
                    {
                        _ = try await identity.auditEntries(
                            AuditFilter(workspace: id), PageRequest(), as: eve)
                    },
                ]
                for (number, attempt) in attempts.enumerated() {
                    #expect(await code(attempt) == "identity.workspace_not_found", "\(id), \(number)")
                }
            }
            #expect(try await identity.workspaces(of: eve).items.map(\.workspace.id) == [eve.principal.workspace])
            let entries = try await identity.auditEntries(AuditFilter(), PageRequest(limit: 200), as: eve).items
            #expect(!entries.isEmpty)
            #expect(entries.allSatisfy { $0.workspace == eve.principal.workspace })
            #expect(
                await code { _ = try await identity.createWorkspace("default", as: eve, from: World.client) }
                    == "identity.workspace_taken")
            #expect(
                await code { _ = try await identity.createWorkspace("lab", as: eve, from: World.client) }
                    == "identity.workspace_taken")
        }
    }

    @Test("Who may give which role")
    func roles() async throws {
        try await withWorld { world in
            let identity = world.identity
            let founder = try await world.caller("founder@b.c")
            _ = try await identity.createWorkspace("lab", as: founder, from: World.client)
            for role in Role.workspaceRoles {
                try await world.register("\(role)@b.c")
                _ = try await identity.addMember(
                    email: "\(role)@b.c", role: role, to: lab, as: founder, from: World.client)
            }
            try await world.register("new@b.c")
            let founderID = try #require(founder.user)
            let viewerID = try await identity.user(email: "viewer@b.c").id
            let admin = try await world.caller("admin@b.c", workspace: lab)
            func add(_ role: Role, as caller: Caller) async -> String? {
                await code {
                    let new = try await identity.addMember(
                        email: "new@b.c", role: role, to: lab, as: caller, from: World.client)
                    try await identity.removeMember(new.user, from: lab, as: caller, from: World.client)
                }
            }
            for role in Role.workspaceRoles {
                #expect(await add(role, as: founder) == nil)
                #expect(await add(role, as: admin) == nil)
            }
            #expect(await add(.operator, as: founder) == "identity.role_invalid")
            #expect(
                await code {
                    try await identity.changeRole(of: viewerID, to: .operator, in: lab, as: admin, from: World.client)
                } == "identity.role_invalid")
            for role in [Role.user, .viewer] {
                let caller = try await world.caller("\(role)@b.c", workspace: lab)
                #expect(await add(.viewer, as: caller) == "identity.forbidden")
                #expect(
                    await code {
                        try await identity.changeRole(of: viewerID, to: .user, in: lab, as: caller, from: World.client)
                    } == "identity.forbidden")
                #expect(
                    await code { try await identity.removeMember(founderID, from: lab, as: caller, from: World.client) }
                        == "identity.forbidden")
            }
            // No admin is above another.
            try await identity.changeRole(of: founderID, to: .viewer, in: lab, as: admin, from: World.client)
            try await identity.changeRole(of: founderID, to: .admin, in: lab, as: admin, from: World.client)
            // Everybody may leave.
            let viewer = try await world.caller("viewer@b.c", workspace: lab)
            try await identity.removeMember(viewerID, from: lab, as: viewer, from: World.client)
            #expect(
                await code {
                    try await identity.changeRole(of: viewerID, to: .user, in: lab, as: founder, from: World.client)
                } == "identity.member_not_found")
            #expect(
                await code {
                    _ = try await identity.addMember(
                        email: "nobody@b.c", role: .viewer, to: lab, as: founder, from: World.client)
                } == "identity.user_not_found")
            #expect(
                await code {
                    _ = try await identity.addMember(
                        email: "admin@b.c", role: .viewer, to: lab, as: founder, from: World.client)
                } == "identity.member_exists")
        }
    }

    @Test("A workspace keeps an admin, also when two go at once", arguments: TestDatabase.engines)
    func lastAdmin(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let (ada, eve) = (try await world.caller("ada@b.c"), try await world.caller("eve@b.c"))
            let (adaID, eveID) = (try #require(ada.user), try #require(eve.user))
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            #expect(
                await code { try await identity.removeMember(adaID, from: lab, as: ada, from: World.client) }
                    == "identity.last_admin")
            #expect(
                await code {
                    try await identity.changeRole(of: adaID, to: .user, in: lab, as: ada, from: World.client)
                } == "identity.last_admin")
            _ = try await identity.addMember(email: "eve@b.c", role: .admin, to: lab, as: ada, from: World.client)
            async let first = code { try await identity.removeMember(adaID, from: lab, as: ada, from: World.client) }
            async let second = code { try await identity.removeMember(eveID, from: lab, as: eve, from: World.client) }
            let codes = await [first, second]
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(codes.contains("identity.last_admin"))
        }
    }

    @Test("A changed role holds at once, after a refresh; a removed member is out", arguments: TestDatabase.engines)
    func rolesInTokens(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.register("eve@b.c")
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            _ = try await identity.addMember(email: "eve@b.c", role: .admin, to: lab, as: ada, from: World.client)
            let elsewhere = try await world.login("eve@b.c")
            let tokens = try await world.login("eve@b.c", workspace: lab)
            let old = try await identity.authenticate(tokens.accessToken.reveal())
            #expect(old.principal.may(.manageWorkspace))
            try await identity.changeRole(of: eve.id, to: .viewer, in: lab, as: ada, from: World.client)
            for node in [identity, try world.node()] {
                #expect(
                    await code { _ = try await node.authenticate(tokens.accessToken.reveal()) }
                        == "identity.token_expired")
            }
            let refreshed = try await identity.refresh(tokens.refreshToken, from: World.client)
            let new = try await identity.authenticate(refreshed.accessToken.reveal())
            #expect(new.roles == [.viewer])
            #expect(!new.principal.may(.manageWorkspace))

            try await identity.removeMember(eve.id, from: lab, as: ada, from: World.client)
            #expect(
                await code { _ = try await identity.authenticate(refreshed.accessToken.reveal()) }
                    == "identity.token_invalid")
            #expect(
                await code { _ = try await identity.refresh(refreshed.refreshToken, from: World.client) }
                    == "identity.refresh_invalid")
            _ = try await identity.authenticate(elsewhere.accessToken.reveal())
        }
    }

    @Test(
        "Names that do not fit are refused",
        arguments: ["", "A", "-a", "_a", "a b", "ä", "a/b", "a.b", String(repeating: "a", count: 64)])
    func names(_ name: String) async throws {
        try await withWorld { world in
            let ada = try await world.caller("ada@b.c")
            #expect(
                await code { _ = try await world.identity.createWorkspace(name, as: ada, from: World.client) }
                    == "identity.name_invalid")
        }
    }

    @Test("Lists come in pages; a user has a bounded number of workspaces", arguments: TestDatabase.engines)
    func pages(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let names = (1..<Workspace.perUserMax).map { "w-\($0)" }
            for name in names { _ = try await identity.createWorkspace(name, as: ada, from: World.client) }
            #expect(
                await code { _ = try await identity.createWorkspace("more", as: ada, from: World.client) }
                    == "identity.workspaces_max")
            var seen: [String] = []
            var after: Int64?
            repeat {
                let page = try await identity.workspaces(of: ada, PageRequest(after: after, limit: 33))
                #expect(page.items.count <= 33)
                seen += page.items.map(\.workspace.id.name)
                after = page.next
            } while after != nil
            #expect(seen == [ada.principal.workspace.name] + names)

            let all = try await world.operatorCaller()
            #expect(
                try await identity.workspaces(of: all, PageRequest(limit: 200)).items.count
                    == 1 + Workspace.perUserMax)
            var keys: [Int64] = []
            after = nil
            repeat {
                let page = try await identity.auditEntries(AuditFilter(), PageRequest(after: after, limit: 50), as: all)
                keys += page.items.map(\.key)
                after = page.next
            } while after != nil
            #expect(keys == keys.sorted(by: >))
            #expect(try await world.count("SELECT count(*) FROM audit_entries") == keys.count)
        }
    }

    @Test("The audit trail is filtered", arguments: TestDatabase.engines)
    func auditFilters(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let ada = try await world.caller("ada@b.c")
            world.clock.advance(by: .seconds(60))
            let later = world.clock.now
            _ = await code { _ = try await world.login("ada@b.c", Secret("wrong one")) }
            let all = try await world.operatorCaller()
            func actions(_ filter: AuditFilter) async throws -> [AuditAction] {
                try await world.identity.auditEntries(filter, PageRequest(), as: all).items.map(\.action)
            }
            #expect(try await actions(AuditFilter(action: .register)) == [.register])
            #expect(try await actions(AuditFilter(outcome: .failure)) == [.loginFailure])
            #expect(try await actions(AuditFilter(since: later)) == [.loginFailure])
            #expect(try await actions(AuditFilter(until: later)) == [.loginSuccess, .roleAssign, .register])
            #expect(
                try await actions(AuditFilter(workspace: ada.principal.workspace, actor: ada.principal.actor))
                    == [.loginSuccess, .roleAssign, .register])
            #expect(
                try await actions(AuditFilter(actor: "anonymous", target: "user:\(try #require(ada.user))"))
                    == [.loginFailure])
        }
    }
}
