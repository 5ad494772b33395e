import CognitionCore
import CognitionEvents
import CognitionRabbitMQ
import CognitionStorage
import CognitionTestSupport
import Foundation
import Synchronization
import Testing

@Suite("Events of other systems", .timeLimit(.minutes(3))) struct InboxTests {
    private static let engines: [TestDatabase.Engine] = [.sqliteFile, .postgres]

    @Test("Each has its effect once, in order, however often it is sent and whoever consumes", arguments: engines)
    func exactlyOnce(on engine: TestDatabase.Engine) async throws {
        let options = try RabbitMQOptions.test()
        try await withEffects(engine) { database in
            try await send((1...300).flatMap { [$0, $0] }.map(event), options)
            try await consuming(options, database) {
                try await send((250...320).map(event), options)
                try await isEmptied(options, database, effects: 320)
            }
            #expect(try await effects(database) == Array(1...320))
            // Two consumers at once, as on two nodes; then order is not promised.
            try await send((321...600).flatMap { [$0, $0] }.map(event), options)
            try await consuming(options, database) {
                try await consuming(options, database) { try await isEmptied(options, database, effects: 600) }
            }
            #expect(try await effects(database).sorted() == Array(1...600))
        }
    }

    @Test("What cannot be taken is put aside with the reason, and others go on; redriven it has its effect")
    func poison() async throws {
        let options = try RabbitMQOptions.test()
        let isMended = Mutex(false)
        try await withEffects(.sqliteFile) { database in
            func consume(effects: Int) async throws {
                try await consuming(options, database, isMended: { isMended.withLock { $0 } }) {
                    try await isEmptied(options, database, effects: effects)
                }
            }
            try await send(
                [event(1), [UInt8]("{no".utf8), event(6_666), event(2), [UInt8](#"{"id": "x"}"#.utf8)], options)
            try await consume(effects: 2)
            #expect(try await effects(database) == [1, 2])
            let desk = RabbitMQDesk(options)
            #expect(try await desk.counts == [0, 3])
            let dead = try await withConnection(options) { connection in
                // Taken and not acknowledged, so they stay.
                try (0..<3).compactMap { _ in try connection.take(from: options.inbox + ".dead") }
            }
            #expect(dead.count == 3)
            let reasons = dead.map { $0.message.headers["x-error"] }
            #expect(
                reasons == [.text("bus.message_invalid"), .text("bus.message_invalid"), .text("event.invalid")])
            #expect(dead.last?.message.headers["x-error-message"] == .text("6666 is not wanted"))
            #expect(dead.last?.message.body == event(6_666))
            isMended.withLock { $0 = true }
            while try await desk.counts[1] < 3 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await desk.redrive(atMost: 1_000) == 3)
            try await consume(effects: 3)
            #expect(try await effects(database) == [1, 2, 6_666])
            #expect(try await desk.counts == [0, 2])
            #expect(try await desk.redrive(atMost: 1) == 1)
            #expect(try await desk.counts == [1, 1])
        }
    }

    @Test("A commit that the broker was not told of comes again and has no second effect", arguments: engines)
    func crash(on engine: TestDatabase.Engine) async throws {
        let options = try RabbitMQOptions.test()
        try await withEffects(engine) { database in
            try await send((1...50).map(event), options)
            let inbox = RabbitMQInbox(options)
            let dying = DyingInbox(inbox: inbox)
            let consumer = BusConsumer(
                dying, database: database, retry: RetryPolicy(delay: .seconds(3_600)), intake: Effects.intake)
            let running = Task { try await consumer.run() }
            while !dying.isDead { try await Task.sleep(for: .milliseconds(5)) }
            let before = try await effects(database).count
            #expect(before > 0)
            running.cancel()
            try await running.value
            await inbox.close()
            try await consuming(options, database) { try await isEmptied(options, database, effects: 50) }
            #expect(try await effects(database) == Array(1...50))
        }
    }

    @Test("What fails for a reason that is not the message's comes again")
    func trouble() async throws {
        let options = try RabbitMQOptions.test()
        let failures = Mutex(3)
        try await withEffects(.sqliteFile) { database in
            try await send((1...10).map(event), options)
            let inbox = RabbitMQInbox(options)
            let consumer = BusConsumer(inbox, database: database, retry: RetryPolicy(delay: .milliseconds(20))) {
                event, delivery in
                let isFailing = failures.withLock { left in
                    left -= 1
                    return left >= 0
                }
                if isFailing { throw CocoaError(.fileReadUnknown) }
                return try Effects.intake(event, delivery)
            }
            let running = Task { try await consumer.run() }
            try await isEmptied(options, database, effects: 10)
            running.cancel()
            try await running.value
            await inbox.close()
            #expect(try await effects(database).sorted() == Array(1...10))
            #expect(try await RabbitMQDesk(options).counts == [0, 0])
        }
    }

    @Test("A message too long to be looked at is put aside by the broker")
    func tooLong() async throws {
        let options = try RabbitMQOptions.test()
        try await withEffects(.sqliteMemory) { database in
            try await send([[UInt8](repeating: 0x20, count: (2 << 20) + 1), event(1)], options)
            try await consuming(options, database) {
                try await isEmptied(options, database, effects: 1)
                while try await RabbitMQDesk(options).counts[1] == 0 {
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
            #expect(try await effects(database) == [1])
        }
    }

    @Test("A broker that is stopped and started again in mid-stream: nothing is lost and nothing happens twice")
    func restart() async throws {
        try await RabbitMQServer.withServer { server in
            let options = try RabbitMQOptions.test(server)
            try await withEffects(.sqliteFile) { database in
                try await send((1...2_000).map(event), options)
                try await consuming(options, database) {
                    while try await effects(database).count < 200 { try await Task.sleep(for: .milliseconds(1)) }
                    try server.stop()
                    try server.start()
                    try await isEmptied(options, database, effects: 2_000)
                }
                #expect(try await effects(database).sorted() == Array(1...2_000))
            }
        }
    }

    @Test("The connection is kept while the database is away, and what was held is taken afterwards")
    func databaseAway() async throws {
        var options = try RabbitMQOptions.test()
        options.heartbeat = .seconds(2)
        let isAway = Mutex(true)
        try await withEffects(.sqliteFile) { database in
            try await send((1...20).map(event), options)
            let inbox = RabbitMQInbox(options)
            let consumer = BusConsumer(inbox, database: database, retry: RetryPolicy(delay: .milliseconds(20))) {
                event, delivery in
                let intake = try Effects.intake(event, delivery)
                return BusIntake(source: intake.source, id: intake.id) { tx in
                    if isAway.withLock({ $0 }) { throw StorageError(.storageBusy, "away") }
                    try intake.apply(tx)
                }
            }
            let running = Task { try await consumer.run() }
            // Longer than a broker waits for a heartbeat.
            try await Task.sleep(for: .seconds(7))
            #expect(inbox.connection == .open)
            #expect(try await effects(database).isEmpty)
            isAway.withLock { $0 = false }
            try await isEmptied(options, database, effects: 20)
            running.cancel()
            try await running.value
            await inbox.close()
            #expect(try await effects(database) == Array(1...20))
        }
    }

    @Test("A message that no reason can be written to is put aside all the same, and takes no other with it")
    func headers() async throws {
        let options = try RabbitMQOptions.test()
        try await withEffects(.sqliteFile) { database in
            var full = RabbitMQMessage(body: [UInt8]("{no".utf8))
            // Just fits into the one frame that there is for it.
            full.headers["x-full"] = .text(String(repeating: "x", count: 130_900))
            let messages = (1...40).map { RabbitMQMessage(body: event($0)) }
            try await send(messages[..<20] + [full] + messages[20...], options)
            try await consuming(options, database) {
                try await isEmptied(options, database, effects: 40)
                while try await RabbitMQDesk(options).counts[1] == 0 { try await Task.sleep(for: .milliseconds(10)) }
            }
            #expect(try await effects(database).sorted() == Array(1...40))
            #expect(try await RabbitMQDesk(options).counts == [0, 1])
            #expect(try await RabbitMQDesk(options).redrive(atMost: 10) == 1, "with what the broker has added to it")
            let again = try await withConnection(options) { try $0.take(from: options.inbox) }
            #expect(again?.message.headers.keys.filter { $0 != "x-full" } == ["x-delivery-count"], "of this way")
        }
    }

    @Test("A message that ends every connection is put aside by the broker, and the others are taken")
    func unreadable() async throws {
        try await RabbitMQServer.withServer { server in
            // Others may have agreed on frames that are longer than ours.
            try server.control("eval", "application:set_env(rabbit, frame_max, 0).")
            let options = try RabbitMQOptions.test(server)
            var long = options
            long.frameBytesMax = 4 << 20
            try await withEffects(.sqliteFile) { [long] database in
                var poison = RabbitMQMessage(body: event(0))
                poison.headers["long"] = .text(String(repeating: "x", count: 300_000))
                let messages = (1...100).map { RabbitMQMessage(body: event($0)) }
                try await send(messages[..<50] + [poison] + messages[50...], long)
                try await consuming(options, database, retry: SubscriptionRunner.standardRetry) {
                    try await isEmptied(options, database, effects: 100)
                    while try await RabbitMQDesk(options).counts[1] == 0 {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                }
                #expect(try await effects(database).sorted() == Array(1...100))
                #expect(try await RabbitMQDesk(options).counts == [0, 1])
            }
        }
    }

    @Test("Redriven messages keep the headers that they were sent with, of every kind")
    func redriven() async throws {
        let options = try RabbitMQOptions.test()
        try await withEffects(.sqliteMemory) { database in
            var message = RabbitMQMessage(body: [UInt8]("{no".utf8))
            message.headers = [
                "x-tenant": .text("acme"), "x-score": .number(1.5), "x-raw": .bytes([0, 255]),
                "at": .time(1_700_000_000),
                "x-list": .list([.integer(1), .text("two"), .nothing]),
                "x-table": .table(["a": .table(["b": .flag(true)])]),
                "none": .nothing, "x-deaths": .integer(3),
            ]
            try await send([message], options)
            try await consuming(options, database) {
                while try await RabbitMQDesk(options).counts[1] == 0 { try await Task.sleep(for: .milliseconds(10)) }
            }
            #expect(try await RabbitMQDesk(options).redrive(atMost: 10) == 1)
            let again = try await withConnection(options) { try $0.take(from: options.inbox) }
            var headers = try #require(again).message.headers
            headers["x-delivery-count"] = nil
            #expect(headers == message.headers)
        }
    }

    @Test("Long messages are held as far as there is room, and the rest stays with the broker")
    func room() async throws {
        try await RabbitMQServer.withServer { server in
            var options = try RabbitMQOptions.test(server)
            options.prefetch = 256
            let isAway = Mutex(true)
            try await withEffects(.sqliteFile) { [options] database in
                let filling = String(repeating: "x", count: (2 << 20) - 300)
                let events = (1...60).map { number -> [UInt8] in
                    let event: JSONValue = [
                        "id": .string("\(number)"), "source": "/test", "data": .integer(Int64(number)),
                        "filling": .string(filling),
                    ]
                    return event.jsonBytes
                }
                try await send(events, options)
                let inbox = RabbitMQInbox(options)
                let consumer = BusConsumer(inbox, database: database, retry: RetryPolicy(delay: .milliseconds(20))) {
                    event, delivery in
                    let intake = try Effects.intake(event, delivery)
                    return BusIntake(source: intake.source, id: intake.id) { tx in
                        if isAway.withLock({ $0 }) { throw StorageError(.storageBusy, "away") }
                        try intake.apply(tx)
                    }
                }
                let running = Task { try await consumer.run() }
                func unanswered() throws -> Int {
                    let text = try server.control("list_queues", "--quiet", "messages_unacknowledged")
                    return text.split(separator: "\n").compactMap { Int($0) }.max() ?? 0
                }
                try await Task.sleep(for: .seconds(5))
                let held = try unanswered()
                #expect((1...17).contains(held), "\(held) messages of 2 MiB are held")
                isAway.withLock { $0 = false }
                try await isEmptied(options, database, effects: 60)
                running.cancel()
                try await running.value
                await inbox.close()
                #expect(try await self.effects(database).sorted() == Array(1...60))
                #expect(try await RabbitMQDesk(options).counts == [0, 0])
            }
        }
    }

    // MARK: Help

    private func event(_ number: Int) -> [UInt8] {
        let event: JSONValue = [
            "specversion": "1.0", "id": .string("\(number)"), "source": "/test", "type": "test.sent",
            "data": .integer(Int64(number)),
        ]
        return event.jsonBytes
    }

    private func send(_ bodies: [[UInt8]], _ options: RabbitMQOptions) async throws {
        try await send(bodies.map { RabbitMQMessage(body: $0) }, options)
    }

    private func send(_ messages: [RabbitMQMessage], _ options: RabbitMQOptions) async throws {
        try await withConnection(options) { connection in
            try connection.declareInbox()
            try connection.confirmMessages()
            for message in messages { try connection.send(message, to: "", routingKey: options.inbox) }
            try connection.waitForConfirms()
        }
    }

    /// Waits for so many effects, and until nothing has waited in the inbox for a while.
    private func isEmptied(_ options: RabbitMQOptions, _ database: any Database, effects count: Int) async throws {
        while try await effects(database).count < count { try await Task.sleep(for: .milliseconds(10)) }
        try await withConnection(options) { connection in
            var empty = 0
            while empty < 3 {
                usleep(100_000)
                empty = try connection.count(of: options.inbox) == 0 ? empty + 1 : 0
            }
        }
    }

    private func withEffects(_ engine: TestDatabase.Engine, _ body: (any Database) async throws -> Void) async throws {
        let table = Migration(
            "test.001_effects",
            [
                "CREATE TABLE effects (number \(fragment: .int64) NOT NULL, place \(fragment: .identity)) \(fragment: .strict)"
            ])
        try await withTestDatabase(
            engine, migrations: EventLog.migrations + EventLog.busMigrations + [table], body)
    }

    private func effects(_ database: any Database) async throws -> [Int] {
        try await database.read { try $0.query("SELECT number FROM effects ORDER BY place") { try $0[0] as Int } }
    }

    private func consuming<Value: Sendable>(
        _ options: RabbitMQOptions, _ database: any Database,
        retry: RetryPolicy = RetryPolicy(delay: .milliseconds(50)),
        isMended: @escaping @Sendable () -> Bool = { false },
        _ body: () async throws -> Value
    ) async throws -> Value {
        let inbox = RabbitMQInbox(options)
        let consumer = BusConsumer(inbox, database: database, retry: retry) {
            event, delivery in
            let intake = try Effects.intake(event, delivery)
            return BusIntake(source: intake.source, id: intake.id) { tx in
                if intake.id == "6666", !isMended() { throw EventError(.eventInvalid, "6666 is not wanted") }
                try intake.apply(tx)
            }
        }
        let running = Task { try await consumer.run() }
        let value = try await body()
        running.cancel()
        try await running.value
        await inbox.close()
        return value
    }
}

extension RabbitMQDesk {
    /// Messages in the inbox and dead ones.
    fileprivate var counts: [Int] {
        get async throws {
            let found = try await look()
            return [found.waiting ?? 0, found.dead ?? 0]
        }
    }
}

/// Writes the number that an event carries.
private enum Effects {
    @Sendable static func intake(_ event: JSONValue, _ delivery: BusDelivery) throws -> BusIntake {
        guard let source = event["source"]?.stringValue, let id = event["id"]?.stringValue,
            let number = event["data"]?.integerValue
        else { throw EventError(.busMessageInvalid, "no event") }
        return BusIntake(source: source, id: id) { tx in
            try tx.execute("INSERT INTO effects (number) VALUES (\(number))")
        }
    }
}

/// Takes messages, and is as good as dead before it tells the broker.
private final class DyingInbox: BusInbox {
    private let inbox: RabbitMQInbox
    private let died = Mutex(false)

    init(inbox: RabbitMQInbox) { self.inbox = inbox }

    var isDead: Bool { died.withLock { $0 } }
    var name: String { inbox.name }
    var connection: BusConnection { inbox.connection }
    func receive() async throws -> [BusDelivery] { try await inbox.receive() }

    func accept(_ deliveries: [BusDelivery]) async throws {
        died.withLock { $0 = true }
        throw EventError(.busUnavailable, "killed")
    }

    func putAside(_ delivery: BusDelivery, because error: any CodedError) async throws {}
    func giveBack() async {}
}
