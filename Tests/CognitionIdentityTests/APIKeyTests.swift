import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct APIKeyTests {
    private let lab = WorkspaceID("lab")

    /// A new key of a caller's, as it is carried.
    private func key(
        _ world: World, _ caller: Caller, scopes: Set<Permission>? = nil, expiresAt: Timestamp? = nil
    ) async throws -> (id: APIKeyID, text: String) {
        let command = CreateAPIKeyCommand(name: "import", scopes: scopes, expiresAt: expiresAt)
        let made = try await world.identity.createAPIKey(command, as: caller, from: World.client)
        return (made.key.id, made.text.reveal())
    }

    @Test(
        "A key stands for its user with its scopes, and the database has its hash only", arguments: TestDatabase.engines
    )
    func use(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let (id, text) = try await key(world, ada, scopes: [.readWorkflows, .execute])
            let shape = try Regex("cog_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}")
            #expect(try shape.wholeMatch(in: text) != nil)
            for _ in 0..<2 {
                let caller = try await identity.authenticate(text)
                #expect(caller.user == ada.user && caller.apiKey == id && caller.session == nil)
                #expect(caller.principal.workspace == ada.principal.workspace)
                #expect(caller.principal.permissions == [.readWorkflows, .execute])
                #expect(caller.principal.actor == ada.principal.actor)
                #expect(try await identity.me(caller).permissions == [.readWorkflows, .execute])
            }
            let listed = try await identity.apiKeys(as: ada).items
            #expect(listed.map(\.id) == [id] && listed.map(\.prefix) == [String(text.prefix(12))])
            let stored = try await world.database.read { tx in
                try tx.query("SELECT sha256, name, prefix, scopes FROM api_keys") { row in
                    (try row[0] as [UInt8], try row[1] as String + row[2] as String + row[3] as String)
                }
            }
            #expect(stored.map(\.0) == [SHA256Digest(of: Array(text.utf8)).bytes])
            #expect(stored.allSatisfy { !$0.1.contains(text.suffix(49).prefix(10)) })
            let entry = try #require(try await world.audit().last { $0.action == .apiKeyCreate })
            #expect(entry.target == "apikey:\(id)" && entry.actor == ada.principal.actor)
            #expect(entry.details["scopes"] == ["workflows:execute", "workflows:read"])
            #expect(!entry.details.jsonText.contains(text.suffix(49).prefix(10)))
            #expect(try await world.eventTypes().contains("api_key.created"))
        }
    }

    @Test("A key that is mistyped in one place is told by its checksum, without a look at the database")
    func checksum() async throws {
        try await withWorld { world in
            let (_, text) = try await key(world, try await world.caller("ada@b.c"))
            try await world.database.write { try $0.execute("ALTER TABLE api_keys RENAME TO keys_gone") }
            for place in 4..<text.utf8.count where place != 12 {
                var bytes = Array(text.utf8)
                bytes[place] = bytes[place] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
                let changed = String(decoding: bytes, as: UTF8.self)
                #expect(
                    await code { _ = try await world.identity.authenticate(changed) } == "identity.api_key_invalid",
                    "\(place)")
            }
            for wrong in ["cog_", text + "a", String(text.dropLast()), text.replacing("_", with: "-"), text + "\0"] {
                #expect(await code { _ = try await world.identity.authenticate(wrong) } != nil)
            }
        }
    }

    @Test(
        "A key never permits more than its user's role gives, when it is made and when it is used",
        arguments: TestDatabase.engines)
    func roles(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            let eve = try await world.register("eve@b.c")
            _ = try await identity.addMember(email: "eve@b.c", role: .user, to: lab, as: ada, from: World.client)
            let inLab = try await world.caller("eve@b.c", workspace: lab)
            #expect(
                await code { _ = try await self.key(world, inLab, scopes: [.execute, .manageSecrets]) }
                    == "identity.scope_exceeded")
            #expect(await code { _ = try await self.key(world, inLab, scopes: []) } == "identity.api_key_useless")
            let (_, all) = try await key(world, inLab)
            #expect(try await identity.authenticate(all).principal.permissions == Role.user.permissions)
            let (_, some) = try await key(world, inLab, scopes: [.execute, .readWorkflows])

            try await identity.changeRole(of: eve.id, to: .viewer, in: lab, as: ada, from: World.client)
            #expect(try await identity.authenticate(all).principal.permissions == Role.viewer.permissions)
            #expect(try await identity.authenticate(some).principal.permissions == [.readWorkflows])
            // More than it had when it was made, it never gets.
            try await identity.changeRole(of: eve.id, to: .admin, in: lab, as: ada, from: World.client)
            #expect(try await identity.authenticate(all).principal.permissions == Role.user.permissions)

            try await identity.removeMember(eve.id, from: lab, as: ada, from: World.client)
            for text in [all, some] {
                #expect(await code { _ = try await identity.authenticate(text) } == "identity.api_key_invalid")
            }
            let revoked = try await world.audit().filter { $0.action == .apiKeyRevoke }
            #expect(revoked.count == 2 && revoked.allSatisfy { $0.actor == ada.principal.actor })
            // They do not come back with the membership.
            _ = try await identity.addMember(email: "eve@b.c", role: .user, to: lab, as: ada, from: World.client)
            #expect(await code { _ = try await identity.authenticate(all) } == "identity.api_key_invalid")
        }
    }

    @Test("What concerns a person or gives more rights cannot be done with a key")
    func confined() async throws {
        try await withWorld { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.register("eve@b.c")
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            let (id, text) = try await key(world, ada, scopes: [.readWorkflows])
            let caller = try await identity.authenticate(text)
            let own = ada.principal.workspace
            let adaID = try #require(ada.user)
            let attempts: [(String, () async throws -> Void)] = [
                ("identity.session_required", { _ = try await self.key(world, caller) }),
                ("identity.session_required", { _ = try await identity.apiKeys(as: caller) }),
                (
                    "identity.session_required",
                    { try await identity.revokeAPIKey(id, as: caller, from: World.client) }
                ),
                (
                    "identity.session_required",
                    { _ = try await identity.createWorkspace("mine", as: caller, from: World.client) }
                ),
                ("identity.workspace_not_found", { _ = try await identity.caller(caller, in: self.lab) }),
                ("identity.workspace_not_found", { _ = try await identity.members(of: self.lab, as: caller) }),
                (
                    "identity.forbidden",
                    {
                        _ = try await identity.addMember(
                            email: eve.email, role: .admin, to: own, as: caller, from: World.client)
                    }
                ),
                (
                    "identity.forbidden",
                    { try await identity.removeMember(adaID, from: own, as: caller, from: World.client) }
                ),
                (
                    "identity.forbidden",
                    { _ = try await identity.auditEntries(AuditFilter(), PageRequest(), as: caller) }
                ),
            ]
            for (number, (expected, attempt)) in attempts.enumerated() {
                #expect(await code(attempt) == expected, "\(number)")
            }
            #expect(try await identity.workspaces(of: caller).items.map(\.workspace.id) == [own])
            #expect(try await identity.mayGoOn(caller, with: .readWorkflows))
            #expect(try await !identity.mayGoOn(caller, with: .execute))
            // What the audit trail says of a key's deeds names the key.
            let (manager, managerText) = try await key(world, ada, scopes: [.manageWorkspace])
            let managing = try await identity.authenticate(managerText)
            _ = try await identity.addMember(
                email: eve.email, role: .viewer, to: own, as: managing, from: World.client)
            let entry = try #require(try await world.audit().last { $0.action == .roleAssign })
            #expect(entry.details["api_key"] == .string(manager.description))
        }
    }

    @Test("A revoked key is refused at once here and within a round elsewhere", arguments: TestDatabase.engines)
    func revocation(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let ada = try await world.caller("ada@b.c")
            let (id, text) = try await key(world, ada)
            let (_, kept) = try await key(world, ada)
            let other = try world.node()
            let clock = StepClock()
            let runner = Task { try await RevocationRunner(other, clock: clock).run() }
            await clock.asleep()
            let there = try await other.authenticate(text)
            _ = try await other.authenticate(kept)
            #expect(other.isCurrent(there))

            world.clock.advance(by: .seconds(7_200))
            try await world.identity.revokeAPIKey(id, as: ada, from: World.client)
            #expect(await code { _ = try await world.identity.authenticate(text) } == "identity.api_key_invalid")
            await clock.step()
            #expect(!other.isCurrent(there))
            #expect(await code { _ = try await other.authenticate(text) } == "identity.api_key_invalid")
            _ = try await other.authenticate(kept)
            #expect(
                await code { try await world.identity.revokeAPIKey(id, as: ada, from: World.client) }
                    == "identity.api_key_not_found")
            #expect(try await world.identity.apiKeys(as: ada).items.count == 1)

            // A user who is stopped takes every key along, and brings it back.
            let user = try #require(ada.user)
            try await world.identity.setStatus(.suspended, of: user, by: .localOperator, from: .local)
            await clock.step()
            #expect(await code { _ = try await other.authenticate(kept) } == "identity.api_key_invalid")
            try await world.identity.setStatus(.active, of: user, by: .localOperator, from: .local)
            _ = try await other.authenticate(kept)
            try await world.identity.lock(user, by: .localOperator, from: .local)
            await clock.step()
            #expect(await code { _ = try await other.authenticate(kept) } == "identity.api_key_invalid")
            try await world.identity.unlock(user, by: .localOperator, from: .local)
            _ = try await other.authenticate(kept)
            runner.cancel()
            try await runner.value
        }
    }

    @Test("A lock by wrong passwords stops no keys: else strangers could")
    func lockout() async throws {
        try await withWorld { world in
            let ada = try await world.caller("ada@b.c")
            let (_, text) = try await key(world, ada)
            for _ in 0..<5 {
                #expect(await code { _ = try await world.login("ada@b.c", Secret("wrong password")) } != nil)
            }
            #expect(await code { _ = try await world.login("ada@b.c") } == "identity.login_failed")
            _ = try await world.identity.authenticate(text)
            _ = try await world.node().authenticate(text)
        }
    }

    @Test("A key expires, known or not; one that would have expired already is not made")
    func expiry() async throws {
        try await withWorld { world in
            let ada = try await world.caller("ada@b.c")
            let end = world.clock.now + .seconds(100)
            let (_, text) = try await key(world, ada, expiresAt: end)
            _ = try await world.identity.authenticate(text)
            world.clock.advance(by: .seconds(100))
            #expect(await code { _ = try await world.identity.authenticate(text) } == "identity.api_key_expired")
            #expect(await code { _ = try await world.node().authenticate(text) } == "identity.api_key_expired")
            #expect(
                await code { _ = try await self.key(world, ada, expiresAt: end) } == "identity.api_key_useless")
        }
    }

    @Test("What was read of a key counts for a day, then it is read again; the key goes on")
    func longLife() async throws {
        try await withWorld { world in
            let (_, text) = try await key(world, try await world.caller("ada@b.c"))
            let caller = try await world.identity.authenticate(text)
            #expect(caller.expiresAt == world.clock.now + .seconds(86_400))
            world.clock.advance(by: .seconds(86_400))
            #expect(!world.identity.isCurrent(caller))
            let again = try await world.identity.authenticate(text)
            #expect(again.expiresAt == world.clock.now + .seconds(86_400))
        }
    }

    @Test("A known key is let in without the database")
    func cached() async throws {
        try await withWorld { world in
            let (_, text) = try await key(world, try await world.caller("ada@b.c"))
            _ = try await world.identity.authenticate(text)
            try await world.database.write { try $0.execute("ALTER TABLE api_keys RENAME TO keys_gone") }
            _ = try await world.identity.authenticate(text)
            #expect(await code { _ = try await world.node().authenticate(text) } == "storage.statement")
        }
    }

    @Test("When a key was last used is written now and then, not at every request", arguments: TestDatabase.engines)
    func lastUse(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let ada = try await world.caller("ada@b.c")
            let (_, text) = try await key(world, ada)
            let clock = StepClock()
            let runner = Task { try await RevocationRunner(world.identity, clock: clock).run() }
            await clock.asleep()
            func lastUse() async throws -> (Timestamp?, String?) {
                for _ in 0..<10 { await clock.step() }
                let key = try #require(try await world.identity.apiKeys(as: ada).items.first)
                return (key.lastUsedAt, key.lastUsedAddress)
            }
            #expect(try await lastUse() == (nil, nil))
            let first = world.clock.now
            _ = try await world.identity.authenticate(text, from: World.client)
            #expect(try await lastUse() == (first, World.client.address))
            world.clock.advance(by: .seconds(59))
            _ = try await world.identity.authenticate(text, from: ClientInfo(address: "192.0.2.9"))
            #expect(try await lastUse() == (first, World.client.address))
            world.clock.advance(by: .seconds(1))
            _ = try await world.identity.authenticate(text, from: ClientInfo(address: "192.0.2.9"))
            #expect(try await lastUse() == (world.clock.now, "192.0.2.9"))
            runner.cancel()
            try await runner.value
        }
    }

    @Test("Refusals of a known key are noted, once a minute for each reason; of unknown ones nothing is written")
    func denials() async throws {
        try await withWorld { world in
            let ada = try await world.caller("ada@b.c")
            let (id, text) = try await key(world, ada, scopes: [.readWorkflows])
            let caller = try await world.identity.authenticate(text)
            for _ in 0..<3 { try await world.identity.noteDenied(.execute, of: caller, from: World.client) }
            try await world.identity.revokeAPIKey(id, as: ada, from: World.client)
            for _ in 0..<3 { _ = await code { _ = try await world.identity.authenticate(text, from: World.client) } }
            let before = try await world.audit()
            let denied = before.filter { $0.action == .apiKeyDenied }
            #expect(denied.map { $0.details["reason"] } == ["scope", "revoked"])
            #expect(denied.first?.details["permission"] == "workflows:execute")
            #expect(denied.allSatisfy { $0.outcome == .failure && $0.client == World.client })
            world.clock.advance(by: .seconds(60))
            _ = await code { _ = try await world.identity.authenticate(text, from: World.client) }
            #expect(try await world.audit().count == before.count + 1)
            // A good form, and nobody's.
            try await world.database.write { try $0.execute("DELETE FROM api_keys") }
            #expect(await code { _ = try await world.identity.authenticate(text) } == "identity.api_key_invalid")
            #expect(try await world.audit().count == before.count + 1)
        }
    }

    @Test("A user has a bounded number of keys, also when they are made at once", arguments: TestDatabase.engines)
    func bound(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let ada = try await world.caller("ada@b.c")
            let outcomes = try await race(APIKey.perUserMax + 10) { _ in
                await code { _ = try await self.key(world, ada) }
            }
            #expect(outcomes.count { $0 == nil } == APIKey.perUserMax)
            #expect(outcomes.count { $0 == "identity.api_keys_max" } == 10)
            let first = try await world.identity.apiKeys(PageRequest(limit: 20), as: ada)
            let rest = try await world.identity.apiKeys(PageRequest(after: first.next, limit: 200), as: ada)
            #expect(Set((first.items + rest.items).map(\.id)).count == APIKey.perUserMax && rest.next == nil)
            try await world.identity.revokeAPIKey(first.items[0].id, as: ada, from: World.client)
            _ = try await key(world, ada)
        }
    }

    @Test(
        "Keys of others: an operator deals with all, an admin of a workspace revokes those for it",
        arguments: TestDatabase.engines)
    func others(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let identity = world.identity
            let ada = try await world.caller("ada@b.c")
            let eve = try await world.caller("eve@b.c")
            let commandLine = try await world.operatorCaller()
            _ = try await identity.createWorkspace("lab", as: ada, from: World.client)
            _ = try await identity.addMember(email: "eve@b.c", role: .user, to: lab, as: ada, from: World.client)
            let made = try await identity.createAPIKey(
                CreateAPIKeyCommand(name: "by hand", user: .email("EVE@b.c"), workspace: lab), as: commandLine,
                from: .local)
            #expect(made.key.user == eve.user && made.key.workspace == lab)
            #expect(try await identity.authenticate(made.text.reveal()).roles == [.user])
            let (own, _) = try await key(world, eve)
            #expect(
                try await identity.apiKeys(of: .email("eve@b.c"), as: commandLine).items.map(\.id) == [
                    made.key.id, own,
                ])
            #expect(
                await code { _ = try await identity.apiKeys(of: .email("eve@b.c"), as: ada) } == "identity.forbidden")
            #expect(
                await code {
                    _ = try await identity.createAPIKey(
                        CreateAPIKeyCommand(name: "x", user: .email("eve@b.c")), as: ada, from: World.client)
                } == "identity.forbidden")
            #expect(
                await code { try await identity.revokeAPIKey(own, as: ada, from: World.client) }
                    == "identity.api_key_not_found")
            try await identity.revokeAPIKey(made.key.id, as: ada, from: World.client)
            #expect(
                await code { _ = try await identity.authenticate(made.text.reveal()) } == "identity.api_key_invalid")
            try await identity.revokeAPIKey(own, as: commandLine, from: .local)
            #expect(try await identity.apiKeys(as: eve).items.isEmpty)
        }
    }

    @Test("Keys that ended a month ago are removed", arguments: TestDatabase.engines)
    func pruning(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let ada = try await world.caller("ada@b.c")
            let (id, _) = try await key(world, ada)
            _ = try await key(world, ada, expiresAt: world.clock.now + .seconds(10))
            _ = try await key(world, ada)
            try await world.identity.revokeAPIKey(id, as: ada, from: World.client)
            for (days, left) in [(29, 3), (2, 1)] {
                world.clock.advance(by: .seconds(days * 86_400))
                let clock = StepClock()
                let runner = Task { try await RevocationRunner(world.identity, clock: clock).run() }
                await clock.asleep()
                runner.cancel()
                try await runner.value
                #expect(try await world.count("SELECT count(*) FROM api_keys") == left)
            }
        }
    }
}
