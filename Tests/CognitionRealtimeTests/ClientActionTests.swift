import CognitionCore
import CognitionRealtime
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

    private func action(_ text: String) throws -> ClientAction { try ClientAction(parsing: text) }
}
