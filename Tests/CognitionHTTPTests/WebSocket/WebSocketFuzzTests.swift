import CognitionCore
import CognitionHTTP
import CognitionRealtime
import CognitionTestSupport
import Foundation
import NIOCore
import Testing

/// Frames and messages by chance. The seed of a run is in each failure; `COGNITIONOS_FUZZ_SEED` repeats it.
@Suite struct WebSocketFuzzTests {
    private static let seed =
        ProcessInfo.processInfo.environment["COGNITIONOS_FUZZ_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<1 << 32)

    @Test("Allowed frames, cut anywhere, are all answered, and the first that is not allowed ends it with its code")
    func frames() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.closeTimeout = .milliseconds(500)
        try await withLiveServer(settings) { server in
            for round in 0..<300 as Range<UInt64> {
                var random = SplitMix64(seed: Self.seed + round)
                let comment: Comment = "seed \(Self.seed) round \(round)"
                let socket = try await TestSocket.open(server.port, token: "ada")
                _ = try await socket.message("connected")
                var (frames, answers): ([WireFrame], [TestSocket.Event?]) = ([], [])
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    let (sent, answer) = Self.allowed(&random)
                    frames += sent
                    answers.append(answer)
                }
                let violation = Bool.random(using: &random) ? Self.forbidden(&random) : nil
                if let violation { frames += violation.frames }
                socket.write(
                    frames, random.pick([.together, .frames, .pieces(97), .pieces(1_009)]))
                for answer in answers {
                    let event = try await socket.next()
                    if let answer { #expect(event == answer, comment) } else { #expect(event.isText, comment) }
                }
                if let violation {
                    #expect(try await socket.closeCode() == violation.code, comment)
                    if violation.code == 1003 { socket.sendClose(1003) }
                } else {
                    #expect(try await socket.silence(), comment)
                    socket.sendClose()
                }
                try await socket.end()
            }
            try await eventually { server.hub.stats.connectedClients == 0 }
        }
    }

