import CognitionCore
import CognitionCore
import Testing

@Suite struct ServerSentEventsTests {
    private typealias Event = ServerSentEvents.Event

    private static func events(_ text: String) throws -> [Event] {
        var parser = ServerSentEvents()
        return try parser.feed(Array(text.utf8))
    }

    @Test(
        "Lines, fields and comments are read as the standard says",
        arguments: [
            ("data: a\n\n", [("message", "a")]), ("data:a\r\n\r\n", [("message", "a")]),
            ("data: a\r\rdata: b\r\r", [("message", "a"), ("message", "b")]),
            ("data: YHOO\ndata: +2\ndata: 10\n\n", [("message", "YHOO\n+2\n10")]),
            ("event: add\ndata: 1\n\ndata: 2\n\n", [("add", "1"), ("message", "2")]),
            (": comment\n\ndata\n\ndata\ndata\n\ndata:", [("message", ""), ("message", "\n")]),
            ("event: nothing\n\nfoo: bar\ndata:  two\n\n", [("message", " two")]),
            ("\u{FEFF}data: bom\n\n", [("message", "bom")]), ("data: unfinished\n", []), ("", []),
            ("data: a: b: c\n\n", [("message", "a: b: c")]),
        ])
    func fields(_ text: String, _ expected: [(String, String)]) throws {
        #expect(try Self.events(text) == expected.map { Event(name: $0.0, data: $0.1) })
    }

    @Test("Ids and times to reconnect are remembered, wrong ones not")
    func state() throws {
        var parser = ServerSentEvents()
        _ = try parser.feed(Array("id: 7\nretry: 250\ndata: x\n\nid: a\0b\nretry: soon\nretry: -1\n\n".utf8))
        #expect(parser.lastEventID == "7" && parser.reconnectMilliseconds == 250)
        _ = try parser.feed(Array("id\n".utf8))
        #expect(parser.lastEventID == "")
    }

    @Test("Any cut of the bytes gives the same events", arguments: 0..<200 as Range<UInt64>)
    func chunks(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let words = [
            "data", "event", "id", "retry", ":", ": ", " ", "x", "ü", "🌍", "\n", "\r", "\r\n", "\n\n", "\r\r",
            "\r\n\r\n", "\u{FEFF}", "\0", "{\"a\":1}",
        ]
        var bytes = (0..<120).flatMap { _ in Array(words.randomElement(using: &random)!.utf8) }
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = 0xFF
        var whole = ServerSentEvents()
        let expected = try whole.feed(bytes)
        for size in [1, 2, 3, 7, 64] {
            var parser = ServerSentEvents()
            var events: [Event] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...size, using: &random))
                rest = rest.dropFirst(piece.count)
                events += try parser.feed(piece)
            }
            #expect(events == expected, "seed \(seed), size \(size)")
            #expect(parser.lastEventID == whole.lastEventID)
        }
    }

    @Test("An event, a line and a stream have their bounds")
    func bounds() throws {
        let limit = ServerSentEvents.TooLarge(bytesMax: 10)
        var parser = ServerSentEvents(eventBytesMax: 10, totalBytesMax: 1_000)
        #expect(throws: limit) { try parser.feed(Array("data: 34567890".utf8)) }
        parser = ServerSentEvents(eventBytesMax: 10, totalBytesMax: 1_000)
        #expect(throws: limit) { try parser.feed(Array(String(repeating: "data:abc\n", count: 4).utf8)) }
        parser = ServerSentEvents(eventBytesMax: 10, totalBytesMax: 20)
        #expect(try parser.feed(Array("data: abc\n\n".utf8)).count == 1)
        #expect(throws: ServerSentEvents.TooLarge(bytesMax: 20)) { try parser.feed(Array("data: abc\n\n".utf8)) }
    }
}
