import CognitionCore

/// Category 6: UTF-8, which is refused as soon as it can be seen to be none.
extension AutobahnCase {
    /// κόσμε, of letters with 2, 3, 2, 2 and 2 bytes.
    private static let kosme: [UInt8] = [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5]
    private static let mixed = Array("Hello-µ@ßöäüàá-UTF-8!!".utf8)
    /// The end of it is no UTF-8: a surrogate.
    private static let broken = kosme + [0xED, 0xA0, 0x80] + Array("edited".utf8)
    /// Beyond U+10FFFF.
    private static let beyond: [UInt8] = [0xF4, 0x90, 0x80, 0x80]

    static let utf8: [AutobahnCase] = whole + failingFast + sequences

    private static let whole: [AutobahnCase] =
        [
            AutobahnCase("6.1.1", "empty", [.send([.text([])]), .expect(.invalid)]),
            AutobahnCase(
                "6.1.2", "three empty fragments",
                [
                    .send([.text([], isLast: false), .continuation([], isLast: false), .continuation([])]),
                    .expect(.invalid),
                ]),
            AutobahnCase(
                "6.1.3", "three fragments, the middle with content",
                [
                    .send([.text([], isLast: false), .continuation(action(mixed), isLast: false), .continuation([])]),
                    .expect(.answer(.string(String(decoding: mixed, as: UTF8.self)))),
                ]),
            valid("6.2.1", mixed, [.text(action(mixed))]),
            valid("6.2.2", mixed, fragments(action(mixed), of: 31)),
            valid("6.2.3", mixed, fragments(action(mixed), of: 1)),
            valid("6.2.4", kosme, fragments(action(kosme), of: 1)),
            AutobahnCase("6.3.1", "broken", [.send([.text(action(broken))]), .expect(.close(1007))]),
            AutobahnCase(
                "6.3.2", "broken, in fragments of one byte",
                [.send(fragments(action(broken), of: 1)), .expect(.close(1007))]),
        ]

    private static func valid(_ id: String, _ content: [UInt8], _ frames: [WireFrame]) -> AutobahnCase {
        AutobahnCase(
            id, "valid, in \(frames.count) frames",
            [.send(frames), .expect(.answer(.string(String(decoding: content, as: UTF8.self))))])
    }