    @Test("Any bytes at all: the connection ends or waits for more, and the server serves the next")
    func noise() async throws {
        var settings = LiveSettings.quick
        settings.endpoint.closeTimeout = .milliseconds(50)
        try await withLiveServer(settings) { server in
            for round in 0..<300 as Range<UInt64> {
                var random = SplitMix64(seed: Self.seed + round)
                let socket = try await TestSocket.open(server.port, token: "ada")
                var bytes = (0..<Int.random(in: 1...400, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                // Every other one begins as a frame does, so that more is looked at than two bytes.
                if Bool.random(using: &random) { bytes = WireFrame.text(#"{"action":"ping"}"#).bytes + bytes }
                if Bool.random(using: &random) { bytes[0] &= 0x8F }
                socket.write([WireFrame(raw: bytes)], .pieces(.random(in: 1...100, using: &random)))
                if Bool.random(using: &random) { _ = try? await socket.next(within: .milliseconds(5)) }
                await socket.close()
            }
            try await eventually { server.hub.stats.connectedClients == 0 }
            #expect(try await TestSocket.open(server.port, token: "ada").silenceAfterGreeting(), "seed \(Self.seed)")
        }
    }

    @Test("Each message is answered by one of its own id, however little of it makes sense")
    func actions() async throws {
        try await withLiveServer { server in
            try await server.append()
            var random = SplitMix64(seed: Self.seed)
            var socket = try await TestSocket.open(server.port, token: "ada")
            _ = try await socket.message("connected")
            for number in 0..<1_500 {
                let text = Self.spoiled(Self.action(&random), &random)
                socket.send(opcode: 1, text)
                let answers = ["connected", "subscribed", "unsubscribed", "pong", "stats", "error"]
                let answer = try await socket.message()
                #expect(
                    answers.contains(answer["type"]?.stringValue ?? ""),
                    "seed \(Self.seed) number \(number): \(String(decoding: text, as: UTF8.self))")
                // A token that was taken for another user's ends the connection.
                guard answer["type"] == "error", answer["data"]?["code"] == "realtime.forbidden" else { continue }
                await socket.close()
                socket = try await TestSocket.open(server.port, token: "ada")
                _ = try await socket.message("connected")
            }
            #expect(try await socket.silence(), "seed \(Self.seed)")
        }
    }

    // MARK: What is sent

    /// - Returns: Frames, and what the server says to them; `nil` for any text.
    private static func allowed(_ random: inout SplitMix64) -> ([WireFrame], TestSocket.Event?) {
        if Int.random(in: 0..<3, using: &random) == 0 {
            let payload = (0..<Int.random(in: 0...125, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            return ([.ping(payload)], .frame(opcode: 10, payload: payload))
        }
        let size = random.pick([24, 100, 125, 126, 300, 5_000, 65_535, 65_536])
        let payload = AutobahnCase.text(size).bytes
        guard Bool.random(using: &random) else { return ([.text(payload)], nil) }
        return (AutobahnCase.fragments(payload, of: .random(in: max(1, size / 40)...size, using: &random)), nil)
    }

    private static func forbidden(_ random: inout SplitMix64) -> (frames: [WireFrame], code: UInt16) {
        let bad: [(frames: [WireFrame], code: UInt16)] = [
            ([WireFrame(1, [0x7B], first: 0x80 | UInt8.random(in: 1...7, using: &random) << 4)], 1002),
            ([WireFrame(.random(in: 3...7, using: &random), [])], 1002),
            ([WireFrame(.random(in: 11...15, using: &random), [1])], 1002),
            ([WireFrame(1, [0x7B], key: nil)], 1002),
            ([.ping([UInt8](repeating: 0, count: .random(in: 126...300, using: &random)))], 1002),
            ([WireFrame(9, [], first: 0)], 1002),
            ([.continuation([0x7B])], 1002),
            ([.text("{", isLast: false), .text("}")], 1002),
            ([WireFrame(raw: [0x81, 0xFE, 0, 5, 0, 0, 0, 0])], 1002),
            ([WireFrame(raw: [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])], 1002),
            ([WireFrame(2, [0])], 1003),
            ([.text([0x7B, .random(in: 0xF5...0xFF, using: &random)])], 1007),
            ([.text([0x7B, 0xC3], isLast: false), .continuation([0x7D])], 1007),
            ([WireFrame(raw: [0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0])], 1009),
            ([WireFrame(raw: [0x81, 0xFF] + [UInt8](repeating: 0xFF, count: 12))], 1009),
        ]
        return random.pick(bad)
    }

    private static func action(_ random: inout SplitMix64) -> JSONValue {
        let names = [
            "ping", "get_stats", "subscribe", "unsubscribe", "publish", "refresh", "authenticate", "", "Ping", "none",
        ]
        let values: [JSONValue] = [
            .string(TestExecutions.first), "demo", "default.demo", "", .null, true, 0, -1, 1.5, [], ["epoch": "e"],
            .string(String(repeating: "x", count: 201)), "ada", "ada@w1", ["epoch": "e", "offset": 1],
            .integer(.max), .string("\u{0}\u{FFFF}💥"),
        ]
        var message: JSONObject = ["action": .string(random.pick(names))]
        for member in ["id", "execution_id", "workflow_id", "room", "since", "token", "tokens", "content", "x"]
        where Int.random(in: 0..<3, using: &random) == 0 {
            message[member] = random.pick(values)
        }
        return .object(message)
    }

    /// Mostly as it is, else with bytes changed, cut out or repeated; always UTF-8.
    private static func spoiled(_ message: JSONValue, _ random: inout SplitMix64) -> [UInt8] {
        var bytes = message.jsonBytes
        guard Bool.random(using: &random) else { return bytes }
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = random.pick(Array("{}[]\",:\\0e-.u\u{1}".utf8))
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &random)))
            case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 9)], at: place)
            default: bytes = Array(bytes[..<place])
            }
        }
        return Array(String(decoding: bytes, as: UTF8.self).utf8)
    }
}

extension TestSocket.Event {
    fileprivate var isText: Bool { if case .frame(1, _) = self { true } else { false } }
}

extension SplitMix64 {
    fileprivate mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &self)]
    }
}
