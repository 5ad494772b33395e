import CognitionCore
import Synchronization
import Testing

@Suite("Words of language models while they come", .timeLimit(.minutes(2))) struct TokenStreamTests {
    private static let task = "[{ask: {call: llm, with: {provider: openai, model: m, prompt: Hi}}}]"

    @Test("Watchers get the words as they come, late ones the text so far, and a reset before another attempt")
    func live() async throws {
        let model = ScriptedModel()
        try await withServer(of: model) { server in
            let user = try await server.newUser()
            try await user.store("ask", do: Self.task)
            let id = try await user.start("ask")
            try await user.following(id) { early in
                #expect(try await early.text(until: "Hello, there") == "Hello, there")
                try await user.following(id) { late in
                    #expect(
                        try await late.next(of: ["token"]).data == [
                            "task": 1, "name": "ask", "attempt": 1, "offset": 0, "text": "Hello, there",
                        ])
                    try await withSocket(to: server.port) { socket in
                        var client = try await WebSocketClient(socket, token: user.token)
                        try await client.send(["action": "subscribe", "execution_id": .string(id)])
                        #expect(try await client.next()["type"] == "subscribed")
                        #expect(
                            try await client.next() == [
                                "type": "event",
                                "data": [
                                    "type": "task.token", "execution_id": .string(id), "task": 1, "name": "ask",
                                    "attempt": 1, "offset": 0, "text": "Hello, there",
                                ],
                            ])
                        // The connection of the first attempt breaks off here; the second brings the answer.
                        model.goOn()
                        let messages = try await client.messages(until: "execution.completed")
                        #expect(messages.first?["type"] == "task.token_reset" && messages.first?["attempt"] == 1)
                        #expect(messages.filter { $0["type"] == "task.token" }.text == "Good-bye")
                        let place = messages.lastIndex { $0["type"] == "task.token" }
                        let end = messages.firstIndex { $0["event"] == "task.completed" }
                        #expect(place != nil && end != nil && place! < end!, "\(messages)")
                    }
                    try await expectEnd(of: &late)
                }
                try await expectEnd(of: &early)
            }
            #expect(try await user.get("workflows/executions/\(id)").json["output"]?["text"] == "Good-bye")
        }
    }

    private func expectEnd(of stream: inout ServerSentEventStream) async throws {
        var events: [ServerSentEvent] = []
        while let event = try await stream.next() { events.append(event) }
        let types = events.map(\.type)
        #expect(types.filter { $0 != "token" } == ["token_reset", "task.completed", "execution.completed"], "\(types)")
        #expect(types.first == "token_reset" && types.dropFirst().first == "token", "\(types)")
        #expect(events.filter { $0.type == "token" }.map(\.data).text == "Good-bye")
        #expect(events.allSatisfy { ($0.id == 0) == $0.type.hasPrefix("token") }, "tokens have no id")
    }

    @Test("Who does not want them gets none, and a stranger neither")
    func unwanted() async throws {
        let model = ScriptedModel()
        try await withServer(of: model) { server in
            let (user, stranger) = (try await server.newUser(), try await server.newUser())
            try await user.store("ask", do: Self.task)
            let id = try await user.start("ask")
            try await user.following(id) { early in
                _ = try await early.text(until: "Hello, there")
                try await stranger.get("workflows/executions/\(id)/events", headers: [("Accept", "text/event-stream")])
                    .expectProblem(404, "workflow.execution_not_found")
                try await withSocket(to: server.port) { socket in
                    var client = try await WebSocketClient(socket, token: user.token)
                    try await client.send(["action": "subscribe", "execution_id": .string(id), "tokens": false])
                    #expect(try await client.next()["type"] == "subscribed")
                    try await user.following(id, query: "?tokens=false") { plain in
                        model.goOn()
                        var types: [String] = []
                        while let event = try await plain.next() { types.append(event.type) }
                        #expect(types.last == "execution.completed" && !types.contains { $0.hasPrefix("token") })
                    }
                    let messages = try await client.messages(until: "execution.completed")
                    #expect(messages.allSatisfy { $0["event"] != nil }, "\(messages)")
                }
            }
            let answer = try await user.get(
                "workflows/executions/\(id)/events?tokens=maybe", headers: [("Accept", "text/event-stream")])
            answer.expectProblem(400, "request.parameter_invalid")
        }
    }

    @Test("Commands print them, with a server and without")
    func commands() async throws {
        let model = ScriptedModel()
        try await withServer(of: model) { server in
            let file = try server.sandbox.file("ask.yaml", APIUser.document("ask", "1.0.0", Self.task))
            let run = try server.sandbox.start("workflow", "run", file, "--tokens")
            let started = try await run.errors.line { $0.contains("execution ") }
            let words = started.split(separator: " ").map(String.init)
            let id = try #require(words.first { $0.count == 36 })
            _ = try await run.errors.line { $0.hasSuffix("── ask") }
            let watch = try server.sandbox.start("execution", "watch", id, "--tokens")
            _ = try await watch.output.line { $0.hasSuffix("── ask") }
            model.goOn()
            let endings = (await run.ending(), await watch.ending())
            #expect(endings.0.exitCode == 0 && endings.1.exitCode == 0, "\(endings)")
            for text in [endings.0.errors, endings.1.output] {
                let lines = text.split(separator: "\n").map(String.init)
                #expect(lines.contains("Hello, there") && lines.contains("Good-bye"), "\(text)")
                #expect(lines.contains { $0.hasPrefix("── ask: void, as ") }, "\(text)")
            }
        }
        try await embedded()
    }

    private func embedded() async throws {
        let model = ScriptedModel()
        try await withPeer(model.serve) { peer in
            try await withSandbox { sandbox in
                let file = try sandbox.file("ask.yaml", APIUser.document("ask", "1.0.0", Self.task))
                let run = try sandbox.start("workflow", "run", file, "--tokens", environment: model.environment(peer))
                _ = try await run.errors.line { $0.hasSuffix("── ask") }
                model.goOn()
                let ending = await run.ending()
                #expect(ending.exitCode == 0 && ending.errors.contains("\nGood-bye\n"), "\(ending)")
            }
        }
    }

    private func withServer(
        of model: ScriptedModel, _ body: @escaping @Sendable (LiveServer) async throws -> Void
    ) async throws {
        try await withPeer(model.serve) { peer in
            try await withSandbox { sandbox in
                let server = try await LiveServer.start(in: sandbox, model.environment(peer))
                try await body(server)
                _ = await server.stop()
            }
        }
    }
}

