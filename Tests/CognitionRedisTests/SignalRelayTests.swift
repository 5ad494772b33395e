import CognitionCore
import CognitionRedis
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

/// Wake-ups of nodes over a real server.
@Suite("Wake-ups over Redis", .timeLimit(.minutes(1))) struct SignalRelayTests {
    /// A node that counts who is woken.
    private final class Node: Sendable {
        let signals = Signals()
        private let counts = Mutex<[String: Int]>([:])

        subscript(topic: String) -> Int { counts.withLock { $0[topic] ?? 0 } }

        func run(_ name: String, _ channel: String, over client: RedisClient) async {
            await withTaskGroup(of: Void.self) { group in
                for topic in ["log", "mails"] {
                    let wakeUps = signals.wakeUps(for: SignalTopic(name: topic))
                    group.addTask {
                        for await _ in wakeUps { self.counts.withLock { $0[topic, default: 0] += 1 } }
                    }
                }
                let relay = SignalRelay(signals, over: client, channel: channel, node: name)
                group.addTask { await relay.run() }
            }
        }
    }

    @Test("Another node of the same channel is woken for what was said, nobody else is, and all are after an outage")
    func wakes() async throws {
        try await RedisServer.with { server in
            let nodes = (0..<3).map { _ in Node() }
            // A channel has one listener in each client, and so nodes have clients of their own.
            try await withClient(options(of: server.port)) { first in
                try await withClient(options(of: server.port)) { second in
                    try await withClient(options(of: server.port)) { third in
                        for client in [first, second, third] { try await client.connected() }
                        await withThrowingTaskGroup(of: Void.self) { group in
                            group.addTask { await nodes[0].run("a", "one", over: first) }
                            group.addTask { await nodes[1].run("b", "one", over: second) }
                            group.addTask { await nodes[2].run("c", "other", over: third) }
                            group.addTask { try await self.check(nodes, server, third) }
                            // The first to end is the check.
                            do { try await group.next() } catch { Issue.record(error) }
                            group.cancelAll()
                        }
                    }
                }
            }
        }
    }

    private func check(_ nodes: [Node], _ server: RedisServer, _ stranger: RedisClient) async throws {
        // Each is woken once when it begins to listen.
        try await eventually { nodes.allSatisfy { $0["log"] == 1 && $0["mails"] == 1 } }
        nodes[0].signals.wake(["log"])
        try await eventually { nodes[1]["log"] == 2 }
        for message in ["", " ", "x", "\u{0}\n", String(repeating: "mails ", count: 2_000), "a log mails"] {
            try await stranger.publish(Array(message.utf8), to: "one")
        }
        try await stranger.publish([0xFF, 0x20, 0x6C], to: "one")
        // One node takes the last but one as its own, the other as a neighbour's.
        try await eventually { nodes[1]["mails"] == 2 && nodes[1]["log"] == 3 }
        #expect(nodes[0]["log"] == 2 && nodes[0]["mails"] == 1, "its own wake-up, and no other")
        #expect(nodes[2]["log"] == 1 && nodes[2]["mails"] == 1, "another channel")
        server.stop()
        nodes[0].signals.wake(["log"])
        try server.start()
        try await eventually { nodes[1]["log"] == 4 && nodes[1]["mails"] == 3 && nodes[2]["log"] == 2 }
    }

    @Test("Many wake-ups are few messages, and the last is not left out")
    func together() async throws {
        try await RedisServer.with { server in
            try await withClient(options(of: server.port)) { near in
                try await withClient(options(of: server.port)) { far in
                    for client in [near, far] { try await client.connected() }
                    let ear = Ear()
                    ear.listen(far, to: "one")
                    try await eventually { ear.starts == 1 }
                    let signals = Signals()
                    let relay = SignalRelay(signals, over: near, channel: "one", node: "a")
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { await relay.run() }
                        group.addTask {
                            try await eventually {
                                signals.wake(["start"])
                                await Task.yield()
                                return !ear.messages.isEmpty
                            }
                            for _ in 0..<10_000 { signals.wake(["log", "executions"]) }
                            signals.wake(["end"])
                            try await eventually { ear.messages.last?.contains("end") == true }
                        }
                        try await group.next()
                        group.cancelAll()
                    }
                    #expect(ear.messages.count < 100)
                    #expect(ear.messages.contains { $0.hasPrefix("a ") && $0.contains("executions log") })
                }
            }
        }
    }
}
