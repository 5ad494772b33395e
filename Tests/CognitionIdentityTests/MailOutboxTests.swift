import CognitionCore
import CognitionIdentity
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

/// Keeps what is sent; refuses while it is told to.
final class Postbox: OutboundMail {
    private struct State {
        var messages: [MailMessage] = []
        var refusals = 0
    }

    private let state = Mutex(State())

    var messages: [MailMessage] { state.withLock { $0.messages } }

    func refuse(_ count: Int) { state.withLock { $0.refusals = count } }

    func send(_ message: MailMessage) async throws {
        let isRefused = state.withLock { state in
            guard state.refusals == 0 else {
                state.refusals -= 1
                return true
            }
            state.messages.append(message)
            return false
        }
        if isRefused { throw StorageError(.storageUnreachable, "the mail server does not answer") }
    }
}

@Suite struct MailOutboxTests {
    private func mail(_ number: Int, expiresAfter life: Duration = .seconds(3_600), _ world: World) throws -> NewMail {
        NewMail(
            purpose: .verifyEmail, to: try #require(MailAddress("u\(number)@example.com")),
            subject: "Subject \(number)",
            text: "The token is tok-\(number).\n", expiresAt: world.clock.now + life)
    }

    @Test("What commits is sent, once, by one of several nodes; what does not is not", arguments: TestDatabase.engines)
    func sendsOnce(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let second = try world.node()
            for number in 0..<40 {
                try await world.post(mail(number, world))
            }
            struct Undone: Error {}
            let undone = try mail(99, world)
            await #expect(throws: Undone.self) {
                try await world.database.write { tx in
                    try world.identity.post(undone, tx)
                    throw Undone()
                }
            }
            let box = Postbox()
            _ = try await race(4) { number in
                while try await (number % 2 == 0 ? world.identity : second).sendMails(over: box) {}
            }
            #expect(Set(box.messages.map(\.subject)).count == 40 && box.messages.count == 40)
            #expect(Set(box.messages.map(\.id)).count == 40)
            let first = try #require(box.messages.first { $0.subject == "Subject 0" })
            #expect(first.to.text == "u0@example.com" && first.text == "The token is tok-0.\n")
            #expect(first.time == world.clock.now)
            #expect(try await world.count("SELECT count(*) FROM outbound_mails") == 0)
        }
    }

    @Test("The database alone tells neither to whom nor what", arguments: TestDatabase.engines)
    func sealed(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.post(mail(7, world))
            let stored = try await world.database.read { tx in
                try tx.first("SELECT sealed FROM outbound_mails") {
                    String(decoding: try $0[0] as [UInt8], as: UTF8.self)
                }
            }
            #expect(stored.map { !$0.contains("tok-7") && !$0.contains("u7@") } == true)
            // Moved to another row it opens no more, and is dropped.
            try await world.database.write { tx in
                try tx.execute("UPDATE outbound_mails SET id = \(UUIDv7(high: 1, low: 1))")
            }
            let box = Postbox()
            _ = try await world.identity.sendMails(over: box)
            #expect(box.messages.isEmpty)
            #expect(try await world.count("SELECT count(*) FROM outbound_mails") == 0)
            #expect(world.mails("dropped") == 1)
        }
    }

    @Test(
        "What is refused is tried again, later and later, under the same id, until it is pointless",
        arguments: TestDatabase.engines)
    func retries(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let box = Postbox()
            box.refuse(2)
            try await world.post(mail(1, world))
            _ = try await world.identity.sendMails(over: box)
            _ = try await world.identity.sendMails(over: box)
            #expect(box.messages.isEmpty && world.mails("failed") == 1, "the second look finds nothing that is due")
            world.clock.advance(by: .seconds(8))
            _ = try await world.identity.sendMails(over: box)
            world.clock.advance(by: .seconds(8))
            _ = try await world.identity.sendMails(over: box)
            #expect(box.messages.isEmpty)
            world.clock.advance(by: .seconds(8))
            _ = try await world.identity.sendMails(over: box)
            #expect(box.messages.count == 1 && world.mails("sent") == 1 && world.mails("failed") == 2)

            box.refuse(1)
            try await world.post(mail(2, expiresAfter: .seconds(60), world))
            _ = try await world.identity.sendMails(over: box)
            world.clock.advance(by: .seconds(61))
            _ = try await world.identity.sendMails(over: box)
            #expect(box.messages.count == 1 && world.mails("dropped") == 1)
            #expect(try await world.count("SELECT count(*) FROM outbound_mails") == 0)
        }
    }

    @Test(
        "What a node had taken when it died is sent by another, once its time is over", arguments: TestDatabase.engines)
    func deadNode(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            struct Crash: Error {}
            struct Dying: OutboundMail {
                func send(_ message: MailMessage) async throws { throw Crash() }
            }
            try await world.post(mail(1, world))
            await #expect(throws: Crash.self) { _ = try await world.identity.sendMails(over: Dying()) }
            let (box, second) = (Postbox(), try world.node())
            _ = try await second.sendMails(over: box)
            #expect(box.messages.isEmpty)
            world.clock.advance(by: .seconds(121))
            _ = try await second.sendMails(over: box)
            #expect(box.messages.count == 1)
        }
    }

    @Test("The outbox has an end", arguments: TestDatabase.engines)
    func bound(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            try await world.fillOutbox()
            #expect(await code { try await world.post(mail(1, world)) } == "identity.mail_backlog")
        }
    }

    @Test("The runner sends at once what commits while it waits", arguments: TestDatabase.engines)
    func runner(on engine: TestDatabase.Engine) async throws {
        try await withWorld(engine) { world in
            let box = Postbox()
            let runner = Task { try await MailRunner(world.identity, mail: box, polling: .seconds(600)).run() }
            // It may be before its first look, in it or behind it.
            try await world.post(mail(1, world))
            while box.messages.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            #expect(box.messages.map(\.subject) == ["Subject 1"])
            runner.cancel()
            try await runner.value
        }
    }
}
