import CognitionCore
import CognitionRabbitMQ
import CognitionTestSupport
import Dispatch
import Foundation
import Testing

/// The real program and a real RabbitMQ broker.
@Suite("Bus", .timeLimit(.minutes(3))) struct BusTests {
    @Test("A server that is killed again and again misses no event; what comes twice has the same id")
    func killed() async throws {
        let bus = try TestBus()
        let queue = try await bus.listen()
        try await withSandbox { sandbox in
            let settings = bus.settings.merging(["RABBITMQ_EVENTS": "order."]) { $1 }
            var ids: [String] = []
            for round in 1...4 {
                let server = try await LiveServer.start(in: sandbox, settings)
                let token = try await server.operatorToken()
                for _ in 1...5 {
                    let events = JSONValue.array((1...100).map { _ in ["type": "order.placed"] })
                    let answer = try await server.post("/api/v3/streams/order/1", ["events": events], token)
                    try #require(answer.status == 201, "\(answer)")
                    ids += (answer.json["events"]?.arrayValue ?? []).compactMap { $0["event_id"]?.stringValue }
                }
                if round < 4 {
                    server.program.kill()
                    _ = await server.program.ending()
                    continue
                }
                try await bus.until { try await server.bus["details"]?["lag"] == 0 }
                #expect(try await server.bus["status"] == "HEALTHY")
                #expect(try await server.bus["details"]?["connection"] == "open")
                let metrics = try await server.send("GET", "/metrics").text
                #expect(metrics.contains("bus_confirmed_total{bus=\"rabbitmq\"}"))
                let status = try await sandbox.start(["bus", "status", "--json"], environment: settings).ending()
                let told = try JSONValue(parsing: status.output)
                #expect(status.exitCode == 0 && told["lag"] == 0 && told["dead"] == 0, "\(status)")
                let doctor = try await sandbox.start(["doctor", "--json"], environment: settings).ending()
                let checks = try JSONValue(parsing: doctor.output)["checks"]?.arrayValue ?? []
                let found = try #require(checks.first { $0["name"] == "rabbitmq" }, "\(doctor)")
                #expect(found["status"] == "ok" && found["details"]?["exchange"] == true, "\(found)")
                #expect(found["details"]?["version"]?.stringValue?.first?.isNumber == true, "\(found)")
                let resumed = try await sandbox.start(["bus", "resume"], environment: settings).ending()
                #expect(resumed.exitCode == 0, "\(resumed)")
                _ = await server.stop()
            }
            let sent = try await bus.takeAll(from: queue).compactMap(\.message.messageID)
            var seen: Set<String> = []
            #expect(sent.filter { seen.insert($0).inserted } == ids, "\(sent.count) messages of \(ids.count) events")
        }
    }

    @Test("An event of another system reaches a waiting workflow once; one that cannot be read is redriven by command")
    func inbox() async throws {
        let bus = try TestBus()
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, bus.settings)
            let token = try await server.operatorToken()
            let document = """
                {document: {dsl: 1.0.0, namespace: default, name: paid, version: 1.0.0},
                 do: [{wait: {listen: {to: {one: {with: {type: com.example.paid}}}}}}]}
                """
            let stored = try await server.send(
                "POST", "/api/v3/workflows", token: token, type: "application/yaml", body: Array(document.utf8))
            try #require(stored.status == 201, "\(stored)")
            let started = try await server.post("/api/v3/workflows/execute", ["workflow_id": "paid"], token)
            let id = try started.json.text("execution_id")
            let path = "/api/v3/workflows/executions/\(id)"
            try await bus.until { try await server.send("GET", path, token: token).json["status"] == "waiting" }
            let event: JSONValue = [
                "specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.paid", "data": ["total": 42],
            ]
            try await bus.send([
                event.jsonBytes, event.jsonBytes, Array("no event".utf8), Array(#"{"source": "/shop"}"#.utf8),
            ])
            try await bus.until { try await server.send("GET", path, token: token).json["status"] == "completed" }
            let log = "/api/v3/events?type=cloudevent.published"
            let ended = try await server.send("GET", path, token: token)
            #expect(ended.json["output"] == [["total": 42]], "\(ended)")
            let published = try await server.send("GET", log, token: token)
            #expect(published.json["items"]?.arrayValue?.count == 1, "\(published)")
            #expect(published.json["items"]?[0]?["actor"] == "bus:rabbitmq")
            func status() async throws -> JSONValue {
                let ending = try await sandbox.start(["bus", "status", "--json"], environment: bus.settings).ending()
                return try JSONValue(parsing: ending.output)
            }
            try await bus.until { try await status()["dead"] == 2 }
            let redriven = try await sandbox.start(["bus", "redrive"], environment: bus.settings).ending()
            #expect(redriven.exitCode == 0 && redriven.output.hasPrefix("2 messages"), "\(redriven)")
            try await bus.until { try await status()["dead"] == 2 }
            let metrics = try await server.send("GET", "/metrics").text
            #expect(metrics.contains("bus_consumed_total{bus=\"rabbitmq\",outcome=\"accepted\"} 1"))
            #expect(metrics.contains("bus_consumed_total{bus=\"rabbitmq\",outcome=\"repeated\"} 1"))
            _ = await server.stop()
        }
    }

    @Test(
        "Without its broker the server is degraded and works; a wrong password is said, and what is wrong with settings"
    )
    func away() async throws {
        let bus = try TestBus()
        try await withSandbox { sandbox in
            let password = bus.settings.merging(["RABBITMQ_URL": try TestRabbitMQ.server.url(password: "wrong-word")]) {
                $1
            }
            for (settings, code) in [
                (password, "bus.refused"), (["RABBITMQ_URL": "amqp://127.0.0.1:1"], "bus.unavailable"),
            ] {
                let server = try await LiveServer.start(in: sandbox, settings)
                try await bus.until { try await server.bus["status"] == "DEGRADED" }
                #expect(try await server.bus["details"]?["error"] == .string(code))
                let answer = try await server.post(
                    "/api/v3/streams/order/1", ["events": [["type": "order.placed"]]], try await server.operatorToken())
                #expect(answer.status == 201)
                let ending = await server.stop()
                #expect(ending.errors.contains("Bus not reached") && ending.errors.contains(code))
                #expect(!ending.errors.contains("wrong-word"))
                let status = try await sandbox.start(["bus", "status"], environment: settings).ending()
                #expect(status.exitCode == 1 && status.errors.contains("[\(code)]"), "\(status)")
                #expect(!status.errors.contains("wrong-word"))
                let doctor = try await sandbox.start(["doctor", "--json"], environment: settings).ending()
                let checks = try JSONValue(parsing: doctor.output)["checks"]?.arrayValue ?? []
                let found = checks.first { $0["name"] == "rabbitmq" }
                #expect(found?["status"] == "warning" && !doctor.output.contains("wrong-word"), "\(doctor)")
            }
            let none = try await sandbox.run("bus", "status")
            #expect(none.exitCode == 1 && none.errors.contains("RABBITMQ_URL"), "\(none)")
            for wrong in [["RABBITMQ_URL": "http://mq"], ["RABBITMQ_HOST": "mq", "RABBITMQ_EXCHANGE": "amq.topic"]] {
                let check = try await sandbox.start(["check"], environment: wrong).ending()
                #expect(check.exitCode == 1 && (check.errors + check.output).contains("RABBITMQ"), "\(check)")
            }
            let shown = try await sandbox.start(["check"], environment: password).ending()
            #expect(shown.exitCode == 0 && !shown.output.contains("wrong-word"), "\(shown)")
        }
    }
}

