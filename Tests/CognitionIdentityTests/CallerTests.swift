import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct CallerTests {
    private let lab = WorkspaceID("lab")

    @Test("A caller acts in any of their workspaces, with the role there as it is now", arguments: TestDatabase.engines)
    func otherWorkspace(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.caller("eve@b.c")
            let eveID = try #require(eve.user)
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            _ = try await identity.addMember(email: "eve@b.c", role: .viewer, to: lab, as: ada, from: World.client)
            let guest = try await identity.caller(eve, in: lab)
            #expect(guest.principal.workspace == lab)
            #expect(guest.roles == [.viewer] && guest.principal.permissions == Role.viewer.permissions)
            #expect(guest.principal.actor == eve.principal.actor)
            #expect(guest.user == eve.user && guest.session == eve.session)
            #expect(guest.generation == eve.generation && guest.expiresAt == eve.expiresAt)
            let profile = try await identity.me(guest)
            #expect(profile.workspace == lab && profile.roles == [.viewer])
            #expect(try await identity.caller(guest, in: eve.principal.workspace) == eve)

            try await identity.changeRole(of: eveID, to: .user, in: lab, as: ada, from: World.client)
            #expect(try await identity.caller(eve, in: lab).roles == [.user])
            try await identity.removeMember(eveID, from: lab, as: ada, from: World.client)
            #expect(await code { _ = try await identity.caller(eve, in: lab) } == "identity.workspace_not_found")
        }
    }

    @Test(
        "Other workspaces are not there, whether they exist or not",
        arguments: ["lab", "default", "nowhere", "", "LAB", "lab, lab", " lab", "ä", String(repeating: "a", count: 64)])
    func foreignWorkspace(_ name: String) async throws {
        try await withWorld { world in
            let identity = world.identity
            _ = try await identity.createWorkspace("lab", as: world.caller("ada@b.c"), from: World.client)
            let eve = try await world.caller("eve@b.c")
            let other = WorkspaceID(name)
            #expect(await code { _ = try await identity.caller(eve, in: other) } == "identity.workspace_not_found")
        }
    }

    @Test("The caller's own workspace is taken without a look at the database")
    func ownWorkspace() async throws {
        try await withWorld { world in
            let eve = try await world.caller("eve@b.c")
            try await world.database.write { try $0.execute("ALTER TABLE workspace_members RENAME TO members_gone") }
            #expect(try await world.identity.caller(eve, in: eve.principal.workspace) == eve)
            #expect(await code { _ = try await world.identity.caller(eve, in: lab) } == "storage.statement")
        }
    }

    @Test("Who runs the server acts in every workspace that exists", arguments: TestDatabase.engines)
    func operators(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            _ = try await identity.createWorkspace("lab", as: world.caller("ada@b.c"), from: World.client)
            let (_, password) = try await identity.createUser(
                CreateUserCommand(email: "root@b.c", isOperator: true), by: .localOperator, from: .local)
            let tokens = try await world.login("root@b.c", try #require(password))
            let root = try await identity.authenticate(tokens.accessToken.reveal())
            for caller in [try await world.operatorCaller(), root] {
                let inside = try await identity.caller(caller, in: lab)
                #expect(inside.principal.workspace == lab)
                #expect(inside.roles == [.operator])
                #expect(inside.principal.permissions == Set(Permission.allCases))
                #expect(
                    await code { _ = try await identity.caller(caller, in: WorkspaceID("nowhere")) }
                        == "identity.workspace_not_found")
            }
            #expect(try await identity.caller(root, in: .default).roles == [.admin, .operator])
        }
    }

    @Test("A caller is current until the session ends or the role changes", arguments: TestDatabase.engines)
    func current(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            let eve = try await world.register("eve@b.c")
            _ = try await identity.addMember(email: "eve@b.c", role: .user, to: lab, as: ada, from: World.client)
            let tokens = try await world.login("eve@b.c", workspace: lab)
            let caller = try await identity.authenticate(tokens.accessToken.reveal())
            #expect(caller.generation == 1)
            let session = try #require(caller.session)
            #expect(identity.isCurrent(caller))

            try await identity.changeRole(of: eve.id, to: .viewer, in: lab, as: ada, from: World.client)
            #expect(!identity.isCurrent(caller))
            let refreshed = try await identity.refresh(tokens.refreshToken, from: World.client)
            let renewed = try await identity.authenticate(refreshed.accessToken.reveal())
            #expect(renewed.generation == 2 && renewed.session == session)
            #expect(identity.isCurrent(renewed) && !identity.isCurrent(caller))
            #expect(identity.isCurrent(session, generation: 2) && !identity.isCurrent(session, generation: 1))

            try await identity.logout(renewed, from: World.client)
            #expect(!identity.isCurrent(renewed))
            #expect(identity.isCurrent(ada))
            let commandLine = try await world.operatorCaller()
            #expect(commandLine.generation == 0)
            #expect(identity.isCurrent(commandLine))
        }
    }
}
