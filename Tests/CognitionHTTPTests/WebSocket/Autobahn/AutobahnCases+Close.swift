import CognitionCore

/// Categories 7, 9 and 10: the end of a connection, and large messages within and beyond our bounds.
extension AutobahnCase {
    private static let hello = WireFrame.text(#"{"action":"ping","id":"hello"}"#)
    private static let helloAnswer = Step.expect(.answer("hello"))
    private static let (bound, over) = (64 << 10, 256 << 10)

    // MARK: 7

    static let closing: [AutobahnCase] = {
        var cases: [AutobahnCase] = []
        cases += [
            AutobahnCase("7.1.1", "text, close", [.send([hello, .close(1000)]), helloAnswer, .expect(.close(1000))]),
            AutobahnCase("7.1.2", "two closes", [.send([.close(1000), .close(1000)]), .expect(.close(1000))]),
            AutobahnCase("7.1.3", "a ping after the close", [.send([.close(1000), .ping()]), .expect(.close(1000))]),
            AutobahnCase("7.1.4", "a text after the close", [.send([.close(1000), hello]), .expect(.close(1000))]),
            AutobahnCase(
                "7.1.5", "a close between fragments",
                [
                    .send([.text("{", isLast: false), .close(1000), .continuation(Array("}".utf8))]),
                    .expect(.close(1000)),
                ]),
            AutobahnCase(
                "7.1.6", "a large text, close, ping",
                [.send([.text(text(bound).bytes), .close(1000), .ping()]), .expect(.answer(1)), .expect(.close(1000))]),
            AutobahnCase(
                "7.1.6b", "one that is too large, close, ping",
                [.send([.text(text(over).bytes), .close(1000), .ping()]), .expect(.close(1009))]),
            AutobahnCase("7.3.1", "no content", [.send([.close(nil)]), .expect(.close(nil))]),
            AutobahnCase("7.3.2", "one byte", [.send([WireFrame(8, [0x61])]), .expect(.close(1002))]),
            AutobahnCase("7.3.3", "two bytes", [.send([.close(1000)]), .expect(.close(1000))]),
            AutobahnCase("7.3.4", "a reason", [.send([.close(1000, Array("Hello".utf8))]), .expect(.close(1000))]),
            AutobahnCase(
                "7.3.5", "the longest reason",
                [.send([.close(1000, [UInt8](repeating: 0x2A, count: 123))]), .expect(.close(1000))]),
            AutobahnCase(
                "7.3.6", "one byte more",
                [.send([.close(1000, [UInt8](repeating: 0x2A, count: 124))]), .expect(.close(1002))]),
            AutobahnCase(
                "7.5.1", "a reason that is no UTF-8",
                [.send([.close(1000, Array("κόσμε".utf8) + [0xED, 0xA0, 0x80])]), .expect(.close(1007))]),
        ]
        cases += codes(
            7, [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999], areValid: true)
        // 1012 to 1014 have been registered since.
        cases += codes(77, [1012, 1013, 1014], areValid: true)
        cases += codes(9, [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999], areValid: false)
        cases += codes(13, [5000, 65_535], areValid: false)
        return cases
    }()

    private static func codes(_ group: Int, _ codes: [UInt16], areValid: Bool) -> [AutobahnCase] {
        codes.enumerated().map { number, code in
            AutobahnCase(
                "7.\(group).\(number + 1)", "code \(code)",
                [.send([.close(code)]), .expect(.close(areValid ? code : 1002))])
        }
    }

    // MARK: 9

    static let large: [AutobahnCase] = {
        var cases: [AutobahnCase] = []
        cases += [16 << 10, 32 << 10, 64 << 10].enumerated().map { number, size in
            AutobahnCase(
                "9.1.\(number + 1)", "text of \(size)", [.send([.text(text(size).bytes)]), .expect(.answer(1))])
        }
        cases += [64 << 10 | 1, 256 << 10, 4 << 20].enumerated().map { number, size in
            AutobahnCase(
                "9.1.\(number + 4)", "text of \(size)",
                [
                    .send([WireFrame(1, [UInt8](repeating: 0x20, count: size), key: [0, 0, 0, 0])]),
                    .expect(.close(1009)),
                ])
        }
        cases += [16 << 10, 64 << 10, 256 << 10].enumerated().map { number, size in
            AutobahnCase(
                "9.2.\(number + 1)", "binary of \(size)",
                [
                    .send([WireFrame(2, [UInt8](repeating: 0xFE, count: size), key: [0, 0, 0, 0])]),
                    .expect(.close(size > bound ? 1009 : 1003)),
                ])
        }
        cases += [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10].enumerated().flatMap { number, size in
            [
                AutobahnCase(
                    "9.3.\(number + 1)", "\(bound) in fragments of \(size)",
                    [.send(fragments(text(bound).bytes, of: size)), .expect(.answer(1))]),
                AutobahnCase(
                    "9.3.\(number + 1)b", "\(over) in fragments of \(size)",
                    [.send(fragments(text(over).bytes, of: size)), .expect(.close(1009))]),
                AutobahnCase(
                    "9.4.\(number + 1)", "binary of \(bound) in fragments of \(size)",
                    [
                        .send(fragments([UInt8](repeating: 0xFE, count: bound), of: size, opcode: 2)),
                        .expect(.close(1003)),
                    ]),
            ]
        }
        cases += [64, 128, 256, 512, 1_024, 2_048].enumerated().flatMap { number, size in
            [
                AutobahnCase(
                    "9.5.\(number + 1)", "text of \(bound) in pieces of \(size)",
                    [.send([.text(text(bound).bytes)], .pieces(size)), .expect(.answer(1))]),
                AutobahnCase(
                    "9.6.\(number + 1)", "binary of \(bound) in pieces of \(size)",
                    [
                        .send([WireFrame(2, [UInt8](repeating: 0xFE, count: bound))], .pieces(size)),
                        .expect(.close(1003)),
                    ]),
            ]
        }
        cases += [0, 16, 64, 256, 1_024, 4_096].enumerated().map { number, size in
            let (bytes, answer) = text(size)
            return AutobahnCase(
                "9.7.\(number + 1)", "a hundred texts of \(size), one after the other",
                (0..<100).flatMap { _ in [Step.send([.text(bytes)]), .expect(answer)] })
        }
        return cases
    }()

    // MARK: 10

    static let automatic: [AutobahnCase] = [
        AutobahnCase(
            "10.1.1", "65536 in fragments of 1300",
            [.send(fragments(text(65_536).bytes, of: 1_300)), .expect(.answer(1))])
    ]
}
