import CognitionCore
import CognitionEvents
import CognitionRabbitMQ
import CognitionStorage
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Synchronization
import Testing

@Suite("Publishing to RabbitMQ", .timeLimit(.minutes(3))) struct PublishTests {
    private static let engines: [TestDatabase.Engine] = [.sqliteFile, .postgres]

    @Test("Events arrive in the order of the log, once, persistent and as CloudEvents", arguments: engines)
    func order(on engine: TestDatabase.Engine) async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        try await withLog(engine) { log in
            var ids = try await log.append(1...500)
            try await withBus(options) { bus in
                try await publishing(log, to: bus) {
                    ids += try await log.append(501...1_000)
                    #expect(try await log.isTold())
                }
                #expect(bus.connection == .open)
            }
            let deliveries = try await takeAll(options, from: queue)
            #expect(deliveries.map(\.message.messageID) == ids.map(\.description))
            let event = try #require(try await log.readAll(after: 6, limit: 1).events.first)
            let message = try #require(deliveries.dropFirst(6).first)
            #expect(message.routingKey == "order.placed.default")
            #expect(message.message.contentType == "application/cloudevents+json; charset=utf-8")
            #expect(message.message.headers["position"] == .integer(7))
            #expect(message.message.headers["id"] == .text(event.id.description))
            let body = try JSONValue(parsing: message.message.body)
            let expected: JSONValue = [
                "specversion": "1.0", "id": .string(event.id.description),
                "source": "/workspaces/default/streams/order/1", "type": "order.placed",
                "time": .string(event.time.description), "datacontenttype": "application/json", "data": ["number": 7],
                "streamtype": "order", "streamid": "1", "streamversion": "7", "typeversion": 1, "actor": "tester",
                "datahash": .string(event.dataHash.description), "position": "7", "workspaceid": "default",
            ]
            #expect(body == expected)
        }
    }

    @Test("Accounts and secrets stay; published CloudEvents leave as they are; a prefix picks types")
    func selection() async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        try await withLog(.sqliteMemory) { log in
            for type in ["user", "workspace", "secret", "execution"] {
                try await log.append(
                    [NewEvent("\(type).changed")], to: StreamName(type, "1"),
                    context: .test(workspace: "w", correlation: "c-1"))
            }
            let cloudEvent: JSONValue = [
                "specversion": "1.0", "id": "42", "source": "/shop", "type": "com.example.paid", "data": [1, 2],
            ]
            try await log.append(
                [NewEvent("cloudevent.published", data: cloudEvent)], to: StreamName("cloudevent", "com.example.paid"),
                context: .test(workspace: "w"))
            try await log.append([NewEvent("com.example.other")], to: StreamName("x", "y / z"), context: .test())
            try await withBus(options) { bus in
                #expect(try await publishAll(log, to: bus))
                let deliveries = try await takeAll(options, from: queue)
                #expect(
                    deliveries.map(\.routingKey) == [
                        "execution.changed.w", "com.example.paid.w", "com.example.other.default",
                    ])
                #expect(deliveries.first?.message.correlationID == "c-1")
                let published = try JSONValue(parsing: try #require(deliveries.dropFirst().first).message.body)
                #expect(published["id"] == "42" && published["source"] == "/shop" && published["data"] == [1, 2])
                #expect(published["workspaceid"] == "w" && published["position"] == "5")
                let other = try JSONValue(parsing: try #require(deliveries.last).message.body)
                #expect(other["source"] == "/workspaces/default/streams/x/y%20%2F%20z")
            }
            var other = options
            other.exchange += ".other"
            let picked = try await listen(other)
            try await log.database.write { try $0.execute("UPDATE subscriptions SET position = 0") }
            var settings = BusPublisher.Settings.fromTheBeginning
            settings.typePrefixes = ["com.example.p", "user."]
            settings.hiddenStreamTypes = []
            try await withBus(other) { bus in
                // Positions without a message are not stored one by one, so there is one at the end.
                try await log.append([NewEvent("user.last")], to: StreamName("x", "1"), context: .test())
                #expect(try await publishAll(log, to: bus, settings: settings))
            }
            let keys = try await takeAll(other, from: picked).map(\.routingKey)
            #expect(keys == ["user.changed.w", "com.example.paid.w", "user.last.default"])
        }
    }

    @Test("Where it begins the first time is the end of the log, unless it is told otherwise")
    func start() async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        try await withLog(.sqliteFile) { log in
            try await log.append(1...3)
            try await withBus(options) { bus in
                try await publishing(log, to: bus, settings: BusPublisher.Settings()) {
                    #expect(try await log.isTold())
                    try await log.append(4...4)
                    #expect(try await log.isTold())
                }
            }
            let numbers = try await takeAll(options, from: queue).map { try JSONValue(parsing: $0.message.body) }
            #expect(numbers.map { $0["data"] } == [["number": 4]])
        }
    }

    @Test("What is confirmed but not noted comes again, with the same ids; everything is counted", arguments: engines)
    func repeated(on engine: TestDatabase.Engine) async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        let metrics = TestMetrics()
        try await withLog(engine) { log in
            let ids = try await log.append(1...100).map(\.description)
            try await withBus(options) { bus in
                // As if the process had been killed after the second batch was confirmed.
                let crashing = CrashingBus(bus: bus, lastBatch: 2)
                let publisher = try BusPublisher(
                    crashing, database: log.database, owner: UUIDGenerator().next(), settings: .fromTheBeginning,
                    retry: RetryPolicy(delay: .seconds(3_600)), metrics: metrics)
                let running = Task { try await publisher.run() }
                while !crashing.isDead { try await Task.sleep(for: .milliseconds(5)) }
                #expect(try await log.subscription(named: "bus.rabbitmq").position == 64)
                running.cancel()
                try await running.value
                #expect(try await publishAll(log, to: bus))
            }
            let sent = try await takeAll(options, from: queue).compactMap(\.message.messageID)
            #expect(sent == ids + Array(ids[64...]))
            #expect(try metrics.expectCounter("bus.published", [("bus", "rabbitmq")]).totalValue == 100)
            #expect(try metrics.expectCounter("bus.confirmed", [("bus", "rabbitmq")]).totalValue == 64)
        }
    }

    @Test("An event that is damaged stops the publisher before it, until it is skipped")
    func damage() async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        try await withLog(.sqliteFile) { log in
            let ids = try await log.append(1...5).map(\.description)
            try await log.database.write {
                try $0.execute("UPDATE events SET data = \([UInt8]("{".utf8)) WHERE position = 3")
            }
            try await withBus(options) { bus in
                try await publishing(log, to: bus) {
                    var state: SubscriptionState?
                    while state?.failure == nil {
                        try await Task.sleep(for: .milliseconds(5))
                        state = try? await log.subscription(named: "bus.rabbitmq")
                    }
                    #expect(state?.position == 2 && state?.failure?.position == 3)
                    try await log.resumeSubscription(
                        named: "bus.rabbitmq", skippingFailed: true, now: ManualClock().now)
                    #expect(try await log.isTold())
                }
            }
            let sent = try await takeAll(options, from: queue).compactMap(\.message.messageID)
            #expect(sent == Array(ids[..<2] + ids[3...]))
        }
    }

    @Test("Of several nodes one publishes; when it leaves, another goes on at once, and none repeats anything")
    func nodes() async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        try await withTestNodes(2, migrations: EventLog.migrations + EventLog.busMigrations) { nodes in
            let logs = nodes.map { EventLog($0) }
            var ids: [UUIDv7] = []
            try await withBus(options) { first in
                try await withBus(options) { second in
                    try await publishing(logs[0], to: first) {
                        ids += try await logs[0].append(1...200)
                        #expect(try await logs[0].isTold())
                        try await publishing(logs[1], to: second) {
                            ids += try await logs[1].append(201...600)
                            #expect(try await logs[0].isTold())
                            #expect(second.connection == .unused)
                        }
                    }
                    let left = ContinuousClock.now
                    try await publishing(logs[1], to: second) {
                        ids += try await logs[1].append(601...700)
                        #expect(try await logs[1].isTold())
                    }
                    #expect(ContinuousClock.now - left < .seconds(3))
                }
            }
            let sent = try await takeAll(options, from: queue).compactMap(\.message.messageID)
            #expect(sent == ids.map(\.description))
        }
    }

    @Test("A node that was killed keeps the lease for no longer than it is good")
    func abandonedLease() async throws {
        let options = try RabbitMQOptions.test()
        let queue = try await listen(options)
        try await withLog(.postgres) { log in
            try await log.append(1...10)
            try await log.database.write { tx in
                try tx.execute(
                    """
                    INSERT INTO bus_leases (bus, owner, lease_until)
                    VALUES ('rabbitmq', 'killed', \(fragment: .now) + 2000000)
                    """)
            }
            let start = ContinuousClock.now
            let isTold = try await withBus(options) { try await publishAll(log, to: $0) }
            #expect(isTold)
            #expect(ContinuousClock.now - start > .seconds(1.5))
            #expect(try await takeAll(options, from: queue).count == 10)
        }
    }
}

/// Publishes, and after a certain batch is as good as dead.
private final class CrashingBus: EventBus {
    private let bus: RabbitMQBus
    private let lastBatch: Int
    private let batches = Mutex(0)

    init(bus: RabbitMQBus, lastBatch: Int) {
        self.bus = bus
        self.lastBatch = lastBatch
    }

    var isDead: Bool { batches.withLock { $0 } >= lastBatch }
    var name: String { bus.name }
    var connection: BusConnection { bus.connection }
    func connect() async throws { try await bus.connect() }
    func release() async { await bus.release() }

    func publish(_ messages: [BusMessage]) async throws {
        try await bus.publish(messages)
        let number = batches.withLock { count in
            count += 1
            return count
        }
        if number >= lastBatch { throw EventError(.busUnavailable, "killed") }
    }
}
