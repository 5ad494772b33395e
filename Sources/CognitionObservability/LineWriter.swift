import CognitionCore
import Logging

/// One log line being made, never longer than its bound.
///
/// Control characters, line feeds and the separators U+2028 and U+2029 are escaped in both formats, so that no value
/// can begin a line of its own or talk to a terminal.
struct LineWriter {
    /// Bytes of a line, its line feed included.
    static let bytesMax = 16_384
    /// Bytes of one text; longer ones are cut and end in `…`.
    static let textBytesMax = 8_192
    private static let depthMax = 8

    private(set) var bytes: [UInt8] = []
    /// Whether a member was left out for want of room.
    private(set) var isCut = false
    /// Kept free for what ends the line.
    private static let reserve = 64

    init() { bytes.reserveCapacity(512) }

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Does what `body` does, or nothing when the line would become too long.
    mutating func whole(_ body: (inout LineWriter) -> Void) {
        let before = bytes.count
        body(&self)
        if bytes.count > LineWriter.bytesMax - LineWriter.reserve {
            bytes.removeLast(bytes.count - before)
            isCut = true
        }
    }

    /// `"text"`, escaped by RFC 8259.
    mutating func quoted(_ text: String, bytesMax: Int = LineWriter.textBytesMax) {
        bytes.append(UInt8(ascii: "\""))
        escaped(text, quotes: true, bytesMax: bytesMax)
        bytes.append(UInt8(ascii: "\""))
    }

    /// The text in quotes where it could be misread without them.
    mutating func plainOrQuoted(_ text: String) {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
        if isPlain { escaped(text, quotes: false) } else { quoted(text) }
    }

    /// - Parameter quotes: Whether `"` and `\` are escaped too.
    mutating func escaped(_ text: String, quotes: Bool, bytesMax: Int = LineWriter.textBytesMax) {
        var used = 0
        for scalar in text.unicodeScalars {
            guard used < bytesMax else {
                raw("…")
                return
            }
            let before = bytes.count
            switch scalar.value {
            case 0x22 where quotes: raw("\\\"")
            case 0x5C where quotes: raw("\\\\")
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0x20..<0x7F: bytes.append(UInt8(scalar.value))
            // Controls, and what turns or hides the text around it: line separators, bidirectional marks.
            case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: hex(scalar.value)
            default: bytes.append(contentsOf: Unicode.UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter)
            }
            used += bytes.count - before
        }
    }

    private mutating func hex(_ value: UInt32) {
        let digits = String(value, radix: 16)
        raw("\\u")
        for _ in digits.count..<4 { bytes.append(UInt8(ascii: "0")) }
        raw(digits)
    }

    // MARK: Metadata

    /// A metadata value as JSON.
    mutating func json(_ value: Logger.MetadataValue, key: String, depth: Int = 0) {
        if Redaction.hides(key) { return quoted(Secret.mask) }
        switch value {
        case .string(let text): quoted(Redaction.masking(text))
        case .stringConvertible(let value): quoted(Redaction.masking(value.description))
        case .array(let values) where depth < LineWriter.depthMax:
            raw("[")
            for (index, element) in values.enumerated() {
                if index > 0 { raw(",") }
                json(element, key: "", depth: depth + 1)
            }
            raw("]")
        case .dictionary(let members) where depth < LineWriter.depthMax:
            raw("{")
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { raw(",") }
                quoted(member.key)
                raw(":")
                json(member.value, key: member.key, depth: depth + 1)
            }
            raw("}")
        case .array, .dictionary: quoted("…")
        }
    }

    /// A metadata value as it stands behind `key=`; arrays and dictionaries in JSON.
    mutating func text(_ value: Logger.MetadataValue, key: String) {
        if Redaction.hides(key) { return raw(Secret.mask) }
        switch value {
        case .string(let text): plainOrQuoted(Redaction.masking(text))
        case .stringConvertible(let value): plainOrQuoted(Redaction.masking(value.description))
        case .array, .dictionary: json(value, key: key)
        }
    }
}
