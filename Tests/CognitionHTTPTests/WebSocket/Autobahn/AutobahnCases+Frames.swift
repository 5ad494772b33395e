import CognitionCore

/// Categories 1 to 5: frames, pings, reserved bits, opcodes, fragments.
extension AutobahnCase {
    private static let sizes = [0, 125, 126, 127, 128, 65_535, 65_536]
    private static let hello = WireFrame.text(#"{"action":"ping","id":"hello"}"#)
    private static let helloAnswer = Step.expect(.answer("hello"))

    // MARK: 1

    static let framing: [AutobahnCase] = {
        var cases: [AutobahnCase] = []
        cases += sizes.enumerated().map { number, size in
            let (bytes, answer) = text(size)
            return AutobahnCase("1.1.\(number + 1)", "text of \(size)", [.send([.text(bytes)]), .expect(answer)])
        }
        cases += [
            AutobahnCase(
                "1.1.8", "text of 65536 in pieces of 997",
                [.send([.text(text(65_536).bytes)], .pieces(997)), .expect(.answer(1))])
        ]
        cases += sizes.enumerated().map { number, size in
            AutobahnCase(
                "1.2.\(number + 1)", "binary of \(size)",
                [.send([WireFrame(2, [UInt8](repeating: 0xFE, count: size))]), .expect(.close(1003))])
        }
        cases += [
            AutobahnCase(
                "1.2.8", "binary of 65536 in pieces of 997",
                [.send([WireFrame(2, [UInt8](repeating: 0xFE, count: 65_536))], .pieces(997)), .expect(.close(1003))])
        ]
        return cases
    }()

    // MARK: 2

    private static let raw: [UInt8] = [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF]
    private static let full = [UInt8](repeating: 0xFE, count: 125)
    private static let ten: [[UInt8]] = (0..<10).map { Array("payload-\($0)".utf8) }

    static let pings: [AutobahnCase] = [
        AutobahnCase("2.1", "empty", [.send([.ping()]), .expect(.pong([]))]),
        AutobahnCase("2.2", "text", [.send([.ping(Array("Hello".utf8))]), .expect(.pong(Array("Hello".utf8)))]),
        AutobahnCase("2.3", "binary", [.send([.ping(raw)]), .expect(.pong(raw))]),
        AutobahnCase("2.4", "125 bytes", [.send([.ping(full)]), .expect(.pong(full))]),
        AutobahnCase("2.5", "126 bytes", [.send([.ping(full + [0xFE])]), .expect(.close(1002))]),
        AutobahnCase("2.6", "125 bytes, byte by byte", [.send([.ping(full)], .octets), .expect(.pong(full))]),
        AutobahnCase("2.7", "unasked pong", [.send([.pong()])]),
        AutobahnCase("2.8", "unasked pong with content", [.send([.pong(raw)])]),
        AutobahnCase("2.9", "unasked pong, ping", [.send([.pong(raw), .ping(raw)]), .expect(.pong(raw))]),
        AutobahnCase("2.10", "ten pings", [.send(ten.map { .ping($0) })] + ten.map { .expect(.pong($0)) }),
        AutobahnCase("2.11", "byte by byte", [.send(ten.map { .ping($0) }, .octets)] + ten.map { .expect(.pong($0)) }),
    ]

    // MARK: 3

    static let reservedBits: [AutobahnCase] = [
        AutobahnCase("3.1", "RSV 1", [.send([reserved(1, 1)]), .expect(.close(1002))]),
        AutobahnCase("3.2", "RSV 2", [.send([hello, reserved(2, 1), .ping()]), helloAnswer, .expect(.close(1002))]),
        AutobahnCase(
            "3.3", "RSV 3, frame by frame",
            [.send([hello, reserved(3, 1), .ping()], .frames), helloAnswer, .expect(.close(1002))]),
        AutobahnCase(
            "3.4", "RSV 4, byte by byte",
            [.send([hello, reserved(4, 1), .ping()], .octets), helloAnswer, .expect(.close(1002))]),
        AutobahnCase("3.5", "RSV 5 of a binary", [.send([reserved(5, 2)]), .expect(.close(1002))]),
        AutobahnCase("3.6", "RSV 6 of a ping", [.send([reserved(6, 9)]), .expect(.close(1002))]),
        AutobahnCase("3.7", "RSV 7 of a close", [.send([reserved(7, 8)]), .expect(.close(1002))]),
    ]

    private static func reserved(_ bits: UInt8, _ opcode: UInt8) -> WireFrame {
        WireFrame(opcode, opcode == 8 ? [3, 232] : Array("Hello".utf8), first: 0x80 | bits << 4)
    }

    // MARK: 4

    /// 4.1 with 3…7, 4.2 with 11…15: alone; with content; after a text; after a text with content; the same in bytes.
    static let opcodes: [AutobahnCase] = [(1, [3, 4, 5, 6, 7]), (2, [11, 12, 13, 14, 15])].flatMap {
        (group: Int, opcodes: [UInt8]) in
        opcodes.enumerated().map { number, opcode in
            let frame = WireFrame(opcode, number % 2 == 0 && number < 4 ? [] : Array("reserved".utf8))
            let steps: [Step] =
                number < 2
                ? [.send([frame]), .expect(.close(1002))]
                : [
                    .send([hello, frame, .ping()], number == 4 ? .octets : .together), helloAnswer,
                    .expect(.close(1002)),
                ]
            return AutobahnCase("4.\(group).\(number + 1)", "opcode \(opcode)", steps)
        }
    }

    // MARK: 5

    private static let whole = action(Array("fragment1fragment2".utf8))
    private static let (one, two) = (Array(whole[..<30]), Array(whole[30...]))
    private static let wholeAnswer = Step.expect(.answer("fragment1fragment2"))
    private static let between = Array("ping payload".utf8)
    private static let cuts: [(Cut, String)] = [
        (.together, ""), (.frames, ", frame by frame"), (.octets, ", byte by byte"),
    ]

    static let fragmentation: [AutobahnCase] = {
        var cases: [AutobahnCase] = []
        cases += [
            AutobahnCase(
                "5.1", "fragmented ping",
                [.send([WireFrame(9, one, first: 0), .continuation(two)]), .expect(.close(1002))]),
            AutobahnCase(
                "5.2", "fragmented pong",
                [.send([WireFrame(10, one, first: 0), .continuation(two)]), .expect(.close(1002))]),
        ]
        cases += cuts.enumerated().map { number, cut in
            AutobahnCase(
                "5.\(3 + number)", "two fragments" + cut.1,
                [.send([.text(one, isLast: false), .continuation(two)], cut.0), wholeAnswer])
        }
        cases += cuts.enumerated().map { number, cut in
            AutobahnCase(
                "5.\(6 + number)", "two fragments, a ping between" + cut.1,
                [
                    .send([.text(one, isLast: false), .ping(between), .continuation(two)], cut.0),
                    .expect(.pong(between)), wholeAnswer,
                ])
        }
        cases += cuts.enumerated().map { number, cut in
            AutobahnCase(
                "5.\(9 + number)", "last continuation of nothing" + cut.1,
                [.send([.continuation(whole), hello], cut.0), .expect(.close(1002))])
        }
        cases += cuts.enumerated().map { number, cut in
            AutobahnCase(
                "5.\(12 + number)", "continuation of nothing" + cut.1,
                [.send([.continuation(whole, isLast: false), hello], cut.0), .expect(.close(1002))])
        }
        cases += [
            AutobahnCase(
                "5.15", "two fragments, continuation of nothing, text",
                [
                    .send([
                        .text(one, isLast: false), .continuation(two), .continuation(one, isLast: false), hello,
                    ]), wholeAnswer, .expect(.close(1002)),
                ]),
            AutobahnCase(
                "5.16", "continuation, text, last continuation; twice",
                [
                    .send(
                        [
                            WireFrame.continuation(one, isLast: false), .text(one, isLast: false), .continuation(two),
                            .continuation(one, isLast: false), .text(one, isLast: false), .continuation(two),
                        ]), .expect(.close(1002)),
                ]),
            AutobahnCase(
                "5.17", "last continuation, text, last continuation; twice",
                [
                    .send(
                        [
                            WireFrame.continuation(one), .text(one, isLast: false), .continuation(two),
                            .continuation(one), .text(one, isLast: false), .continuation(two),
                        ]), .expect(.close(1002)),
                ]),
            AutobahnCase(
                "5.18", "a text within a text",
                [.send([.text(one, isLast: false), .text(two)]), .expect(.close(1002))]),
        ]
        cases += [Cut.together, .frames].enumerated().map { number, cut in
            let parts = stride(from: 0, to: whole.count, by: 9).map { Array(whole[$0..<min($0 + 9, whole.count)]) }
            return AutobahnCase(
                "5.\(19 + number)", "five fragments, pings between, after a wait" + (number == 0 ? "" : ", each alone"),
                [
                    .send(
                        [
                            .text(parts[0], isLast: false), .continuation(parts[1], isLast: false), .ping([1]),
                        ], cut), .expect(.pong([1])),
                    .send(
                        [
                            .continuation(parts[2], isLast: false), .continuation(parts[3], isLast: false), .ping([2]),
                            .continuation(parts[4...].flatMap(\.self)),
                        ], cut), .expect(.pong([2])), wholeAnswer,
                ])
        }
        return cases
    }()
}
