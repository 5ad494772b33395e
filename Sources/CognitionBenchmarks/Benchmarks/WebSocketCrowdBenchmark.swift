import CognitionCore
import Foundation

/// Many WebSockets at once, in turns with servers of others that do nothing but pass on: all load comes from one thread of this
/// process, on the same cores.
struct WebSocketCrowdBenchmark: Benchmark {
    static let name = "websocket-crowd"

    private static let crowd = 1_000
    private static let stopped = 50
    private static let perSecond = 50
    private static let inFlight = 8
    private static let missed = 10
    private static let patience = Duration.seconds(20)

    /// A server, and what it has shown; times in milliseconds.
    private final class Contestant {
        let name: String
        let door: SocketSwarm.Door
        let publish: () throws -> Void
        /// The door for those who come back, and what they have missed by then.
        let resume: () throws -> SocketSwarm.Door
        let residentBytes: () throws -> Int
        let processorSeconds: () throws -> Double
        var swarm: SocketSwarm?
        var handshakes: [Double] = []
        var openings: [Double] = []
        var steady: [Double] = []
        var besideStopped: [Double] = []
        var deliveries: [(rate: Double, cores: Double)] = []
        var idle: (kibibytes: Double, core: Double?)?
        var stormSeconds: Double?

        init(
            _ name: String, _ door: SocketSwarm.Door, publish: @escaping () throws -> Void,
            resume: @escaping () throws -> SocketSwarm.Door, residentBytes: @escaping () throws -> Int,
            processorSeconds: @escaping () throws -> Double
        ) {
            (self.name, self.door, self.publish, self.resume) = (name, door, publish, resume)
            (self.residentBytes, self.processorSeconds) = (residentBytes, processorSeconds)
        }
    }

    func run(_ bench: Bench) async throws -> [Measurement] {
        let measurements = try ServerProcess.with(bench.folder + "/websocket-crowd") { server in
            let own = try room(ServerUser(on: server))
            let bytes = try length(own)
            let processes = try SocketPeer.names.compactMap { try SocketPeer.start($0, folder: bench.folder) }
            defer { for process in processes { process.stop() } }
            let peers = try measure(own, processes.map { try passing($0, bytes) }, bench)
            return report(own, peers, bytes: bytes, bench)
        }
        return measurements ?? [.missing(Self.name, Measurement.missingServer)]
    }

    /// - Returns: The peers that have come through all of it.
    private func measure(_ own: Contestant, _ peers: [Contestant], _ bench: Bench) throws -> [Contestant] {
        var all = [own] + peers
        func each(_ body: (Contestant) throws -> Void) throws {
            for one in all {
                do {
                    try bench.disk.sample(20)
                    try body(one)
                } catch let failure as BenchmarkFailure where one !== own {
                    // One that breaks under the load is no reason not to measure the others.
                    Terminal.progress("\(one.name): \(failure)")
                    all.removeAll { $0 === one }
                }
            }
        }
        let (rounds, seconds) = bench.isQuick ? (1, 2) : (3, 3)
        // First, as memory that was let go of is taken again without a trace.
        try each { try idle($0, bench, isOwn: $0 === own) }
        for _ in 0..<rounds { try each { try connect($0) } }
        for _ in 0..<rounds { try each { $0.steady += try latencies($0, seconds) } }
        for _ in 0..<rounds { try each { $0.deliveries.append(try rate($0, seconds)) } }
        try each { one in
            one.swarm?.stopReading(Self.stopped)
            // What the network and the server keep for those who read nothing is full then.
            _ = try rate(one, seconds)
            for _ in 0..<rounds { one.besideStopped += try latencies(one, seconds) }
            one.swarm = nil
        }
        try each { try storm($0, bench) }
        return all.filter { $0 !== own }
    }

    // MARK: Servers

