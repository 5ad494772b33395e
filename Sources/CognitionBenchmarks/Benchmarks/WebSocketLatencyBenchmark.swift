import CognitionCore
import Foundation

/// How soon those who watch an execution are told what happened to it.
struct WebSocketLatencyBenchmark: Benchmark {
    static let name = "websocket-latency"

    private static let missing = "an event until a WebSocket has it"

    /// One task has ended and the next one has started.
    private static let eventsOfTick = 2

    /// A task ends every few milliseconds, each with an append of its own.
    private static func ticking(_ count: Int) -> String {
        """
        document: {dsl: '1.0.0', namespace: default, name: ticking, version: '1.0.0'}
        do:
          - all:
              for: {each: number, in: '${ [range(\(count))] }'}
              do:
                - tick: {call: rehearse, with: {pause: PT0.004S}}
        """
    }

    /// Ends with the commit that starts it.
    private static let brief = """
        document: {dsl: '1.0.0', namespace: default, name: brief, version: '1.0.0'}
        do:
          - done: {set: {done: true}}
        """

    func run(_ bench: Bench) async throws -> [Measurement] {
        let measurements = try ServerProcess.with(bench.folder + "/websocket-latency") { server in
            let user = try ServerUser(on: server)
            let count = bench.size(1_000)
            try user.store(Self.ticking(count + 300))
            try user.store(Self.brief)
            return try [1, 100].map { try watched(by: $0, count, user, bench) }
                + (try afterAnswer(bench.size(500), user, bench))
        }
        return measurements ?? [.missing(Self.missing, Measurement.missingServer)]
    }

    // MARK: One execution, many who watch

    private func watched(by clients: Int, _ count: Int, _ user: ServerUser, _ bench: Bench) throws -> Measurement {
        var fsyncs = try bench.disk.sample(200)
        let id = try user.start("ticking")
        let sockets = try (0..<clients).map { _ in try WebSocketClient(port: user.server.port, token: user.token) }
        for socket in sockets { try socket.subscribe("execution_id", id) }
        // Read later, so that nothing but the receipt takes time here.
        var received: [(at: Timestamp, text: [UInt8])] = []
        while received.count < count * clients * Self.eventsOfTick {
            for place in try readable(sockets.map(\.socket.descriptor)) {
                try sockets[place].receive()
                let now = SystemWallClock().now
                while let text = sockets[place].next() { received.append((now, text)) }
            }
        }
        fsyncs += try bench.disk.sample(200)
        let samples = try received.compactMap { message in
            try Self.time(of: "task.completed", in: message.text).map { (message.at - $0).seconds * 1e3 }
        }
        return Measurement(
            subject:
                "from an append until \(clients == 1 ? "1 WebSocket has" : "\(clients) WebSockets have") the event",
            figure: Self.figures(samples), beside: "of which one fsync: \(Self.figures(fsyncs))")
    }

    /// When the event happened that a message tells about; its execution took the time when it asked for the append.
    private static func time(of event: String, in text: [UInt8]) throws -> Timestamp? {
        let data = try JSONValue(parsing: text)["data"]
        guard data?["event"]?.stringValue == event else { return nil }
        guard let time = data?["time"]?.stringValue.flatMap({ Timestamp($0) }) else {
            throw BenchmarkFailure("a message does not tell when its event happened")
        }
        return time
    }

    // MARK: After the commit

    /// A request is answered as soon as its commit is durable, so the answer is when the commit is known outside.
    private func afterAnswer(_ count: Int, _ user: ServerUser, _ bench: Bench) throws -> [Measurement] {
        let socket = try WebSocketClient(port: user.server.port, token: user.token)
        try socket.subscribe("workflow_id", "default.brief")
        let connection = try HTTPConnection(port: user.server.port)
        var (answers, messages): ([Double], [Double]) = ([], [])
        for number in 0..<count + 50 {
            let times = try race(connection, socket, user.token)
            usleep(2_000)
            guard number >= 50 else { continue }
            answers.append(times.answer)
            messages.append(times.message)
        }
        return [
            Measurement(
                subject: "from a request that appends until a WebSocket has the event", figure: Self.figures(messages),
                beside: "until the request is answered: \(Self.figures(answers))"),
            Measurement(
                subject: "from the commit, as its answer tells, until a WebSocket has the event",
                figure: Self.figures(zip(messages, answers).map { $0 - $1 }),
                beside: "below 0 where the event was there before the answer"),
        ]
    }

    /// Milliseconds until the answer and until the first message have come.
    private func race(
        _ connection: HTTPConnection, _ socket: WebSocketClient, _ token: String
    ) throws -> (answer: Double, message: Double) {
        let start = ContinuousClock.now
        try connection.send(
            "POST", ServerUser.executePath, token: token, type: "application/json",
            body: ServerUser.executeBody("brief"))
        var (answer, message, hasEnded): (Double?, Double?, Bool) = (nil, nil, false)
        while answer == nil || !hasEnded {
            let places = try readable([connection.socket.descriptor, socket.socket.descriptor])
            let now = (ContinuousClock.now - start).seconds * 1e3
            if places.contains(0) {
                guard try connection.answer().status == 202 else { throw BenchmarkFailure("an execution was refused") }
                answer = now
            }
            guard places.contains(1) else { continue }
            try socket.receive()
            while let text = socket.next() {
                message = message ?? now
                hasEnded = try Self.time(of: "execution.completed", in: text) != nil || hasEnded
            }
        }
        return (answer ?? 0, message ?? 0)
    }

    private static func figures(_ times: [Double]) -> String {
        "p50 \(times.median.digits(3)) ms, p99 \(times.percentile(0.99).digits(3)) ms"
    }
}
