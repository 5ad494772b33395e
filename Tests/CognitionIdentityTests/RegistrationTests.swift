import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct RegistrationTests {
    @Test(
        "A registration makes a user with a workspace of their own, with events and audit",
        arguments: TestDatabase.engines)
    func registers(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let user = try await world.identity.register(
                RegisterCommand(email: "  Ada@Example.COM ", password: World.password, fullName: " Ada "),
                from: World.client)
            #expect(user.email == "ada@example.com")
            #expect(user.fullName == "Ada")
            #expect(user.status == .active)
            #expect(user.homeWorkspace.name.wholeMatch(of: /u-[0-9a-f]{12}/) != nil)
            let events = try await EventLog(world.database).readAll().events
            #expect(events.map(\.type) == ["user.registered", "workspace.created", "member.added"])
            #expect(events.allSatisfy { $0.workspace == user.homeWorkspace && $0.actor == user.actor })
            // Not the bare name, which hexadecimal digits of ids and hashes may spell.
            #expect(
                events.allSatisfy { event in
                    let text = event.json.jsonText.lowercased()
                    return !text.contains("example.com") && !text.contains("\"ada") && !text.contains("ada\"")
                })
            let entries = try await world.audit()
            #expect(entries.map(\.action) == [.register, .roleAssign])
            #expect(entries[0].target == "user:\(user.id)")
            #expect(entries[0].client == World.client)
            #expect(entries[0].time == world.clock.now)
            let caller = try await world.caller("ada@example.com")
            #expect(caller.roles == [.admin])
            #expect(caller.principal.workspace == user.homeWorkspace)
            #expect(world.registrations == 1)
        }
    }

    @Test("An address can be taken once, also by many at once", arguments: TestDatabase.engines)
    func takenOnce(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let codes = try await race(16) { number in
                await code { try await world.register(number % 2 == 0 ? "a@b.c" : " A@B.C") }
            }
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(codes.filter { $0 == "identity.email_taken" }.count == 15)
            #expect(try await world.count("SELECT count(*) FROM users") == 1)
            // With `default`, which is always there; what failed left nothing.
            #expect(try await world.count("SELECT count(*) FROM workspaces") == 2)
            #expect(try await world.count("SELECT count(*) FROM audit_entries") == 2)
        }
    }

    @Test(
        "What is no address is refused",
        arguments: [
            "", "a", "@", "a@", "@b", "a@b@c", "a b@c.d", "a\u{0}@b.c", "a\n@b.c", "a\u{202E}@b.c",
            "\(String(repeating: "a", count: 250))@b.cd", String(repeating: "a@", count: 10_000),
        ])
    func badAddress(_ email: String) async throws {
        try await withWorld { world in
            #expect(await code { try await world.register(email) } == "identity.email_invalid")
            let hashes = try world.hashes
            #expect(hashes == 0)
        }
    }

    @Test(
        "Bad passwords are refused before any work",
        arguments: [
            "", "short12", "password1", "PassWord1", "iloveyou1", "trustno1x\u{0}yz", "someone.long@example.com",
            "Someone.Long", String(repeating: "a", count: 73), String(repeating: "ü", count: 37),
        ])
    func badPassword(_ password: String) async throws {
        try await withWorld { world in
            let refused = await code {
                _ = try await world.identity.register(
                    RegisterCommand(email: "someone.long@example.com", password: Secret(password)), from: World.client)
            }
            #expect(refused == "identity.password_refused")
            let hashes = try world.hashes
            #expect(hashes == 0)
        }
    }

    @Test("The longest password works, byte for byte")
    func longestPassword() async throws {
        try await withWorld { world in
            let longest = String(repeating: "ü", count: 35) + "ab"
            _ = try await world.identity.register(
                RegisterCommand(email: "a@b.c", password: Secret(longest)), from: World.client)
            _ = try await world.login("a@b.c", Secret(longest))
            let oneMore = await code { _ = try await world.login("a@b.c", Secret(longest + "x")) }
            #expect(oneMore == "identity.login_failed")
            let oneLess = await code { _ = try await world.login("a@b.c", Secret(String(longest.dropLast()))) }
            #expect(oneLess == "identity.login_failed")
        }
    }

    @Test("A closed server takes nobody", arguments: [IdentitySettings.Registration.invite, .closed])
    func closed(_ registration: IdentitySettings.Registration) async throws {
        try await withWorld(.sqliteMemory, { $0.registration = registration }) { world in
            #expect(await code { try await world.register("a@b.c") } == "identity.registration_closed")
        }
    }

    @Test(
        "A name that is too long or not printable is refused", arguments: [String(repeating: "n", count: 201), "a\tb"])
    func badName(_ name: String) async throws {
        try await withWorld { world in
            let refused = await code {
                _ = try await world.identity.register(
                    RegisterCommand(email: "a@b.c", password: World.password, fullName: name), from: World.client)
            }
            #expect(refused == "identity.name_invalid")
        }
    }

    @Test("Settings out of their range are refused")
    func settings() async throws {
        try await withWorld { world in
            let changes: [(inout IdentitySettings) -> Void] = [
                { $0.bcryptCost = 3 }, { $0.bcryptCost = 15 }, { $0.accessTokenLife = .seconds(59) },
                { $0.refreshTokenLife = .seconds(60) }, { $0.refreshGrace = .seconds(61) }, { $0.failedLoginsMax = 0 },
                { $0.lockout = .zero }, { $0.authFailuresPerAddress = 0 }, { $0.serviceName = "" },
            ]
            for change in changes {
                #expect(await code { _ = try world.node(change) } == "identity.setting_invalid")
            }
        }
    }
}
