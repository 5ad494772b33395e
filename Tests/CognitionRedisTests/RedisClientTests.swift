import CognitionCore
import CognitionRedis
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Synchronization
import Testing

/// The client and a real server.
@Suite("Redis client", .timeLimit(.minutes(2))) struct RedisClientTests {
    @Test("Values are set with a life, read and removed; any bytes come back as they were")
    func values() async throws {
        try await RedisServer.with { server in
            let metrics = TestMetrics()
            try await withClient(options(of: server.port), metrics: metrics) { client in
                try await client.connected()
                #expect(client.standing.version?.first.flatMap { Int(String($0)) } ?? 0 >= 6)
                let bytes = (0...255).map { UInt8($0) } + Array("\r\n$-1\r\n".utf8)
                #expect(try await client.value(of: "a") == nil)
                try await client.set("a", to: bytes, for: .seconds(60))
                #expect(try await client.value(of: "a") == bytes)
                guard case .integer(let left) = try await client.command("PTTL", Array("a".utf8)) else {
                    Issue.record("no life")
                    return
                }
                #expect((1...60_000).contains(left))
                #expect(try await client.remove("a"))
                #expect(try await !client.remove("a"))
                try await client.set("b", to: [], for: .milliseconds(1))
                try await eventually { try await client.value(of: "b") == nil }
            }
            let counter = try metrics.expectCounter("redis.commands", [("outcome", "ok")])
            #expect(counter.totalValue >= 8)
            #expect(try metrics.expectCounter("redis.connections.opened").totalValue == 1)
            #expect(try metrics.expectTimer("redis.command.duration").values.count >= 8)
        }
    }

    @Test(
        "Many commands are under way at once, and each gets its own answer; a large value and a cancelled caller between"
    )
    func pipelining() async throws {
        try await RedisServer.with { server in
            try await withClient(options(of: server.port)) { client in
                try await client.connected()
                let large = [UInt8](repeating: 7, count: 3 << 20)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<2_000 {
                        group.addTask {
                            let text = Array("\(caller)".utf8)
                            if caller % 100 == 0 {
                                let cancelled = Task { try await client.command("ECHO", text) }
                                cancelled.cancel()
                                _ = try? await cancelled.value
                            }
                            let sent = caller % 500 == 0 ? large : text
                            let answer = try await client.command("ECHO", sent)
                            #expect(answer == .bytes(sent))
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("An error of the server's fails its command alone, and nothing of what was sent is in its text")
    func errors() async throws {
        try await RedisServer.with { server in
            try await withClient(options(of: server.port)) { client in
                try await client.connected()
                _ = try await client.command("LPUSH", Array("list".utf8), Array("x".utf8))
                await #expect(throws: RedisError.self) { try await client.value(of: "list") }
                do {
                    _ = try await client.command("NONSENSE", Array("secret-word".utf8))
                    Issue.record("it was not refused")
                } catch let error as RedisError {
                    #expect(error.code.name == "redis.command_failed" && !"\(error)".contains("secret-word"))
                }
                try await client.ping()
            }
        }
    }

    @Test(
        "With TLS, a user and a password; without them, with wrong ones and with a strange certificate it says why not")
    func security() async throws {
        // The rights that Docs/Operations.md names.
        let user = """
            user cog on >word-of-cog resetchannels &cognitionos:* -@all +hello +ping +publish +subscribe +client|setname +select
            """
        try await RedisServer.with(.tls, password: RedisServer.password, settings: [user]) { server in
            func reached(_ change: (inout RedisOptions) -> Void) async throws -> String {
                let chosen = options(of: server.port) {
                    $0.tls = RedisOptions.TLS(rootsPath: server.certificate)
                    change(&$0)
                }
                return try await withClient(chosen) { client in
                    try await eventually {
                        client.standing.isConnected || client.standing.failure?.code != .redisUnreachable
                            || client.standing.failure?.cause != nil
                    }
                    guard client.standing.isConnected else { return client.standing.failure?.code.name ?? "" }
                    let ear = Ear()
                    ear.listen(client, to: "cognitionos:a")
                    try await eventually { ear.starts == 1 }
                    try await client.publish(Array("hi".utf8), to: "cognitionos:a")
                    try await eventually { ear.messages == ["hi"] }
                    try await client.ping()
                    return "ok"
                }
            }
            #expect(try await reached { $0.password = Secret(RedisServer.password) } == "ok")
            #expect(
                try await reached {
                    $0.host = "localhost"
                    $0.user = "cog"
                    $0.password = Secret("word-of-cog")
                    $0.database = 3
                } == "ok")
            #expect(try await reached { _ in } == "redis.refused")
            #expect(try await reached { $0.password = Secret("wrong") } == "redis.refused")
            #expect(try await reached { $0.tls = RedisOptions.TLS() } == "redis.unreachable")
            let url = "rediss://:a%20password%3A%20for%20%2F%20tests%40@127.0.0.1:\(server.port)/1"
            var chosen = try RedisOptions(url: url)
            chosen.tls?.rootsPath = server.certificate
            try await withClient(chosen) { try await $0.connected() }
            // In the clear to a port that speaks TLS, and the other way round.
            #expect(try await reached { $0.tls = nil } != "ok")
            let plain = try await RedisServer.with { plain in
                try await reached {
                    $0.port = plain.port
                    $0.connectTimeout = .milliseconds(500)
                }
            }
            #expect(plain != "ok")
        }
    }

    @Test("A channel that the user may not hear ends the connection with the reason")
    func forbiddenChannel() async throws {
        try await RedisServer.with(settings: ["user default on nopass ~* resetchannels &mine:* +@all"]) { server in
            let client = try await withClient(options(of: server.port)) { client in
                try await client.connected()
                Ear().listen(client, to: "mine:a")
                Ear().listen(client, to: "other:a")
                try await eventually { client.standing.failure?.code == .redisRefused }
                return client
            }
            #expect(await code { try await client.ping() } == "redis.closed")
        }
    }

    @Test(
        "Messages reach every listener in their order, also after the server was killed; commands under way fail and say so"
    )
    func outage() async throws {
        try await RedisServer.with { server in
            let metrics = TestMetrics()
            try await withClient(options(of: server.port), metrics: metrics) { near in
                try await withClient(options(of: server.port)) { far in
                    let ears = [Ear(), Ear()]
                    ears[0].listen(far, to: "news")
                    try await far.connected()
                    try await near.connected()
                    ears[1].listen(near, to: "news")
                    try await eventually { ears.allSatisfy { $0.starts == 1 } }
                    for number in 0..<200 { try await near.publish(Array("\(number)".utf8), to: "news") }
                    let sent = (0..<200).map { "\($0)" }
                    try await eventually { ears.allSatisfy { $0.messages == sent } }

                    for round in 1...2 {
                        // One that the server does not answer before it is killed.
                        let waiting = Task {
                            await code { _ = try await near.command("BLPOP", Array("none".utf8), [0x30]) }
                        }
                        try await eventually {
                            try await far.command("CLIENT", Array("LIST".utf8)).string?.contains("cmd=blpop") == true
                        }
                        server.stop()
                        #expect(await waiting.value == "redis.interrupted")
                        try await eventually { !near.standing.isConnected && !far.standing.isConnected }
                        #expect(await code { try await near.ping() } == "redis.unreachable")
                        try server.start()
                        try await eventually { ears.allSatisfy { $0.starts == 1 + round } }
                        try await near.publish(Array("again \(round)".utf8), to: "news")
                        try await eventually { ears.allSatisfy { $0.messages.last == "again \(round)" } }
                    }
                }
            }
            #expect(try metrics.expectCounter("redis.connections.opened").totalValue == 3)
            #expect(try metrics.expectCounter("redis.messages.published").totalValue == 202)
            #expect(try metrics.expectCounter("redis.messages.received").totalValue == 202)
            #expect(try metrics.expectCounter("redis.commands", [("outcome", "interrupted")]).totalValue == 2)
        }
    }

    @Test("A server that stands still is given up, and found again when it goes on")
    func pausedServer() async throws {
        try await RedisServer.with { server in
            let quick = options(of: server.port) {
                $0.commandTimeout = .seconds(1)
                $0.connectTimeout = .seconds(1)
            }
            try await withClient(quick) { client in
                try await client.connected()
                server.pause(true)
                #expect(await code { try await client.ping() } == "redis.timeout")
                try await eventually { client.standing.failure?.code == .redisTimeout }
                server.pause(false)
                try await eventually { await code { try await client.ping() } == nil }
            }
        }
    }
}
