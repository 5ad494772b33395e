import CognitionRedis
import NIOCore
import Testing

@Suite("RESP3") struct RESPParserTests {
    /// A piece of the protocol with what it says.
    static let samples: [(String, [RESPValue])] = [
        ("+OK\r\n", [.text("OK")]),
        ("+\r\n:-42\r\n", [.text(""), .integer(-42)]),
        ("-ERR no such thing\r\n", [.error("ERR no such thing")]),
        ("!9\r\nSYNTAX\r\nx\r\n", [.error("SYNTAX\r\nx")]),
        ("$5\r\na\r\nbc\r\n$0\r\n\r\n", [.bytes(Array("a\r\nbc".utf8)), .bytes([])]),
        ("=8\r\ntxt:word\r\n", [.bytes(Array("word".utf8))]),
        ("_\r\n$-1\r\n*-1\r\n", [.null, .null, .null]),
        ("#t\r\n#f\r\n", [.boolean(true), .boolean(false)]),
        (",1.5e3\r\n,-inf\r\n,10\r\n", [.double(1_500), .double(-.infinity), .double(10)]),
        ("(-12345678901234567890123\r\n", [.bigNumber("-12345678901234567890123")]),
        ("*0\r\n%0\r\n~1\r\n:1\r\n", [.array([]), .map([]), .set([.integer(1)])]),
        (
            "*3\r\n:1\r\n*2\r\n+a\r\n*1\r\n$1\r\nb\r\n_\r\n",
            [.array([.integer(1), .array([.text("a"), .array([.bytes([0x62])])]), .null])]
        ),
        (
            "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*0\r\n",
            [.map([.init(.text("a"), .integer(1)), .init(.bytes([0x62]), .array([]))])]
        ),
        // Attributes stand before a value, also inside of another, and are left out.
        ("|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n:7\r\n|0\r\n:8\r\n", [.integer(7), .integer(8)]),
        ("*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", [.array([.integer(1), .integer(2)])]),
        (
            ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n:1\r\n",
            [.push([.bytes(Array("message".utf8)), .bytes([0x63]), .bytes(Array("hi".utf8))]), .integer(1)]
        ),
    ]

    private func read(_ pieces: [ArraySlice<UInt8>], _ limits: RESPLimits = RESPLimits()) throws -> [RESPValue] {
        var parser = RESPParser(limits: limits)
        var values: [RESPValue] = []
        for piece in pieces {
            parser.append(ByteBuffer(bytes: piece))
            while let value = try parser.next() { values.append(value) }
        }
        return values
    }

    @Test("Values are the same wherever the bytes are cut", arguments: samples.indices)
    func cuts(_ index: Int) throws {
        let (text, values) = Self.samples[index]
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count { #expect(try read([bytes[..<cut], bytes[cut...]]) == values, "cut at \(cut)") }
        #expect(try read(bytes.indices.map { bytes[$0...$0] }) == values)
    }

    @Test("Everything that the samples say comes through in one stream, whatever the size of its pieces")
    func stream() throws {
        let bytes = Array(Self.samples.map(\.0).joined().utf8)
        let values = Self.samples.flatMap(\.1)
        for size in 1...40 {
            let pieces = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
            #expect(try read(pieces) == values)
        }
    }

    @Test("A long text comes in pieces, and in no more time than its length takes")
    func longText() throws {
        let text = [UInt8](repeating: 0x0A, count: 8 << 20)
        let bytes = Array("*2\r\n$\(text.count)\r\n".utf8) + text + Array("\r\n:1\r\n".utf8)
        let pieces = stride(from: 0, to: bytes.count, by: 4_096).map { bytes[$0..<min($0 + 4_096, bytes.count)] }
        let start = ContinuousClock.now
        #expect(try read(pieces) == [.array([.bytes(text), .integer(1)])])
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test(
        "What is no RESP3 is refused",
        arguments: [
            "\r\n", "\n", "+OK\n", "HTTP/1.1 400 Bad Request\r\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n",
            "$-2\r\n", "$3\r\nabcd\r\n", "$?\r\n", "*?\r\n", "=2\r\nab\r\n", "#x\r\n", ",abc\r\n", ",0x10\r\n", "(\r\n",
            "(12a\r\n", "_x\r\n", "*1\r\n>1\r\n+a\r\n", "\0\0\0\0\r\n",
        ])
    func garbage(_ text: String) {
        #expect(throws: RESPFault.self) { try read([Array(text.utf8)[...]]) }
    }

    @Test("No UTF-8 where a text stands is refused; in bytes and errors it may be anything")
    func notText() throws {
        #expect(throws: RESPFault.self) { try read([[0x2B, 0xFF, 0x0D, 0x0A]]) }
        #expect(try read([[0x2D, 0xFF, 0x0D, 0x0A]]) == [.error("\u{FFFD}")])
        #expect(try read([Array("$1\r\n".utf8) + [0xFF, 0x0D, 0x0A]]) == [.bytes([0xFF])])
    }

    @Test("Each bound is kept, before the memory is taken")
    func bounds() throws {
        var limits = RESPLimits()
        limits.bytesMax = 100
        limits.elementsMax = 4
        limits.depthMax = 2
        limits.lineBytesMax = 20
        func isRefused(_ text: String) -> Bool {
            do {
                _ = try read([Array(text.utf8)[...]], limits)
                return false
            } catch {
                return true
            }
        }
        #expect(isRefused("$101\r\n") && isRefused("$9223372036854775807\r\n"))
        #expect(isRefused("*2\r\n$60\r\n" + String(repeating: "a", count: 60) + "\r\n$60\r\n"), "together")
        #expect(isRefused("*5\r\n") && isRefused("%3\r\n") && isRefused("*9223372036854775807\r\n"))
        #expect(isRefused("*2\r\n*2\r\n+a\r\n+b\r\n*1\r\n"), "together")
        #expect(isRefused("*1\r\n*1\r\n*1\r\n"))
        #expect(isRefused("+" + String(repeating: "a", count: 30)), "a line without an end")
        #expect(isRefused("+" + String(repeating: "a", count: 30) + "\r\n"))
        #expect(isRefused(String(repeating: "|1\r\n+a\r\n+b\r\n", count: 20)), "attributes without a value")
        #expect(!isRefused("*2\r\n*1\r\n+a\r\n+b\r\n*2\r\n*1\r\n+a\r\n+b\r\n"), "each value has its own bounds")
    }
}
