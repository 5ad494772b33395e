import CognitionCore
import Foundation

/// Many WebSockets at once, beside servers of others that do nothing but pass on: all load comes from one thread of this
/// process, on the same cores.
struct WebSocketCrowdBenchmark: Benchmark {
    static let name = "websocket-crowd"

    private static let crowd = 1_000
    private static let stopped = 50
    private static let perSecond = 50
    private static let inFlight = 8

    /// What one server has shown; times in milliseconds.
    private struct Showing {
        let name: String
        var handshakes: [Double] = []
        var steady: [Double] = []
        var besideStopped: [Double] = []
        var deliveries: Double?
        var idleKibibytes: Double?
        var stormSeconds: Double?
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        let own = try ServerProcess.with(bench.folder + "/websocket-crowd") { server in
            let user = try ServerUser(on: server)
            var showings = [try executions(user, bench)]
            // With nobody left of the first.
            usleep(500_000)
            if let room = try room(user, bench) { showings.append(room) }
            return showings
        }
        guard let own else { return [.missing(Self.name, Measurement.missingServer)] }
        var peers: [Showing] = []
        for name in SocketPeer.names {
            do {
                guard let peer = try SocketPeer.start(name, folder: bench.folder) else { continue }
                defer { peer.stop() }
                peers.append(try passing(peer, bench))
            } catch let failure as BenchmarkFailure {
                // One that breaks under the load is no reason not to measure the others.
                Terminal.progress("\(name): \(failure)")
            }
        }
        return report(own, peers, bench)
    }

    // MARK: Servers

    /// Ours, where what is told are the events of executions: each of them is durable before anybody hears of it.
    private func executions(_ user: ServerUser, _ bench: Bench) throws -> Showing {
        var showing = Showing(name: "executions")
        let seconds = bench.size(5)
        try user.store(Self.brief)
        try user.store(Self.ticking((2 * seconds + 20) * Self.perSecond / 2))
        let ended = try user.start("brief", waitSeconds: 10)
        try idle(&showing, door(user, ["execution_id": .string(ended)]), bench) { try user.server.residentBytes() }

        let ticking = try user.start("ticking")
        try withSwarm(door(user, ["execution_id": .string(ticking)])) { swarm in
            showing.handshakes = try swarm.open(Self.crowd)
            showing.steady = try latencies(swarm, seconds, publish: nil, Self.timeOfEvent)
            swarm.stopReading(Self.stopped)
            showing.besideStopped = try latencies(swarm, seconds, publish: nil, Self.timeOfEvent)
        }
        try withSwarm(door(user, ["workflow_id": "default.brief"])) { swarm in
            _ = try swarm.open(Self.crowd)
            let connections = try (0..<Self.inFlight).map { _ in try HTTPConnection(port: user.server.port) }
            var started = 0
            func publish() throws {
                let connection = connections[started % connections.count]
                // Its execution before this one has ended, so its answer is there.
                if started >= connections.count { _ = try connection.answer() }
                started += 1
                try connection.send(
                    "POST", ServerUser.executePath, token: user.token, type: "application/json",
                    body: ServerUser.executeBody("brief"))
            }
            // How many messages one execution is to each.
            try publish()
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .seconds(1) { try swarm.turn(milliseconds: 50) { _, _ in } }
            let each = swarm.received / Self.crowd
            showing.deliveries = try rate(swarm, seconds, messages: max(1, each), publish: publish)
        }
        try storm(&showing, resuming(user, ended), bench)
        return showing
    }

    /// Ours, where somebody publishes to a room; `nil` where the server has none.
    private func room(_ user: ServerUser, _ bench: Bench) throws -> Showing? {
        let publisher = try WebSocketClient(port: user.server.port, token: user.token)
        let target: JSONObject = ["room": "bench:hall", "presence": false]
        var asking = target
        asking["action"] = "subscribe"
        try publisher.send(.object(asking))
        guard try publisher.answer(of: ["subscribed", "error"])["type"] == "subscribed" else { return nil }
        try publisher.send(["action": "unsubscribe", "room": "bench:hall"])
        var showing = Showing(name: "room")
        try withSwarm(door(user, target)) { swarm in
            try measure(&showing, swarm, bench) { content in
                try publisher.send(["action": "publish", "room": "bench:hall", "content": content])
            }
        }
        return showing
    }

