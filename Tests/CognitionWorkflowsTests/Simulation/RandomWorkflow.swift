import CognitionCore
import CognitionWorkflows

/// Makes small documents up from chance: every kind of task, nested, some of it with compensations, timeouts and conditions.
struct RandomWorkflow {
    private var random: SplitMix64
    private var count = 0
    private var left: Int

    static let signals = ["sent.a", "sent.b"]

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        left = Int.random(in: 3...9, using: &random)
    }

    mutating func document() -> JSONValue {
        var document: JSONObject = [
            "document": ["dsl": "1.0.3", "namespace": "test", "name": "made-up", "version": "0.1.0"]
        ]
        if chance(15) {
            let effect = call(chance(30) ? "once" : "echo")
            var list: JSONObject = ["extend": "call"]
            list[chance(50) ? "before" : "after"] = [["around": effect]]
            document["use"] = ["extensions": [["extra": .object(list)]]]
        }
        if chance(8) { document["timeout"] = ["after": "PT60S"] }
        var tasks: [JSONValue] = []
        while left > 0, tasks.count < 6 { tasks.append(task(depth: 0)) }
        document["do"] = .array(tasks)
        return .object(document)
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func list(depth: Int, most: Int = 3) -> JSONValue {
        let count = Int.random(in: 1...most, using: &random)
        return .array((0..<count).map { _ in task(depth: depth) })
    }

    private mutating func task(depth: Int) -> JSONValue {
        left -= 1
        count += 1
        let number = count
        var members = depth < 3 && left > 0 && chance(45) ? composite(depth: depth + 1) : leaf()
        if chance(5) { members["if"] = .string(chance(50) ? "${ false }" : "${ true }") }
        return .object(JSONObject([("t\(number)", .object(members))]))
    }

    private mutating func call(_ function: String) -> JSONValue {
        ["call": .string(function), "with": ["n": .integer(Int64(count))]]
    }

    private mutating func leaf() -> JSONObject {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<50:
            var members: JSONObject = ["call": .string(chance(30) ? "once" : "echo")]
            members["with"] = ["n": .integer(Int64(count))]
            if chance(15) { members["timeout"] = ["after": .string("PT\(Int.random(in: 1...20, using: &random))S")] }
            if chance(45) {
                var undo: JSONObject = ["call": .string(chance(20) ? "once" : "echo"), "with": ["undo": true]]
                if chance(30) { undo["timeout"] = ["after": "PT30S"] }
                var undoing: [JSONValue] = [["undo": .object(undo)]]
                if chance(20) { undoing.insert(["before": ["wait": "PT5S"]], at: 0) }
                members["metadata"] = ["compensate": .array(undoing)]
            }
            return members
        case ..<57: return ["wait": .string("PT\(Int.random(in: 1...30, using: &random))S")]
        case ..<62: return ["set": ["v": .integer(Int64(count))]]
        case ..<66: return ["emit": ["event": ["with": ["source": "test://flow", "type": "told"]]]]
        case ..<70: return ["run": ["workflow": ["namespace": "test", "name": "child", "version": "0.1.0"]]]
        case ..<80:
            var arguments: JSONObject = ["title": "Go on?"]
            if chance(60) { arguments["expires"] = "PT40S" }
            return ["call": "approval", "with": .object(arguments)]
        case ..<95: return listen()
        case ..<97: return ["switch": [["one": ["then": .string(chance(50) ? "exit" : "continue")]]]]
        default: return ["raise": ["error": ["type": "test://refused", "status": 422]]]
        }
    }

    private mutating func listen() -> JSONObject {
        let filters: [JSONValue] = Self.signals.map { ["with": ["type": .string($0)]] }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return ["listen": ["to": ["one": filters[0]]]]
        case 1: return ["listen": ["to": ["any": .array(filters)]]]
        case 2: return ["listen": ["to": ["all": .array(filters)]]]
        case 3: return ["listen": ["to": ["any": .array(filters), "until": "(. | length) >= 2"]]]
        default:
            return [
                "listen": ["to": ["any": [filters[0]], "until": ["one": filters[1]]]],
                "foreach": ["item": "event", "do": list(depth: 2, most: 2)],
            ]
        }
    }

    private mutating func composite(depth: Int) -> JSONObject {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<15:
            var members: JSONObject = ["do": list(depth: depth)]
            if chance(20) { members["metadata"] = ["compensate": [["undo": call("echo")]]] }
            if chance(15) { members["timeout"] = ["after": "PT30S"] }
            return members
        case ..<40:
            var members: JSONObject = ["for": ["each": "item", "in": "[1, 2]"], "do": list(depth: depth, most: 2)]
            if chance(50) { members["metadata"] = ["concurrency": 2] }
            return members
        case ..<65:
            return ["fork": ["compete": .bool(chance(30)), "branches": list(depth: depth)]]
        default:
            var handling: JSONObject = [:]
            if chance(60) {
                handling["retry"] = [
                    "delay": "PT1S", "limit": ["attempt": ["count": .integer(Int64.random(in: 1...2, using: &random))]],
                ]
            }
            if chance(60) { handling["do"] = list(depth: depth, most: 1) }
            return ["try": list(depth: depth), "catch": .object(handling)]
        }
    }
}
