import CognitionCore
import CognitionRealtime
import CognitionTestSupport
import Foundation
import Testing

@Suite struct ClientActionTests {
    @Test("Actions are read with their members")
    func reads() throws {
        guard
            case .subscribe(.execution("e"), let since) = try action(#"{"action":"subscribe","execution_id":"e"}"#).kind
        else { return #expect(Bool(false)) }
        #expect(since == nil)
        let resumed = try action(
            #"{"action":"subscribe","workflow_id":"w","since":{"epoch":"x","offset":7},"execution_id":null,"id":3}"#)
        #expect(resumed.id == 3)
        guard case .subscribe(.workflow("w"), FeedPlace(epoch: "x", offset: 7)?) = resumed.kind else {
            return #expect(Bool(false))
        }
        guard case .refresh(let token) = try action(#"{"action":"refresh","token":"t","id":"r"}"#).kind else {
            return #expect(Bool(false))
        }
        #expect(token == Secret("t"))
        #expect("\(token)" == "••••")
    }

    @Test(
        "What cannot be read is refused with its code and the request's name",
        arguments: [
            ("", nil, "realtime.action_invalid"),
            ("{", nil, "realtime.action_invalid"),
            ("null", nil, "realtime.action_invalid"),
            (#"{"action":1,"id":"a"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"jump","id":"a"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"ping","id":[1]}"#, nil, "realtime.action_invalid"),
            (#"{"action":"ping","action":"ping"}"#, nil, "realtime.action_invalid"),
            (#"{"action":"subscribe","id":"a"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"subscribe","id":"a","execution_id":"e","workflow_id":"w"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"subscribe","id":"a","execution_id":""}"#, "a", "realtime.action_invalid"),
            (#"{"action":"subscribe","id":"a","execution_id":5}"#, "a", "realtime.action_invalid"),
            (#"{"action":"subscribe","id":"a","execution_id":"e","since":5}"#, "a", "realtime.action_invalid"),
            (
                #"{"action":"subscribe","id":"a","execution_id":"e","since":{"epoch":"x","offset":-1}}"#, "a",
                "realtime.action_invalid"
            ),
            (#"{"action":"subscribe","id":"a","room":"r","workflow_id":"w"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"publish","id":"a","room":"r"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"publish","id":"a","content":1}"#, "a", "realtime.action_invalid"),
            (#"{"action":"publish","id":"a","room":"r","content":1,"type":1}"#, "a", "realtime.action_invalid"),
            (#"{"action":"authenticate","id":"a"}"#, "a", "realtime.action_invalid"),
            (#"{"action":"refresh","id":"a","token":""}"#, "a", "realtime.action_invalid"),
        ] as [(String, String?, String)])
    func refuses(text: String, id: String?, code: String) throws {
        let refusal = try #require(throws: ClientAction.Refusal.self) { try ClientAction(parsing: text) }
        #expect(refusal.error.code.name == code)
        #expect(refusal.id?.stringValue == id)
    }

    @Test("Nesting and long names are bounded")
    func bounds() {
        let deep =
            #"{"action":"ping","x":"# + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}"
        let long = #"{"action":"subscribe","execution_id":"\#(String(repeating: "x", count: 201))"}"#
        let token = #"{"action":"refresh","token":"\#(String(repeating: "x", count: 20_000))"}"#
        for text in [deep, long, token] {
            #expect(throws: ClientAction.Refusal.self) { try ClientAction(parsing: text) }
        }
    }

    @Test("Whatever is sent is an action, or is refused with a code: any text, spoiled actions, any depth")
    func fuzz() {
        let seed =
            ProcessInfo.processInfo.environment["COGNITIONOS_FUZZ_SEED"].flatMap { UInt64($0) }
            ?? .random(in: 0..<1 << 32)
        var random = SplitMix64(seed: seed)
        let samples = [
            #"{"action":"subscribe","workflow_id":"w","since":{"epoch":"x","offset":7},"tokens":false,"id":3}"#,
            #"{"action":"publish","room":"r","content":{"a":[1,2.5e3,null,"\u00e9\ud83d\ude00"]},"type":"t","id":"x"}"#,
            #"{"action":"refresh","token":"t"}"#, #"{"action":"ping","id":-9223372036854775808}"#,
        ]
        for number in 0..<20_000 {
            var bytes: [UInt8]
            switch number % 4 {
            case 0:
                bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in .random(in: 0...255, using: &random) }
            case 1:
                // Deeper than any stack would bear, were it not bounded.
                let depth = Int.random(in: 1...(number % 400 == 1 ? 30_000 : 100), using: &random)
                let open = Bool.random(using: &random) ? "[" : #"{"x":"#
                let text = #"{"action":"publish","room":"r","content":"# + String(repeating: open, count: depth)
                bytes = Array(text.utf8)
                if open == "[", Bool.random(using: &random) {
                    bytes += Array((String(repeating: "]", count: depth) + "}").utf8)
                }
            default:
                bytes = Array(samples[Int.random(in: 0..<samples.count, using: &random)].utf8)
                for _ in 0..<Int.random(in: 1...5, using: &random) where !bytes.isEmpty {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[place] = .random(in: 0...255, using: &random)
                    case 1:
                        bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &random)))
                    default: bytes.insert(contentsOf: bytes[place...].prefix(12), at: place)
                    }
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            do { _ = try action(text) } catch let refusal as ClientAction.Refusal {
                #expect(refusal.error.code == .actionInvalid, "seed \(seed) number \(number): \(text.prefix(300))")
            } catch {
                Issue.record("seed \(seed) number \(number): \(error)")
            }
        }
    }

    private func action(_ text: String) throws -> ClientAction { try ClientAction(parsing: text) }
}