    /// One of others.
    private func passing(_ peer: SocketPeer, _ bench: Bench) throws -> Showing {
        var showing = Showing(name: peer.name)
        let door = SocketSwarm.Door(port: peer.port, path: "/sub")
        try idle(&showing, door, bench) { try peer.residentBytes() }
        let publisher = try WebSocketClient(port: peer.port, path: "/pub")
        try withSwarm(door) { swarm in
            try measure(&showing, swarm, bench) { content in
                // As many bytes as a message of a room has around its content.
                try publisher.send(["content": content, "pad": .string(String(repeating: "x", count: 190))])
            }
        }
        try storm(&showing, door, bench)
        return showing
    }

    // MARK: What is measured

    private func measure(
        _ showing: inout Showing, _ swarm: SocketSwarm, _ bench: Bench, publish: @escaping (JSONValue) throws -> Void
    ) throws {
        let seconds = bench.size(5)
        let pad = JSONValue.string(String(repeating: "x", count: 150))
        func stamped() throws {
            try publish(["sent": .integer(SystemWallClock().now.microseconds), "pad": pad])
        }
        showing.handshakes = try swarm.open(Self.crowd)
        showing.steady = try latencies(swarm, seconds, publish: stamped, Self.timeSent)
        swarm.stopReading(Self.stopped)
        showing.besideStopped = try latencies(swarm, seconds, publish: stamped, Self.timeSent)
        swarm.stopReading(0)
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(2) { try swarm.turn(milliseconds: 50) { _, _ in } }
        showing.deliveries = try rate(swarm, seconds, messages: 1, publish: stamped)
    }

    /// Before anything else, as memory that was let go of is taken again without a trace.
    private func idle(
        _ showing: inout Showing, _ door: SocketSwarm.Door, _ bench: Bench, _ resident: () throws -> Int
    ) throws {
        let count = bench.size(10_000)
        let before = try resident()
        try withSwarm(door) { swarm in
            while swarm.count < count { _ = try swarm.open(min(1_000, count - swarm.count)) }
            usleep(500_000)
            showing.idleKibibytes = Double(try resident() - before) / Double(count) / 1_024
        }
        usleep(1_000_000)
    }

    private func storm(_ showing: inout Showing, _ door: SocketSwarm.Door, _ bench: Bench) throws {
        usleep(500_000)
        try withSwarm(door) { swarm in
            _ = try swarm.open(bench.size(5_000))
            swarm.closeAll()
            let start = ContinuousClock.now
            _ = try swarm.open(bench.size(5_000))
            showing.stormSeconds = (ContinuousClock.now - start).seconds
        }
        usleep(500_000)
    }

    /// Milliseconds from each message until each of the crowd has it, `perSecond` a second.
    private func latencies(
        _ swarm: SocketSwarm, _ seconds: Int, publish: (() throws -> Void)?,
        _ time: (UnsafeRawBufferPointer) -> Timestamp?
    ) throws -> [Double] {
        var times: [Double] = []
        let start = ContinuousClock.now
        var next = start
        let (warm, end) = (start + .seconds(1), start + .seconds(seconds + 1))
        while true {
            let now = ContinuousClock.now
            guard now < end else { return times }
            if let publish, now >= next {
                try publish()
                next += .microseconds(1_000_000 / Self.perSecond)
            }
            let wait = publish == nil ? 20 : max(0, min(20, (next - ContinuousClock.now).seconds * 1e3))
            try swarm.turn(milliseconds: Int32(wait.rounded(.up))) { payload, now in
                guard let sent = time(payload), ContinuousClock.now > warm else { return }
                times.append((now - sent).seconds * 1e3)
            }
        }
    }

    /// Deliveries a second with so many messages on the way at any time.
    private func rate(
        _ swarm: SocketSwarm, _ seconds: Int, messages: Int, publish: () throws -> Void
    ) throws -> Double {
        let first = swarm.received
        var published = 0
        let start = ContinuousClock.now
        var end = start
        while end - start < .seconds(seconds) {
            let through = (swarm.received - first) / (Self.crowd * messages)
            while published - through < Self.inFlight {
                try publish()
                published += 1
            }
            try swarm.turn(milliseconds: 100) { _, _ in }
            end = .now
        }
        return Double(swarm.received - first) / (end - start).seconds
    }

