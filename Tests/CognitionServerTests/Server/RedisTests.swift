import CognitionCore
import CognitionTestSupport
import Foundation
import Testing

/// Two servers of the real program on one PostgreSQL database, and a Redis server between them.
@Suite("Nodes and Redis", .timeLimit(.minutes(3))) struct RedisTests {
    private static let settings = ["SECURITY_SECRET_KEY": "a key that both nodes know, as they have to"]

    /// - Parameter body: Gets somebody who works on the first node, and the same on the second.
    private func withNodes(
        _ redis: [String: String],
        _ body: @escaping @Sendable (_ near: APIUser, _ far: APIUser) async throws -> Void
    ) async throws {
        try await TestPostgres.withDatabase { url in
            try await withSandbox(on: url) { first in
                try await withSandbox(on: url) { second in
                    let settings = Self.settings.merging(redis) { $1 }
                    let servers = (
                        try await LiveServer.start(in: first, settings),
                        try await LiveServer.start(in: second, settings)
                    )
                    let user = try await servers.0.newUser()
                    let beside = APIUser(
                        server: servers.1, email: user.email, id: user.id, home: user.home, token: user.token,
                        refreshToken: user.refreshToken)
                    try await body(user, beside)
                    for server in [servers.0, servers.1] {
                        let ending = await server.stop()
                        #expect(!ending.errors.contains("\"level\":\"error\""), "\(ending.errors)")
                    }
                }
            }
        }
    }

    @Test(
        "What is appended on one node reaches those who follow on the other, with Redis, without it and again with it")
    func events() async throws {
        try await RedisServer.with(.tls, password: RedisServer.password) { redis in
            let settings = [
                "REDIS_URL": "rediss://:a%20password%3A%20for%20%2F%20tests%40@localhost:\(redis.port)",
                "REDIS_TLS_ROOT_CERTIFICATE": redis.certificate,
            ]
            try await withNodes(settings) { near, far in
                try await far.following(path: "/api/v3/events") { events in
                    try await standing("HEALTHY", [near, far])
                    try await arrives("1", near, &events)
                    try await heard(by: far)
                    redis.stop()
                    try await standing("DEGRADED", [near, far])
                    try await arrives("2", near, &events)
                    try redis.start()
                    try await standing("HEALTHY", [near, far])
                    let before = try await received(by: far)
                    try await arrives("3", near, &events)
                    while try await received(by: far) == before {}
                }
                let doctor = try await near.server.sandbox.run("doctor", environment: settings)
                #expect(doctor.output.contains("redis"), "\(doctor.output)")
            }
        }
    }

    /// Appends an event, and waits for it.
    private func arrives(_ id: String, _ near: APIUser, _ events: inout ServerSentEventStream) async throws {
        let answer = try await near.post(
            "streams/order/\(id)", ["events": [["type": "order.placed", "data": ["n": 1]]]])
        try #require(answer.status == 201, "\(answer)")
        while let event = try await events.next() {
            if event.type == "order.placed", event.data["stream_id"]?.stringValue == id { return }
        }
        throw TestFailure("the stream has ended")
    }

    /// Waits until the health of both says so of Redis and, as nothing else is wrong, of the whole.
    private func standing(_ status: JSONValue, _ users: [APIUser]) async throws {
        for user in users {
            while true {
                let health = try await user.server.send(
                    "GET", "/api/v3/health/system", token: user.server.operatorToken())
                let found = health.json["checks"]?["redis"]?["status"]
                if found == status, status == "HEALTHY" || health.json["status"] == status { break }
            }
        }
    }

    private func heard(by user: APIUser) async throws { while try await received(by: user) == 0 {} }

    private func received(by user: APIUser) async throws -> Double {
        let answer = try await user.server.send("GET", "/metrics")
        let name = "redis_messages_received_total "
        let line = String(decoding: answer.body, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Double($0.dropFirst(name.count)) } ?? 0
    }

    @Test(
        "Words of a model reach watchers on the node that does not run the task: those from before, new ones and a reset"
    )
    func words() async throws {
        let model = ScriptedModel()
        try await withPeer(model.serve) { peer in
            try await RedisServer.with { redis in
                let settings = ["REDIS_URL": "redis://127.0.0.1:\(redis.port)"].merging(model.environment(peer)) { $1 }
                try await withNodes(settings) { near, far in
                    try await standing("HEALTHY", [near, far])
                    try await near.store(
                        "ask", do: "[{ask: {call: llm, with: {provider: openai, model: m, prompt: Hi}}}]")
                    let id = try await near.start("ask")
                    try await near.following(id) { beside in
                        #expect(try await beside.text(until: "Hello, there") == "Hello, there")
                        try await far.following(id) { events in
                            #expect(
                                try await events.next(of: ["token"]).data == [
                                    "task": 1, "name": "ask", "attempt": 1, "offset": 0, "text": "Hello, there",
                                ])
                            try await withSocket(to: far.server.port) { socket in
                                var client = try await WebSocketClient(socket, token: far.token)
                                try await client.send(["action": "subscribe", "execution_id": .string(id)])
                                #expect(try await client.next()["type"] == "subscribed")
                                #expect(try await client.next()["data"]?["text"] == "Hello, there")
                                model.goOn()
                                #expect(try await events.next(of: ["token_reset"]).data["attempt"] == 1)
                                #expect(try await client.next()["data"]?["type"] == "task.token_reset")
                                _ = try await client.messages(until: "execution.completed")
                            }
                            while try await events.next() != nil {}
                        }
                    }
                }
            }
        }
    }

    @Test("A server starts without the Redis that it is told of, and says so; what cannot be an address is refused")
    func absent() async throws {
        try await withNodes(["REDIS_HOST": "127.0.0.1", "REDIS_PORT": "1", "REDIS_PASSWORD": "secret-word"]) {
            near, far in
            try await standing("DEGRADED", [near, far])
            try await far.following(path: "/api/v3/events") { try await arrives("1", near, &$0) }
            let sandbox = near.server.sandbox
            let doctor = try await sandbox.run("doctor", environment: ["REDIS_HOST": "127.0.0.1", "REDIS_PORT": "1"])
            #expect(doctor.output.contains("redis.unreachable"), "\(doctor.output)")
            let wrong = try await sandbox.run("check", environment: ["REDIS_URL": "http://u:secret-word@h"])
            #expect(
                wrong.exitCode == 1 && (wrong.output + wrong.errors).contains("redis.configuration_invalid"), "\(wrong)"
            )
            #expect(!wrong.output.contains("secret-word") && !wrong.errors.contains("secret-word"))
            let certificates = try await sandbox.run(
                "check", environment: ["REDIS_URL": "rediss://h", "REDIS_TLS_ROOT_CERTIFICATE": "/nowhere"])
            #expect(
                certificates.exitCode == 1 && (certificates.output + certificates.errors).contains("/nowhere"),
                "\(certificates)")
        }
    }
}