/// An exchange and an inbox of a test's own at the broker that all share.
private struct TestBus {
    let options: RabbitMQOptions
    let settings: [String: String]

    init() throws {
        let server = try TestRabbitMQ.server
        let name = "test.\(UUID().uuidString)"
        var options = try RabbitMQOptions(url: server.url())
        options.exchange = name
        options.inbox = name + ".inbox"
        self.options = options
        settings = [
            "RABBITMQ_HOST": "127.0.0.1", "RABBITMQ_PORT": "\(server.port)", "RABBITMQ_USERNAME": RabbitMQServer.user,
            "RABBITMQ_PASSWORD": RabbitMQServer.password, "RABBITMQ_EXCHANGE": options.exchange,
            "RABBITMQ_INBOX": options.inbox,
            "RABBITMQ_START": "beginning",
        ]
    }

    func listen() async throws -> String {
        let queue = options.exchange + ".queue"
        try await withConnection { connection in
            try connection.declareExchange(options.exchange)
            try connection.declareQueue(queue)
            try connection.bind(queue, to: options.exchange, routingKey: "#")
        }
        return queue
    }

    func takeAll(from queue: String) async throws -> [RabbitMQDelivery] {
        try await withConnection { connection in
            var deliveries: [RabbitMQDelivery] = []
            while let delivery = try connection.take(from: queue) {
                deliveries.append(delivery)
                try connection.acknowledge(delivery.tag)
            }
            return deliveries
        }
    }

    func send(_ bodies: [[UInt8]]) async throws {
        try await withConnection { connection in
            try connection.declareInbox()
            try connection.confirmMessages()
            for body in bodies { try connection.send(RabbitMQMessage(body: body), to: "", routingKey: options.inbox) }
            try connection.waitForConfirms()
        }
    }

    func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(20)) }
    }

    private func withConnection<Value: Sendable>(
        _ body: @escaping @Sendable (RabbitMQConnection) throws -> Value
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
}

extension LiveServer {
    /// The finding of the check of the bus.
    fileprivate var bus: JSONValue {
        get async throws {
            let health = try await send("GET", "/api/v3/health/system", token: operatorToken())
            return health.json["checks"]?["bus"] ?? .null
        }
    }

    fileprivate func post(_ path: String, _ body: JSONValue, _ token: String) async throws -> HTTPAnswer {
        try await send("POST", path, token: token, type: "application/json", body: body.jsonBytes)
    }
}