    private func withSwarm(_ door: SocketSwarm.Door, _ body: (SocketSwarm) throws -> Void) throws {
        let swarm = SocketSwarm(door)
        defer { swarm.closeAll() }
        try body(swarm)
    }

    // MARK: Ours

    private func door(_ user: ServerUser, _ target: JSONObject) -> SocketSwarm.Door {
        var greeting = target
        greeting["action"] = "subscribe"
        return SocketSwarm.Door(
            port: user.server.port, path: "/ws/connect", headers: ["Authorization: Bearer \(user.token)"],
            greeting: JSONValue.object(greeting).jsonBytes, welcome: Array(#""subscribed""#.utf8))
    }

    /// As a client that comes back: everything after the beginning of an execution.
    private func resuming(_ user: ServerUser, _ execution: String) throws -> SocketSwarm.Door {
        let client = try WebSocketClient(port: user.server.port, token: user.token)
        try client.send(["action": "subscribe", "execution_id": .string(execution)])
        let place = try client.message(of: "subscribed")
        let since: JSONValue = ["epoch": place["epoch"] ?? .null, "offset": 0]
        return door(user, ["execution_id": .string(execution), "since": since])
    }

    private static func timeOfEvent(_ payload: UnsafeRawBufferPointer) -> Timestamp? {
        // One of a moment in which a task ends and the next one starts.
        guard payload.position(of: Array("task.completed".utf8)) != nil,
            let place = payload.position(of: Array(#""time":""#.utf8)), payload.count > place + 40
        else { return nil }
        return Timestamp(String(decoding: payload[(place + 8)...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self))
    }

    private static func timeSent(_ payload: UnsafeRawBufferPointer) -> Timestamp? {
        guard let place = payload.position(of: Array(#""sent":"#.utf8)) else { return nil }
        let digits = payload[(place + 7)...].prefix { (0x30...0x39).contains($0) }
        return Timestamp(microseconds: digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) })
    }

    /// Ends with the commit that starts it.
    private static let brief = """
        document: {dsl: '1.0.0', namespace: default, name: brief, version: '1.0.0'}
        do:
          - done: {set: {done: true}}
        """

    /// Two events at each tick.
    private static func ticking(_ count: Int) -> String {
        """
        document: {dsl: '1.0.0', namespace: default, name: ticking, version: '1.0.0'}
        do:
          - all:
              for: {each: number, in: '${ [range(\(count))] }'}
              do:
                - tick: {call: rehearse, with: {pause: PT0.04S}}
        """
    }

    // MARK: Report

    private func report(_ own: [Showing], _ peers: [Showing], _ bench: Bench) -> [Measurement] {
        func line(_ subject: String, _ figure: (Showing) -> String?) -> Measurement {
            func list(_ showings: [Showing]) -> String {
                showings.compactMap { one in figure(one).map { "\(one.name) \($0)" } }.joined(separator: "; ")
            }
            return Measurement(subject: subject, figure: list(own), beside: list(peers))
        }
        func times(_ times: [Double]) -> String? {
            times.isEmpty
                ? nil : "p50 \(times.median.digits(1)), p99 \(times.percentile(0.99).digits(1)) ms"
        }
        let storm = bench.size(5_000), idle = bench.size(10_000)
        return [
            line("\(Self.crowd.grouped) WebSockets in one subscription, \(Self.perSecond) messages a second") {
                times($0.steady)
            },
            line("the same, while \(Self.stopped) of them read nothing: the others") { times($0.besideStopped) },
            line("deliveries to \(Self.crowd.grouped), \(Self.inFlight) on the way") {
                $0.deliveries.map { "\($0.grouped)/s" }
            },
            line("handshakes while \(Self.crowd.grouped) connect at once") {
                $0.handshakes.isEmpty ? nil : "p99 \($0.handshakes.percentile(0.99).digits(0)) ms"
            },
            line("resident memory of each of \(idle.grouped) idle WebSockets") {
                $0.idleKibibytes.map { "\($0.digits(1)) KiB" }
            },
            line("\(storm.grouped) that come back at once, until the last is told everything") {
                $0.stormSeconds.map { "\($0.digits(2)) s" }
            },
        ]
    }
}

extension Int {
    fileprivate var grouped: String { Double(self).grouped }
}