/// A model that speaks as OpenAI's API does: its first answer breaks off once it is told to go on, the second is whole.
final class ScriptedModel: Sendable {
    private let isToldToGoOn: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let requests = Mutex(0)

    init() { (isToldToGoOn, continuation) = AsyncStream.makeStream(of: Void.self) }

    func goOn() { continuation.yield() }

    func environment(_ peer: Peer) -> [String: String] {
        ["LLM_OPENAI_BASE_URL": peer.base + "/v1", "LLM_OPENAI_API_KEY": "a-key"]
    }

    @Sendable func serve(_ connection: inout PeerConnection) async throws {
        guard try await connection.request() != nil else { return }
        let number = requests.withLock { requests in
            requests += 1
            return requests
        }
        try await connection.write(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        if number == 1 {
            for word in ["Hello", ", ", "there"] { try await connection.write(Self.chunk(#"{"content":"\#(word)"}"#)) }
            for await _ in isToldToGoOn { break }
        } else {
            for word in ["Good", "-bye"] { try await connection.write(Self.chunk(#"{"content":"\#(word)"}"#)) }
            try await connection.write(Self.chunk("{}", finish: "\"stop\""))
            try await connection.write(Self.chunk(of: "data: [DONE]\n\n") + "0\r\n\r\n")
        }
    }

    private static func chunk(_ delta: String, finish: String = "null") -> String {
        chunk(
            of: """
                data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,\
                "delta":\(delta),"finish_reason":\(finish)}]}


                """)
    }

    private static func chunk(of text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
    }
}

extension ServerSentEventStream {
    /// The next event of these types; others are passed over.
    mutating func next(of types: Set<String>) async throws -> ServerSentEvent {
        while let event = try await next() {
            if types.contains(event.type) { return event }
        }
        throw TestFailure("the stream has ended without \(types)")
    }

    /// The text that has come once it ends like this.
    mutating func text(until end: String) async throws -> String {
        var pieces: [JSONValue] = []
        while !pieces.text.hasSuffix(end) { pieces.append(try await next(of: ["token"]).data) }
        return pieces.text
    }
}

extension WebSocketClient {
    /// The `data` of all messages until an event of this type.
    mutating func messages(until event: String) async throws -> [JSONValue] {
        var messages: [JSONValue] = []
        while messages.last?["event"]?.stringValue != event { messages.append(try await next()["data"] ?? .null) }
        return messages
    }
}

extension [JSONValue] {
    /// Pieces put together, each where it says.
    var text: String {
        reduce(into: "") { text, piece in
            let offset = piece["offset"]?.integerValue ?? -1
            text = offset == 0 ? "" : offset == text.utf8.count ? text : "[\(offset) after \(text.utf8.count)]"
            text += piece["text"]?.stringValue ?? ""
        }
    }
}
