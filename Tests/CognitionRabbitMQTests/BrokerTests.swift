import CognitionCore
import CognitionEvents
import CognitionRabbitMQ
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

@Suite("Connections to RabbitMQ", .timeLimit(.minutes(3))) struct BrokerTests {
    @Test(
        "A broker that is killed in mid-stream and started again misses nothing; what comes twice has the same id",
        arguments: [TestDatabase.Engine.sqliteFile, .postgres])
    func killed(on engine: TestDatabase.Engine) async throws {
        try await RabbitMQServer.withServer { server in
            let options = try RabbitMQOptions.test(server)
            // RabbitMQ 3.10 does not always bring a quorum queue back whose only node was killed while it was young.
            let queue = try await listen(options, queueType: "classic")
            try await withLog(engine) { log in
                let ids = try await withBus(options) { bus in
                    try await publishing(log, to: bus) {
                        var ids = try await log.append(1...2_000)
                        while try await log.subscription(named: "bus.rabbitmq").position < 500 {
                            try await Task.sleep(for: .milliseconds(1))
                        }
                        try server.stop(SIGKILL)
                        let behind = try await log.subscription(named: "bus.rabbitmq").position
                        #expect(behind < 2_000, "killed in mid-stream")
                        ids += try await log.append(2_001...3_000)
                        while true {
                            if case .down(let failure) = bus.connection, failure.code == "bus.unavailable" { break }
                            try await Task.sleep(for: .milliseconds(5))
                        }
                        try server.start()
                        #expect(try await log.isTold())
                        #expect(bus.connection == .open)
                        return ids.map(\.description)
                    }
                }
                let sent = try await takeAll(options, from: queue).compactMap(\.message.messageID)
                var first: [String] = []
                var seen: Set<String> = []
                for id in sent where seen.insert(id).inserted { first.append(id) }
                #expect(first == ids, "\(first.count) of \(ids.count), \(sent.count) messages")
                #expect(sent.count - ids.count <= 128, "a batch or two come twice")
            }
        }
    }

    @Test("The exchange is made anew when the broker has lost it")
    func topology() async throws {
        let options = try RabbitMQOptions.test()
        try await withLog(.sqliteMemory) { log in
            try await log.append(1...2)
            try await withBus(options) { bus in
                #expect(try await publishAll(log, to: bus))
                try await withConnection(options) { try $0.deleteExchange(options.exchange) }
                try await log.append(3...4)
                #expect(try await publishAll(log, to: bus))
                let queue = try await listen(options)
                try await log.append(5...6)
                #expect(try await publishAll(log, to: bus))
                #expect(try await takeAll(options, from: queue).count == 2)
            }
        }
    }

    @Test("A broker without memory is told as blocked and waited for")
    func blocked() async throws {
        try await RabbitMQServer.withServer { server in
            let options = try RabbitMQOptions.test(server)
            let queue = try await listen(options)
            try await withLog(.sqliteFile) { log in
                try await withBus(options) { bus in
                    try await publishing(log, to: bus) {
                        try await log.append(1...10)
                        #expect(try await log.isTold())
                        try server.control("set_vm_memory_high_watermark", "0")
                        try await log.append(11...20)
                        while bus.connection != .blocked { try await Task.sleep(for: .milliseconds(5)) }
                        #expect(try await log.subscription(named: "bus.rabbitmq").position == 10)
                        try server.control("set_vm_memory_high_watermark", "0.9")
                        #expect(try await log.isTold())
                        while bus.connection != .open { try await Task.sleep(for: .milliseconds(5)) }
                    }
                }
            }
            #expect(try await takeAll(options, from: queue).count == 20)
        }
    }

    @Test("A broker that hangs does not hold up who leaves it")
    func hung() async throws {
        try await RabbitMQServer.withServer { server in
            let options = try RabbitMQOptions.test(server)
            let (idle, busy, inbox) = (RabbitMQBus(options), RabbitMQBus(options), RabbitMQInbox(options))
            try await idle.connect()
            try await busy.connect()
            _ = try await inbox.receive()
            try server.send(SIGSTOP)
            defer { try? server.send(SIGCONT) }
            let publishing = Task {
                try await withLog(.sqliteMemory) { log in
                    try await log.append(1...1)
                    _ = try await publishAll(log, to: busy)
                }
            }
            let opening = RabbitMQBus(options)
            let connecting = Task { try await opening.connect() }
            try await Task.sleep(for: .seconds(1))
            let start = ContinuousClock.now
            publishing.cancel()
            connecting.cancel()
            _ = await publishing.result
            _ = await connecting.result
            for bus in [idle, busy, opening] { await bus.close() }
            await inbox.close()
            #expect(ContinuousClock.now - start < .seconds(8), "\(ContinuousClock.now - start)")
        }
    }

    @Test("Who looks makes nothing, and is told what is there")
    func look() async throws {
        let options = try RabbitMQOptions.test()
        let desk = RabbitMQDesk(options)
        for _ in 1...2 {
            let found = try await desk.look()
            #expect(!found.hasExchange && found.waiting == nil && found.dead == nil)
            #expect(found.version?.first?.isNumber == true)
        }
        try await withConnection(options) { [options] connection in
            try connection.declareExchange(options.exchange)
            try connection.declareInbox()
            try connection.confirmMessages()
            try connection.send(RabbitMQMessage(body: [1]), to: "", routingKey: options.inbox)
            try connection.waitForConfirms()
        }
        let found = try await desk.look()
        #expect(found.hasExchange && found.dead == 0)
        try await withBus(options) { bus in
            #expect(try await bus.latency() == nil, "nobody has connected")
            try await bus.connect()
            #expect(try #require(await bus.latency()) < .seconds(5))
            await bus.release()
            #expect(bus.connection == .unused)
        }
    }

    @Test("The rights that Operations.md names are enough")
    func rights() async throws {
        let server = try TestRabbitMQ.server
        let name = "cognitionos.\(UUID().uuidString)"
        try server.control("add_user", name, "a password")
        try server.control(
            "set_permissions", "-p", "/", name, #"^cognitionos\..*"#, #"^(cognitionos\..*|amq\.default)$"#,
            #"^cognitionos\..*"#)
        var options = try RabbitMQOptions(url: server.url(user: name, password: "a password"))
        options.exchange = name + ".events"
        options.inbox = name + ".inbox"
        try await withBus(options) { try await $0.connect() }
        let inbox = RabbitMQInbox(options)
        let desk = RabbitMQDesk(options)
        try await withConnection(options) { [options] connection in
            try connection.declareInbox()
            try connection.confirmMessages()
            try connection.send(RabbitMQMessage(body: [1]), to: "", routingKey: options.inbox)
            try connection.waitForConfirms()
        }
        let delivery = try #require(try await inbox.receive().first)
        try await inbox.putAside(delivery, because: EventError(.busMessageInvalid, "no event"))
        while try await desk.look().dead ?? 0 < 1 { try await Task.sleep(for: .milliseconds(10)) }
        await inbox.close()
        #expect(try await desk.redrive(atMost: 10) == 1)
    }

    @Test("A wrong password is said clearly, and stands in no message")
    func password() async throws {
        let server = try TestRabbitMQ.server
        let options = try RabbitMQOptions(url: server.url(password: "wrong-word"))
        try await withBus(options) { bus in
            let error = await failure { try await bus.connect() }
            #expect(error?.code.name == "bus.refused")
            #expect(error?.message.contains("ACCESS_REFUSED") == true, "\(error.map(String.init(describing:)) ?? "")")
            #expect(error?.message.contains("'\(RabbitMQServer.user)'") == true)
            #expect(error?.message.contains("wrong-word") == false)
            guard case .down(let failure) = bus.connection else {
                Issue.record("the connection is \(bus.connection)")
                return
            }
            #expect(failure.code == "bus.refused")
        }
    }

    @Test("An exchange of another kind, a virtual host that is not there and a port where nobody is are named")
    func refusals() async throws {
        var options = try RabbitMQOptions.test()
        try await withConnection(options) { [options] in try $0.declareExchange(options.exchange, type: "fanout") }
        let kind = await failure { try await withBus(options) { try await $0.connect() } }
        #expect(kind?.code.name == "bus.refused" && kind?.message.contains(options.exchange) == true)
        options.virtualHost = "elsewhere"
        let host = await failure { try await withBus(options) { try await $0.connect() } }
        #expect(
            host?.code.name == "bus.refused" && host?.message.contains("elsewhere") == true, "\(host?.message ?? "")")
        options.port = 1
        let port = await failure { try await withBus(options) { try await $0.connect() } }
        #expect(port?.code.name == "bus.unavailable" && port?.message.contains("127.0.0.1:1") == true)
    }

    @Test("With TLS the server's certificate and name are checked")
    func encryption() async throws {
        let server = try TestRabbitMQ.server
        let port = try #require(server.securePort)
        var options = try RabbitMQOptions.test(server)
        options.isEncrypted = true
        options.port = port
        options.host = "localhost"
        options.rootCertificates = server.rootCertificate
        let queue = try await listen(options)
        try await withLog(.sqliteMemory) { log in
            try await log.append(1...300)
            let isTold = try await withBus(options) { try await publishAll(log, to: $0) }
            #expect(isTold)
            #expect(try await takeAll(options, from: queue).count == 300)
        }
        for change in [
            { (options: inout RabbitMQOptions) in options.host = "127.0.0.1" },
            { options in options.rootCertificates = "/etc/ssl/certs/ca-certificates.crt" },
            { options in options.rootCertificates = "/nowhere.pem" },
        ] {
            var wrong = options
            change(&wrong)
            let error = await failure { try await withBus(wrong) { try await $0.connect() } }
            #expect(error?.code.name == "bus.refused", "\(error.map(String.init(describing:)) ?? "none")")
        }
    }

    @Test("Who waits for a broker that says nothing can be cancelled, and a closed bus takes nothing more")
    func cancellation() async throws {
        let listener = try SilentListener()
        defer { listener.close() }
        let options = try RabbitMQOptions(url: "amqp://127.0.0.1:\(listener.port)")
        try await withBus(options) { bus in
            let start = ContinuousClock.now
            let error = await failure { try await bus.connect() }
            #expect(error?.code.name == "bus.unavailable")
            #expect(ContinuousClock.now - start < .seconds(8))
        }
        let bus = RabbitMQBus(try RabbitMQOptions.test())
        try await bus.connect()
        await bus.close()
        #expect(await failure { try await bus.connect() }?.code.name == "bus.unavailable")
    }

    @Test(
        "An address is read with all its parts",
        arguments: [
            ("amqp://", "localhost", 5_672, "guest", "guest", "/", false),
            ("amqp://mq.example", "mq.example", 5_672, "guest", "guest", "/", false),
            ("amqps://u:p%40ss@mq.example/", "mq.example", 5_671, "u", "p@ss", "/", true),
            ("amqp://u@mq:1234/%2Fa", "mq", 1_234, "u", "guest", "/a", false),
            ("AMQPS://[::1]:99/vhost", "::1", 99, "guest", "guest", "vhost", true),
        ])
    func address(
        url: String, host: String, port: Int, user: String, password: String, virtualHost: String, isEncrypted: Bool
    ) throws {
        let options = try RabbitMQOptions(url: url)
        #expect(options.host == host && options.port == port && options.user == user)
        #expect(options.password.reveal() == password)
        #expect(options.virtualHost == virtualHost && options.isEncrypted == isEncrypted)
    }

    @Test(
        "What is no address of a broker is refused",
        arguments: ["mq.example", "http://mq", "amqp://a/b/c", "amqp://a?x=1"])
    func noAddress(url: String) {
        #expect(throws: EventError.self) { try RabbitMQOptions(url: url) }
    }
}

/// Takes connections and says nothing.
private struct SilentListener {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isBound && listen(descriptor, 8) == 0)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    func close() { Foundation.close(descriptor) }
}
