import CognitionCore
import CognitionRedis
import CognitionTestSupport
import Logging
import Synchronization
import Testing

/// Peers that are no Redis, or a bad one.
@Suite("Redis peers", .timeLimit(.minutes(1))) struct RedisPeerTests {
    @Test(
        "Whoever is no Redis of today is not taken for one",
        arguments: [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "redis.protocol"),
            ("-ERR unknown command `HELLO`, with args beginning with: `AUTH`\r\n", "redis.unsupported"),
            ("-NOPROTO unsupported protocol version\r\n", "redis.unsupported"),
            ("-LOADING Redis is loading the dataset in memory\r\n", "redis.refused"),
            ("-DENIED Redis is running in protected mode\r\n", "redis.refused"),
            (":1\r\n:2\r\n", "redis.protocol"), ("", "redis.unreachable"),
        ])
    func strangers(_ words: String, _ expected: String) async throws {
        try await withPeer { peer in
            try await peer.expect("cognitionos\r\n")
            if !words.isEmpty { try await peer.write(words) }
        } _: { port in
            try await withClient(
                options(of: port) {
                    $0.user = "name"
                    $0.password = Secret("secret-word")
                }
            ) { client in
                try await eventually { client.standing.failure?.code.name == expected }
                #expect(client.standing.failure.map { !"\($0)".contains("secret-word") } == true)
            }
        }
    }

    @Test(
        "Garbage in the middle, answers to nothing and endless ones end the connection with the reason",
        arguments: [
            "?\r\n", ":1\r\n:2\r\n", "$99999999\r\n", "*9999999\r\n", String(repeating: "*1\r\n", count: 100),
            ">1\r\n$7\r\nmessage\r\n", ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
            "+" + String(repeating: "a", count: 200_000),
        ])
    func garbage(_ answer: String) async throws {
        let isFirst = Mutex(true)
        try await withPeer { peer in
            let greets = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            if greets {
                try await peer.greet()
                try await peer.expect("PING\r\n")
                try await peer.write(answer)
            }
            await peer.waitForEnd()
        } _: { port in
            try await withClient(options(of: port)) { client in
                try await client.connected()
                let found = await code { try await client.ping() }
                #expect(found == "redis.protocol" || answer.hasPrefix(":1") && found == nil)
                try await eventually { client.standing.failure?.code == .redisProtocol }
            }
        }
    }

    @Test("A peer that answers a byte at a time is understood; one that takes too long for it is given up")
    func slowPeer() async throws {
        try await withPeer { peer in
            try await peer.greet()
            try await peer.expect("PING\r\n")
            for character in ["+", "P", "O", "N", "G", "\r\n"] { try await peer.write(character) }
            try await peer.expect("PING\r\n")
            try await peer.write("+PO")
            await peer.waitForEnd()
        } _: { port in
            try await withClient(options(of: port) { $0.commandTimeout = .seconds(1) }) { client in
                try await client.connected()
                try await client.ping()
                #expect(await code { try await client.ping() } == "redis.timeout")
            }
        }
    }

    @Test("More commands than may wait are refused at once, by number and by bytes")
    func overload() async throws {
        try await withPeer { peer in
            try await peer.greet()
            await peer.waitForEnd()
        } _: { port in
            try await withClient(
                options(of: port) {
                    $0.commandsMax = 8
                    $0.commandBytesMax = 10_000
                }
            ) { client in
                try await client.connected()
                #expect(
                    await code { try await client.publish([UInt8](repeating: 0, count: 20_000), to: "c") }
                        == "redis.overloaded")
                let codes = await withTaskGroup(of: String?.self) { group in
                    for _ in 0..<20 { group.addTask { await code { try await client.ping() } } }
                    var codes: [String?] = []
                    for await found in group {
                        codes.append(found)
                        if codes.count == 12 { group.cancelAll() }
                    }
                    return codes
                }
                #expect(codes.filter { $0 == "redis.overloaded" }.count == 12)
            }
        }
    }

    @Test("A silent server is asked for a sign of life, and given up without one")
    func signOfLife() async throws {
        let connections = Mutex(0)
        try await withPeer { peer in
            connections.withLock { $0 += 1 }
            try await peer.greet()
            try await peer.expect("PING\r\n")
            try await peer.write("+PONG\r\n")
            try await peer.expect("PING\r\n")
            await peer.waitForEnd()
        } _: { port in
            try await withClient(
                options(of: port) {
                    $0.pingInterval = .milliseconds(50)
                    $0.commandTimeout = .milliseconds(100)
                }
            ) { _ in try await eventually { connections.withLock { $0 } >= 2 } }
        }
    }

    @Test("An outage is told once, and so is its end; nothing is connected to after the client's end")
    func log() async throws {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "test") { _ in Recorder(lines: { line in lines.withLock { $0.append(line) } }) }
        try await RedisServer.with { server in
            try await withClient(options(of: server.port), logger: logger) { client in
                try await client.connected()
                server.stop()
                try await eventually { !client.standing.isConnected }
                try await eventually { client.standing.failure?.message.contains("cannot be reached") == true }
                try server.start()
                try await client.connected()
            }
        }
        #expect(
            lines.withLock { $0 } == ["debug Redis reached", "warning Redis not reached", "notice Redis reached again"])
    }

    @Test("Addresses are read strictly")
    func addresses() throws {
        let full = try RedisOptions(url: "rediss://cog:p%40ss@cache.example.com:6380/2")
        #expect(full.host == "cache.example.com" && full.port == 6_380 && full.database == 2 && full.tls != nil)
        #expect(full.user == "cog" && full.password == Secret("p@ss"))
        let short = try RedisOptions(url: "redis://[::1]")
        #expect(short.host == "::1" && short.port == 6_379 && short.tls == nil && short.password.isEmpty)
        #expect(try RedisOptions(url: "redis://:word@h/").password == Secret("word"))
        for wrong in [
            "http://h", "redis:h", "redis://", "redis://h:0", "redis://h:x", "redis://h:65536", "redis://h/x",
            "redis://h/-1",
            "redis://a@h", "redis://a:%zz@h", "redis://a:b@c@h", "redis://[1.2.3]", "redis://[::1", "redis://h?x=1",
            "redis://h#x",
        ] {
            #expect(throws: RedisError.self, "\(wrong)") { try RedisOptions(url: wrong) }
        }
    }
}

private struct Recorder: LogHandler {
    let lines: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { lines("\(event.level) \(event.message)") }
}
