import CognitionCore
import Testing

/// A case of the Autobahn testsuite, under its number there, as it is for a server that takes JSON and answers it.
///
/// Where Autobahn waits for an echo, here the answer is waited for: `pong` for a text that asks for one, `error` for one
/// that is no action. Where it sends binary messages, 1003 is the answer; where a message is beyond our bounds, 1009.
struct AutobahnCase: Sendable {
    enum Step: Sendable {
        case send([WireFrame], Cut = .together)
        /// The next thing that the server says.
        case expect(Answer)
    }

    /// How the bytes go to the network.
    enum Cut: Sendable {
        case together
        case frames
        case pieces(Int)
        static let octets = Cut.pieces(1)
    }

    enum Answer: Sendable, Equatable {
        /// `pong` of the protocol of messages, with the id.
        case answer(JSONValue)
        /// `error` with the code.
        case error(String)
        case pong([UInt8])
        /// A close frame, and then the end of the connection.
        case close(UInt16?)
    }

    let id: String
    let title: String
    let steps: [Step]

    init(_ id: String, _ title: String, _ steps: [Step]) {
        self.id = id
        self.title = title
        self.steps = steps
    }

    var category: Int { Int(id.prefix { $0 != "." }) ?? 0 }

    static let all = framing + pings + reservedBits + opcodes + fragmentation + utf8 + closing + large + automatic

    // MARK: What is sent

    /// A text of `size` bytes, which is an action if it has room for one, and the answer to it.
    static func text(_ size: Int) -> (bytes: [UInt8], answer: Answer) {
        let action = Array(#"{"action":"ping","id":1}"#.utf8)
        guard size >= action.count else { return ([UInt8](repeating: 0x78, count: size), .invalid) }
        return (action + [UInt8](repeating: 0x20, count: size - action.count), .answer(1))
    }

    /// An action that has `content` as its id.
    static func action(_ content: [UInt8]) -> [UInt8] {
        Array(#"{"action":"ping","id":""#.utf8) + content + Array(#""}"#.utf8)
    }

    static func fragments(_ payload: [UInt8], of size: Int, opcode: UInt8 = 1) -> [WireFrame] {
        let starts = payload.isEmpty ? [0] : Array(stride(from: 0, to: payload.count, by: size))
        return starts.map { start in
            let end = min(start + size, payload.count)
            return WireFrame(
                start == 0 ? opcode : 0, Array(payload[start..<end]), first: end == payload.count ? 0x80 : 0)
        }
    }
}

extension AutobahnCase.Answer {
    static let invalid = AutobahnCase.Answer.error("realtime.action_invalid")
}

extension AutobahnCase {
    /// Does what the case says, and ends the connection in order unless the case has.
    func run(on socket: TestSocket) async throws {
        _ = try await socket.message("connected")
        for step in steps {
            switch step {
            case .send(let frames, let cut): socket.write(frames, cut)
            case .expect(.close(let code)):
                let event = try await socket.next()
                guard case .frame(8, let payload) = event else { return fail(event, .close(code)) }
                let sent = payload.count < 2 ? nil : UInt16(payload[0]) << 8 | UInt16(payload[1])
                #expect(sent == code, "case \(id), \(title)")
                // The server waits for the answer to a close that was not asked for.
                if code == 1003 { socket.sendClose(1003) }
                return try await socket.end()
            case .expect(let answer):
                let event = try await socket.next()
                guard event.isAnswer(answer) else { return fail(event, answer) }
            }
        }
        socket.sendClose(1000)
        let event = try await socket.next()
        guard case .frame(8, [3, 232]) = event else { return fail(event, .close(1000)) }
        try await socket.end()
    }

    private func fail(_ event: TestSocket.Event, _ wanted: Answer) {
        Issue.record("case \(id), \(title): \(String(describing: event).prefix(300)) in place of \(wanted)")
    }
}

extension TestSocket {
    func write(_ frames: [WireFrame], _ cut: AutobahnCase.Cut) {
        switch cut {
        case .together: write(bytes: frames.flatMap(\.bytes))
        case .frames: for frame in frames { write(bytes: frame.bytes) }
        case .pieces(let size):
            let bytes = frames.flatMap(\.bytes)
            for start in stride(from: 0, to: bytes.count, by: size) {
                write(bytes: Array(bytes[start..<min(start + size, bytes.count)]))
            }
        }
    }
}

extension TestSocket.Event {
    fileprivate func isAnswer(_ wanted: AutobahnCase.Answer) -> Bool {
        switch (self, wanted) {
        case (.frame(1, let payload), .answer(let id)):
            // What cannot be read is no answer.
            guard let message = try? JSONValue(parsing: payload) else { return false }
            return message["type"] == "pong" && message["id"] == id
        case (.frame(1, let payload), .error(let code)):
            guard let message = try? JSONValue(parsing: payload) else { return false }
            return message["type"] == "error" && message["data"]?["code"]?.stringValue == code
        case (.frame(10, let payload), .pong(let wanted)): return payload == wanted
        default: return false
        }
    }
}
