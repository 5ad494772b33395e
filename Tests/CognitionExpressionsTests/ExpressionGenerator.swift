import CognitionCore

/// Random values and random expressions that end soon, from a seed.
struct ExpressionGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func pick(_ count: Int) -> Int { Int(next() % UInt64(count)) }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[pick(elements.count)] }

    mutating func value(depth: Int) -> JSONValue {
        switch pick(depth > 0 ? 9 : 6) {
        case 0: return .null
        case 1: return .bool(pick(2) == 0)
        case 2: return .integer(Int64(pick(20)) - 5)
        case 3: return .number(pick([0.5, -1.25, 1e3 + 0.5, 3.75]))
        case 4, 5: return .string(pick(["", "a", "b", "abc", "a,b", "é", "x y", "1", "-2.5"]))
        case 6: return .array((0..<pick(4)).map { _ in value(depth: depth - 1) })
        default:
            let names = ["a", "b", "c", "d"].filter { _ in pick(2) == 0 }
            return .object(JSONObject(names.map { ($0, value(depth: depth - 1)) }))
        }
    }

    mutating func expression(depth: Int) -> String {
        if depth == 0 { return leaf() }
        if pick(3) == 0 { return call(depth: depth - 1) }
        let a = expression(depth: depth - 1)
        let b = expression(depth: pick(depth))
        let c = expression(depth: pick(depth))
        switch pick(44) {
        case 0, 1, 2, 3: return "(\(a) | \(b))"
        case 4: return "(\(a), \(b))"
        case 5, 6: return "(\(a) + \(b))"
        case 7: return "(\(a) - \(b))"
        case 8: return "(\(a) * 2)"
        case 9: return "(\(a) \(pick(["<", "<=", ">", ">=", "==", "!="])) \(b))"
        case 10: return "(\(a) \(pick(["and", "or"])) \(b))"
        case 11, 12: return "(\(a) // \(b))"
        case 13: return "[\(a)]"
        case 14: return "{a: \(a), b: \(b)}"
        case 15: return "{(\(a) | tostring): \(b)}"
        case 16: return "(if \(a) then \(b) else \(c) end)"
        case 17: return "(if \(a) then \(b) end)"
        case 18, 19: return "(try \(a) catch \(b))"
        case 20: return "(\(a))?"
        case 21: return "(\(a) as $x | \(b) | [$x, .])"
        case 22: return "(reduce (\(a)) as $x (null; [., $x] | length))"
        case 23: return "[foreach (\(a)) as $x (0; . + 1; [$x, .])]"
        case 24: return "(first(\(a)))"
        case 25: return "[limit(2; \(a))]"
        case 26: return "(map(\(a))?)"
        case 27: return "(select(\(a)))"
        case 28: return "[path(.a, .b?, .[]?, (.. | select(\(a))))]"
        case 29: return "(.a = \(a))?"
        case 30: return "(.[]? |= \(a))?"
        case 31: return "(.a |= \(a))?"
        case 32: return "(del(.[0]?, .a?))?"
        case 33: return "\"<\\(\(a))>\""
        case 34: return "(sort_by(\(a))? // .)"
        case 35: return "(group_by(\(a))?)"
        case 36: return "(any(\(a), \(b); .))"
        case 37: return "(def f(g): g | g; f(\(a)))"
        case 38: return "(def f($p; g): $p, g; [f(\(a); \(b))])"
        case 39: return "(label $out | \(a) | (., break $out))"
        case 40: return "[. as [$x, $y] ?// {a: $x, b: $y} | [$x, $y]]?"
        case 41: return "(\(a) | tojson | fromjson)"
        case 42: return "(error(\(a)))?"
        default: return "(\(a))[\(pick(["0", "-1", "\"a\"", "1:", ":1", "0:-1"]))]?"
        }
    }

    mutating func leaf() -> String {
        pick([
            ".", ".a", ".b", ".a.b", ".[0]", ".[-1]", ".[]?", ".a?", "1", "2.5", "\"a\"", "null", "true", "false",
            "[]",
            "{}", "length", "type", "keys?", "not", "..", "tostring", "tojson", "add?", "empty", "first", "last",
            "ascii_downcase?", "sort?", "unique?", "reverse?", "floor?", "to_entries?", "[paths]", "explode?",
            "@json",
            "@text", "tonumber?", "values", "scalars", "flatten?", "min?", "max?", "any?", "all?", "isnan", "abs?",
        ])
    }

    /// A source with some bytes changed, removed or doubled.
    mutating func mutated(_ source: String) -> String {
        var bytes = Array(source.utf8)
        for _ in 0...pick(3) where !bytes.isEmpty {
            let place = pick(bytes.count)
            switch pick(4) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(bytes[pick(bytes.count)], at: place)
            case 2: bytes[place] = UInt8(pick(256))
            default:
                bytes.insert(
                    contentsOf: Array(pick(["\\(", "$x", "as", "?//", "..", "\"", "|=", "(", "]"]).utf8), at: place)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
