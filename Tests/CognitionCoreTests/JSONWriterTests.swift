import CognitionCore
import Foundation
import Synchronization
import Testing

@Suite struct JSONWriterTests {
    @Test("Compact, pretty and sorted texts are jq's")
    func styles() {
        let value: JSONValue = ["b": [1, 2.5, [], [:]], "a": ["z": .null, "y": true], "é": "x"]
        #expect(value.jsonText == #"{"b":[1,2.5,[],{}],"a":{"z":null,"y":true},"é":"x"}"#)
        #expect(value.sortedJSONText == #"{"a":{"y":true,"z":null},"b":[1,2.5,[],{}],"é":"x"}"#)
        #expect(
            value.prettyJSONText == """
                {
                  "b": [
                    1,
                    2.5,
                    [],
                    {}
                  ],
                  "a": {
                    "z": null,
                    "y": true
                  },
                  "é": "x"
                }
                """)
        var bytes = Array("x".utf8)
        value.writeJSON(into: &bytes)
        #expect(bytes == Array(("x" + value.jsonText).utf8))
    }

    @Test(
        "Doubles are printed as jq prints computed ones",
        arguments: [
            (3, "3"), (0.1, "0.1"), (1e-5, "1e-05"), (0.00012, "0.00012"), (0.0001, "0.0001"), (1.25e-7, "1.25e-07"),
            (1e15, "1000000000000000"), (1e17, "1e+17"), (1e18, "1e+18"),
            (123456789012345678901, "123456789012345680000"),
            (1.5e300, "1.5e+300"), (.infinity, "1.7976931348623157e+308"), (-.infinity, "-1.7976931348623157e+308"),
            (.nan, "null"), (-0.0, "-0"), (0, "0"), (5e-324, "5e-324"), (-1.5, "-1.5"), (1e-4, "0.0001"),
            (1e16, "1e+16"),
            (12345678901234567, "12345678901234568"), (0.1 + 0.2, "0.30000000000000004"),
        ] as [(Double, String)])
    func doubles(value: Double, text: String) {
        #expect(JSONValue.number(value).jsonText == text)
    }

    @Test("Strings escape what jq escapes and nothing else")
    func strings() throws {
        #expect(
            JSONValue.string("\"\\/\u{8}\t\n\u{C}\r\u{1}\u{1F}\u{7F}é😀").jsonText
                == #""\"\\/\b\t\n\f\r\u0001\u001f\u007fé😀""#)
        for length in 0..<40 {
            for place in 0..<max(1, length) {
                var letters = Array(repeating: Character("a"), count: length)
                if length > 0 { letters[place] = "\u{7F}" }
                let text = String(letters)
                #expect(try JSONValue(parsing: JSONValue.string(text).jsonText) == .string(text))
            }
        }
    }

    @Test("What is written is read back as the same value", arguments: 0..<20)
    func roundTrip(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<100 {
            let value = JSONValue.random(depth: 5, using: &random)
            #expect(try JSONValue(parsing: value.jsonText) == value)
            #expect(try JSONValue(parsing: value.prettyJSONText) == value)
            #expect(try JSONValue(parsing: value.jsonBytes).jsonText == value.jsonText)
        }
    }

    @Test("Damaged texts are read or refused, and what was read can be written", arguments: 0..<10)
    func mutations(seed: Int) throws {
        var random = SeededGenerator(seed: 1_000 + UInt64(seed))
        let alphabet =
            Array("{}[]\",:0123456789.eE+-truefalsn\\u \n\u{1F}".utf8) + [0x00, 0x80, 0xC3, 0xE2, 0xED, 0xF0, 0xFF]
        for _ in 0..<500 {
            var bytes = JSONValue.random(depth: 4, using: &random).jsonBytes
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                case 2: bytes.remove(at: place)
                default: bytes.removeSubrange(place...)
                }
            }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect(try JSONValue(parsing: value.jsonBytes) == value)
        }
    }

    @Test("A small stack is enough for any depth")
    func smallStack() {
        let outcome = onSmallStack {
            let refused = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
            do {
                _ = try JSONValue(parsing: refused)
                return "10,000 levels were read"
            } catch {
                guard (error as? JSONParsingError)?.code == .jsonTooDeep else { return "\(error)" }
            }
            let unclosed = String(repeating: "{\"a\":", count: 2_000_000)
            guard (try? JSONValue(parsing: unclosed)) == nil else { return "an unclosed object was read" }
            var deep = JSONValue.null
            for level in 0..<2_000 { deep = level.isMultiple(of: 2) ? [deep] : ["a": deep] }
            let text = deep.jsonText
            guard text.utf8.count == 1_000 * 2 + 1_000 * 6 + 4 else { return "wrote \(text.utf8.count) bytes" }
            guard let read = try? JSONValue(parsing: text, limits: JSONLimits(depthMax: 10_000)) else {
                return "not read"
            }
            return read.canonicalJSON == Array(text.utf8) ? "fine" : "canonical text differs"
        }
        #expect(outcome == "fine")
    }
}

/// Runs `body` on a thread with 512 KiB of stack.
func onSmallStack(_ body: @escaping @Sendable () -> String) -> String {
    let outcome = SmallStackOutcome()
    let thread = Thread {
        let text = body()
        outcome.text.withLock { $0 = text }
        outcome.isReady.signal()
    }
    thread.stackSize = 512 << 10
    thread.start()
    outcome.isReady.wait()
    return outcome.text.withLock { $0 }
}

private final class SmallStackOutcome: Sendable {
    let text = Mutex("")
    let isReady = DispatchSemaphore(value: 0)
}

extension JSONValue {
    /// A value with a bit of everything.
    static func random(depth: Int, using random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 7), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2:
            return .integer(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<63, using: &random))
        case 3:
            let double = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
            return JSONValue(double)
        case 4: return .number(Double.random(in: -1_000...1_000, using: &random))
        case 5, 6: return .string(String.random(using: &random))
        case 7:
            return .array(
                (0..<Int.random(in: 0..<5, using: &random)).map { _ in .random(depth: depth - 1, using: &random) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<20, using: &random) {
                object[String.random(using: &random)] = .random(depth: depth - 2, using: &random)
            }
            return .object(object)
        }
    }
}

extension String {
    fileprivate static func random(using random: inout SeededGenerator) -> String {
        let letters: [Unicode.Scalar] = [
            "a", "b", "\"", "\\", "/", "\n", "\u{0}", "\u{7F}", "é", "€", "😀", "\u{2028}", " ",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<24, using: &random) {
            text.append(letters.randomElement(using: &random) ?? "x")
        }
        return String(text)
    }
}