    /// Ours, where each message is durable before anybody hears of it.
    private func room(_ user: ServerUser) throws -> Contestant {
        let room: JSONValue = "bench:hall"
        func door(since place: JSONValue?) -> SocketSwarm.Door {
            var greeting: JSONObject = ["action": "subscribe", "room": room, "presence": false]
            greeting["since"] = place
            return SocketSwarm.Door(
                port: user.server.port, path: "/ws/connect", headers: ["Authorization: Bearer \(user.token)"],
                greeting: JSONValue.object(greeting).jsonBytes, welcome: Array(#""subscribed""#.utf8),
                missed: place == nil ? 0 : Self.missed, beginning: Array(#"{"type":"message""#.utf8))
        }
        let publisher = try WebSocketClient(port: user.server.port, token: user.token)
        func enter() throws -> JSONValue {
            try publisher.send(["action": "subscribe", "room": room, "presence": false])
            let answer = try publisher.message(of: "subscribed")
            try publisher.send(["action": "unsubscribe", "room": room])
            _ = try publisher.message(of: "unsubscribed")
            return ["epoch": answer["epoch"] ?? .null, "offset": answer["offset"] ?? .null]
        }
        // Which makes the room.
        _ = try enter()
        let content: JSONValue = ["pad": .string(String(repeating: "x", count: 190))]
        let frame = WebSocketClient.frame(
            JSONValue.object(["action": "publish", "room": room, "content": content]).jsonBytes)
        func publish() throws {
            try publisher.socket.write(frame)
            let said = try publisher.socket.discard()
            guard said.firstRange(of: Array(#""type":"error""#.utf8)) == nil else {
                throw BenchmarkFailure("a message was refused: \(String(decoding: said, as: UTF8.self))")
            }
        }
        return Contestant(
            "a room", door(since: nil), publish: publish,
            resume: {
                let place = try enter()
                for _ in 0..<Self.missed { try publish() }
                return door(since: place)
            }, residentBytes: user.server.residentBytes, processorSeconds: user.server.processorSeconds)
    }

    /// How many bytes a message of ours has, so that those of the others have as many.
    private func length(_ own: Contestant) throws -> Int {
        let swarm = try SocketSwarm(own.door, max: 1)
        _ = try swarm.open(1)
        swarm.begin()
        try own.publish()
        try drain(swarm, published: 1) { _ in }
        return swarm.lastBytes
    }

    private func passing(_ peer: SocketPeer, _ bytes: Int) throws -> Contestant {
        let publisher = try WebSocketClient(port: peer.port, path: "/pub")
        let message = [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
        let frame = WebSocketClient.frame(message)
        let door = SocketSwarm.Door(port: peer.port, path: "/sub")
        return Contestant(
            peer.name, door,
            publish: {
                try publisher.socket.write(frame)
                // nchan answers.
                _ = try publisher.socket.discard()
            }, resume: { door }, residentBytes: peer.residentBytes, processorSeconds: peer.processorSeconds)
    }

    // MARK: What is measured

    private func idle(_ one: Contestant, _ bench: Bench, isOwn: Bool) throws {
        // One of ours is the publisher's.
        let count = bench.size(10_000) - 1
        let before = try one.residentBytes()
        let swarm = try SocketSwarm(one.door, max: count)
        while swarm.count < count { _ = try swarm.open(min(1_000, count - swarm.count)) }
        try wait(.seconds(1), swarm)
        let kibibytes = Double(try one.residentBytes() - before) / Double(count) / 1_024
        one.idle = (kibibytes, nil)
        if isOwn {
            // In half a minute each is pinged once.
            let (start, taken) = (ContinuousClock.now, try one.processorSeconds())
            try wait(.seconds(bench.isQuick ? 3 : 31), swarm)
            one.idle?.core = (try one.processorSeconds() - taken) / (ContinuousClock.now - start).seconds
        }
        swarm.closeAll()
        usleep(1_000_000)
    }

    private func connect(_ one: Contestant) throws {
        one.swarm = nil
        usleep(300_000)
        let swarm = try SocketSwarm(one.door, max: Self.crowd)
        let opening = try swarm.open(Self.crowd, small: Self.stopped, holdsGreetings: true)
        one.handshakes += opening.handshakes
        one.openings += opening.openings
        one.swarm = swarm
    }

    private func storm(_ one: Contestant, _ bench: Bench) throws {
        let count = bench.size(5_000)
        let before = try SocketSwarm(one.door, max: count)
        _ = try before.open(count)
        let door = try one.resume()
        before.closeAll()
        let swarm = try SocketSwarm(door, max: count)
        let start = ContinuousClock.now
        _ = try swarm.open(count)
        one.stormSeconds = (ContinuousClock.now - start).seconds
        swarm.closeAll()
        usleep(500_000)
    }

    /// Milliseconds from each message until the last of the crowd has it, `perSecond` a second.
    private func latencies(_ one: Contestant, _ seconds: Int) throws -> [Double] {
        guard let swarm = one.swarm else { throw BenchmarkFailure("nobody is connected") }
        var (sent, times): ([ContinuousClock.Instant], [Double]) = ([], [])
        func take(_ number: Int) { times.append((ContinuousClock.now - sent[number]).seconds * 1e3) }
        swarm.begin()
        let warm = Self.perSecond / 5
        var next = ContinuousClock.now
        while sent.count < seconds * Self.perSecond + warm {
            let now = ContinuousClock.now
            if now >= next {
                sent.append(now)
                try one.publish()
                next += .microseconds(1_000_000 / Self.perSecond)
            }
            // Milliseconds are too long for the last one.
            try swarm.turn(milliseconds: Int32(max(0, (next - now).seconds * 1e3 - 1)), take)
        }
        try drain(swarm, published: sent.count, take)
        return Array(times.dropFirst(warm))
    }

    /// Deliveries a second with so many messages on the way at any time, and how much of the processor the server takes.
    private func rate(_ one: Contestant, _ seconds: Int) throws -> (rate: Double, cores: Double) {
        guard let swarm = one.swarm else { throw BenchmarkFailure("nobody is connected") }
        swarm.begin()
        var published = 0
        func run(_ duration: Duration) throws {
            let end = ContinuousClock.now + duration
            var (last, changed) = (swarm.received, ContinuousClock.now)
            while true {
                let now = ContinuousClock.now
                guard now < end else { return }
                while published - swarm.through < Self.inFlight {
                    try one.publish()
                    published += 1
                }
                try swarm.turn(milliseconds: 100) { _ in }
                if swarm.received > last { (last, changed) = (swarm.received, now) }
                guard now - changed < Self.patience else { throw BenchmarkFailure("nothing has come for a while") }
            }
        }
        try run(.milliseconds(500))
        let (start, first, taken) = (ContinuousClock.now, swarm.received, try one.processorSeconds())
        try run(.seconds(seconds))
        let took = (ContinuousClock.now - start).seconds
        let figure = (Double(swarm.received - first) / took, (try one.processorSeconds() - taken) / took)
        try drain(swarm, published: published) { _ in }
        return figure
    }

    /// Until all have everything.
    private func drain(_ swarm: SocketSwarm, published: Int, _ each: (Int) -> Void) throws {
        let end = ContinuousClock.now + Self.patience
        while swarm.through < published {
            try swarm.turn(milliseconds: 100, each)
            guard ContinuousClock.now < end else {
                throw BenchmarkFailure("of \(published) messages only \(swarm.through) have come to all")
            }
        }
    }

    private func wait(_ duration: Duration, _ swarm: SocketSwarm) throws {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end { try swarm.turn(milliseconds: 100) { _ in } }
    }

    // MARK: Report

    private func report(_ own: Contestant, _ peers: [Contestant], bytes: Int, _ bench: Bench) -> [Measurement] {
        func line(
            _ subject: String, _ floors: [Floor] = [], _ figure: (Contestant) -> String?
        ) -> Measurement {
            let beside = peers.compactMap { one in figure(one).map { "\(one.name) \($0)" } }.joined(separator: "; ")
            return Measurement(subject: subject, figure: figure(own) ?? "", beside: beside, floors: floors)
        }
        func times(_ times: [Double]) -> String {
            "p50 \(times.median.digits(1)), p99 \(times.percentile(0.99).digits(1)) ms"
        }
        func rate(_ one: Contestant) -> Double { one.deliveries.map(\.rate).median }
        let nchan = peers.first { $0.name == SocketPeer.names[0] }
        var latency: [Floor] = []
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            guard let nchan else { continue }
            latency.append(
                .atMost(nchan.steady.percentile(share), own.steady.percentile(share), "\(name) <= nchan's"))
        }
        let (apart, beside) = (own.steady.percentile(0.99), own.besideStopped.percentile(0.99))
        let ahead = peers.filter { $0.name != "socketify" }.map(rate).max() ?? 0
        return [
            line(
                "\(Self.crowd.grouped) WebSockets in a room, \(Self.perSecond) messages of \(bytes) B a second: until the last has it",
                latency
            ) { times($0.steady) },
            line(
                "the same, while \(Self.stopped) of them read nothing: the others",
                [.atMost(1.25 * apart, beside, "p99 <= 1.25 x that without")]
            ) { times($0.besideStopped) },
            line(
                "deliveries to \(Self.crowd.grouped), \(Self.inFlight) messages on the way",
                [
                    .atLeast(300_000, rate(own), ">= 300,000/s"),
                    .atLeast(ahead, rate(own), "ahead of all but socketify"),
                ]
            ) { "\(rate($0).grouped)/s (\($0.deliveries.map(\.cores).median.digits(2)) cores)" },
            line(
                "handshakes while \(Self.crowd.grouped) connect at once",
                [.atMost(50, own.handshakes.percentile(0.99), "p99 <= 50 ms")]
            ) { times($0.handshakes) },
            line("the same, until they are told what happens, which they ask for once all are connected") {
                times($0.openings)
            },
            line(
                "resident memory of each of \(bench.size(10_000).grouped) idle WebSockets",
                [.atMost(12, own.idle?.kibibytes ?? .infinity, "<= 12 KiB")]
            ) { $0.idle.map { "\($0.kibibytes.digits(1)) KiB" } },
            line(
                "processor time of all of these", [.atMost(0.05, own.idle?.core ?? .infinity, "<= 5 % of a core")]
            ) { $0.idle?.core.map { "\(($0 * 100).digits(1)) %" } },
            line(
                "\(bench.size(5_000).grouped) that come back at once, until the last has the \(Self.missed) messages it missed",
                [.atMost(5, own.stormSeconds ?? .infinity, "<= 5 s")]
            ) { $0.stormSeconds.map { "\($0.digits(2)) s" } },
        ]
    }
}

extension Int {
    fileprivate var grouped: String { Double(self).grouped }
}
