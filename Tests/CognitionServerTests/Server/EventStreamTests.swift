import CognitionCore
import Testing

extension ServerTests {
    @Suite("Server-sent events") struct EventStreamTests {
        /// Five tasks with an effect each, so that there are events of several commits.
        private static let tasks =
            "[{a: {wait: {milliseconds: 1}}}, {b: {wait: {milliseconds: 1}}}, {c: {set: {n: 1}}}]"

        @Test("A stream has what the pages have, ends with the execution, and goes on where it was left")
        func resume() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("short", do: Self.tasks)
            let id = try await user.run("short").text("id")
            let pages = try await user.all("workflows/executions/\(id)/events", limit: 2)
            let all = try await user.stream(of: id)
            #expect(all.map(\.data) == pages)
            #expect(all.map(\.id) == pages.compactMap { $0["position"]?.integerValue })
            #expect(all.map(\.type) == pages.compactMap { $0["type"]?.stringValue })
            for (index, event) in all.enumerated().dropLast() {
                #expect(try await user.stream(of: id, after: event.id) == Array(all[(index + 1)...]))
            }
            let last = try #require(all.last)
            for id in [id, id.uppercased()] {
                let after = try await user.get(
                    "workflows/executions/\(id)/events",
                    headers: [("Accept", "text/event-stream"), ("Last-Event-ID", "\(last.id)")])
                #expect(after.status == 204, "\(after)")
            }
        }

        @Test("A stream of a running execution brings its end")
        func follows() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("slow", do: "[{rest: {wait: {minutes: 10}}}]")
            let id = try await user.start("slow")
            let events = try await user.following(id) { stream in
                var events = [try #require(try await stream.next())]
                #expect(try await user.post("workflows/executions/\(id)/cancel").status < 300)
                while let event = try await stream.next() { events.append(event) }
                return events
            }
            #expect(
                events.first?.type == "execution.started" && events.last?.type == "execution.cancelled", "\(events)")
            #expect(try await user.stream(of: id) == events)
        }

        @Test("A stream ends with the session of whoever watches")
        func loggedOut() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("rest", do: "[{rest: {wait: {minutes: 10}}}]")
            let id = try await user.start("rest")
            let last = try await user.following(id) { stream in
                var last = try #require(try await stream.next())
                #expect(try await user.post("auth/logout").status == 204)
                while let event = try await stream.next() { last = event }
                return last
            }
            #expect(!["execution.completed", "execution.cancelled", "execution.faulted"].contains(last.type))
        }

        @Test("Many watch the same execution, and each sees the same")
        func watchers() async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("wait", do: "[{a: {wait: {milliseconds: 300}}}, {b: {wait: {milliseconds: 1}}}]")
            let id = try await user.start("wait")
            let seen = try await withThrowingTaskGroup(of: [ServerSentEvent].self) { group in
                for _ in 0..<12 { group.addTask { try await user.stream(of: id) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(seen.map { $0.map(\.id) }).count == 1)
            #expect(seen[0].last?.type == "execution.completed")
        }

        @Test("What is no position is refused", arguments: ["x", "-1", "", "1.5", "9223372036854775808"])
        func badPosition(id last: String) async throws {
            let user = try await LiveServer.current.newUser()
            try await user.store("one", do: "[{a: {set: {x: 1}}}]")
            let id = try await user.run("one").text("id")
            let answer = try await user.get(
                "workflows/executions/\(id)/events",
                headers: [("Accept", "text/event-stream"), ("Last-Event-ID", last)])
            answer.expectProblem(400, "request.parameter_invalid")
        }
    }
}

/// One event of a stream as WHATWG HTML has it.
struct ServerSentEvent: Sendable, Hashable {
    var id: Int64 = 0
    var type = ""
    var data: JSONValue = .null
}

/// Reads events off a connection.
struct ServerSentEventStream {
    var socket: RawSocket
    private var unread = ""

    fileprivate init(_ socket: RawSocket) { self.socket = socket }

    /// The next event; `nil` at the end of the answer.
    mutating func next() async throws -> ServerSentEvent? {
        while true {
            if let end = unread.firstRange(of: "\n\n") {
                let block = unread[..<end.lowerBound]
                unread = String(unread[end.upperBound...])
                if let event = try Self.event(block) { return event }
                continue
            }
            guard let chunk = try await socket.chunk() else { return nil }
            unread += String(decoding: chunk, as: UTF8.self)
        }
    }

    /// - Returns: `nil` for a comment or a wish for the time between two tries.
    private static func event(_ block: Substring) throws -> ServerSentEvent? {
        var event = ServerSentEvent()
        for line in block.split(separator: "\n") {
            let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = pair.count == 2 ? String(pair[1].drop { $0 == " " }) : ""
            switch pair[0] {
            case "id": event.id = Int64(value) ?? -1
            case "event": event.type = value
            case "data": event.data = try JSONValue(parsing: value)
            case "", "retry": break
            default: throw TestFailure("no field of an event: \(line)")
            }
        }
        return event.type.isEmpty ? nil : event
    }
}

extension APIUser {
    /// Every event of an execution's stream until its end.
    func stream(of id: String, after last: Int64? = nil) async throws -> [ServerSentEvent] {
        try await following(id, after: last) { stream in
            var events: [ServerSentEvent] = []
            while let event = try await stream.next() { events.append(event) }
            return events
        }
    }

    /// Lends the stream of an execution's events to `body`.
    func following<Result: Sendable>(
        _ id: String, after last: Int64? = nil, query: String = "",
        _ body: (inout ServerSentEventStream) async throws -> Result
    ) async throws -> Result {
        try await following(path: "/api/v3/workflows/executions/\(id)/events\(query)", after: last, body)
    }

    /// Lends a stream of events to `body`.
    func following<Result: Sendable>(
        path: String, after last: Int64? = nil, _ body: (inout ServerSentEventStream) async throws -> Result
    ) async throws -> Result {
        let headers = [("Accept", "text/event-stream")] + (last.map { [("Last-Event-ID", "\($0)")] } ?? [])
        return try await withSocket(to: server.port) { socket in
            try await socket.write(LiveServer.request("GET", path, token: token, headers: headers))
            let head = try await socket.head()
            #expect(head.status == 200 && head.mediaType == "text/event-stream", "\(head)")
            var stream = ServerSentEventStream(socket)
            return try await body(&stream)
        }
    }
}