    /// What comes after the bad bytes is never sent.
    private static let failingFast: [AutobahnCase] = {
        let start = Array(#"{"action":"ping","id":""#.utf8) + kosme
        // A frame whose rest does not come: its header says more.
        func cut(_ payload: [UInt8]) -> [WireFrame] { [.text(payload + [UInt8](repeating: 0x20, count: 20))] }
        func begun(_ payload: [UInt8]) -> [UInt8] {
            Array(cut(payload)[0].bytes.dropLast(20))
        }
        return [
            AutobahnCase(
                "6.4.1", "a bad second fragment, no third",
                [
                    .send([.text(start, isLast: false), .ping([1])]), .expect(.pong([1])),
                    .send([.continuation(beyond, isLast: false)]), .expect(.close(1007)),
                ]),
            AutobahnCase(
                "6.4.2", "the same, cut in the bad letter",
                [
                    .send([.text(start + beyond.prefix(1), isLast: false), .ping([1])]), .expect(.pong([1])),
                    .send([.continuation(Array(beyond[1..<2]), isLast: false)]), .expect(.close(1007)),
                ]),
            AutobahnCase(
                "6.4.3", "a bad letter in a frame that has not come as a whole",
                [.send([WireFrame(raw: begun(start + beyond))]), .expect(.close(1007))]),
            AutobahnCase(
                "6.4.4", "the second byte of a bad letter, byte by byte",
                [.send([WireFrame(raw: begun(start + beyond.prefix(2)))], .octets), .expect(.close(1007))]),
        ]
    }()

    /// Of Markus Kuhn's stress test: sequences, and whether they are UTF-8.
    private static let table: [(group: Int, isValid: Bool, sequences: [[UInt8]])] = [
        // 6.5 and 6.6: beginnings of κόσμε, whole letters and cut ones.
        (5, true, [2, 5, 7, 9, 11].map { Array(kosme.prefix($0)) }),
        (6, false, [1, 3, 4, 6, 8, 10].map { Array(kosme.prefix($0)) }),
        // First of each length.
        (7, true, [[0x7F], [0xC2, 0x80], [0xE0, 0xA0, 0x80], [0xF0, 0x90, 0x80, 0x80]]),
        (8, false, [[0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]]),
        // Last of each length.
        (9, true, [[0x7F], [0xDF, 0xBF], [0xEF, 0xBF, 0xBF], [0xF4, 0x8F, 0xBF, 0xBF]]),
        (
            10, false,
            [[0xF7, 0xBF, 0xBF, 0xBF], [0xFB, 0xBF, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]]
        ),
        // Other boundaries.
        (11, true, [[0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBD], [0xF4, 0x8F, 0xBF, 0xBF]]),
        (11, false, [[0xF4, 0x90, 0x80, 0x80]]),
        // Continuations of nothing.
        (12, false, (1...7).map { [UInt8](repeating: 0x80, count: $0) } + [[0xBF], Array(0x80...0xBF)]),
        // First bytes alone.
        (13, false, [0xC0, 0xC2, 0xDF, 0xE0, 0xEF, 0xF0, 0xF4, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD].map { [$0, 0x20] }),
        // The last byte is missing.
        (
            14, false,
            [
                [0xC0], [0xE0, 0x80], [0xF0, 0x80, 0x80], [0xF8, 0x80, 0x80, 0x80], [0xFC, 0x80, 0x80, 0x80, 0x80],
                [0xDF], [0xEF, 0xBF], [0xF7, 0xBF, 0xBF], [0xFB, 0xBF, 0xBF, 0xBF], [0xFD, 0xBF, 0xBF, 0xBF, 0xBF],
            ]
        ),
        (15, false, [[0xC0, 0xE0, 0x80, 0xF0, 0x80, 0x80, 0xF8, 0x80, 0x80, 0x80]]),
        // Bytes that never are.
        (16, false, [[0xFE], [0xFF], [0xFE, 0xFE, 0xFF, 0xFF]]),
        // Longer than need be.
        (
            17, false,
            [
                [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xF0, 0x80, 0x80, 0xAF], [0xF8, 0x80, 0x80, 0x80, 0xAF],
                [0xFC, 0x80, 0x80, 0x80, 0x80, 0xAF],
            ]
        ),
        (
            18, false,
            [
                [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF8, 0x87, 0xBF, 0xBF, 0xBF],
                [0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF],
            ]
        ),
        (
            19, false,
            [
                [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF8, 0x80, 0x80, 0x80, 0x80],
                [0xFC, 0x80, 0x80, 0x80, 0x80, 0x80],
            ]
        ),
        // Surrogates alone, and in pairs.
        (20, false, [0xA0, 0xAD, 0xAE, 0xAF, 0xB0, 0xBE, 0xBF].map { [0xED, $0, 0x80] }),
        (
            21, false,
            [[0xA0, 0x80], [0xA0, 0x80], [0xAD, 0xBF], [0xAE, 0x80], [0xAF, 0xBF]].flatMap { high in
                [[0xED] + high + [0xED, 0xB0, 0x80], [0xED] + high + [0xED, 0xBF, 0xBF]]
            }
        ),
        // Letters that are none, which are UTF-8 all the same.
        (
            22, true,
            [[0xEF, 0xBF, 0xBE], [0xEF, 0xBF, 0xBF]]
                + [
                    (0xF0, [0x9F, 0xAF, 0xBF]), (0xF1, [0x8F, 0x9F, 0xAF, 0xBF]), (0xF2, [0x8F, 0x9F, 0xAF, 0xBF]),
                    (0xF3, [0x8F, 0x9F, 0xAF, 0xBF]), (0xF4, [0x8F]),
                ].flatMap { (first: UInt8, seconds: [UInt8]) in
                    seconds.flatMap { [[first, $0, 0xBF, 0xBE], [first, $0, 0xBF, 0xBF]] }
                }
        ),
        (23, true, (0xB9...0xBF as ClosedRange<UInt8>).map { [0xEF, 0xBF, $0] }),
    ]

    private static let sequences: [AutobahnCase] = {
        var numbers: [Int: Int] = [:]
        return table.flatMap { group, isValid, sequences in
            sequences.map { content in
                numbers[group, default: 0] += 1
                let answer: Answer =
                    isValid ? .answer(.string(String(decoding: content, as: UTF8.self))) : .close(1007)
                return AutobahnCase(
                    "6.\(group).\(numbers[group] ?? 0)", content.map { String($0, radix: 16) }.joined(separator: " "),
                    [.send([.text(action(content))]), .expect(answer)])
            }
        }
    }()
}
