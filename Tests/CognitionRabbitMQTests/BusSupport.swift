import CognitionCore
import CognitionEvents
import CognitionRabbitMQ
import CognitionStorage
import CognitionTestSupport
import Dispatch
import Foundation

/// A log in an empty database with the tables of buses.
func withLog<Value>(_ engine: TestDatabase.Engine, _ body: (EventLog) async throws -> Value) async throws -> Value {
    try await withTestDatabase(engine, migrations: EventLog.migrations + EventLog.busMigrations) {
        try await body(EventLog($0))
    }
}

extension RabbitMQOptions {
    /// At the broker that all tests share, with an exchange of its own.
    static func test() throws -> RabbitMQOptions { try test(TestRabbitMQ.server) }

    static func test(_ server: RabbitMQServer) throws -> RabbitMQOptions {
        var options = try RabbitMQOptions(url: server.url())
        options.exchange = "test.\(UUID().uuidString)"
        options.inbox = "inbox.\(options.exchange)"
        options.answerTimeout = .seconds(10)
        return options
    }
}

extension EventContext {
    static func test(workspace: String = "default", correlation: String? = nil) -> EventContext {
        EventContext(
            Principal(actor: "tester", workspace: WorkspaceID(workspace)), time: ManualClock().now,
            ids: UUIDGenerator(), correlationID: correlation)
    }
}

extension EventLog {
    /// Appends events that are counted from `range`'s start on, in a few commits.
    @discardableResult
    func append(_ range: ClosedRange<Int>, to stream: StreamName = StreamName("order", "1")) async throws -> [UUIDv7] {
        var ids: [UUIDv7] = []
        for start in stride(from: range.lowerBound, through: range.upperBound, by: 50) {
            let events = (start...min(start + 49, range.upperBound)).map {
                NewEvent("order.placed", data: ["number": .integer(Int64($0))])
            }
            ids += try await append(events, to: stream, context: .test()).eventIDs
        }
        return ids
    }

    /// Waits until the bus has been told everything that is in the log.
    func isTold(as name: String = "bus.rabbitmq", within limit: Duration = .seconds(40)) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let state = try? await subscription(named: name)
            if let state, try await state.position == head() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}

/// Runs a publisher while `body` runs; it has to end without an error.
func publishing<Value: Sendable>(
    _ log: EventLog, to bus: any EventBus, settings: BusPublisher.Settings = .fromTheBeginning,
    owner: UUIDv7 = UUIDGenerator().next(), _ body: () async throws -> Value
) async throws -> Value {
    let publisher = try BusPublisher(
        bus, database: log.database, owner: owner, settings: settings, polling: .milliseconds(50),
        retry: RetryPolicy(delay: .milliseconds(50)))
    let running = Task { try await publisher.run() }
    do {
        let value = try await body()
        running.cancel()
        try await running.value
        return value
    } catch {
        running.cancel()
        throw error
    }
}

/// Publishes what is in the log.
/// - Returns: Whether all of it was told in time.
func publishAll(
    _ log: EventLog, to bus: any EventBus, settings: BusPublisher.Settings = .fromTheBeginning
) async throws -> Bool {
    try await publishing(log, to: bus, settings: settings) { try await log.isTold() }
}

extension BusPublisher.Settings {
    static var fromTheBeginning: Self {
        var settings = Self()
        settings.start = .beginning
        settings.batchMax = 64
        return settings
    }
}

/// Lends a bus and closes it.
func withBus<Value>(_ options: RabbitMQOptions, _ body: (RabbitMQBus) async throws -> Value) async throws -> Value {
    let bus = RabbitMQBus(options)
    do {
        let value = try await body(bus)
        await bus.close()
        return value
    } catch {
        await bus.close()
        throw error
    }
}

/// Runs `body` with a connection, on a thread that may wait.
func withConnection<Value: Sendable>(
    _ options: RabbitMQOptions, _ body: @escaping @Sendable (RabbitMQConnection) throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            continuation.resume(
                with: Result {
                    let connection = try RabbitMQConnection(options)
                    defer { connection.close() }
                    return try body(connection)
                })
        }
    }
}

/// Makes a queue that gets what is published with matching keys.
func listen(_ options: RabbitMQOptions, to key: String = "#", queueType: String = "quorum") async throws -> String {
    let queue = "queue.\(options.exchange)"
    try await withConnection(options) { connection in
        try connection.declareExchange(options.exchange)
        try connection.declareQueue(queue, ["x-queue-type": .text(queueType)])
        try connection.bind(queue, to: options.exchange, routingKey: key)
    }
    return queue
}

/// Empties a queue.
func takeAll(_ options: RabbitMQOptions, from queue: String) async throws -> [RabbitMQDelivery] {
    try await withConnection(options) { connection in
        var deliveries: [RabbitMQDelivery] = []
        while let delivery = try connection.take(from: queue) {
            deliveries.append(delivery)
            try connection.acknowledge(delivery.tag)
        }
        return deliveries
    }
}

/// The error that `body` throws; `nil` when it throws none.
func failure(_ body: () async throws -> Void) async -> EventError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? EventError
    }
}
