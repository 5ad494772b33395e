import CognitionCore
import CognitionExpressions
import Foundation
import Testing

/// Nothing that can be written may hang, exhaust memory or crash; these run on the small stacks of concurrent tasks.
@Suite("Limits")
struct LimitTests {
    static let small = ExpressionLimits(
        steps: 100_000, depth: 1_000, outputsMax: 10_000, bytesMax: 4 << 20, duration: .seconds(20))

    @Test(
        "What would never end is ended",
        arguments: [
            "def f: f; f", "def f: 1 + f; f", "def f: [f]; f", "def f: f, f; f", "def f(g): f(g | g); f(.)",
            "def f: def g: f; g; f", "def f($x): f($x + 1) + 1; f(0)", "[range(1e9)]", "range(1e9)",
            "[limit(1e9; repeat(1))]", "[repeat(\"a\" * 1000)]", "\"x\" * 1e9", "\"x\" * 1e9 * 1e9",
            "[range(1e5)] | [., .] | combinations", "[[range(1e5)], [range(1e5)]] | combinations",
            "reduce range(1e9) as $i (0; . + 1)", "reduce repeat(1) as $i (0; .)", "last(repeat(1))",
            "until(false; .)", "[recurse(.)]", "recurse(., .)", "repeat(., .)", "def f: recurse(f); f",
            "reduce range(40) as $i (\"xxxxxxxxxx\"; . + .)", "reduce range(40) as $i ([1]; . + .)",
            "reduce range(60) as $i (1; [., .])", "reduce range(60) as $i (1; {a: ., b: .}) | tojson",
            "(reduce range(60) as $i (1; [., .])) as $x | $x == ($x | .[0] |= .)",
            "reduce range(60) as $i (1; [., .]) | flatten", "reduce range(60) as $i (1; [., .]) | [..] | length",
            "[range(3000)] | [combinations(3000)] | length", ".[500000000] = 1", "[][:1e9] | .[400000000] = 1",
            "setpath([range(100000)]; 1)", "[limit(1e9; range(1e9))] | sort", "while(true; .)",
            "first(range(1e9) | select(. < 0))", "label $x | repeat(1)",
            "\"a\" * 20000 | test(\"(a|aa)+$b\")", "path(recurse(.a))", "isempty(repeat(empty))", "[paths(repeat(1))]",
        ])
    func endless(source: String) async throws {
        let expression = try Expression(source)
        await #expect(throws: (any Error).self) {
            try await Task.detached { try expression.evaluate(.null, limits: Self.small) }.value
        }
        do {
            _ = try await Task.detached { try expression.evaluate(.null, limits: Self.small) }.value
        } catch let error as ExpressionError {
            #expect(error.code == .expressionLimit || error.message.hasPrefix("Regex failure"), "\(source): \(error)")
        }
    }

    @Test(
        "Values do not nest without bound",
        arguments: [
            "reduce range(10000) as $i (0; [.])", "reduce range(10000) as $i (0; {a: .})",
            "reduce range(10000) as $i (0; [[.], 1] | .[0])",
            "def f: if length > 0 then [.] | f else . end; [1] | f", "reduce range(10000) as $i ([]; .[0] = .)",
            "reduce range(10000) as $i (null; setpath([\"a\", \"a\", \"a\"]; .))",
            "reduce range(10000) as $i ([]; [.] | map(.))", "reduce range(10000) as $i (null; {a: .} * {a: {b: .}})",
            "reduce range(5000) as $i (\"1\"; \"[\" + . + \"]\") | fromjson",
        ])
    func deepValues(source: String) async throws {
        let expression = try Expression(source)
        let result = await Task.detached {
            Result { try expression.evaluate(.null, limits: Self.small) }
        }.value
        switch result {
        case .success(let outputs): Issue.record("\(source) gave \(outputs.count) outputs")
        case .failure(let error as ExpressionError):
            #expect(error.code == .expressionLimit || source.hasSuffix("fromjson"), "\(source): \(error)")
        case .failure(let error): Issue.record("\(source): \(error)")
        }
    }

    @Test(
        "Long loops work",
        arguments: [
            ("def f: if . > 1e5 then . else . + 1 | f end; 0 | f", "100001"),
            ("def f: ., (if . < 1e5 then . + 1 | f else empty end); [limit(100000; 0 | f)] | length", "100000"),
            ("[limit(100000; repeat(1))] | length", "100000"), ("0 | until(. >= 200000; . + 1)", "200000"),
            ("[0 | while(. < 100000; . + 1)] | length", "100000"),
            ("last(0 | recurse(if . < 100000 then . + 1 else empty end))", "100000"),
            ("last(0 | recurse(select(. < 100000) | . + 1))", "100000"),
            ("reduce range(100000) as $i ([]; . + [$i]) | length", "100000"),
            ("reduce range(20000) as $i ({}; .[$i | tostring] = $i) | length", "20000"),
            ("reduce range(100000) as $i ({}; .n += 1) | .n", "100000"),
            ("reduce range(100000) as $i (\"\"; . + \"x\") | length", "100000"),
            ("[range(100000)] | map(. + 1) | add", "5000050000"),
            ("def f($n; $sum): if $n == 0 then $sum else f($n - 1; $sum + $n) end; f(100000; 0)", "5000050000"),
            ("def f(g): if . > 5000 then . else g | f(g) end; 0 | f(. + 1)", "5001"),
            ("def f: if . == 0 then 0 else 1 + (. - 1 | f) end; 5000 | f", "5000"),
        ])
    func longLoops(source: String, expected: String) async throws {
        let expression = try Expression(source)
        let outputs = try await Task.detached { try expression.evaluate(.null) }.value
        #expect(outputs.map(\.jsonText) == [expected])
    }

    @Test("Sources are bounded in length and nesting")
    func sources() async throws {
        let sources = [
            String(repeating: "(", count: 5_000) + "." + String(repeating: ")", count: 5_000),
            String(repeating: "[", count: 20_000), String(repeating: "-", count: 20_000) + "1",
            Array(repeating: "1", count: 20_000).joined(separator: "+"), "." + String(repeating: ".a", count: 20_000),
            "." + String(repeating: "?", count: 20_000), String(repeating: "if . then ", count: 5_000),
            String(repeating: "def f: ", count: 5_000), String(repeating: "\"\\(", count: 5_000),
            String(repeating: "{a:", count: 9_000), String(repeating: ". as [", count: 9_000),
            String(repeating: "try ", count: 9_000), String(repeating: "reduce . as $x (", count: 3_000),
            String(repeating: " ", count: 70_000) + ".",
            (0..<60).map { "def f\($0)(x): \($0 == 0 ? "x | x" : "f\($0 - 1)(x) | f\($0 - 1)(x)");" }.joined()
                + "f59(.)",
        ]
        for source in sources {
            await Task.detached {
                do throws(ExpressionError) {
                    _ = try Expression(source).first(.integer(1), limits: Self.small)
                } catch {
                    #expect(error.code == .expressionLimit || error.code == .expressionInvalid)
                }
            }.value
        }
        let wide = Array(repeating: "1", count: 20_000).joined(separator: ",")
        #expect(try Expression("[\(wide)] | length").evaluate(.null) == [20_000])
        #expect(try Expression(Array(repeating: ".", count: 20_000).joined(separator: "|")).evaluate(1) == [1])
    }

    @Test(
        "A stack of 512 KiB suffices",
        arguments: [
            String(repeating: "[", count: 390) + String(repeating: "]", count: 390),
            String(repeating: "(", count: 390) + ". + 1" + String(repeating: ")", count: 390),
            Array(repeating: ".", count: 390).joined(separator: " + "),
            "." + String(repeating: "[0]", count: 390) + "?",
            String(repeating: "if . then ", count: 190) + "1" + String(repeating: " end", count: 190),
            String(repeating: "try ", count: 300) + "error",
            String(repeating: "[.[]? | ", count: 120) + "." + String(repeating: "]", count: 120),
            "def f: if . == 0 then 0 else 1 + (. - 1 | f) end; 4000 | f", "def f: 1 + f; f", "[limit(1000; repeat(1))]",
            "reduce range(200) as $i (0; [.]) | tojson", "[.. | ..]", "[paths]", "walk(.)", "tostream", ". == .",
            "[., .] | sort",
            "[recurse(if . < 3000 then . + 1, . + 2 else empty end)] | length", "\"(((a)))\" | test(\"((((((a))))))\")",
            "def f: [.[]? | f]; f", "flatten", "getpath([range(400)])", "[.] - [.]", ". * 1", "contains(.)",
        ])
    func smallStack(source: String) async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let thread = Thread {
                var input = JSONValue.array([])
                for _ in 0..<200 { input = .array([input, .object(["a": input == .null ? 1 : 2])]) }
                for value in [.null, input] {
                    _ = try? Expression(source).evaluate(value, limits: Self.small)
                }
                done.resume()
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
    }

    @Test("Time is bounded")
    func duration() throws {
        let limits = ExpressionLimits(steps: .max, duration: .milliseconds(50))
        let start = ContinuousClock.now
        #expect(throws: ExpressionError.self) { try Expression("last(range(1e12))").evaluate(.null, limits: limits) }
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("Mutated and random sources never crash the compiler")
    func fuzz() async {
        await Task.detached {
            let seed = UInt64.random(in: 0...UInt64.max)
            var generator = ExpressionGenerator(seed: seed)
            for _ in 0..<2_000 {
                let source = generator.mutated(generator.expression(depth: 3))
                do throws(ExpressionError) {
                    _ = try Expression(source).first(.null, limits: ExpressionLimits(steps: 2_000, bytesMax: 1 << 20))
                } catch {
                    #expect(!error.message.isEmpty, "seed \(seed): \(source)")
                }
            }
            for _ in 0..<2_000 {
                let bytes = (0..<generator.pick(40)).map { _ in UInt8(generator.pick(256)) }
                _ = try? Expression(String(decoding: bytes, as: UTF8.self))
            }
        }.value
    }
}
